"""From the sums of the linear fit to slopes, their variances and intercepts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, int64, uint8, uint64
from numba.core import types
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.linear_sums import BAD, BLOCK, PLACE, SUMS, Sums, entry_before, moment, spread, unpacked
from nifsdc.readout.memory import CACHE_LINE

Array = NDArray[Any]


@compiled()
def _scaled_residual(n: int, sum_v: int, turn: int, sum_vv: int) -> Any:
    """Sum of squared distances from the line times n (n^2 - 1), exact; ``turn`` is `moment`.

    Each product wraps at 2^64, their difference fits: it is what the modulus leaves.
    """
    total, double = uint64(sum_v), uint64(turn)
    squares = uint64(n) * uint64(sum_vv) - total * total
    return uint64(n * n - 1) * squares - uint64(3) * double * double


@compiled()
def _residual(n: int, sum_v: int, sum_iv: int, sum_vv: int) -> float:
    """Sum of squared distances from the line, exact until its last division."""
    return float(_scaled_residual(n, sum_v, moment(n, sum_v, sum_iv), sum_vv)) / (n * (n * n - 1.0))


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
    middle = 0.5 * (n - 1)
    squares, values, products = words[0], words[1], words[2]
    for k in range(len(slope)):
        j = begin + k
        sum_v, sum_iv, sum_vv = unpacked(squares[j], values[j], products[j])
        turn = moment(n, sum_v, sum_iv)
        slope[k] = float32(turn * by_slope)
        variance[k] = float32(float(_scaled_residual(n, sum_v, turn, sum_vv)) * by_variance)
    if len(intercept):
        for k in range(len(slope)):
            j = begin + k
            sum_v, sum_iv, _ = unpacked(squares[j], values[j], products[j])
            intercept[k] = float32(sum_v / n - moment(n, sum_v, sum_iv) * by_slope * middle)


@compiled()
def _sums(words: Array, j: int) -> tuple[int, int, int]:
    """Sums of V, iV and V^2 of a pixel of a block."""
    return unpacked(words[0, j], words[1, j], words[2, j])


@compiled()
def _few(
    reads: int,
    begin: int,
    words: Array,
    stops: Array,
    hits: Array,
    slope: Array,
    variance: Array,
    level: Array,
) -> None:
    """Fit the pixels of a block that were not hit and that `_all_lines` does not serve.

    They are few: arrays are looked through by vectors.
    """
    for start in range(0, len(slope), CACHE_LINE):
        end = min(start + CACHE_LINE, len(slope))
        found = uint8(reads <= 2)
        for stop in stops[begin + start : begin + end]:
            found |= stop
        if found == 0:
            continue
        for k in range(start, end):
            j = begin + k
            stop = int64(stops[j])
            if (stop == 0 and reads > 2) or (hits[j] != 0 and stop != BAD):
                continue
            result = (np.nan, np.nan, np.nan)
            if stop != BAD:
                sum_v, sum_iv, sum_vv = _sums(words, j)
                result = _one_line(reads if stop == 0 else stop - 1, sum_v, sum_iv, sum_vv)
            slope[k] = float32(result[0])
            variance[k] = float32(result[1])
            if len(level):
                level[k] = float32(result[2])


@compiled()
def _hit(reads: int, begin: int, block: int, sums: Sums, slope: Array, variance: Array, level: Array) -> None:
    """Fit the pixels of a block that were hit."""
    words, stops, hits, second = sums.words[block], sums.stops[block], sums.hits[block], sums.second
    entry = int64(sums.head[block])
    while entry >= 0:
        own = second[entry]
        j = own[PLACE]
        if begin <= j < begin + len(slope):
            stop, n1 = int64(stops[j]), int64(hits[j]) - 1
            n = reads if stop == 0 else stop - 1
            sum_v, sum_iv, sum_vv = _sums(words, j)
            result = _two_lines(n1, sum_v, sum_iv, sum_vv, n - n1, own[0], own[1], own[2])
            slope[j - begin] = float32(result[0])
            variance[j - begin] = float32(result[1])
            if len(level):
                level[j - begin] = float32(result[2])
        entry = entry_before(entry, own)


@compiled(types.void(int64, int64, SUMS, vector(float32), vector(float32), vector(float32)))
def fit_pixels(first: int, reads: int, sums: Sums, slope: Array, variance: Array, intercept: Array) -> None:
    """Fit pixels from ``first`` on, after ``reads`` reads; NaN where there is too little to fit.

    The sums are left as they are. ``intercept`` may be empty; else all three have one element a pixel.
    """
    done = 0
    while done < len(slope):
        block = (first + done) // BLOCK
        begin = (first + done) % BLOCK
        count = min(BLOCK - begin, len(slope) - done)
        slopes, variances = slope[done : done + count], variance[done : done + count]
        levels = intercept[done : done + count]
        words = sums.words[block]
        if reads > 2:
            _all_lines(reads, words, begin, slopes, variances, levels)
        _few(reads, begin, words, sums.stops[block], sums.hits[block], slopes, variances, levels)
        _hit(reads, begin, block, sums, slopes, variances, levels)
        done += count
