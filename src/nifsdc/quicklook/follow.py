"""The newest frame of a ring, again and again, for something that shows it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nifsdc.data.frame import Frame, FrameError
from nifsdc.data.ring import FrameRing, Policy, Reader, RingError

LOG = logging.getLogger("nifsdc.quicklook")


@dataclass(frozen=True)
class Seen:
    """A frame as it was found in its ring."""

    frame: Frame
    sequence: int
    """its number in the ring, from 1; begins anew when the IOC is started"""
    skipped: int
    """frames that were passed over for a newer one since this process began"""


class Follower:
    """Gives the newest frame of a ring to what shows it; waits for a ring that is not there yet.

    A ring that the IOC has made anew is found again. What comes while a frame is shown is passed over and
    counted, but for the newest. For one thread.

    Parameters
    ----------
    ring
        name or path of the ring
    show
        shows a frame; may raise FrameError or OSError, which are logged
    """

    def __init__(self, ring: str | Path, show: Callable[[Seen], None]) -> None:
        self._ring = ring
        self._show = show
        self._reader: Reader | None = None
        self._skipped_before = 0
        self.shown = 0
        """frames shown"""

    @property
    def skipped(self) -> int:
        """Frames passed over because a newer one was there."""
        return self._skipped_before + (self._reader.missed if self._reader else 0)

    def step(self, timeout: float) -> bool:
        """Show the next frame if one comes in this time (seconds), and tell whether one did."""
        reader = self._attached()
        if reader is None:
            threading.Event().wait(timeout)
            return False
        try:
            frame = reader.next(timeout)
        except RingError as error:
            LOG.warning("%s", error)
            return False
        if frame is None:
            if reader.replaced:
                self.detach()
            return False
        try:
            self._show(Seen(frame, reader.last, self.skipped))
        except (FrameError, OSError) as error:
            LOG.warning("frame %s is not shown: %s", frame.header.key, error)
            return False
        self.shown += 1
        return True

    def _attached(self) -> Reader | None:
        if self._reader is None:
            try:
                self._reader = FrameRing.attach(self._ring, Policy.NEWEST)
                self._reader.rewind(1)
            except RingError as error:
                LOG.debug("%s", error)
        return self._reader

    def detach(self) -> None:
        """Let go of the ring; the next `step` looks for it again."""
        if self._reader is not None:
            self._skipped_before += self._reader.missed
            self._reader.close()
            self._reader = None
