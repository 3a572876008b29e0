"""The image of the sky behind an image slicer, for displays (SDN 11.03 section 4.6.4)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from nifsdc.camera.accumulator import Image
from nifsdc.readout.ifu import Card, Ifu, IfuError

COMPRESSED = "compressed"
"""name of the image among those of a frame"""
MIRROR = "MIRROR"
"""in the place of a grating: nothing is dispersed"""


@dataclass(frozen=True)
class Compression:
    """What is made of the slitlets' light."""

    disperser: str
    """a grating of the geometry, or MIRROR"""
    interval: tuple[float, float] | None = None
    """wavelengths, micrometres; None for the grating's range"""


class SlicerError(ValueError):
    """A geometry that cannot be used; the text names its file and says what is wrong with it."""


class Slicer:
    """Puts the slitlets of an integral field unit side by side.

    Parameters
    ----------
    ifu
        where the light of each falls on the detector
    """

    def __init__(self, ifu: Ifu) -> None:
        self._ifu = ifu

    @classmethod
    def load(cls, path: Path) -> Slicer:
        """Read a geometry, ``db/ifu.yaml`` for one.

        Raises
        ------
        SlicerError
            when the file cannot be read, or an entry is missing or wrong
        """
        try:
            return cls(Ifu.from_mapping(yaml.safe_load(path.read_text(encoding="utf-8"))))
        except (OSError, yaml.YAMLError) as error:
            raise SlicerError(f"{path}: cannot be read: {error}") from error
        except IfuError as error:
            raise SlicerError(f"{path}: {error}") from error

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the detector that it is for."""
        return self._ifu.shape

    def can(self, wanted: Compression) -> bool:
        """Whether the grating is known, and the interval has light on the detector."""
        try:
            self._ifu.planes(wanted.disperser, wanted.interval)
        except IfuError:
            return False
        return True

    def cube(
        self, pixels: NDArray[Any], grating: str, interval: tuple[float, float] | None = None
    ) -> tuple[NDArray[np.float32], tuple[Card, ...]]:
        """Put every slitlet's spectrum on one wavelength axis.

        Parameters
        ----------
        pixels
            image of the detector, shape (rows, columns)
        grating, interval
            as in `Compression`

        Returns
        -------
        the cube, shape (wavelengths, along, slitlets), NaN where the detector ends, and its world coordinates

        Raises
        ------
        IfuError
            when the image is of another detector, the grating unknown, or the interval without light
        """
        image = np.ascontiguousarray(pixels, np.float32)
        return self._ifu.cube(image, grating, interval), self._ifu.cards(grating, interval)

    def image(self, pixels: NDArray[Any], wanted: Compression) -> Image:
        """Return the sky: the staircase collapsed, or the dispersed light summed over wavelengths.

        Parameters
        ----------
        pixels
            image of the detector, shape (rows, columns)
        wanted
            what `can` takes

        Returns
        -------
        display pixels of a square of sky, 140 rows of 145 for NIFS

        Raises
        ------
        IfuError
            when it cannot be made
        """
        image = np.ascontiguousarray(pixels, np.float32)
        if wanted.disperser == MIRROR:
            spaxels = self._ifu.acquisition(image)
        else:
            spaxels = self._ifu.compressed(image, wanted.disperser, wanted.interval)
        return Image(COMPRESSED, self._ifu.display_image(spaxels))
