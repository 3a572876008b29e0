"""What is due later: a heap of calls with their times. No clock: whoever runs it says what time it is."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Timer:
    """One call to come; ``cancel`` it if it must not."""

    __slots__ = ("action", "due")

    def __init__(self, due: float, action: Callable[[], None]) -> None:
        self.due = due
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Never call it (nothing happens if it was called already)."""
        self.action = None


class Timers:
    """Calls to come, in order of their times; equal times in the order they were asked for."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._number = itertools.count()
        self._last = -1

    def at(self, due: float, action: Callable[[], None]) -> Timer:
        """Have ``action`` called when time ``due`` has come."""
        timer = Timer(due, action)
        self._last = next(self._number)
        heapq.heappush(self._heap, (due, self._last, timer))
        return timer

    @property
    def last(self) -> int:
        """Number of the call asked for last (see ``pop_due``)."""
        return self._last

    def next(self) -> float | None:
        """Time of the earliest call to come, None without any."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float, last: int) -> Callable[[], None] | None:
        """Take the earliest call due at ``now`` that is not younger than number ``last``; None without any.

        The limit lets calls that ask for the next one at once come to an end.
        """
        due = self.next()
        if due is None or due > now or self._heap[0][1] > last:
            return None
        timer = heapq.heappop(self._heap)[2]
        action, timer.action = timer.action, None
        return action
