"""Adding the pixels of a read to the sums of the linear fit: the loop that has to keep up with the reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int64, uint8, uint16, uint32
from numba.core import types
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.linear_sums import ACTIVE, AFTER_HIT, BLOCK, LOST, LOW, STOPPED, moment, spread

Array = NDArray[Any]

NONE = np.uint32(0)
MINIMUM, READ_LIMIT, PHOTON_LIMIT = 8, 9, 10
"""where `cosmic.limits` has what the sparse list needs"""


@compiled()
def _add_block(
    pixels: Array,
    squares: Array,
    values: Array,
    products: Array,
    state: Array,
    last: Array,
    flags: Array,
    number: int,
    full: int,
    limits: Array,
) -> Any:
    """Add the active pixels of a block that pass the tests; flag those that do not."""
    end_iv, end_v, slope_iv, slope_v = limits[0], limits[1], limits[2], limits[3]
    line_read, line_photon, pair_read, pair_photon = limits[4], limits[5], limits[6], limits[7]
    minimum = limits[MINIMUM]
    found = uint32(0)
    for j in range(len(pixels)):
        sample = uint32(pixels[j])
        level = float32(sample)
        sum_iv = float32(products[j])
        sum_v = float32(values[j] & LOW)
        slope = slope_iv * sum_iv - slope_v * sum_v
        rate = max(slope, float32(0.0))
        line_limit = line_read + line_photon * rate
        pair_limit = pair_read + pair_photon * rate
        line_better = line_limit <= pair_limit
        from_line = level - (end_iv * sum_iv - end_v * sum_v)
        from_last = level - float32(last[j]) - slope
        jump = from_line if line_better else from_last
        limit = line_limit if line_better else pair_limit
        hit = (jump > minimum) & (jump * jump > limit)
        active = state[j] == ACTIVE
        flag = active & (hit | (sample >= full))
        taken = sample if active & (not flag) else NONE
        flags[j] = uint8(flag)
        found |= uint32(flag)
        square = uint32(taken * taken)
        low = uint32(squares[j] + square)
        carry = uint32(1 << 24) if low < square else NONE
        squares[j] = low
        values[j] = uint32(values[j] + uint32(taken + carry))
        products[j] = uint32(products[j] + uint32(number * taken))
        last[j] = pixels[j]
    return found


@compiled()
def _add_third(
    pixels: Array, words: Array, state: Array, last: Array, flags: Array, full: int, limits: Array
) -> Any:
    """As `_add_block` for the third read; a jump may be that between the first two, seen now as a drop.

    Flags 1 for a jump to this sample or saturation, 2 for a jump to the sample before.
    """
    found = uint32(0)
    for j in range(len(pixels)):
        flags[j] = 0
        if state[j] == ACTIVE:
            sample = int64(pixels[j])
            first = int64(words[1, j] & LOW) - int64(last[j])
            before, now = int64(last[j]) - first, sample - int64(last[j])
            change = float32(now - before)
            limit = limits[6] + limits[7] * float32(max(min(before, now), 0))
            if sample >= full:
                flags[j] = 1
            elif abs(change) > limits[MINIMUM] and change * change > limit:
                flags[j] = 1 if change > 0 else 2
            else:
                _add_one(words, j, uint32(2), uint32(sample))
            found |= uint32(flags[j])
        last[j] = pixels[j]
    return found


@compiled()
def _add_one(words: Array, j: int, number: int, sample: Any) -> None:
    square = uint32(sample * sample)
    low = uint32(words[0, j] + square)
    carry = uint32(1 << 24) if low < square else NONE
    words[0, j] = low
    words[1, j] = uint32(words[1, j] + uint32(sample + carry))
    words[2, j] = uint32(words[2, j] + uint32(number * sample))


@compiled()
def _walk(n: int) -> float:
    """Variance of `spread` times the slope when each read adds noise of variance 1 to all after it."""
    return n * (n * n - 1.0) * (n * n + 1.0) / 120.0


@compiled()
def _add_second(
    pixels: Array,
    begin: int,
    words: Array,
    state: Array,
    last: Array,
    stops: Array,
    hits: Array,
    entry: int,
    link: Array,
    place: Array,
    second: Array,
    number: int,
    full: int,
    limits: Array,
) -> None:
    """Add to the second sums of the pixels of a block that were hit before this read."""
    while entry >= 0:
        j = place[entry]
        if begin <= j < begin + len(pixels) and state[j] == AFTER_HIT:
            sample = int64(pixels[j - begin])
            n1 = int64(hits[j]) - 1
            n2 = number - n1
            total = spread(n1) + spread(n2)
            before_hit = moment(n1, int64(words[1, j] & LOW), int64(words[2, j]))
            slope = 0.5 * (before_hit + moment(n2, second[entry, 0], second[entry, 1])) / total
            jump = sample - int64(last[j]) - slope
            read = 2.0 + n2 / total
            photon = 1.0 + (_walk(n1) + _walk(n2)) / (total * total)
            limit = limits[READ_LIMIT] * read + limits[PHOTON_LIMIT] * photon * max(slope, 0.0)
            if sample >= full:
                state[j] = STOPPED
                stops[j] = uint8(number + 1)
            elif jump > limits[MINIMUM] and jump * jump > limit:
                state[j] = LOST
                stops[j] = uint8(number + 1)
            else:
                second[entry, 0] += sample
                second[entry, 1] += n2 * sample
                second[entry, 2] += sample * sample
        entry = link[entry]


@compiled()
def _begin_second(
    j: int,
    words: Array,
    hits: Array,
    second: Array,
    entry: int,
    number: int,
    sample: int,
    early: bool,
    last: int,
) -> None:
    """Freeze the first sums at the hit and begin the second ones with the samples after it."""
    second[entry, 0] = sample
    second[entry, 1] = 0
    second[entry, 2] = sample * sample
    hits[j] = uint8(number + 1)
    if early:
        # The jump lay between the first two reads: the second belongs to the second sums.
        first = uint32(words[1, j] & LOW) - uint32(last)
        words[0, j] = NONE
        words[1, j] = NONE
        words[2, j] = NONE
        _add_one(words, j, uint32(0), uint32(first))
        second[entry, 0] += last
        second[entry, 1] = sample
        second[entry, 2] += last * last
        hits[j] = uint8(number)


@compiled(
    int64(
        vector(uint16, read_only=True),
        int64,
        int64,
        uint32,
        vector(float32),
        types.Array(uint32, 3, "C"),
        types.Array(uint8, 2, "C"),
        types.Array(uint16, 2, "C"),
        types.Array(uint8, 2, "C"),
        types.Array(uint8, 2, "C"),
        vector(types.int32),
        vector(types.int32),
        vector(types.int32),
        types.Array(int64, 2, "C"),
        vector(int64),
    )
)
def add_pixels(
    pixels: Array,
    first: int,
    number: int,
    full: Any,
    limits: Array,
    words: Array,
    state: Array,
    last: Array,
    stops: Array,
    hits: Array,
    head: Array,
    link: Array,
    place: Array,
    second: Array,
    used: Array,
) -> int:
    """Add pixels of one read, as far as the list of hit pixels has room; return how many were added.

    Parameters
    ----------
    pixels
        shape (n,), counts
    first
        index of the first of them
    number
        of the read, from 0
    full
        counts from which a pixel is saturated
    limits
        of the cosmic ray test: `cosmic.limits`
    words
        the sums, shape (blocks, 3, BLOCK)
    state, last, stops, hits
        per pixel, shape (blocks, BLOCK): state, sample of the last read, arrays S and C
    head
        first list entry of each block, or -1
    link, place, second
        per list entry: next entry of the block, pixel in the block, second sums of V, iV and V^2
    used
        entries in use, shape (1,)
    """
    flags = np.empty(BLOCK, np.uint8)
    before = np.empty(BLOCK, np.uint16)
    done = 0
    while done < len(pixels) and len(place) - used[0] >= BLOCK:
        block = (first + done) // BLOCK
        begin = (first + done) % BLOCK
        count = min(BLOCK - begin, len(pixels) - done)
        end = begin + count
        part = pixels[done : done + count]
        if head[block] >= 0:
            _add_second(
                part,
                begin,
                words[block],
                state[block],
                last[block],
                stops[block],
                hits[block],
                head[block],
                link,
                place,
                second,
                number,
                full,
                limits,
            )
        if number == 2:
            before[:count] = last[block][begin:end]
            found = _add_third(
                part,
                words[block, :, begin:end],
                state[block][begin:end],
                last[block][begin:end],
                flags,
                full,
                limits,
            )
        else:
            found = _add_block(
                part,
                words[block, 0][begin:end],
                words[block, 1][begin:end],
                words[block, 2][begin:end],
                state[block][begin:end],
                last[block][begin:end],
                flags,
                uint32(number),
                full,
                limits,
            )
        if found:
            for k in range(count):
                if flags[k]:
                    j = begin + k
                    if part[k] >= full:
                        state[block, j] = STOPPED
                        stops[block, j] = uint8(number + 1)
                    else:
                        entry = used[0]
                        used[0] += 1
                        state[block, j] = AFTER_HIT
                        place[entry] = j
                        link[entry] = head[block]
                        head[block] = entry
                        _begin_second(
                            j,
                            words[block],
                            hits[block],
                            second,
                            entry,
                            number,
                            int64(part[k]),
                            flags[k] == 2,
                            int64(before[k]),
                        )
        done += count
    return done
