"""Linearity of the detector, pixel by pixel (SDN 11.03 section 4.6.2), and where the correction ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WARN_FROM = 0.8
"""part of the limit from which an observer is warned: NIFS users are told to stay below 80 % of it"""


@dataclass(frozen=True)
class Linearity:
    """Calibrated correction: true counts = c0 V + c1 V^2 + c2 V^3 ... of the measured counts V above bias.

    Raises
    ------
    ValueError
        when the coefficients and the limit are not of the same pixels
    """

    coefficients: NDArray[np.float32]
    """shape (order, pixels...), or (order,) for one correction for all pixels"""
    limit: NDArray[np.float32]
    """counts V up to which the calibration holds, shape (pixels...) or ()"""

    def __post_init__(self) -> None:
        if self.coefficients.ndim == 0 or len(self.coefficients) == 0:
            raise ValueError("a linearity correction needs at least one coefficient: the factor of V")
        if self.coefficients.shape[1:] not in ((), self.limit.shape):
            raise ValueError(
                f"linearity coefficients {self.coefficients.shape} and limits {self.limit.shape}; "
                "expected one of each coefficient, and one limit, a pixel"
            )

    def correct(self, counts: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the corrected counts, and which pixels are beyond the limit; counts stay as they are.

        Parameters
        ----------
        counts
            shape (pixels...), measured counts above bias; NaN stays NaN and is not beyond the limit
        """
        corrected = np.zeros_like(counts)
        for coefficient in self.coefficients[::-1]:
            corrected = (corrected + coefficient) * counts
        return corrected.astype(np.float32), np.asarray(counts > self.limit)

    def slope(self, counts: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return by how much the corrected counts rise for one count more; shape of ``counts``."""
        slope = np.zeros_like(counts)
        for power in range(len(self.coefficients), 0, -1):
            slope = slope * counts + np.float32(power) * self.coefficients[power - 1]
        return slope

    def near_limit(self, counts: NDArray[np.float32], part: float = WARN_FROM) -> int:
        """Return how many pixels are beyond this part of the limit, for a warning before it is reached."""
        return int(np.count_nonzero(counts > np.float32(part) * self.limit))
