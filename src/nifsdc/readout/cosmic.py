"""When a jump between two reads is a cosmic ray: limits by the number of reads before it.

The change of a fitted slope that SDN 11.03 section 4.6.1.2 watches is, but for a factor that depends on the
number of reads alone, the distance of the new sample from where the line through the earlier ones ends. Two
forecasts of a sample are at hand: the line's end, which is better where the noise of reading decides, and the
last sample plus one slope, better where the photons' noise decides, because it holds what the earlier photons
already did. Each pixel is tested by the forecast with the smaller variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

FIRST_TESTED = 2
"""reads a pixel needs before the next can be tested: two samples make a line"""


@dataclass(frozen=True)
class CosmicRayTest:
    """Limits of the test.

    Raises
    ------
    ValueError
        for a threshold, noise or gain that is not positive, or a negative minimum
    """

    threshold: float = 5.0
    """standard errors of the forecast from which a jump is a hit (parameter ``cosmThrsh``)"""
    minimum: float = 0.0
    """counts below which no jump is a hit, whatever the noise (parameter ``cosmMin``)"""
    read_noise: float = 5.4
    """noise of one read, counts; 15.2 electrons at 2.8 electrons a count as NIFS flew"""
    gain: float = 2.8
    """electrons a count"""

    def __post_init__(self) -> None:
        for name in ("threshold", "read_noise", "gain"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"cosmic ray {name} is {getattr(self, name)}; expected more than 0")
        if not self.minimum >= 0.0:
            raise ValueError(f"cosmic ray minimum is {self.minimum}; expected 0 or more counts")


def forecast_factors(reads: int) -> tuple[float, float, float, float]:
    """Return how the noise of the forecasts' errors follows from that of a read and that of the photons.

    Parameters
    ----------
    reads
        samples n before the one forecast, 2 or more

    Returns
    -------
    variance of (sample - end of the line) in units of the read noise squared and of the photons' variance
    per read, then both of (sample - last sample - slope)
    """
    n = reads
    spread = n * (n * n - 1) / 12
    position = np.arange(n)
    weights = 1 / n + (position - (n - 1) / 2) * (n + 1) / 2 / spread
    # Photons that come between two reads are in every later sample: weight of each step in the error.
    steps = 1 - np.append(np.cumsum(weights[::-1])[::-1][1:], 0.0)
    line_read = 1 + (4 * n + 2) / (n * (n - 1))
    line_photon = float(np.sum(steps**2))
    pair_read = 2 + n / spread
    pair_photon = 1 + 6 * (n * n + 1) / (5 * n * (n * n - 1))
    return line_read, line_photon, pair_read, pair_photon


@cache
def limits(test: CosmicRayTest | None, reads: int) -> NDArray[np.float32]:
    """Return what the loop needs to test the sample that follows ``reads`` others; shape (11,).

    The forecast's coefficients of the sums of i V and V, those of the slope, then the squared limit of either
    test at slope 0 and its growth with the slope, the minimum, and the squared limits of a single read's and
    of a step's noise. Without a test, or before it can be made, no sample can exceed the limits.
    """
    values = np.zeros(11, np.float32)
    if test is None or reads < FIRST_TESTED:
        values[[4, 6, 8, 9]] = np.inf
        return values
    n = reads
    read = (test.threshold * test.read_noise) ** 2
    photon = test.threshold**2 / test.gain
    line_read, line_photon, pair_read, pair_photon = forecast_factors(n)
    values[:4] = (6 / (n * (n - 1)), 2 / n, 12 / (n * (n * n - 1)), 6 / (n * (n + 1)))
    values[4:] = (
        read * line_read,
        photon * line_photon,
        read * pair_read,
        photon * pair_photon,
        test.minimum,
        read,
        photon,
    )
    return values
