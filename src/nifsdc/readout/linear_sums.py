"""How the sums of the linear fit are laid out, and what follows from a pixel's sums.

For at most 254 reads of 16 bits, with i counted from 0: sum V < 2^24, sum iV < 2^31, sum V^2 < 2^40. These
are 95 bits, kept in three words of 32: ``[low word of sum V^2, high byte of sum V^2 and sum V, sum iV]``. The
words of a block of pixels lie side by side, so that one pass reads and writes them in order. Integers are
exact: nothing overflows, nothing is rounded before the fit.
"""

from __future__ import annotations

import numpy as np

from nifsdc.readout.compiled import compiled

BLOCK = 1024
"""pixels whose sums lie together"""
ACTIVE, AFTER_HIT, STOPPED, LOST = 0, 1, 2, 3
"""state of a pixel: in its first sums, in its second sums; no longer accumulating, because it is saturated or
bad, or because it was hit again"""
BAD = 255
"""in the array S: a bad pixel"""
LOW = np.uint32(0xFFFFFF)


@compiled()
def spread(n: int) -> float:
    """Sum of squared distances of n equidistant reads from their mean."""
    return n * (n * n - 1.0) / 12.0


@compiled()
def moment(n: int, sum_v: int, sum_iv: int) -> int:
    """Twice the sum of (i - mean i) V: the slope times `spread` times 2."""
    return 2 * sum_iv - (n - 1) * sum_v
