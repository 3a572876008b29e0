"""A frame-transfer CCD played step by step: which light ends up in which frame.

Independent of the formulas: light is booked to a packet of charge while its time passes, packets are moved
by F and LS, wiped by C and W, and read in the order of the masked area.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

Span = tuple[float, float]


@dataclass
class Frame:
    """A frame that was read."""

    number: int
    stamp: float
    light: list[Span] = field(default_factory=list)
    """spans of time in which its light was collected; empty for junk"""


@dataclass
class _Ccd:
    now: float = 0.0
    imaging: list[Span] = field(default_factory=list)

    def collect(self, seconds: float) -> None:
        if seconds > 0:
            self.imaging.append((self.now, self.now + seconds))
            self.now += seconds

    def lose(self, seconds: float) -> None:
        """Time in which charge moves: no light is booked."""
        self.now += seconds

    def take(self) -> list[Span]:
        light, self.imaging = self.imaging, []
        return light


def no_clear(e: float, r: float, f: float, nskip: int) -> Iterator[Frame]:
    """C, then stamp, E, F, R for each frame."""
    return _frames(e, r, f, None, nskip)


def clear(e: float, r: float, f: float, w: float, nskip: int) -> Iterator[Frame]:
    """C, then stamp, E, F, R, W for each frame; W wipes only after a genuine F."""
    return _frames(e, r, f, w, nskip)


def _frames(e: float, r: float, f: float, w: float | None, nskip: int) -> Iterator[Frame]:
    ccd = _Ccd()
    number = 0
    while True:
        number += 1
        stamp = ccd.now
        ccd.collect(e)
        masked: list[Span] = []
        if number % (nskip + 1) == 0:
            masked = ccd.take()
            ccd.lose(f)
            ccd.collect(r)
            if w is not None:
                ccd.take()
                ccd.lose(w)
        else:
            ccd.collect(f)
            ccd.collect(r)
            ccd.collect(w or 0.0)
        yield Frame(number, stamp, masked)


def drift(e: float, r: float, ld: float, ls: float, ndrift: int) -> Iterator[Frame]:
    """C, then stamp, E, LS, LD, R for each frame; the masked area holds ndrift windows."""
    ccd = _Ccd()
    masked: deque[list[Span]] = deque([[] for _ in range(ndrift - 1)])
    number = 0
    while True:
        number += 1
        stamp = ccd.now
        ccd.collect(e)
        masked.append(ccd.take())
        ccd.lose(ls)
        ccd.collect(ld)
        ccd.collect(r)
        yield Frame(number, stamp, masked.popleft())
