"""Sky subtraction for the quick look: one frame for idle mode, one for run mode (SDN 11.03 section 4.6.3)."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray


class Mode(Enum):
    """In which mode a frame was taken."""

    IDLE = "idle"
    """for display while nothing is observed (view)"""
    RUN = "run"
    """an observation"""


class SkyFrames:
    """The sky frames that are loaded, one a mode; a rate, so that frames of any exposure time fit.

    Parameters
    ----------
    shape
        of an image, (rows, columns)
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._rates: dict[Mode, NDArray[np.float32]] = {}

    def load(self, mode: Mode, image: NDArray[np.float32], exposure: float) -> None:
        """Take an image as the sky of a mode.

        Parameters
        ----------
        mode
            whose sky it is; the other mode's stays
        image
            shape (rows, columns), counts
        exposure
            seconds it was exposed

        Raises
        ------
        ValueError
            when shape or exposure cannot be
        """
        if image.shape != self.shape:
            raise ValueError(f"a sky frame of {image.shape} pixels; expected {self.shape}")
        if not exposure > 0.0:
            raise ValueError(f"a sky frame exposed {exposure} s; expected more than 0")
        self._rates[mode] = (image / np.float32(exposure)).astype(np.float32)

    def forget(self, mode: Mode) -> None:
        """Subtract nothing in this mode from now on."""
        self._rates.pop(mode, None)

    def loaded(self, mode: Mode) -> bool:
        """Whether there is a sky for this mode."""
        return mode in self._rates

    def subtract(self, mode: Mode, image: NDArray[np.float32], exposure: float) -> NDArray[np.float32]:
        """Return an image (rows, columns) less the mode's sky over this exposure in seconds.

        The image is not changed, for the raw data go elsewhere; without a sky it is returned as it is.
        """
        rate = self._rates.get(mode)
        return image if rate is None else image - rate * np.float32(exposure)
