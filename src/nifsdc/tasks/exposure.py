"""What the Slave and the Readout task share of a running observation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto

from nifsdc.camera.camera import ReadSize
from nifsdc.tasks.messages import ObservationSettings
from nifsdc.tasks.template_cards import Samples
from nifsdc.timing.plan import Plan


class Phase(Enum):
    """Where an exposure is."""

    WAITING = auto()
    RESETTING = auto()
    READING_FIRST = auto()
    INTEGRATING = auto()
    READING = auto()
    """a read between the first and the last"""
    READING_LAST = auto()
    CLOSING = auto()
    """reading back the exposure time, unravelling, handing the frame on"""


READING = frozenset({Phase.READING_FIRST, Phase.READING, Phase.READING_LAST})
"""phases in which pixels flow and the controller hears nothing but an abort"""


@dataclass
class Exposure:
    """A running observation: what was asked, how far it is, and how to end it.

    Progress is written by the Readout task alone and read by the Slave; each field is one word, so neither
    needs a lock. ``stop`` and ``cancel`` are set by the Slave, which also notes pauses and retimings.
    """

    settings: ObservationSettings
    plan: Plan
    size: ReadSize
    """how much one of its reads is"""
    now: Callable[[], float]
    """the detector clock, seconds"""

    stop: threading.Event = field(default_factory=threading.Event)
    """end early, keep the data"""
    cancel: threading.Event = field(default_factory=threading.Event)
    """give up, discard the data"""
    finished: threading.Event = field(default_factory=threading.Event)
    """the Readout task is done with it, one way or another"""

    phase: Phase = Phase.WAITING
    phase_since: float = 0.0
    """detector seconds"""
    integrating_since: float = 0.0
    """detector seconds at which the present coadd began to count"""
    started: float = 0.0
    """detector seconds at the first reset"""
    start_utc: datetime = field(default_factory=lambda: datetime.now(UTC))
    end_utc: datetime = field(default_factory=lambda: datetime.now(UTC))
    pixels_done: int = 0
    coadds_done: int = 0
    measured: list[float] = field(default_factory=list)
    """exposure measured by the controller for each coadd, seconds"""

    measured_by: str = "CONTROLLER"
    """who measured it: CONTROLLER, or HOST where the controller would not say"""

    retimed: float = 0.0
    """detector seconds by which the exposure was made longer than planned, or shorter"""
    paused_since: float | None = None
    """detector seconds at which it was paused, while it is"""
    held: float = 0.0
    """detector seconds for which it was paused before"""

    at_start: Samples = field(default_factory=dict)
    """what the header's template took when it began"""

    error: Exception | None = None
    frame_number: int | None = None
    """sequence number of the science frame in the ring, once it is there"""

    def enter(self, phase: Phase) -> None:
        """Note that a phase begins now."""
        self.phase_since = self.now()
        if phase is Phase.READING_FIRST or (phase is Phase.INTEGRATING and self.plan.sets == 1):
            self.integrating_since = self.phase_since
        self.phase = phase

    def pause(self) -> None:
        """Note that the exposure stands still from now on."""
        self.paused_since = self.now()

    def resume(self) -> None:
        """Note that it goes on."""
        self.held, self.paused_since = self._paused(), None

    def _paused(self) -> float:
        return self.held + (self.now() - self.paused_since if self.paused_since is not None else 0.0)

    @property
    def exposure_time(self) -> float:
        """Mean exposure measured per coadd, seconds; 0 before the first is done."""
        return sum(self.measured) / len(self.measured) if self.measured else 0.0

    def elapsed(self) -> float:
        """Detector seconds since the first reset."""
        return self.now() - self.started if self.started else 0.0

    def time_left(self) -> float:
        """Detector seconds to the last pixel, as planned or, after a stop, as far as the reads still take."""
        if self.phase in (Phase.WAITING, Phase.CLOSING):
            return 0.0 if self.phase is Phase.CLOSING else self.plan.total_time
        if self.stop.is_set():
            return self._reads_left_of_this_coadd()
        return max(0.0, self.plan.total_time + self.retimed + self._paused() - self.elapsed())

    def _reads_left_of_this_coadd(self) -> float:
        since = self.now() - self.phase_since
        left = {
            Phase.READING_FIRST: min(self.plan.sets, 2) * self.plan.set_time - since,
            Phase.INTEGRATING: self.plan.set_time,
            Phase.READING: self.plan.set_time - since,
            Phase.READING_LAST: self.plan.set_time - since,
        }
        return max(0.0, left.get(self.phase, self.plan.sets * self.plan.set_time))

    def period_left(self) -> float:
        """Detector seconds to the next read of a ramp."""
        if self.phase is not Phase.INTEGRATING or self.plan.sets <= 2:
            return 0.0
        return max(0.0, self.phase_since + self.plan.gap - self.now())

    def integrated(self) -> float:
        """Detector seconds integrated so far in the present coadd."""
        if self.phase in (Phase.READING_FIRST, Phase.INTEGRATING, Phase.READING):
            return self.now() - self.integrating_since - self._paused()
        return 0.0
