"""Adding the pixels of a read to the sums of the linear fit: the loop that has to keep up with the reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int64, uint8, uint16, uint32
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.linear_sums import (
    ACTIVE,
    AFTER_HIT,
    BEFORE,
    BLOCK,
    ENTRY,
    FIRST_MOMENT,
    FIRST_READS,
    GROUP,
    LAST,
    LOST,
    LOW,
    PLACE,
    STOPPED,
    SUMS,
    Sums,
    added,
    entry_before,
    moment,
    spread,
)
from nifsdc.readout.linear_vectors import LANES, add_vectors
from nifsdc.readout.prefetch import prefetch

Array = NDArray[Any]

ENTRY_BYTES = 8 * ENTRY

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
def _add_most(
    pixels: Array,
    words: Array,
    begin: int,
    state: Array,
    last: Array,
    flags: Array,
    number: int,
    full: int,
    limits: Array,
) -> Any:
    """As `_add_block`, by vectors as far as they go."""
    end = begin + len(pixels)
    squares, values, products = words[0, begin:end], words[1, begin:end], words[2, begin:end]
    vectors = len(pixels) // LANES
    found = add_vectors(
        pixels.ctypes.data,
        squares.ctypes.data,
        values.ctypes.data,
        products.ctypes.data,
        state.ctypes.data,
        last.ctypes.data,
        flags.ctypes.data,
        vectors,
        number,
        int64(full),
        limits.ctypes.data,
    )
    k = vectors * LANES
    if k < len(pixels):
        found |= _add_block(
            pixels[k:],
            squares[k:],
            values[k:],
            products[k:],
            state[k:],
            last[k:],
            flags[k:],
            uint32(number),
            full,
            limits,
        )
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
    words[0, j], words[1, j], words[2, j] = added(words[0, j], words[1, j], words[2, j], number, sample)


@compiled()
def _walk(n: int) -> float:
    """Variance of `spread` times the slope when each read adds noise of variance 1 to all after it."""
    return n * (n * n - 1.0) * (n * n + 1.0) / 120.0


@compiled()
def second_factors(number: int) -> Array:
    """Return what the test of a pixel in its second sums needs, by the reads before its hit; shape (n, 3).

    ``number`` is of the read tested. Each row: 1 / `spread` of both sums together, then the variance of the
    jump (sample - last sample - slope) in units of the read noise squared and of the photons' variance.
    """
    factors = np.empty((number + 1, 3))
    for n1 in range(1, number):
        n2 = number - n1
        total = spread(n1) + spread(n2)
        inverse = 1.0 / total if total > 0.0 else np.inf
        factors[n1, 0] = inverse
        factors[n1, 1] = 2.0 + n2 * inverse
        factors[n1, 2] = 1.0 + (_walk(n1) + _walk(n2)) * inverse * inverse
    return factors


@compiled()
def _add_second(
    pixels: Array,
    begin: int,
    block: int,
    sums: Sums,
    factors: Array,
    number: int,
    full: int,
    limits: Array,
) -> None:
    """Add to the second sums of the pixels of a block that were hit before this read."""
    state, stops, second = sums.state[block], sums.stops[block], sums.second
    entry = int64(sums.head[block])
    while entry >= 0:
        own = second[entry]
        k = own[PLACE] - begin
        if 0 <= k < len(pixels) and own[FIRST_READS] > 0:
            sample, n1 = int64(pixels[k]), own[FIRST_READS]
            n2 = number - n1
            slope = 0.5 * (own[FIRST_MOMENT] + moment(n2, own[0], own[1])) * factors[n1, 0]
            jump = sample - own[LAST] - slope
            noise = limits[READ_LIMIT] * factors[n1, 1]
            limit = noise + limits[PHOTON_LIMIT] * factors[n1, 2] * max(slope, 0.0)
            lost = (jump > limits[MINIMUM]) & (jump * jump > limit)
            if (sample >= full) | lost:
                state[begin + k] = STOPPED if sample >= full else LOST
                stops[begin + k] = uint8(number + 1)
                own[FIRST_READS] = 0
            else:
                own[0] += sample
                own[1] += n2 * sample
                own[2] += sample * sample
                own[LAST] = sample
        entry = entry_before(entry, own)


@compiled()
def _begin_second(
    j: int, words: Array, hits: Array, own: Array, number: int, sample: int, early: bool, last: int
) -> None:
    """Freeze the first sums at the hit and begin the second ones with the samples after it."""
    own[0] = sample
    own[1] = 0
    own[2] = sample * sample
    n1 = number
    if early:
        # The jump lay between the first two reads: the second belongs to the second sums.
        first = uint32(words[1, j] & LOW) - uint32(last)
        words[0, j] = NONE
        words[1, j] = NONE
        words[2, j] = NONE
        _add_one(words, j, uint32(0), uint32(first))
        own[0] += last
        own[1] = sample
        own[2] += last * last
        n1 = number - 1
    hits[j] = uint8(n1 + 1)
    own[LAST] = sample
    own[FIRST_MOMENT] = moment(n1, int64(words[1, j] & LOW), int64(words[2, j]))
    own[FIRST_READS] = n1


@compiled()
def _new_entry(block: int, sums: Sums) -> Any:
    """Take the next entry for a pixel of a block, from the block's group or a new one."""
    before = int64(sums.head[block])
    entry = before + 1
    if entry % GROUP == 0:
        entry = sums.used[0]
        sums.used[0] += GROUP
        sums.second[entry, BEFORE] = before
    sums.head[block] = entry
    return sums.second[entry]


