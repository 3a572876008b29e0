"""Faults that can be switched on, each for a number of times and, if wanted, for one command alone."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import Enum


class FaultKind(Enum):
    """What can go wrong; the value is its name on the control port."""

    NO_REPLY = "no-reply"
    """a command is lost: not obeyed and not answered"""
    ERROR = "error"
    """a command is refused with ERR"""
    WRONG_ECHO = "wrong-echo"
    """a value comes back with its lowest bit inverted (TDL unless another label is given)"""
    BIT_FLIP = "bit-flip"
    """one bit of the answer's last word is inverted, which one is random"""
    WRONG_HEADER = "wrong-header"
    """the answer seems to come from the other board"""
    WRONG_LABEL = "wrong-label"
    """an answer DON comes as another label"""
    LATE_REPLY = "late-reply"
    """the answer comes ``seconds`` of real time late"""
    SYR = "syr"
    """the controller loses its power and programmes and comes up again: SYR is sent at once, or as the answer
    to the command that is named"""
    POWER_CYCLE = "power-cycle"
    """as ``syr``, but the SYR is lost"""
    PIXELS_STOP = "pixels-stop"
    """no pixel comes after ``fraction`` of a block; the readout does not end by itself"""
    SHORT_FRAME = "short-frame"
    """a block ends after ``fraction`` of its pixels"""
    LINK_DROP = "link-drop"
    """the connection breaks: at once, or when the command that is named comes"""
    TEMPERATURE_RUNAWAY = "temperature-runaway"
    """the cryostat warms up by ``rate`` millikelvin a second from now on"""


AT_ONCE = frozenset(
    {FaultKind.SYR, FaultKind.POWER_CYCLE, FaultKind.LINK_DROP, FaultKind.TEMPERATURE_RUNAWAY}
)
"""faults that happen at once when no command is named"""


@dataclass(frozen=True)
class Fault:
    """A fault that waits for its occasion."""

    kind: FaultKind
    label: str | None = None
    """the command it waits for; None for any"""
    count: int = 1
    """how many times it happens"""
    skip: int = 0
    """how many occasions pass before the first"""
    fraction: float = 0.5
    """pixels-stop, short-frame: part of the block that still comes"""
    seconds: float = 2.0
    """late-reply: how late"""
    rate: float = 100.0
    """temperature-runaway: millikelvin a second"""


class Faults:
    """The faults that wait."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Let a fault wait for its occasion."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> tuple[Fault, ...]:
        """Return the faults that still wait."""
        with self._lock:
            return tuple(self._waiting)

    def take(self, kind: FaultKind, label: str | None = None) -> Fault | None:
        """Return the fault of that kind that this occasion calls for, and count it."""
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if fault.kind is not kind or (fault.label is not None and fault.label != label):
                    continue
                if fault.skip > 0:
                    self._waiting[place] = replace(fault, skip=fault.skip - 1)
                    return None
                if fault.count > 1:
                    self._waiting[place] = replace(fault, count=fault.count - 1)
                else:
                    del self._waiting[place]
                return fault
        return None
