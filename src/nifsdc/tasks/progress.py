"""The progress of an exposure on the status records: its phase as it changes, its numbers now and then."""

from __future__ import annotations

import time

from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.exposure import READING, Exposure, Phase

NUMBERS_SECONDS = 0.5
"""real seconds between two looks at the time left, the reads done and the like"""
ACTIVE, INACTIVE = 0, 1
"""the flags prep, acq and rdout are 0 while it happens (icd/nifs_clients.md)"""


class Progress:
    """Shows how far an exposure is.

    Parameters
    ----------
    status
        status records
    """

    def __init__(self, status: StatusDictionary) -> None:
        self._status = status
        self._next_numbers = 0.0
        self._shown_phase: Phase | None = None

    def nothing(self) -> None:
        """Show that nothing is exposed."""
        self._show(prep=INACTIVE, acq=INACTIVE, rdout=INACTIVE)

    def preparing(self) -> None:
        """Show that an exposure is being prepared."""
        self._show(prep=ACTIVE)

    def show_at_once(self, exposure: Exposure) -> None:
        """Show phase and numbers as they are now."""
        self._next_numbers = 0.0
        self.show(exposure)

    def show(self, exposure: Exposure) -> None:
        """Show the phase at once, and the numbers now and then: twenty a second would bury a camonitor."""
        phase = exposure.phase
        reading = phase in READING
        self._show(
            prep=ACTIVE if phase in (Phase.WAITING, Phase.RESETTING) else INACTIVE,
            acq=ACTIVE if reading or phase is Phase.INTEGRATING else INACTIVE,
            rdout=ACTIVE if reading else INACTIVE,
        )
        now = time.monotonic()
        if now < self._next_numbers and phase is self._shown_phase:
            return
        self._next_numbers, self._shown_phase = now + NUMBERS_SECONDS, phase
        self._show_numbers(exposure, reading=reading)

    def _show_numbers(self, exposure: Exposure, *, reading: bool) -> None:
        plan, size = exposure.plan, exposure.size
        reads = exposure.pixels_done // size.pixels
        self._show(
            timeLeft=round(exposure.time_left(), 2),
            elapsed=round(exposure.elapsed(), 2),
            expElapsed=round(exposure.integrated(), 2),
            perTimeLeft=round(exposure.period_left(), 2),
            nreads=plan.reads,
            nreadsDone=reads,
            nfsDone=reads % plan.nreads if reading else 0,
            ncoaddsDone=exposure.coadds_done,
            irProgress=exposure.pixels_done * size.rows // size.pixels,
            irTarget=plan.reads * size.rows,
        )

    def _show(self, **values: float) -> None:
        for name, value in values.items():
            self._status.set(name, value)
