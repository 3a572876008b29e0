"""Loops over the pixels of an integral field unit's slitlets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int32, int64, void
from numba.core import types
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled, vector

Array = NDArray[Any]

LANES = 16
"""sums kept side by side, so that pixels are added several at a time, and each sum stays short"""
TOGETHER = 16
"""pixels that are added to each other before they are added to a sum"""
STRIP = 16
"""pixels of one cache line of 32-bit samples: what a row is read in while planes are written"""
IMAGE = types.Array(float32, 2, "C", readonly=True)
OFFSETS = vector(int64, read_only=True)


@compiled()
def _known(pixel: float) -> float:
    """A pixel, or nothing where it has no value."""
    return pixel if pixel == pixel else float32(0.0)


@compiled()
def _sum(pixels: Array, sums: Array, counts: Array) -> tuple[float, int]:
    """Sum of the pixels that have a value, and how many do; both arrays are for its own use."""
    sums[:] = 0
    counts[:] = 0
    done, several = 0, TOGETHER * LANES
    while done + several <= len(pixels):
        part = pixels[done : done + several]
        for lane in range(LANES):
            together, known = float32(0.0), int32(0)
            for k in range(TOGETHER):
                pixel = part[lane + k * LANES]
                together += _known(pixel)
                known += int32(pixel == pixel)
            sums[lane] += together
            counts[lane] += known
        done += several
    while done < len(pixels):
        part = pixels[done : done + LANES]
        for lane in range(len(part)):
            sums[lane] += _known(part[lane])
            counts[lane] += int32(part[lane] == part[lane])
        done += LANES
    total, there = 0.0, 0
    for lane in range(LANES):
        total += sums[lane]
        there += counts[lane]
    return total, there


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
    sums, counts = np.empty(LANES, np.float32), np.empty(LANES, np.int32)
    for slitlet in range(len(rows)):
        begin, end = max(0, starts[slitlet]), min(image.shape[1], starts[slitlet] + count)
        for y in range(into.shape[0]):
            total, there = 0.0, 0
            if begin < end:
                total, there = _sum(image[rows[slitlet] + y, begin:end], sums, counts)
            into[y, slitlet] = float32(total * count / there) if there > 0 else float32(np.nan)


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
