"""Particles that cross a detector, each along a straight line, and the list of what they left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.amplifiers import DetectorLayout

NS = 1_000_000_000
SLOT_NS = 10 * NS
"""particles are drawn for so long at a time"""
MEAN_ELECTRONS = 1200.0
"""mean charge that a particle leaves in each pixel it crosses"""
LONGEST_TRACK = 12
"""pixels"""
HIT = np.dtype(
    [
        ("moment_ns", np.int64),
        ("reset", np.int32),
        ("read", np.int32),
        ("row", np.int32),
        ("column", np.int32),
        ("electrons", np.float32),
    ]
)
"""a pixel that was hit: when, how many resets there had been, the number of the read that first shows it (the
first since the start is 1), where, and what it got"""

HITS_KEPT = 1_000_000
"""pixels hit that a detector remembers"""


class Track(NamedTuple):
    """Pixels that a particle crosses, relative to the first."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    electrons: NDArray[np.float32]


def track(random: np.random.Generator) -> Track:
    """Return the track of a particle that comes from anywhere."""
    angle = random.uniform(0.0, 2.0 * np.pi)
    length = min(1 + random.geometric(0.4), LONGEST_TRACK)
    up, along = np.sin(angle), np.cos(angle)
    # A whole pixel a step along the faster axis, so that no pixel is crossed twice.
    steps = np.arange(length) / max(abs(up), abs(along))
    rows = np.rint(steps * up).astype(np.int64)
    columns = np.rint(steps * along).astype(np.int64)
    return Track(rows, columns, random.exponential(MEAN_ELECTRONS, length).astype(np.float32))


class Deposit(NamedTuple):
    """What a particle leaves in one pixel."""

    moment_ns: int
    line: int
    sample: int
    """of the stream's line, all amplifiers together"""
    row: int
    column: int
    electrons: float


class CosmicRays:
    """Particles on a detector that is read without being emptied.

    They depend on the seed and the detector's time alone, not on what is read.
    """

    def __init__(self, seed: int, layout: DetectorLayout, chunk_lines: int) -> None:
        self._seed = seed
        self._layout = layout
        self._chunk_lines = chunk_lines
        self._slot = 0
        self._waiting: dict[int, list[Deposit]] = {}

    def pass_to(self, moment_ns: int, rate: float) -> None:
        """Let so many particles a second come until a moment."""
        if rate == 0.0:
            self._slot = max(self._slot, moment_ns // SLOT_NS)
            return
        while self._slot * SLOT_NS <= moment_ns:
            for deposit in self._particles(self._slot, rate):
                self._waiting.setdefault(deposit.line // self._chunk_lines, []).append(deposit)
            self._slot += 1

    def forget(self, moment_ns: int) -> None:
        """Let a reset take away what came before it."""
        self._slot = max(self._slot, moment_ns // SLOT_NS)
        for chunk, waiting in self._waiting.items():
            self._waiting[chunk] = [deposit for deposit in waiting if deposit.moment_ns > moment_ns]

    def due(self, chunk: int, moments: NDArray[np.int64], sample_ns: float) -> list[Deposit]:
        """Return what came to a chunk's pixels before they are clocked, each line beginning at a moment."""
        waiting = self._waiting.get(chunk)
        if not waiting:
            return []
        first, amplifiers = chunk * self._chunk_lines, len(self._layout.amplifiers)
        due: list[Deposit] = []
        later: list[Deposit] = []
        for deposit in waiting:
            clocked = moments[deposit.line - first] + deposit.sample // amplifiers * sample_ns
            (due if deposit.moment_ns <= clocked else later).append(deposit)
        self._waiting[chunk] = later
        return due

    def _particles(self, slot: int, rate: float) -> Iterator[Deposit]:
        random = np.random.Generator(np.random.PCG64((self._seed, 7, slot)))
        layout = self._layout
        amplifiers = len(layout.amplifiers)
        for _ in range(random.poisson(rate * SLOT_NS / NS)):
            moment = slot * SLOT_NS + int(random.integers(SLOT_NS))
            number, line, pixel = (
                int(random.integers(size)) for size in (amplifiers, layout.lines, layout.pixels)
            )
            for lines, pixels, electrons in zip(*track(random), strict=True):
                at, place = line + int(lines), pixel + int(pixels)
                if 0 <= at < layout.lines and 0 <= place < layout.pixels:
                    yield Deposit(
                        moment,
                        at,
                        place * amplifiers + number,
                        *layout.amplifiers[number].place(at, place),
                        float(electrons),
                    )
