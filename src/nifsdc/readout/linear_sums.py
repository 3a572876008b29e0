"""How the sums of the linear fit are laid out, and what follows from a pixel's sums.

For at most 254 reads of 16 bits, with i counted from 0: sum V < 2^24, sum iV < 2^31, sum V^2 < 2^40. These
are 95 bits, kept in three words of 32: ``[low word of sum V^2, high byte of sum V^2 and sum V, sum iV]``. The
words of a block of pixels lie side by side, so that one pass reads and writes them in order. Integers are
exact: nothing overflows, nothing is rounded before the fit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba import int64, uint32
from numpy.typing import NDArray

from nifsdc.readout.compiled import compiled
from nifsdc.readout.memory import from_cache_line

Array = NDArray[Any]

BLOCK = 1024
"""pixels whose sums lie together"""
ACTIVE, AFTER_HIT, STOPPED, LOST = 0, 1, 2, 3
"""state of a pixel: in its first sums, in its second sums; no longer accumulating, because it is saturated or
bad, or because it was hit again"""
BAD = 255
"""in the array S: a bad pixel"""
LOW = np.uint32(0xFFFFFF)
LAST, FIRST_MOMENT, FIRST_READS, PLACE, BEFORE = 3, 4, 5, 6, 7
"""where an entry of the list of hit pixels has, after the second sums of V, iV and V^2: the pixel's last
sample; `moment` and reads of its first sums, 0 reads once it has ended; its place in the block; in
the first entry of a group, the block's entry before it or -1"""
ENTRY = 8
"""numbers in an entry, which are a cache line"""
GROUP = 8
"""entries side by side that are one block's: memory can be asked for the next before the last has come"""


class Sums(NamedTuple):
    """What is kept of a run of whole blocks of pixels."""

    words: NDArray[np.uint32]
    """the sums, shape (blocks, 3, BLOCK)"""
    state: NDArray[np.uint8]
    """state of each pixel, shape (blocks, BLOCK) as the next three"""
    last: NDArray[np.uint16]
    """sample of the last read"""
    stops: NDArray[np.uint8]
    """the array S"""
    hits: NDArray[np.uint8]
    """the array C"""
    head: NDArray[np.int32]
    """latest entry of each block in the list of hit pixels, or -1"""
    second: NDArray[np.int64]
    """the list, shape (entries, ENTRY)"""
    used: NDArray[np.int64]
    """entries in use, those of groups begun included, shape (1,)"""


def empty_sums(blocks: int, entries: int) -> Sums:
    """Return sums with room for so many hit pixels; their content but for the list is yet to be set."""
    return Sums(
        words=from_cache_line((blocks, 3, BLOCK), np.uint32),
        state=from_cache_line((blocks, BLOCK), np.uint8),
        last=from_cache_line((blocks, BLOCK), np.uint16),
        stops=from_cache_line((blocks, BLOCK), np.uint8),
        hits=from_cache_line((blocks, BLOCK), np.uint8),
        head=np.full(blocks, -1, np.int32),
        second=from_cache_line((entries, ENTRY), np.int64),
        used=np.zeros(1, np.int64),
    )


SUMS = numba.typeof(empty_sums(1, 1))
"""the type of `Sums` for numba"""


@compiled()
def spread(n: int) -> float:
    """Sum of squared distances of n equidistant reads from their mean."""
    return n * (n * n - 1.0) / 12.0


@compiled()
def moment(n: int, sum_v: int, sum_iv: int) -> int:
    """Twice the sum of (i - mean i) V: the slope times `spread` times 2."""
    return 2 * sum_iv - (n - 1) * sum_v


@compiled()
def unpacked(squares: Any, values: Any, products: Any) -> tuple[int, int, int]:
    """Sums of V, iV and V^2 from a pixel's three words."""
    return int64(values & LOW), int64(products), int64(squares) + (int64(values >> uint32(24)) << 32)


@compiled()
def added(squares: Any, values: Any, products: Any, number: Any, sample: Any) -> tuple[Any, Any, Any]:
    """Return a pixel's three words with one sample more; ``number`` and ``sample`` are uint32."""
    square = uint32(sample * sample)
    low = uint32(squares + square)
    carry = uint32(1 << 24) if low < square else uint32(0)
    return low, uint32(values + uint32(sample + carry)), uint32(products + uint32(number * sample))


@compiled()
def entry_before(entry: int, own: Any) -> int:
    """Return the number of the block's entry before this one, or -1."""
    return entry - 1 if entry % GROUP else own[BEFORE]
