"""The sum of a series of exposures (SDN 11.03 section 4.6.5: the cumulative sum of short exposures)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class CoaddSum:
    """Adds exposures pixel by pixel, in whatever order the pixels are.

    Sums are kept in 64-bit floats and rounded once, so that a pixel keeps what its last bits held whatever
    the number of coadds. A pixel saturated in any of them is marked in the sum, and its quality is kept; one
    without a value (NaN) in any of them has none in the sum.

    Parameters
    ----------
    pixels
        pixels of one exposure
    """

    def __init__(self, pixels: int) -> None:
        self._sum = np.zeros(pixels, np.float64)
        self._saturated = np.zeros(pixels, np.bool_)
        self._variance = np.zeros(pixels, np.float64)
        self._quality = np.zeros(pixels, np.uint8)
        self.count = 0
        """exposures added"""

    def add(
        self,
        exposure: NDArray[Any],
        saturated: NDArray[np.bool_] | None = None,
        *,
        variance: NDArray[np.float32] | None = None,
        quality: NDArray[np.uint8] | None = None,
    ) -> None:
        """Add one exposure.

        Parameters
        ----------
        exposure
            shape (pixels,), counts
        saturated, variance, quality
            of its pixels as far as they are known, shape (pixels,): mask, counts squared, `Quality` bits
        """
        np.add(self._sum, exposure, out=self._sum)
        if variance is not None:
            np.add(self._variance, variance, out=self._variance)
        if quality is not None:
            np.bitwise_or(self._quality, quality, out=self._quality)
        if saturated is not None:
            np.logical_or(self._saturated, saturated, out=self._saturated)
        self.count += 1

    @property
    def saturated(self) -> NDArray[np.bool_]:
        """Pixels that saturated in any of the exposures; shape (pixels,)."""
        return self._saturated

    def total(self) -> NDArray[np.float32]:
        """Return the sum; shape (pixels,), counts."""
        return self._sum.astype(np.float32)

    def variance(self) -> NDArray[np.float32]:
        """Return the variance of the sum, that of independent exposures; shape (pixels,), counts squared."""
        return self._variance.astype(np.float32)

    @property
    def quality(self) -> NDArray[np.uint8]:
        """What was said of a pixel in any of the exposures: `Quality` bits; shape (pixels,)."""
        return self._quality
