"""In which order the detector's pixels come down the fibre (SDN 11.03 section 4.7).

One pixel of each amplifier is sent in rotation. The document lists the HAWAII-2's sequence as
q1(1,1) q2(1,n) q3(n,n) q4(n,1) q1(2,1) q2(1,n-1) q3(n-1,n) q4(n,2) ... with x and y counted from the
bottom-left corner of each quadrant. Near its end it prints "q42,1", which does not fit a walk that starts at
q4(n,1), goes on to q4(n,2) and ends at q4(1,n): q4(1,n-1) is meant.

Quadrant 1 is bottom left, 2 top left, 3 top right, 4 bottom right; rows are counted from the bottom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Amplifier:
    """One output's walk over its part of the detector, as (row, column) in the full frame."""

    first: tuple[int, int]
    """where its first pixel is"""
    fast: tuple[int, int]
    """step from one pixel to the next"""
    slow: tuple[int, int]
    """step from one line to the next"""

    def place(self, line: int, pixel: int) -> tuple[int, int]:
        """Return row and column in the full frame of a pixel of a line."""
        row, column = (
            first + line * slow + pixel * fast
            for first, slow, fast in zip(self.first, self.slow, self.fast, strict=True)
        )
        return row, column


@dataclass(frozen=True)
class DetectorLayout:
    """A detector with several outputs that are read in rotation."""

    name: str
    rows: int
    columns: int
    lines: int
    """lines that each amplifier reads"""
    pixels: int
    """pixels of an amplifier in a line"""
    reference: int
    """reference samples that follow the pixels in each line"""
    amplifiers: tuple[Amplifier, ...]

    @property
    def samples(self) -> int:
        """Samples of one amplifier in a line, reference samples included."""
        return self.pixels + self.reference

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of a read as it is sent: lines by samples of all amplifiers in rotation."""
        return self.lines, self.samples * len(self.amplifiers)

    def indices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return row and column in the full frame, each of shape (lines, pixels, amplifiers)."""
        line = np.arange(self.lines)[:, np.newaxis]
        pixel = np.arange(self.pixels)[np.newaxis, :]
        rows, columns = (
            np.stack(
                [amp.first[axis] + line * amp.slow[axis] + pixel * amp.fast[axis] for amp in self.amplifiers],
                axis=-1,
            )
            for axis in (0, 1)
        )
        return rows, columns

    def to_stream(self, image: NDArray[np.float32], reference: float = 0.0) -> NDArray[np.float32]:
        """Put an image of shape (rows, columns) in the order of the stream.

        Returns an array of `shape` in which every reference sample has the value ``reference``.
        """
        stream = np.full((self.lines, self.samples, len(self.amplifiers)), reference, dtype=np.float32)
        rows, columns = self.indices()
        stream[:, : self.pixels, :] = image[rows, columns]
        return stream.reshape(self.shape)


HAWAII2 = DetectorLayout(
    name="HAWAII-2",
    rows=2048,
    columns=2048,
    lines=1024,
    pixels=1024,
    reference=32,
    amplifiers=(
        Amplifier(first=(0, 0), fast=(0, 1), slow=(1, 0)),
        Amplifier(first=(2047, 0), fast=(-1, 0), slow=(0, 1)),
        Amplifier(first=(2047, 2047), fast=(0, -1), slow=(-1, 0)),
        Amplifier(first=(0, 2047), fast=(1, 0), slow=(0, -1)),
    ),
)
"""NIFS's detector: four quadrants, each rotated by a quarter turn against the one before"""
