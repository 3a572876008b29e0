"""The outputs of a CCD: from charge to numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.ccd_charge import Charge
from nifsdc_sim.ccd_geometry import CcdGeometry
from nifsdc_sim.ccd_model import BIAS_STEP_PIXELS, CcdModel, Stage
from nifsdc_sim.detector import TOP_ADU


class Outputs:
    """Amplifiers, their bias and its structure.

    The level without signal depends on the channel, on the pixel's place in its row and on the row's number,
    counted by clock pulses since the last parallel operation and since the readout began: a window has the
    bias of its part of a full frame.
    """

    def __init__(self, seed: int, model: CcdModel, geometry: CcdGeometry) -> None:
        random = np.random.Generator(np.random.PCG64((seed, 13)))
        channels = len(geometry.channels)
        pixel = np.arange(geometry.frame_shape[1])
        scatter = random.standard_normal((len(pixel), channels)) * model.bias_columns
        step = model.bias_step * np.exp(-pixel / BIAS_STEP_PIXELS)
        level = np.array([model.bias[channel % len(model.bias)] for channel in range(channels)])
        self._bias = (level + scatter + step[:, np.newaxis]).astype(np.float32)
        self._model = model
        self._rows = geometry.channel_rows

    def drift(self, random: np.random.Generator) -> NDArray[np.float32]:
        """Return what the levels are off by in a readout, ADU, shape (channels,)."""
        drift: NDArray[np.float32] = random.standard_normal(self._bias.shape[1:], dtype=np.float32)
        drift *= np.float32(self._model.bias_drift)
        return drift

    def level(self, pixels: NDArray[np.intp], row: int) -> NDArray[np.float32]:
        """Return the level without signal of some pixels of a row, ADU, shape (pixels, channels)."""
        level: NDArray[np.float32] = self._bias[np.minimum(pixels, len(self._bias) - 1)]
        gradient = np.float32(self._model.bias_gradient * min(1.0, row / self._rows))
        return np.add(level, gradient, out=level)

    def digitise(
        self, random: np.random.Generator, charge: Charge, level: NDArray[np.float32], stage: Stage
    ) -> NDArray[np.uint16]:
        """Return numbers in the order of the fibre for charge of shape (pixels, channels)."""
        adu = charge * np.float32(1.0 / stage.gain)
        adu += level
        if stage.read_noise and self._model.read_noise:
            noise = random.standard_normal(charge.shape, dtype=np.float32)
            noise *= np.float32(stage.read_noise / stage.gain)
            adu += noise
        np.rint(adu, out=adu)
        np.clip(adu, 0, TOP_ADU, out=adu)
        return adu.astype(np.uint16).ravel()
