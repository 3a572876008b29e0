"""From the sums of the linear fit to slopes, their variances and intercepts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int64, uint8, uint32, uint64
from numba.core import types
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.linear_sums import BAD, BLOCK, LOW, moment, spread

Array = NDArray[Any]


@compiled()
def _residual(n: int, sum_v: int, sum_iv: int, sum_vv: int) -> float:
    """Sum of squared distances from the line, exact until its last division.

    Each product wraps at 2^64, their difference fits: it is what the modulus leaves.
    """
    turn, count, total = uint64(moment(n, sum_v, sum_iv)), uint64(n), uint64(sum_v)
    scaled = uint64(n * n - 1) * (count * uint64(sum_vv) - total * total) - uint64(3) * turn * turn
    return float(scaled) / (n * (n * n - 1.0))


@compiled()
def _one_line(n: int, sum_v: int, sum_iv: int, sum_vv: int) -> tuple[float, float, float]:
    """Slope, its variance and the value at the first read, from one set of sums."""
    if n < 2:
        return np.nan, np.nan, float(sum_v) if n == 1 else np.nan
    total = spread(n)
    slope = 0.5 * moment(n, sum_v, sum_iv) / total
    variance = _residual(n, sum_v, sum_iv, sum_vv) / ((n - 2) * total) if n > 2 else np.nan
    return slope, variance, sum_v / n - slope * 0.5 * (n - 1)


@compiled()
def _two_lines(
    n1: int, v1: int, iv1: int, vv1: int, n2: int, v2: int, iv2: int, vv2: int
) -> tuple[float, float, float]:
    """As `_one_line` for two lines of one slope with a jump between: their slopes by their weights."""
    spread1, spread2 = spread(n1), spread(n2)
    total = spread1 + spread2
    if total == 0.0:
        return np.nan, np.nan, float(v1)
    moment1, moment2 = 0.5 * moment(n1, v1, iv1), 0.5 * moment(n2, v2, iv2)
    slope = (moment1 + moment2) / total
    residual = 0.0
    if n1 > 1:
        residual += _residual(n1, v1, iv1, vv1)
    if n2 > 1:
        residual += _residual(n2, v2, iv2, vv2)
    if n1 > 1 and n2 > 1:
        apart = moment1 / spread1 - moment2 / spread2
        residual += apart * apart * spread1 * spread2 / total
    free = n1 + n2 - 3
    variance = residual / (free * total) if free > 0 else np.nan
    return slope, variance, v1 / n1 - slope * 0.5 * (n1 - 1)


@compiled()
def _all_lines(n: int, words: Array, begin: int, slope: Array, variance: Array, intercept: Array) -> None:
    """Fit pixels that took part in all n reads, n > 2."""
    by_slope, by_variance = 0.5 / spread(n), 1.0 / (n * (n * n - 1.0) * (n - 2) * spread(n))
    middle, last = 0.5 * (n - 1), n - 1
    most, factor, three = uint64(n), uint64(n * n - 1), uint64(3)
    squares, values, products = words[0], words[1], words[2]
    for k in range(len(slope)):
        j = begin + k
        sum_v = int64(values[j] & LOW)
        sum_vv = int64(squares[j]) + (int64(values[j] >> uint32(24)) << 32)
        turn = 2 * int64(products[j]) - last * sum_v
        slope[k] = float32(turn * by_slope)
        total, double = uint64(sum_v), uint64(turn)
        scaled = factor * (most * uint64(sum_vv) - total * total) - three * double * double
        variance[k] = float32(float(scaled) * by_variance)
    if len(intercept):
        for k in range(len(slope)):
            j = begin + k
            sum_v = int64(values[j] & LOW)
            line = (2 * int64(products[j]) - last * sum_v) * by_slope
            intercept[k] = float32(sum_v / n - line * middle)


@compiled()
def _sums(words: Array, block: int, j: int) -> tuple[int, int, int]:
    """Sums of V, iV and V^2 of a pixel."""
    square = int64(words[block, 0, j]) + (int64(words[block, 1, j] >> uint32(24)) << 32)
    return int64(words[block, 1, j] & LOW), int64(words[block, 2, j]), square


@compiled(
    types.void(
        int64,
        int64,
        types.Array(uint32, 3, "C"),
        types.Array(uint8, 2, "C"),
        types.Array(uint8, 2, "C"),
        vector(types.int32),
        vector(types.int32),
        vector(types.int32),
        types.Array(int64, 2, "C"),
        vector(float32),
        vector(float32),
        vector(float32),
    )
)
def fit_pixels(
    first: int,
    reads: int,
    words: Array,
    stops: Array,
    hits: Array,
    head: Array,
    link: Array,
    place: Array,
    second: Array,
    slope: Array,
    variance: Array,
    intercept: Array,
) -> None:
    """Fit pixels from ``first`` on, after ``reads`` reads; NaN where there is too little to fit.

    The sums are left as they are. ``intercept`` may be empty; else all three have one element a pixel. For
    the others see `linear_loops.add_pixels`.
    """
    done = 0
    while done < len(slope):
        block = (first + done) // BLOCK
        begin = (first + done) % BLOCK
        count = min(BLOCK - begin, len(slope) - done)
        slopes, variances = slope[done : done + count], variance[done : done + count]
        levels = intercept[done : done + count]
        if reads > 2:
            _all_lines(reads, words[block], begin, slopes, variances, levels)
        for k in range(count):
            j = begin + k
            stop, hit = int64(stops[block, j]), int64(hits[block, j])
            if (stop == 0 and hit == 0 and reads > 2) or (hit != 0 and stop != BAD):
                continue
            n = reads if stop == 0 else stop - 1
            result = (np.nan, np.nan, np.nan)
            if stop != BAD:
                sum_v, sum_iv, sum_vv = _sums(words, block, j)
                result = _one_line(n, sum_v, sum_iv, sum_vv)
            slopes[k] = float32(result[0])
            variances[k] = float32(result[1])
            if len(levels):
                levels[k] = float32(result[2])
        entry = head[block]
        while entry >= 0:
            j = int64(place[entry])
            if begin <= j < begin + count:
                stop, n1 = int64(stops[block, j]), int64(hits[block, j]) - 1
                n = reads if stop == 0 else stop - 1
                sum_v, sum_iv, sum_vv = _sums(words, block, j)
                other_v, other_iv, other_vv = second[entry, 0], second[entry, 1], second[entry, 2]
                result = _two_lines(n1, sum_v, sum_iv, sum_vv, n - n1, other_v, other_iv, other_vv)
                slopes[j - begin] = float32(result[0])
                variances[j - begin] = float32(result[1])
                if len(levels):
                    levels[j - begin] = float32(result[2])
            entry = link[entry]
        done += count
