"""What every camera is, whatever drives it (SDN 11.03 section 4.6, figure 4)."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Mapping

from nifsdc.camera.layout import Layout
from nifsdc.camera.stream import Chunk
from nifsdc.timing.infrared import ExposurePlan

Step = Callable[[str], None]
"""told what a long operation is doing, in a few words"""


class Camera(abc.ABC):
    """A detector and the electronics that read it; one exposure at a time.

    The Slave task prepares, stops and aborts; the Readout task runs `expose_set` and friends. Only the
    methods whose docstring says so may be called while another one runs.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @property
    def pixels_per_read(self) -> int:
        """Pixels of one full read, reference samples included."""
        return self.layout.pixels_per_read

    @abc.abstractmethod
    def now(self) -> float:
        """Return the detector clock, seconds."""

    @property
    @abc.abstractmethod
    def read_time(self) -> float:
        """Detector seconds of one full read at the present speed."""

    @abc.abstractmethod
    def start_up(self, step: Step) -> None:
        """Bring the electronics from whatever they are in to idle and ready."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the electronics, so that another camera object can have them."""

    @abc.abstractmethod
    def shut_down(self) -> None:
        """Stop clocks and take the analogue power away."""

    @abc.abstractmethod
    def prepare(self, plan: ExposurePlan) -> None:
        """Set the electronics up for an observation."""

    @abc.abstractmethod
    def begin_exposure(self, plan: ExposurePlan, cancel: threading.Event) -> None:
        """Reset the array and set one exposure going; its first set of reads follows."""

    @abc.abstractmethod
    def read_set(
        self,
        plan: ExposurePlan,
        number: int,
        take: Callable[[Chunk], None],
        *,
        cancel: threading.Event,
        stop: threading.Event,
        started: Callable[[], None],
    ) -> None:
        """Take the pixels of set ``number`` (0 or 1) as they arrive; ``started`` at the first one."""

    @abc.abstractmethod
    def end_exposure(self, plan: ExposurePlan) -> float:
        """Close an exposure after its last pixel and return the exposure measured, in seconds."""

    @abc.abstractmethod
    def finish_early(self) -> None:
        """End the integration now, keep what was collected; may be called while another task reads."""

    @abc.abstractmethod
    def abort(self) -> None:
        """Give up the exposure; may be called while another task reads."""

    @abc.abstractmethod
    def idle(self) -> None:
        """Let the clocks clear the array until the next exposure."""

    @abc.abstractmethod
    def telemetry(self) -> Mapping[str, float]:
        """Read temperatures and states, by status record; never while pixels flow."""
