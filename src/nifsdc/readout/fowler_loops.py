"""Adding reads to sums of counts, and dividing the sums: each pixel of a read is touched once."""

from __future__ import annotations

from typing import Any

from numba import float32, int32, int64, uint8, uint16, void
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled, vector

Array = NDArray[Any]

_PIXELS = vector(uint16, read_only=True)


@compiled(void(_PIXELS, vector(int32), int64))
def add_reads(pixels: Array, total: Array, sign: int) -> None:
    """Add pixels of a read to their sums; ``sign`` is 1, or -1 to subtract them."""
    for j in range(len(pixels)):
        total[j] += int32(sign) * int32(pixels[j])


@compiled(void(_PIXELS, vector(int32), vector(uint8), int64))
def add_and_mark(pixels: Array, total: Array, marks: Array, full: int) -> None:
    """As `add_reads` with sign 1; set the mark of those that have ``full`` counts, up to 65,535, or more."""
    limit = uint16(full)
    for j in range(len(pixels)):
        total[j] += int32(pixels[j])
        marks[j] |= uint8(pixels[j] >= limit)


@compiled(void(vector(int32, read_only=True), int64, vector(float32)))
def divided(total: Array, reads: int, into: Array) -> None:
    """Divide sums by a number of reads, in 32-bit floats."""
    number = float32(reads)
    for j in range(len(total)):
        into[j] = float32(total[j]) / number
