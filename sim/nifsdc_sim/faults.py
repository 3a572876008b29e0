"""Faults that can be switched on: each by name, for a number of times, for one command alone, by chance.

Chance is reproducible: each fault has its own random numbers, started by the simulator's seed and the fault's
place among those switched on so far, and takes one for each occasion.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

import numpy as np


class FaultKind(Enum):
    """What can go wrong, see `FAULTS`; the value is its name on the command line and the control port."""

    NO_REPLY = "no-reply"
    ERROR = "error"
    WRONG_ECHO = "wrong-echo"
    BIT_FLIP = "bit-flip"
    WRONG_HEADER = "wrong-header"
    WRONG_LABEL = "wrong-label"
    LATE_REPLY = "late-reply"
    PREAMBLE_LOST = "preamble-lost"
    REPLY_PREAMBLE_LOST = "reply-preamble-lost"
    WRITE_FLIP = "write-flip"
    SYR = "syr"
    POWER_CYCLE = "power-cycle"
    PIXELS_STOP = "pixels-stop"
    SHORT_FRAME = "short-frame"
    PIXELS_LOST = "pixels-lost"
    PIXEL_FLIP = "pixel-flip"
    LINK_DROP = "link-drop"
    TEMPERATURE_RUNAWAY = "temperature-runaway"
    SHUTTER_JAMMED = "shutter-jammed"
    SHUTTER_STUCK_OPEN = "shutter-stuck-open"
    SHUTTER_STUCK_CLOSED = "shutter-stuck-closed"
    LAMP_DEAD = "lamp-dead"
    POWER_FAILURE = "power-failure"


FAULTS: Mapping[str, str] = {
    "no-reply": "a command is lost: neither obeyed nor answered",
    "error": "a command is refused with ERR and not obeyed",
    "wrong-echo": "a value comes back with its lowest bit inverted (TDL unless another label is given)",
    "bit-flip": "one bit of the answer's last word is inverted, which one is random",
    "wrong-header": "the answer seems to come from the other board",
    "wrong-label": "an answer DON comes as another label",
    "late-reply": "the answer comes `seconds` of real time late",
    "preamble-lost": "one word of a command is lost, random which; the board waits for more or drops others",
    "reply-preamble-lost": "one word of the answer arrives with another preamble",
    "write-flip": "one bit of the value of a WRM is inverted on its way into memory; the answer is DON",
    "syr": "power and programmes are lost; SYR comes at once, or as the answer to the command named",
    "power-cycle": "power and programmes are lost, and so is the SYR that would say it",
    "pixels-stop": "no pixel comes after `fraction` of a block; the readout does not end by itself",
    "short-frame": "a block ends after `fraction` of its pixels",
    "pixels-lost": "`pixels` pixels are lost after `fraction` of a block; those behind move up",
    "pixel-flip": "one bit of the pixel after `fraction` of a block is inverted, which one is random",
    "link-drop": "the fibre is pulled out, the connection breaks: at once, or at the command named",
    "temperature-runaway": "the cryostat warms up by `rate` millikelvin a second from now on",
    "shutter-jammed": "the shutter stops on its way: fault state, and ERR to the command that moved it",
    "shutter-stuck-open": "the shutter is told to close and stays open, as its state then says",
    "shutter-stuck-closed": "the shutter is told to open and stays closed, as its state then says",
    "lamp-dead": "the preflash lamps do not light; nothing notices",
    "power-failure": "the analogue power does not come up: PON is answered ERR",
}
"""every fault by its name, with what it is"""
AT_ONCE = frozenset(
    {FaultKind.SYR, FaultKind.POWER_CYCLE, FaultKind.LINK_DROP, FaultKind.TEMPERATURE_RUNAWAY}
)
"""faults that happen at once when no command is named"""
_LABELS = {FaultKind.WRONG_ECHO: "TDL", FaultKind.WRITE_FLIP: "WRM"}
"""commands that a fault is for when none is named"""


@dataclass(frozen=True)
class Fault:
    """A fault that waits for its occasion.

    Raises ValueError for a probability or fraction outside 0 to 1 and for negative numbers.
    """

    kind: FaultKind
    label: str | None = None
    """the command it waits for; None for any"""
    count: int = 1
    """how many times it happens"""
    skip: int = 0
    """how many occasions pass before the first"""
    probability: float = 1.0
    """that it happens at an occasion"""
    fraction: float = 0.5
    """pixels-stop, short-frame, pixels-lost, pixel-flip: part of the block that comes before"""
    seconds: float = 2.0
    """late-reply: how late"""
    rate: float = 100.0
    """temperature-runaway: millikelvin a second"""
    pixels: int = 1
    """pixels-lost: how many"""

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a number from 0 to {most:g}")


_MOST = {
    "count": 1e9, "skip": 1e9, "probability": 1, "fraction": 1, "seconds": 3600, "rate": 1e6, "pixels": 1e9,
}  # fmt: skip
_WHOLE = frozenset({"count", "skip", "pixels"})


def fault(entries: dict[str, object]) -> Fault:
    """Return the fault that entries by name describe: ``kind``, and any other field of `Fault`.

    Raises
    ------
    ValueError
        says what is expected
    """
    kinds = {kind.value: kind for kind in FaultKind}
    known = [field.name for field in fields(Fault)]
    kind = entries.get("kind")
    if not isinstance(kind, str) or kind not in kinds or not entries.keys() <= set(known):
        raise ValueError(
            f"expected a kind out of {', '.join(kinds)} and entries out of {', '.join(known)}, "
            f"found {entries}"
        )
    label = entries.get("label")
    if label is not None and not isinstance(label, str):
        raise ValueError(f"label is {label!r}, expected the label of a command")
    numbers = {name: _number(name, entries[name]) for name in entries if name not in ("kind", "label")}
    return Fault(kinds[kind], label, **numbers)


def _number(name: str, value: object) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} is {value!r}, expected a number of 0 or more")
    if not math.isfinite(value) or value < 0 or (name in _WHOLE and value != int(value)):
        raise ValueError(f"{name} is {value!r}, expected a {'whole ' * (name in _WHOLE)}number of 0 or more")
    return int(value) if name in _WHOLE else value


def parse(text: str) -> Fault:
    """Read a fault as on the command line: ``KIND`` or ``KIND:NAME=VALUE,NAME=VALUE``.

    >>> parse("no-reply:label=RDM,count=2,probability=0.1").probability
    0.1

    Raises
    ------
    ValueError
        says what is expected
    """
    kind, _, rest = text.partition(":")
    entries: dict[str, object] = {"kind": kind}
    for item in filter(None, rest.split(",")):
        name, equals, value = item.partition("=")
        if not equals or name == "kind":
            raise ValueError(f"{item!r} in {text!r}: expected NAME=VALUE")
        try:
            entries[name] = value if name == "label" else float(value)
        except ValueError:
            raise ValueError(f"{name} is {value!r}, expected a number of 0 or more") from None
    return fault(entries)


@dataclass
class _Waiting:
    fault: Fault
    random: np.random.Generator
    skipped: int = 0
    happened: int = 0


class Faults:
    """The faults that wait.

    Parameters
    ----------
    seed
        start of the random numbers
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._added = 0
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Let a fault wait for its occasion."""
        with self._lock:
            self._added += 1
            random = np.random.Generator(np.random.PCG64((self._seed, 7, self._added)))
            if fault.count > 0:
                self._waiting.append(_Waiting(fault, random))

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> tuple[Fault, ...]:
        """Return the faults that still wait, each with the count and the occasions to pass that are left."""
        with self._lock:
            return tuple(
                replace(
                    each.fault, count=each.fault.count - each.happened, skip=each.fault.skip - each.skipped
                )
                for each in self._waiting
            )

    def take(self, kind: FaultKind, label: str | None = None) -> Happening | None:
        """Return what this occasion calls for of that kind, None for nothing, and count it."""
        with self._lock:
            for waiting in self._waiting:
                fault = waiting.fault
                wanted = fault.label or _LABELS.get(fault.kind)
                if fault.kind is not kind or wanted not in (None, label):
                    continue
                if waiting.skipped < fault.skip:
                    waiting.skipped += 1
                    continue
                if waiting.random.random() >= fault.probability:
                    continue
                waiting.happened += 1
                if waiting.happened >= fault.count:
                    self._waiting.remove(waiting)
                return Happening(fault, waiting.random)
        return None


@dataclass(frozen=True)
class Happening:
    """A fault that happens now."""

    fault: Fault
    random: np.random.Generator
    """decides what the fault leaves open"""

    def pick(self, most: int) -> int:
        """Return a random number from 0 to ``most`` - 1."""
        return int(self.random.integers(most))
