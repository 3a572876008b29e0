"""What is to happen when, on the detector's clock: the one place that waits for moments.

Exposures that end, shutters that arrive and answers that become due are appointments. One thread, the
sequencer's, keeps them, at their moments and in their order, whatever else it waits for meanwhile. So things
that two boards do at the same time happen in the same order each time.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from nifsdc.sdsu.links.registers import Registers
from nifsdc_sim.clock import NS, SimClock

LOOK_REAL_SECONDS = 0.002
"""how often a thing that nobody announces is looked at: the host's count of pixels taken, its wish to wait"""


@dataclass(order=True)
class Appointment:
    """Something that is to happen; made by `Agenda.at`."""

    moment_ns: int
    number: int
    action: Callable[[int], None] = field(compare=False)
    """called with the moment"""
    prompt: bool = field(compare=False)
    """whether a jumping clock goes there by itself; to others it goes with the host"""


class Agenda:
    """Appointments on the detector's clock.

    `until` and `rest` are for one thread, everything else is for any.
    """

    def __init__(self, registers: Registers, clock: SimClock) -> None:
        self._registers = registers
        self.clock = clock
        self._numbers = itertools.count()
        self._appointments: list[Appointment] = []
        self._goal_ns: int | None = None
        self.changed = threading.Condition(threading.RLock())
        """held while anything is obeyed or done; notified when anything changed"""

    def at(self, moment_ns: int, action: Callable[[int], None], *, prompt: bool = True) -> Appointment:
        """Let something happen at a moment."""
        appointment = Appointment(moment_ns, next(self._numbers), action, prompt)
        with self.changed:
            self._appointments.append(appointment)
            self._appointments.sort()
            self._hold()
            self.changed.notify_all()
        return appointment

    def cancel(self, appointment: Appointment | None) -> None:
        """Let it not happen; nothing if it has happened."""
        with self.changed:
            if appointment in self._appointments:
                self._appointments.remove(appointment)
                self.changed.notify_all()

    def hold(self, moment_ns: int) -> None:
        """Do not let the clock pass a moment before the thread that waits has got there."""
        with self.changed:
            self._goal_ns = moment_ns
            self._hold()

    def free(self) -> None:
        """Let the clock go on; nothing but appointments is waited for."""
        with self.changed:
            self._goal_ns = None
            if self._appointments:
                self._hold()
            else:
                self.clock.let_go()

    def until(self, moment_ns: Callable[[], int | None], check: Callable[[], None]) -> None:
        """Wait for a moment, keeping appointments, or until there is none.

        Both functions are called at each change; ``check`` may raise.
        """
        with self.changed:
            while True:
                self._keep()
                check()
                goal = moment_ns()
                if goal is None or self.clock.now_ns() >= goal:
                    return
                self.hold(goal)
                following = self._next_ns()
                self.clock.jump(following)
                self.clock.wait(following, self.changed)

    def rest(self) -> None:
        """Wait for a change or an appointment, and keep that.

        Meanwhile a jumping clock goes where the host waits for it to be, or to a prompt appointment.
        """
        with self.changed:
            if self._keep():
                return
            self.free()
            if self.clock.jumps:
                self._jump()
            elif self._appointments:
                self.clock.wait(self._next_ns(), self.changed)
            else:
                self.changed.wait()

    def _jump(self) -> None:
        prompt = [each.moment_ns for each in self._appointments if each.prompt]
        goal = max([round(self._registers.host_wait * NS), *prompt])
        if self._appointments and goal >= self._next_ns():
            self.clock.jump(self._next_ns())
        else:
            self.clock.jump(goal)
            self.changed.wait(LOOK_REAL_SECONDS)

    def _next_ns(self) -> int:
        """The next moment at which something is to happen; there must be one."""
        first = self._appointments[0].moment_ns if self._appointments else self._goal_ns
        assert first is not None
        return first if self._goal_ns is None else min(first, self._goal_ns)

    def _hold(self) -> None:
        self.clock.hold_at(self._next_ns())

    def _keep(self) -> bool:
        """Keep what is due; tell whether anything was."""
        kept = False
        while self._appointments and self._appointments[0].moment_ns <= self.clock.now_ns():
            appointment = self._appointments.pop(0)
            appointment.action(appointment.moment_ns)
            kept = True
        if kept:
            self.changed.notify_all()
        return kept
