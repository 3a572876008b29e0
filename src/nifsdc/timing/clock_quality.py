"""How far the host's clock may be from UTC, as those say who discipline it; or that nobody knows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from nifsdc.timing import clock_quality_kernel as kernel
from nifsdc.timing import clock_quality_tools as tools

LOG = logging.getLogger("nifsdc.clock")

LOOK_SECONDS = 10.0
"""between two looks at those who discipline the clock"""


class ClockSource(Enum):
    """Who says how good the clock is."""

    CHRONY = "CHRONY"
    PTP = "PTP"
    KERNEL = "KERNEL"
    """the kernel, whose status any daemon that disciplines the clock keeps"""
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class ClockQuality:
    """How good the host's clock is."""

    source: ClockSource
    synchronised: bool
    """whether somebody disciplines the clock"""
    error_s: float | None
    """estimated error, seconds; None when nobody knows"""
    detail: str
    """in a few words"""

    def __str__(self) -> str:
        error = "error unknown" if self.error_s is None else f"error {self.error_s:.9f} s"
        state = "synchronised" if self.synchronised else "not synchronised"
        return f"{self.source.value}: {state}, {error} ({self.detail})"


UNKNOWN = ClockQuality(ClockSource.UNKNOWN, False, None, "not asked yet")

Teller = Callable[[], ClockQuality | None]
"""says how good the clock is; None when it is not there"""


def by_chrony() -> ClockQuality | None:
    """Ask chronyd; its bound of the error is offset, root dispersion and half the root delay added up."""
    found = tools.chrony()
    if found is None:
        return None
    error = abs(found.offset) + found.root_dispersion + 0.5 * found.root_delay
    detail = f"stratum {found.stratum}, {found.leap_status.lower()}"
    if not found.synchronised:
        return ClockQuality(ClockSource.CHRONY, False, None, detail)
    return ClockQuality(ClockSource.CHRONY, True, error, detail)


def by_ptp() -> ClockQuality | None:
    """Ask linuxptp; the error is the offset from the master and the delay of the path to it.

    Its clock is the network card's. Only where the kernel says that the host's clock is disciplined too is
    that one good (phc2sys does both).
    """
    found = tools.ptp()
    if found is None:
        return None
    disciplined = found.present and not kernel.read().unsynchronised
    error = abs(found.offset) + found.path_delay
    detail = f"{found.steps} steps from the grandmaster" if found.present else "no grandmaster"
    return ClockQuality(ClockSource.PTP, disciplined, error if disciplined else None, detail)


def by_kernel() -> ClockQuality | None:
    """Ask the kernel (adjtimex): the greater of its estimate and its bound of the error."""
    found = kernel.read()
    if found.unsynchronised:
        return ClockQuality(ClockSource.KERNEL, False, None, "nobody disciplines the clock")
    error = max(found.estimated_error, found.maximum_error)
    return ClockQuality(ClockSource.KERNEL, True, error, "adjtimex")


TELLERS: tuple[Teller, ...] = (by_chrony, by_ptp, by_kernel)
"""in the order in which they are believed"""


def best(tellers: Iterable[Teller] = TELLERS) -> ClockQuality:
    """Return what the first says that knows a clock to be disciplined, or else the first that is there."""
    fallback: ClockQuality | None = None
    for teller in tellers:
        found = teller()
        if found is not None and found.synchronised:
            return found
        fallback = fallback or found
    return fallback or ClockQuality(ClockSource.UNKNOWN, False, None, "nobody tells")


class ClockWatch:
    """Looks every few seconds, in a thread of its own, how good the clock is.

    Parameters
    ----------
    look
        asks; may take seconds
    seconds
        between two looks
    """

    def __init__(self, look: Callable[[], ClockQuality] = best, seconds: float = LOOK_SECONDS) -> None:
        self._look = look
        self._seconds = seconds
        self._latest = UNKNOWN
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ClockWatch", daemon=True)

    @property
    def latest(self) -> ClockQuality:
        """What was found last; safe from any thread."""
        return self._latest

    def start(self) -> ClockWatch:
        """Begin to look, in the background: who is asked may take seconds to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End the thread."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(2 * tools.ANSWER_SECONDS + 1.0)

    def __enter__(self) -> ClockWatch:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            self._take(self._look())
            if self._ending.wait(self._seconds):
                return

    def _take(self, found: ClockQuality) -> None:
        if (found.source, found.synchronised) != (self._latest.source, self._latest.synchronised):
            LOG.log(logging.INFO if found.synchronised else logging.WARNING, "host's clock by %s", found)
        self._latest = found