@compiled()
def _flagged(
    pixels: Array, begin: int, block: int, number: int, full: int, flags: Array, before: Array, sums: Sums
) -> None:
    """Stop the pixels of a block that saturated, and begin the second sums of those that were hit.

    They are few: flags are looked at eight at a time.
    """
    eights = flags.view(np.uint64)
    for eight in range((len(pixels) + 7) // 8):
        if eights[eight] == 0:
            continue
        for k in range(eight * 8, min(eight * 8 + 8, len(pixels))):
            if flags[k] == 0:
                continue
            j = begin + k
            if pixels[k] >= full:
                sums.state[block, j] = STOPPED
                sums.stops[block, j] = uint8(number + 1)
                continue
            sums.state[block, j] = AFTER_HIT
            own = _new_entry(block, sums)
            own[PLACE] = j
            words, early = sums.words[block], flags[k] == 2
            _begin_second(j, words, sums.hits[block], own, number, int64(pixels[k]), early, int64(before[k]))


@compiled()
def _ask_for(entry: int, sums: Sums) -> None:
    """Ask for an entry of the list of hit pixels, and those of its group before it."""
    address = sums.second.ctypes.data
    for other in range(entry - entry % GROUP, entry + 1):
        prefetch(address + other * ENTRY_BYTES)


@compiled()
def _ask_for_second(block: int, sums: Sums) -> None:
    """Ask for the latest group of the next block's hit pixels, and for this block's second latest.

    They lie anywhere in far memory; by the time they are needed they have come.
    """
    entry = int64(sums.head[block])
    if entry >= GROUP:
        before = sums.second[entry - entry % GROUP, BEFORE]
        if before >= 0:
            _ask_for(before, sums)
    if block + 1 < len(sums.head) and sums.head[block + 1] >= 0:
        _ask_for(int64(sums.head[block + 1]), sums)


@compiled(int64(vector(uint16, read_only=True), int64, int64, uint32, vector(float32), SUMS))
def add_pixels(pixels: Array, first: int, number: int, full: Any, limits: Array, sums: Sums) -> int:
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
    sums
        what is added to
    """
    flags = np.empty(BLOCK, np.uint8)
    before = np.empty(BLOCK, np.uint16)
    factors = second_factors(number)
    done = 0
    while done < len(pixels) and len(sums.second) - sums.used[0] >= BLOCK + GROUP:
        block = (first + done) // BLOCK
        begin = (first + done) % BLOCK
        end = min(BLOCK, begin + len(pixels) - done)
        part = pixels[done : done + end - begin]
        _ask_for_second(block, sums)
        words, own, last = sums.words[block], sums.state[block, begin:end], sums.last[block, begin:end]
        if number == 2:
            before[: end - begin] = last
            found = _add_third(part, words[:, begin:end], own, last, flags, full, limits)
        else:
            found = _add_most(part, words, begin, own, last, flags, number, full, limits)
        # Now that the samples are in the nearest cache.
        _add_second(part, begin, block, sums, factors, number, full, limits)
        if found:
            _flagged(part, begin, block, number, full, flags, before, sums)
        done += end - begin
    return done
