"""The shutter: where it is, what it lets through, and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from nifsdc_sim.agenda import Agenda, Appointment
from nifsdc_sim.arrays import DetectorArray
from nifsdc_sim.dsp import Errno, Later
from nifsdc_sim.faults import FaultKind, Faults

TRAVEL_NS = 15_000_000
"""time from one end to the other"""


class ShutterState(IntEnum):
    """The codes of the noticeboard."""

    OPEN = 0
    CLOSED = 1
    FAULT = 2


class Shutter:
    """A shutter with sensors at both ends.

    Light falls on the detector from the moment at which it has opened to that at which it begins to close.
    """

    def __init__(self, agenda: Agenda, array: DetectorArray, faults: Faults) -> None:
        self._agenda = agenda
        self._array = array
        self._faults = faults
        self._moving: Appointment | None = None
        self._lit = False
        self.state = ShutterState.CLOSED
        """what its sensors say"""

    def reset(self) -> None:
        """Close it, as its spring does without power."""
        self._agenda.cancel(self._moving)
        self._light(False, self._agenda.clock.now_ns())
        self.state = ShutterState.CLOSED

    def move(self, opening: bool, label: str) -> Later:
        """Move it for a command; the answer is settled when it has arrived or is seen not to."""
        answer = Later()
        self.travel(opening, label, lambda _, errno: answer.settle(errno))
        return answer

    def travel(
        self, opening: bool, label: str, arrived: Callable[[int, Errno], None], start_ns: int | None = None
    ) -> None:
        """Move it, now or from a moment on; ``arrived`` is told when, and the errno of one that jams."""
        jams = self._faults.take(FaultKind.SHUTTER_JAMMED, label) is not None
        stuck = FaultKind.SHUTTER_STUCK_CLOSED if opening else FaultKind.SHUTTER_STUCK_OPEN
        moves = not jams and self._faults.take(stuck, label) is None
        start = self._agenda.clock.now_ns() if start_ns is None else start_ns
        if moves and not opening:
            self._light(False, start)

        def end(moment: int) -> None:
            if jams:
                self.state = ShutterState.FAULT
            elif moves:
                self.state = ShutterState.OPEN if opening else ShutterState.CLOSED
                self._light(opening, moment)
            arrived(moment, Errno.SHUTTER if jams else Errno.NONE)

        self._moving = self._agenda.at(start + TRAVEL_NS, end)

    def _light(self, lit: bool, moment_ns: int) -> None:
        if lit != self._lit:
            self._lit = lit
            self._array.expose(lit, moment_ns)
