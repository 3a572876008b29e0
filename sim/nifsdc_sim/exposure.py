"""The utility board's exposure: a shutter that opens, a timer, a demand that may change meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

from nifsdc_sim.agenda import Agenda, Appointment
from nifsdc_sim.dsp import Errno, Later, Refused
from nifsdc_sim.shutter import Shutter

MS = 1_000_000


class CurrentExposure:
    """The noticeboard's current exposure: a count of milliseconds that runs or stands."""

    def __init__(self) -> None:
        self._counted_ns = 0
        self._since_ns: int | None = None

    def zero(self) -> None:
        """Stop it at zero."""
        self.store(0)

    def run(self, moment_ns: int) -> None:
        """Let it go on from a moment."""
        self._since_ns = moment_ns

    def stop(self, moment_ns: int) -> None:
        """Let it stand from a moment on."""
        self._counted_ns = self.elapsed_ns(moment_ns)
        self._since_ns = None

    def store(self, nanoseconds: int) -> None:
        """Let it stand at a time."""
        self._counted_ns, self._since_ns = nanoseconds, None

    def elapsed_ns(self, now_ns: int) -> int:
        """Return the time counted."""
        running = 0 if self._since_ns is None else max(0, now_ns - self._since_ns)
        return self._counted_ns + running

    def ms(self, now_ns: int) -> int:
        """Return the time counted as a word of the noticeboard."""
        return round(self.elapsed_ns(now_ns) / MS) & 0xFFFFFF


class State(Enum):
    """What the exposure does."""

    NONE = "none"
    OPENING = "opening"
    RUNNING = "running"
    PAUSED = "paused"
    CLOSING = "closing"


class Exposure:
    """One exposure at a time (BEX, PEX, REX, DEX).

    Parameters
    ----------
    demanded_ms
        returns the demanded exposure as it is in memory at this moment
    """

    def __init__(
        self, agenda: Agenda, shutter: Shutter, current: CurrentExposure, demanded_ms: Callable[[], int]
    ) -> None:
        self._agenda = agenda
        self._shutter = shutter
        self._current = current
        self._demanded_ms = demanded_ms
        self.state = State.NONE
        self._demanded = 0
        self._end: Appointment | None = None
        self._failed = Errno.NONE
        self._detecting: Later | None = None

    def reset(self) -> None:
        """Forget it."""
        self._agenda.cancel(self._end)
        self._end = self._detecting = None
        self.state = State.NONE
        self._failed = Errno.NONE
        self._current.zero()

    @property
    def under_way(self) -> bool:
        """Whether there is one that has not ended, paused ones included."""
        return self.state is not State.NONE

    def begin(self) -> Later:
        """Zero the counter, open the shutter, start counting (BEX)."""
        if self.state is not State.NONE:
            raise Refused(Errno.BUSY)
        self._current.zero()
        self._failed = Errno.NONE
        return self._open("BEX", State.NONE)

    def pause(self) -> Later | None:
        """Close the shutter and stop counting (PEX); None where it is paused already."""
        if self.state is State.PAUSED:
            return None
        if self.state is not State.RUNNING:
            raise Refused(Errno.NOT_EXPOSING)
        self._agenda.cancel(self._end)
        now = self._agenda.clock.now_ns()
        self._current.stop(now)
        self.state = State.PAUSED
        return self._shutter.move(False, "PEX")

    def resume(self) -> Later | None:
        """Open the shutter and count on (REX); None where it is not paused."""
        if self.state is State.RUNNING:
            return None
        if self.state is not State.PAUSED:
            raise Refused(Errno.NOT_EXPOSING)
        return self._open("REX", State.PAUSED)

    def detect_end(self) -> Later | None:
        """Wait until it is over (DEX); None where there is none."""
        if self.state is State.PAUSED:
            raise Refused(Errno.PAUSED)
        if self.state is State.NONE:
            failed, self._failed = self._failed, Errno.NONE
            if failed is not Errno.NONE:
                raise Refused(failed)
            return None
        self._detecting = Later()
        if self.state is State.RUNNING:
            self._plan(self._agenda.clock.now_ns())
        return self._detecting

    def look_at_demand(self) -> None:
        """Follow the demanded exposure; to be called after it may have changed."""
        if self.state not in (State.RUNNING, State.PAUSED) or self._demanded_ms() == self._demanded:
            return
        now = self._agenda.clock.now_ns()
        self._demanded = self._demanded_ms()
        if self.state is State.RUNNING:
            self._plan(now)
        elif self._current.elapsed_ns(now) >= self._demanded * MS:
            self._over(Errno.NONE)

    def _open(self, label: str, before: State) -> Later:
        self.state = State.OPENING
        answer = Later()

        def arrived(moment: int, errno: Errno) -> None:
            if errno is not Errno.NONE:
                self.state = before
            else:
                self.state = State.RUNNING
                self._demanded = self._demanded_ms()
                self._current.run(moment)
                self._plan(moment)
            answer.settle(errno)

        self._shutter.travel(True, label, arrived)
        return answer

    def _plan(self, now: int) -> None:
        """Make the appointment at which the timer reaches the demand, on a tick of its millisecond."""
        elapsed = self._current.elapsed_ns(now)
        left = max(self._demanded * MS, math.ceil(elapsed / MS) * MS) - elapsed
        self._agenda.cancel(self._end)
        self._end = self._agenda.at(now + left, self._close, prompt=self._detecting is not None)

    def _close(self, moment: int) -> None:
        self._current.stop(moment)
        self.state = State.CLOSING
        self._shutter.travel(False, "BEX", lambda _, errno: self._over(errno), moment)

    def _over(self, errno: Errno) -> None:
        self.state = State.NONE
        detecting, self._detecting = self._detecting, None
        if detecting is not None:
            detecting.settle(errno)
        else:
            self._failed = errno
