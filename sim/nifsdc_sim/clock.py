"""The detector's clock: real time, a multiple of it, or a clock that jumps from one event to the next.

At real time it never waits, as hardware does not. Faster, it never passes an event that has not happened yet:
it stands still until the event has, so everything happens at its exact time however slow the machine is.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nifsdc.sdsu.links.registers import ClockLine, Registers

NS = 1_000_000_000
SLACK_REAL_SECONDS = 0.05
"""lateness that the clock makes up again; beyond that it stretches"""


class SimClock:
    """Time that the simulator makes and publishes in the shared registers.

    Parameters
    ----------
    registers
        where the host reads it
    """

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self.speed = registers.speed
        self._lock = threading.Lock()
        self._line = ClockLine(time.monotonic(), 0.0, 0.0 if self.jumps else self.speed, math.inf)
        registers.write_clock(self._line)

    @property
    def jumps(self) -> bool:
        """Whether it jumps from event to event."""
        return math.isinf(self.speed)

    @property
    def stretches(self) -> bool:
        """Whether it waits for events that are late, and for a host that is."""
        return self.speed != 1.0

    def now_ns(self) -> int:
        """Detector time in nanoseconds."""
        with self._lock:
            return self._now_ns()

    def _now_ns(self) -> int:
        return round(self._line.at(time.monotonic()) * NS)

    def jump(self, moment_ns: int) -> None:
        """Let a jumping clock be at a moment, if that is not past already."""
        with self._lock:
            if self.jumps and moment_ns > self._now_ns():
                self._publish(ClockLine(time.monotonic(), moment_ns / NS, 0.0, math.inf))

    def hold_at(self, moment_ns: int) -> None:
        """Do not let the clock pass a moment until `let_go`, because something is to happen then."""
        if not self.stretches or self.jumps:
            return
        with self._lock:
            steady = time.monotonic()
            line, limit = self._line, moment_ns / NS
            now = line.at(steady)
            unhindered = line.base + (steady - line.epoch) * line.rate
            if unhindered - now > SLACK_REAL_SECONDS * line.rate:
                self._publish(ClockLine(steady, now, line.rate, max(now, limit)))
            else:
                self._publish(ClockLine(line.epoch, line.base, line.rate, max(now, limit)))

    def let_go(self) -> None:
        """Let the clock run freely from where it is."""
        if not self.stretches or self.jumps:
            return
        with self._lock:
            steady = time.monotonic()
            self._publish(ClockLine(steady, self._line.at(steady), self._line.rate, math.inf))

    @contextmanager
    def standing_still(self) -> Iterator[int]:
        """Stop a clock that stretches while something is done in no time; yields the moment, ns."""
        if not self.stretches or self.jumps:
            yield self.now_ns()
            return
        with self._lock:
            limit = self._line.limit
            now = self._line.at(time.monotonic())
            still = ClockLine(time.monotonic(), now, self._line.rate, now)
            self._publish(still)
        try:
            yield round(now * NS)
        finally:
            with self._lock:
                if self._line is still:
                    self._publish(ClockLine(time.monotonic(), now, still.rate, limit))

    def wait(self, moment_ns: int, wake: threading.Condition) -> None:
        """Wait towards a moment; return when it has come or the condition was notified.

        The condition must be held. A jumping clock does not wait and does not move: see `jump`.
        """
        left = moment_ns - self.now_ns()
        if left > 0 and not self.jumps:
            wake.wait(left / NS / self.speed)

    def _publish(self, line: ClockLine) -> None:
        self._line = line
        self._registers.write_clock(line)
