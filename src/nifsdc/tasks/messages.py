"""What the control tasks ask of the worker tasks, and what those report back.

Requests go into a task's bounded queue; reports come back through one callable that the control tasks
give them and that may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from nifsdc.camera.slicer import Compression
from nifsdc.timing.plan import Request as ExposureRequest

Scalar = int | float | str


class ObservationKind(Enum):
    """Which set of parameters an observation takes, and where its frames go."""

    OBSERVE = "obs"
    """a run: a file with a name of its own or the next number"""
    VIEW = "view"
    """for displays alone, with parameters of its own"""


class Destination(Enum):
    """Where the data of an observation go (``obs_dataDest``), in the order of the menu."""

    DHS = 0
    FITS = 1
    NONE = 2


@dataclass(frozen=True)
class ObservationSettings:
    """Everything that shapes one observation, taken from the parameters when it was started."""

    exposure_id: str
    """unique over all time; what makes storing twice harmless"""
    kind: ObservationKind
    label: str
    """data label, empty for a running number"""
    request: ExposureRequest
    """what the camera is asked for"""
    destination: Destination
    save: bool
    command: str = "observe"
    """the command record that it was started by"""
    title: str = ""
    """what is observed, in the observer's words"""
    scratch: str = ""
    """name of the scratch file that it goes to instead of becoming a run"""
    exposures: int = 1
    """how often it is taken, each time with a file of its own"""
    stream: str = ""
    """name of the quick-look stream that its images for displays are part of"""
    compressed_stream: str = ""
    """the same of the image of the sky beside them"""
    compression: Compression | None = None
    """the image of the sky that displays are given beside that of the detector"""
    idle: bool = False
    """taken while nothing is asked: it gives way to everything, and no observation's status tells of it"""

    @property
    def stored(self) -> bool:
        """Whether the observation ends with a file."""
        return self.save and self.destination is not Destination.NONE


# --- requests to the Slave task -------------------------------------------------------------------------


@dataclass(frozen=True)
class Initialise:
    """Start the controller up from whatever state it is in."""


@dataclass(frozen=True)
class Park:
    """Stop the clocks and take the power away."""


@dataclass(frozen=True)
class Observe:
    """Take an observation."""

    settings: ObservationSettings


@dataclass(frozen=True)
class StopExposure:
    """End the observation early and keep the data."""


@dataclass(frozen=True)
class AbortExposure:
    """Give the observation up and discard the data."""


@dataclass(frozen=True)
class PauseExposure:
    """Halt the exposure and its clock, shutter closed."""


@dataclass(frozen=True)
class ResumeExposure:
    """Let a paused exposure go on."""


@dataclass(frozen=True)
class RetimeExposure:
    """Give the running exposure another length."""

    seconds: float
    """of the whole exposure, what has passed included"""


@dataclass(frozen=True)
class ControllerCommand:
    """An engineering command on the controller."""

    name: str
    """name of the command record: ``testSDSU``, ``DSPDirectCmd`` ..."""
    arguments: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """What is shown beside what is observed, from now on."""

    views: ObservationSettings | None = None
    """what is taken again and again while nothing else is asked; None for nothing"""
    view_sky: str = ""
    """name of the file whose image is taken off views; empty for none"""
    run_sky: str = ""
    """the same for what is shown of runs"""
    command: str = field(default="", compare=False)
    """the command record that asked for it"""


@dataclass(frozen=True)
class Shutdown:
    """End the task; an exposure under way is aborted."""


@dataclass(frozen=True)
class Promote:
    """Have the Data task make a scratch file a run."""

    name: str
    """of the scratch file; empty for the latest glance"""
    command: str
    """the command record that asked for it"""


@dataclass(frozen=True)
class Imageless:
    """Tell the Data task that there will be no image of an exposure."""

    exposure_id: str
    discard: bool
    """whether reads and coadds that were stored already are to be removed"""


Held = PauseExposure | ResumeExposure | RetimeExposure
"""what can be asked of an exposure that runs and goes on"""
Request = (
    Initialise | Park | Observe | StopExposure | AbortExposure | Held | ControllerCommand | Look | Shutdown
)


# --- reports of the tasks -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A request was carried out."""

    request: Request | Promote


@dataclass(frozen=True)
class Failed:
    """A request failed."""

    request: Request | Promote
    reason: str
    controller_lost: bool = False
    """the controller needs an init before anything else"""


@dataclass(frozen=True)
class ExposureAsked:
    """An observation is on its way to the Slave."""

    settings: ObservationSettings


@dataclass(frozen=True)
class ExposureBegun:
    """The Slave has an observation in hand."""

    settings: ObservationSettings


@dataclass(frozen=True)
class ExposureStarted:
    """Preparation is over, the Readout task has the controller."""

    exposure_id: str


@dataclass(frozen=True)
class ReadOut:
    """All pixels are here and the frame is in the ring."""

    exposure_id: str
    stored: bool
    """a `Stored` or `NotStored` will follow"""


@dataclass(frozen=True)
class Aborted:
    """The exposure was given up; what was stored of it already is removed."""

    exposure_id: str


@dataclass(frozen=True)
class Stored:
    """The observation's file is complete and on disk."""

    exposure_id: str
    path: str
    scratch: bool = False
    """whether it is a scratch file"""
    problem: str = ""
    """what is wrong with the reads and coadds that were to be stored beside it"""


@dataclass(frozen=True)
class NotStored:
    """The observation's file could not be written yet; its data are in the spool."""

    exposure_id: str
    reason: str


@dataclass(frozen=True)
class ControllerLost:
    """The controller was found to need an init, although nobody had asked it anything."""

    reason: str


@dataclass(frozen=True)
class TaskDied:
    """A task ended by an error of ours."""

    task: str
    reason: str


ExposureReport = ExposureAsked | ExposureBegun | ExposureStarted | ReadOut | Aborted | Stored | NotStored
"""what is told of an exposure"""
Report = Done | Failed | ExposureReport | ControllerLost | TaskDied
Reporter = Callable[[Report], None]
