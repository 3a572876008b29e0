"""What the control tasks show of themselves in the status records."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nifsdc import __version__, logs
from nifsdc.config import IocConfig
from nifsdc.control.kinds import CameraKind
from nifsdc.control.states import DcState, ObsState, SdsuState
from nifsdc.data.recover import Recovery
from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.messages import ObservationKind, ObservationSettings
from nifsdc.timing.service import TimeService

if TYPE_CHECKING:
    from nifsdc.control.control import Control

Scalar = int | float | str
YES, NO = 0, 1
"""flags are 0 when true (icd/dc_records.md section 0)"""
GOOD, WARNING, BAD = "GOOD", "WARNING", "BAD"
IR_MODE = {ObservationKind.VIEW: 1, ObservationKind.OBSERVE: 2}
TEXT_LENGTH = 39
NUMBER_DONE = "obs_nexpDone"

MESSAGE_LENGTH = 500
"""characters of a logged message that are shown"""
_DEBUG_LEVELS: Mapping[str, int] = {
    "NOLOG": logging.CRITICAL,
    "NONE": logging.ERROR,
    "MIN": logging.INFO,
}


class Show:
    """Writes the control tasks' status records; on the loop.

    Parameters
    ----------
    status
        the status dictionary
    message
        writes the message of a status record (its IMSS), before its value
    kind
        of the camera, which has exposure parameters of its own
    clock
        tells the time, and how good the host's clock is
    logged
        how many warnings and errors there were, and the latest of them
    """

    def __init__(
        self,
        status: StatusDictionary,
        message: Callable[[str, str], None],
        kind: CameraKind,
        clock: TimeService,
        logged: logs.LogCounts,
    ) -> None:
        self._status = status
        self._logged = logged
        self._clock = clock
        self._message = message
        self._kind = kind
        self._started = time.monotonic()
        self._beats = 0
        self._problem = ""
        self._health: dict[str, tuple[str, str]] = {}

    # --- states -------------------------------------------------------------------------------------------

    def dc_state(self, state: DcState) -> None:
        """Show a new state of the detector controller."""
        self._status.set("dcSnlState", state.name)
        self._status.set("state", state.name)

    def sdsu_state(self, state: SdsuState) -> None:
        """Show a new state of the controller electronics."""
        running = state in (SdsuState.STARTING, SdsuState.BUSY)
        self._status.set("sdsuSnlState", state.name)
        self._status.set("SDSUcmdRunning", YES if running else NO)
        self._status.set("initSDSUDone", YES if state in (SdsuState.READY, SdsuState.BUSY) else NO)
        if state is SdsuState.READY:
            self._problem = ""

    def obs_state(self, state: ObsState) -> None:
        """Show a new state of the observation."""
        self._status.set("obsSnlState", state.name)
        self._status.set("stopping", 1 if state is ObsState.STOPPING else 0)
        self._status.set("aborting", 1 if state is ObsState.ABORTING else 0)
        self._status.set("saving", 1 if state is ObsState.SAVING else 0)

    def initial(self, config: IocConfig, detector_type: str) -> None:
        """Show what does not change while the IOC runs, and the states it starts in."""
        server = config.data.server_host
        self._status.set("name", config.name)
        self._status.set("configName", config.name)
        self._status.set("svName", "nifsdc data server")
        self._status.set("svAddr", server[:TEXT_LENGTH])
        self._status.set("fitsServer", server[:TEXT_LENGTH])
        self._status.set("fitsPort", config.data.server_port)
        self._status.set("version", __version__)
        self._status.set("detType", detector_type)
        self._status.set("detID", config.detector_id)
        self._status.set("simMode", "FULL" if config.link.kind == "sim" else "NONE")
        self._status.set("bunit", "ADU")
        self.dc_state(DcState.DOWN)
        self.sdsu_state(SdsuState.OFF)
        self.obs_state(ObsState.IDLE)

    def recovered(self, recovery: Recovery) -> None:
        """Show which exposures were lost when the IOC ended last."""
        lost = [f"{begun.command} {begun.label or begun.exposure_id}" for begun in recovery.interrupted]
        self._status.set("interrupted", len(lost))
        self._status.set("interruptedMsg", ", ".join(lost))

    # --- parameters and observations ----------------------------------------------------------------------

    def parameters(self, values: Mapping[str, Scalar], ordinals: Mapping[str, int]) -> None:
        """Show the exposure parameters as they are now."""
        self._kind.show(self._status, values, ordinals)

    def observation_started(self, settings: ObservationSettings) -> None:
        """Show which mode is at work and forget the last observation's end."""
        self._status.set("irMode", IR_MODE[settings.kind])
        self._status.set("utend", "")
        self._status.set("timeLeft", settings.request.exposing)
        named = settings.scratch or settings.label
        started = f"{settings.command} {named}".strip()[:TEXT_LENGTH]
        self._status.set("cadStartMsg", started)
        self._status.set("historyLog", started)
        for count in ("count", "totalCount"):
            name = f"{settings.kind.value}_{count}"
            self._status.set(name, int(self._status.get(name)) + 1)

    def exposures_done(self, number: int) -> None:
        """Show how many exposures of the observation have ended well, where it can have several."""
        if NUMBER_DONE in self._status:
            self._status.set(NUMBER_DONE, number)

    def observation_ended(self) -> None:
        """Show that no observation runs."""
        self._status.set("irMode", 0)
        self._status.set("timeLeft", 0.0)

    def stored(self, path: str, scratch: bool) -> None:
        """Show the file that was written last: a run, or a scratch file."""
        if scratch:
            self._status.set("scratchPath", path)
            self._status.set("scratchFile", Path(path).name[:TEXT_LENGTH])
            return
        self._status.set("lastPath", path)
        self._status.set("lastFile", Path(path).name[:TEXT_LENGTH])

    # --- health -------------------------------------------------------------------------------------------

    def controller_problem(self, reason: str) -> None:
        """Note why the controller needs an init."""
        self._problem = reason
        self._status.set("statusMsg", reason[:TEXT_LENGTH])

    def health(self, control: Control) -> None:
        """Show the health of every part; the database combines them."""
        tasks = control.workers.tasks
        dead = set(tasks.dead())
        data_problem = tasks.data.problem
        self._one("slaveTaskHealth", *((BAD, "Slave is dead; reboot") if "Slave" in dead else (GOOD, "")))
        self._one("dataTaskHealth", *((BAD, "Data is dead; reboot") if "Data" in dead else (GOOD, "")))
        for name in ("fitsHealth", "dhsHealth"):
            self._one(name, *((WARNING, data_problem) if data_problem else (GOOD, "")))
        match control.sdsu.state:
            case SdsuState.FAULT:
                camera = (BAD, self._problem or "controller lost; init")
            case SdsuState.OFF:
                camera = (WARNING, "controller is off; init")
            case _:
                camera = (GOOD, "")
        self._one("cameraHealth", *camera)
        fault = control.dc.state is DcState.FAULT
        self._one("controlHealth", *((BAD, "DC is in FAULT; init or reboot") if fault else (GOOD, "")))

    def _one(self, name: str, health: str, message: str) -> None:
        shown = (health, message[:TEXT_LENGTH])
        if self._health.get(name) != shown:
            self._health[name] = shown
            self._message(name, shown[1])
            self._status.set(name, health, always=True)

    def heartbeat(self, control: Control) -> None:
        """Show that we live, what time it is, and how the data server is reached."""
        self._beats += 1
        self._status.set("heartBeat", self._beats)
        self._status.set("utnow", self._clock.now().text[:19])
        self._show_clock()
        self._status.set("uptime", int(time.monotonic() - self._started))
        self._status.set("logWarnings", self._logged.warnings)
        self._status.set("logErrors", self._logged.errors)
        self._status.set("logMessage", self._logged.latest[:MESSAGE_LENGTH])
        control.workers.tasks.data.show()
        self.health(control)

    def debugging(self, values: Mapping[str, Scalar]) -> None:
        """Set the logging that `debug` and `debugSDSU` ask for."""
        level = _DEBUG_LEVELS.get(str(values["debugMode"]), logging.DEBUG)
        logging.getLogger("nifsdc").setLevel(level)
        controller = logging.getLogger("nifsdc.sdsu")
        controller.setLevel(logging.DEBUG if int(values["SDSUdebug"]) > 0 else logging.NOTSET)

    def _show_clock(self) -> None:
        quality = self._clock.quality
        self._status.set("clockSource", quality.source.value)
        self._status.set("clockSynced", YES if quality.synchronised else NO)
        self._status.set("clockError", -1.0 if quality.error_s is None else quality.error_s)
        self._status.set("clockMsg", (self._clock.leap_problem or quality.detail)[:TEXT_LENGTH])
