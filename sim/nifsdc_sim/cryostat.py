"""The cryostat: temperatures that follow the demand, pressure and flow."""

from __future__ import annotations

import math

import numpy as np

TIME_CONSTANT_S = 120.0
START_MK = 77_000.0
SCATTER_MK = 0.5
POINT2_OFFSET_MK, POINT3_OFFSET_MK = -5_000, 12_000
"""the other monitoring points: nearer to the cold head, and at the filter wheel"""
PRESSURE_ADU, FLOW_ADU = 812, 455


class Cryostat:
    """Its detector follows the demanded temperature with a time constant, unless it runs away."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.Generator(np.random.PCG64((seed, 5)))
        self._temperature = START_MK
        self._moment = 0.0
        self._rate = 0.0

    def run_away(self, rate: float) -> None:
        """From now on warm up by so many millikelvin a second; 0 brings the control back."""
        self._rate = rate

    def temperature_mk(self, seconds: float, demanded_mk: int | None) -> int:
        """Return the detector's temperature at a time, for a demand (None: nothing controls it)."""
        passed, self._moment = max(0.0, seconds - self._moment), max(seconds, self._moment)
        if self._rate != 0.0:
            self._temperature += self._rate * passed
        elif demanded_mk is not None:
            left = math.exp(-passed / TIME_CONSTANT_S)
            self._temperature = demanded_mk + (self._temperature - demanded_mk) * left
        return max(0, round(self._temperature + self._random.normal(0.0, SCATTER_MK)))
