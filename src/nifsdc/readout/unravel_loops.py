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
    PLACE_WORDS,
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
AHEAD_LINES = 1
"""lines that are asked for before they are needed"""
LINES = 16
"""lines in a block if none are columns; the reference samples of a block are sorted after its pixels"""
SAMPLES = 256
"""samples of a line that are sorted before the block's next line, where some lines are columns"""
BY_COLUMN, PLACE, LINE_STEP, STEP = 0, 1, 2, 3
"""what a table of outputs has of each: 1 if its lines are columns of the target; then, in bytes, where in the
target its first sample goes, and the steps from line to line and from sample to sample"""


@compiled()
def _part_lines(
    stream: Array, source: int, line_bytes: int, lines: int, outputs: int, count: int, places: Array
) -> None:
    """Take ``count`` samples of each output apart, in each of these lines; ``places`` moves on with them."""
    address, forwards = places.ctypes.data, places[2].min() > 0
    for line in range(lines):
        here = source + line * line_bytes
        if outputs == 4:
            part_4(stream, here, address, count, forwards, AHEAD_LINES * line_bytes)
        elif outputs == 32:
            part_32(stream, here, address, count, forwards, AHEAD_LINES * line_bytes)
        elif outputs == 2:
            part_2(stream, here, address, count, forwards, AHEAD_LINES * line_bytes)
        elif outputs == 8:
            part_8(stream, here, address, count, forwards, AHEAD_LINES * line_bytes)
        else:
            part_16(stream, here, address, count, forwards, AHEAD_LINES * line_bytes)
        for output in range(outputs):
            places[0, output] += places[1, output]


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


@compiled()
def _begin_block(
    table: Array,
    target: int,
    begin: int,
    first: int,
    item: int,
    scratch: int,
    lines: int,
    row: int,
    places: Array,
) -> None:
    """Say where a block's first line goes, from the sample ``first`` on."""
    for output in range(len(table)):
        line_step, step = table[output, LINE_STEP], table[output, STEP]
        backwards = 0
        if table[output, BY_COLUMN]:
            places[0, output] = scratch + output * lines * row
            places[1, output] = row
        else:
            backwards = int(step < 0)
            place = target + table[output, PLACE] + begin * line_step + first * step
            places[0, output] = place - backwards * (VECTOR - item)
            places[1, output] = line_step
        places[2, output] = 1 - 2 * backwards


@compiled()
def _sort_block(
    stream: Array,
    source: int,
    line_bytes: int,
    table: Array,
    target: int,
    begin: int,
    lines: int,
    count: int,
    room: Array,
    places: Array,
) -> None:
    """Sort ``count`` samples of a block of lines, the first of which is at the address ``source``."""
    item, outputs = stream.itemsize, len(table)
    samples = min(SAMPLES, count) if len(room) else count
    row = samples * item + VECTOR
    scratch = (room.ctypes.data + VECTOR - 1) // VECTOR * VECTOR
    for start in range(0, count, samples):
        first = min(start, max(count - VECTOR // item, 0))
        several = min(samples, count - first)
        _begin_block(table, target, begin, first, item, scratch, lines, row, places)
        _part_lines(stream, source + first * outputs * item, line_bytes, lines, outputs, several, places)
        for output in range(outputs):
            if table[output, BY_COLUMN]:
                line_step, step = table[output, LINE_STEP], table[output, STEP]
                place = target + table[output, PLACE] + begin * line_step + first * step
                own = scratch + output * lines * row
                _turn_block(stream, own, row, lines, several, place, line_step, step)


TABLE = types.Array(int64, 2, "C")


@compiled(
    *(
        void(vector(kind, read_only=True), int64, TABLE, int64, int64, TABLE, int64, int64, int64, int64)
        for kind in (uint16, uint32)
    )
)
def sort_lines(
    stream: Array,
    line_bytes: int,
    pixels: Array,
    image: int,
    count: int,
    reference: Array,
    beside: int,
    reference_count: int,
    first: int,
    last: int,
) -> None:
    """Sort the samples of some lines.

    Parameters
    ----------
    stream
        one read, as unsigned integers
    line_bytes
        of one line of all outputs
    pixels, reference
        where the samples at the beginning of a line go, and those at its end: for each output `BY_COLUMN`,
        `PLACE`, `LINE_STEP`, `STEP`. Samples of a line are contiguous in the target, or else the lines are
    image, beside
        addresses of the targets
    count, reference_count
        how many of either a line has; at least a vector of elements (`VECTOR` bytes), or none
    first, last
        the lines; at least a vector of elements of them if any lines are columns
    """
    item, outputs = stream.itemsize, len(pixels)
    side = VECTOR // item
    lines, size = LINES, 0
    if count and pixels[:, BY_COLUMN].any():
        lines = TILES * side
        size = outputs * lines * (min(SAMPLES, count) * item + VECTOR) + VECTOR
    room, none = np.empty(size, np.uint8), np.empty(0, np.uint8)
    places = np.empty((PLACE_WORDS, outputs), np.int64)
    begin = first
    while begin < last:
        if size and last - begin < side:
            begin = last - side
        number = min(lines, last - begin)
        source = stream.ctypes.data + begin * line_bytes
        if count:
            _sort_block(stream, source, line_bytes, pixels, image, begin, number, count, room, places)
        if reference_count:
            source += line_bytes - reference_count * outputs * item
            _sort_block(
                stream, source, line_bytes, reference, beside, begin, number, reference_count, none, places
            )
        begin += number
    settle()
