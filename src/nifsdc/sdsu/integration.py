"""How long a detector has integrated, as the host reckons it: with pauses, and a length that may change."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable


class Integration:
    """One integration at a time; may be looked at and changed by any thread.

    Parameters
    ----------
    now
        the detector clock, seconds
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._length = 0.0
        self._counted = 0.0
        self._since: float | None = None
        self.running = False
        """whether there is one that can still be changed"""
        self.lock = threading.RLock()
        """to be held by whoever changes it together with the electronics"""

    def begin(self, seconds: float, elapsed: float = 0.0) -> None:
        """Begin one of so many seconds in all, of which some have elapsed, now."""
        with self.lock:
            self._length, self._counted, self._since = seconds, elapsed, self._now()
            self.running = True

    def end(self) -> float:
        """End it and return the seconds that it lasted."""
        with self.lock:
            self._counted, self._since = self.elapsed, None
            self.running = False
            return self._counted

    def pause(self) -> None:
        """Stop counting."""
        with self.lock:
            self._counted, self._since = self.elapsed, None

    def resume(self) -> None:
        """Count on."""
        with self.lock:
            self._since = self._now()

    def retime(self, seconds: float) -> None:
        """Have it last so many seconds in all."""
        with self.lock:
            self._length = seconds

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self.running and self._since is None

    @property
    def elapsed(self) -> float:
        """Seconds integrated so far."""
        with self.lock:
            return self._counted + (0.0 if self._since is None else self._now() - self._since)

    @property
    def left(self) -> float:
        """Seconds to its end, in whole microseconds; infinite while it stands still."""
        with self.lock:
            # Less than that could never be waited for: a sleep would be over before it began.
            return math.inf if self.paused else round(self._length - self.elapsed, 6)
