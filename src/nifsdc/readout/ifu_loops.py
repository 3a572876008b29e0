"""Loops over the pixels of an integral field unit's slitlets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int64, void
from numba.core import types
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled, vector

Array = NDArray[Any]

LANES = 64
"""sums kept side by side, so that pixels are added several at a time, and each sum stays short"""
FEW = 4
"""sums that are added one after another at the end"""
STRIP = 16
"""pixels of one cache line of 32-bit samples: what a row is read in while planes are written"""
IMAGE = types.Array(float32, 2, "C", readonly=True)
OFFSETS = vector(int64, read_only=True)


@compiled()
def _sum(pixels: Array, sums: Array, counts: Array) -> tuple[float, float]:
    """Sum of the pixels that have a value, and how many do."""
    sums[:] = 0
    counts[:] = 0
    whole = len(pixels) // LANES
    for piece in range(whole):
        part = pixels[piece * LANES : (piece + 1) * LANES]
        for k in range(LANES):
            value = part[k]
            there = value == value  # not NaN
            sums[k] += value if there else float32(0.0)
            counts[k] += float32(1.0) if there else float32(0.0)
    rest = pixels[whole * LANES :]
    for k in range(len(rest)):
        there = rest[k] == rest[k]
        sums[k] += rest[k] if there else float32(0.0)
        counts[k] += float32(1.0) if there else float32(0.0)
    width = LANES
    while width > FEW:
        width //= 2
        for k in range(width):
            sums[k] += sums[k + width]
            counts[k] += counts[k + width]
    total, count = 0.0, 0.0
    for k in range(FEW):
        total += sums[k]
        count += counts[k]
    return total, count


@compiled(void(IMAGE, OFFSETS, OFFSETS, int64, types.Array(float32, 2, "C")))
def collapse(image: Array, rows: Array, starts: Array, count: int, into: Array) -> None:
    """Sum ``count`` columns of each slitlet's rows; what is missing is as the mean of the rest.

    Parameters
    ----------
    image
        shape of the detector
    rows, starts
        first row and first column of each slitlet; columns off the detector are missing
    into
        shape (pixels along a slitlet, slitlets)
    """
    sums, counts = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for slitlet in range(len(rows)):
        begin, end = max(0, starts[slitlet]), min(image.shape[1], starts[slitlet] + count)
        for y in range(into.shape[0]):
            total, there = 0.0, 0.0
            if begin < end:
                total, there = _sum(image[rows[slitlet] + y, begin:end], sums, counts)
            into[y, slitlet] = float32(total * count / there) if there > 0.0 else float32(np.nan)


@compiled(void(IMAGE, OFFSETS, OFFSETS, int64, types.Array(float32, 3, "C")))
def sort_cube(image: Array, rows: Array, starts: Array, step: int, cube: Array) -> None:
    """Copy each slitlet's rows to the planes of a cube.

    The first plane is of the column ``starts``; each plane is ``step`` (1 or -1) columns further.
    ``cube`` has the shape (planes, pixels along a slitlet, slitlets); NaN where the detector has no column.
    """
    planes, height, slitlets = cube.shape
    for first in range(0, planes, STRIP):
        last = min(first + STRIP, planes)
        for y in range(height):
            for slitlet in range(slitlets):
                row = rows[slitlet] + y
                for plane in range(first, last):
                    column = starts[slitlet] + step * plane
                    inside = 0 <= column < image.shape[1]
                    cube[plane, y, slitlet] = image[row, column] if inside else float32(np.nan)


@compiled(void(IMAGE, int64, int64, types.Array(float32, 2, "C")))
def subdivide(pixels: Array, along: int, across: int, into: Array) -> None:
    """Divide each pixel into ``along`` rows of ``across``, its value in equal parts."""
    share = float32(1.0 / (along * across))
    for y in range(into.shape[0]):
        for x in range(into.shape[1]):
            into[y, x] = pixels[y // along, x // across] * share
