"""A lamp that blinks in step with the detector's clock, and light that does not change, in spans of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NS = 1_000_000_000


@dataclass(frozen=True)
class Led:
    """The same light on every pixel, which goes on and off at known moments of the detector's clock.

    Where a detector cannot follow it, its mean falls on the pixels.
    """

    rate: float = 1000.0
    """light while it is on, electron/s/pixel"""
    period: float = 1.0
    """seconds from one beginning to the next"""
    on: float = 0.5
    """seconds that it is on each time, up to ``period``"""
    first: float = 0.0
    """moment of a beginning on the detector's clock, seconds"""
    sky: float = 0.0
    """light that is always there, electron/s/pixel"""
    name: str = "led"

    def __post_init__(self) -> None:
        """Refuse what cannot blink."""
        if not 0.0 < self.on <= self.period:
            raise ValueError(f"on is {self.on:g} s of a period of {self.period:g} s, expected up to all")

    def flux(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Return the mean light in electron/s/pixel, shape (rows, columns)."""
        return np.full((rows, columns), self.sky + self.rate * self.on / self.period, dtype=np.float32)

    def sources(self, rows: int, columns: int) -> tuple[tuple[float, float, float], ...]:
        """Return nothing: its light is everywhere."""
        return ()

    def on_ns(self, begin_ns: int, end_ns: int) -> int:
        """Return for how long of a span of the detector's clock it is on."""
        return self._on_before(end_ns) - self._on_before(begin_ns)

    def _on_before(self, moment_ns: int) -> int:
        period, on = round(self.period * NS), round(self.on * NS)
        whole, rest = divmod(moment_ns - round(self.first * NS), period)
        return whole * on + min(rest, on)
