"""Sorting the lines of a read into an image: samples of 16 and 32 bits, 2 to 32 outputs by powers of two.

Outputs that are read along rows are written as they are taken apart. Those read along columns go into tiles
first, small enough for the nearest caches, and then by whole cache lines into the image, some side by side;
past the caches if the image lies on cache lines: fetching each only to overwrite it took most of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int64, uint16, uint32, void
from numba.core import types
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.unravel_tiles import (
    VECTOR,
    part_2,
    part_4,
    part_8,
    part_16,
    part_32,
    settle,
    turn_tile,
    turn_tile_past,
)

Array = NDArray[Any]

TILES = 4
"""tiles side by side in a block of lines: cache lines of an image's row that are written one after another"""
SAMPLES = 256
"""samples of a line that are sorted before the block's next line, where some lines are columns"""


@compiled()
def _part_line(stream: Array, source: int, outputs: int, count: int, places: Array) -> None:
    """Take ``count`` samples of each output apart; the last vector may overlap the one before."""
    side = VECTOR // stream.itemsize
    sample = outputs * stream.itemsize
    address = places.ctypes.data
    for start in range(0, count, side):
        k = min(start, count - side)
        place = source + k * sample
        if outputs == 4:
            part_4(stream, place, address, k)
        elif outputs == 32:
            part_32(stream, place, address, k)
        elif outputs == 2:
            part_2(stream, place, address, k)
        elif outputs == 8:
            part_8(stream, place, address, k)
        else:
            part_16(stream, place, address, k)


@compiled()
def _turn_block(
    stream: Array, source: int, row: int, lines: int, count: int, target: int, line_step: int, step: int
) -> None:
    """Turn a block of an output's lines over, in tiles; the last ones may overlap those before."""
    side = VECTOR // stream.itemsize
    for start in range(0, count, side):
        k = min(start, count - side)
        for first in range(0, lines, side):
            line = min(first, lines - side)
            place = target + k * step + line * line_step
            tile = source + line * row + k * stream.itemsize
            step_down = row
            if line_step < 0:
                tile, step_down, place = tile + (side - 1) * row, -row, place + (side - 1) * line_step
            if place % VECTOR == 0 and step % VECTOR == 0:
                turn_tile_past(stream, tile, step_down, place, step)
            else:
                turn_tile(stream, tile, step_down, place, step)


@compiled(
    *(
        void(vector(kind, read_only=True), int64, types.Array(int64, 2, "C"), int64, int64, int64, int64)
        for kind in (uint16, uint32)
    )
)
def sort_lines(
    stream: Array, line_bytes: int, table: Array, first: int, last: int, offset: int, count: int
) -> None:
    """Sort a range of samples of some lines.

    Parameters
    ----------
    stream
        one read, as unsigned integers
    line_bytes
        of one line of all outputs
    table
        for each output: 1 if its lines are columns of the target, the address of its first sample's place,
        and bytes from line to line and from sample to sample there. Samples of a line are contiguous in the
        target, or else the lines are
    first, last
        the lines; at least a vector of elements (`VECTOR` bytes) of them if any lines are columns
    offset, count
        the samples of each line; at least a vector of elements
    """
    item, outputs = stream.itemsize, len(table)
    side = VECTOR // item
    lines, samples = TILES * side, min(SAMPLES, count)
    if not table[:, 0].any():
        lines, samples = 1, count
    row = samples * item + VECTOR
    room = np.empty(outputs * lines * row + VECTOR, np.uint8)
    scratch = (room.ctypes.data + VECTOR - 1) // VECTOR * VECTOR
    places = np.empty((outputs, 2), np.int64)
    source = stream.ctypes.data + offset * outputs * item
    begin = first
    while begin < last:
        if last - begin < min(side, lines):
            begin = last - side
        number = min(lines, last - begin)
        for start in range(0, count, samples):
            begin_sample = min(start, max(count - side, 0))
            several = min(samples, count - begin_sample)
            for k in range(number):
                for output in range(outputs):
                    line_step, step = table[output, 2], table[output, 3]
                    if table[output, 0]:
                        places[output, 0] = scratch + (output * lines + k) * row
                        places[output, 1] = item
                    else:
                        place = table[output, 1] + (begin + k) * line_step + begin_sample * step
                        places[output, 0] = place if step > 0 else place - (side - 1) * item
                        places[output, 1] = step
                here = source + (begin + k) * line_bytes + begin_sample * outputs * item
                _part_line(stream, here, outputs, several, places)
            for output in range(outputs):
                if table[output, 0]:
                    line_step, step = table[output, 2], table[output, 3]
                    place = table[output, 1] + begin * line_step + begin_sample * step
                    own = scratch + output * lines * row
                    _turn_block(stream, own, row, number, several, place, line_step, step)
        begin += number
    settle()
