"""What is known of a detector before it is read: its bad pixels, its linearity; the files that say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from nifsdc.readout.linearity import Linearity

COEFFICIENTS = "COEFF"
"""extension of a linearity file: coefficients of V, V^2 ..., shape (order, rows, columns) or (order,)"""
LIMIT = "LIMIT"
"""extension of a linearity file: counts above bias up to which it holds, shape (rows, columns) or (1,)"""


class CalibrationError(ValueError):
    """A calibration file that cannot be used; the text names it and says what is wrong with it."""


@dataclass(frozen=True)
class Calibration:
    """What is known of a detector beforehand, in the order of the image."""

    bad: NDArray[np.bool_] | None = None
    """bad pixels, shape (rows, columns)"""
    linearity: Linearity | None = None

    @property
    def bad_pixels(self) -> int:
        """How many pixels are known to be bad."""
        return 0 if self.bad is None else int(np.count_nonzero(self.bad))


@dataclass(frozen=True)
class CalibrationFiles:
    """Where it is written; None where nothing is."""

    bad_pixels: Path | None = None
    """FITS file with one image, not 0 where a pixel is bad (SDN 11.03 section 4.6.1.3)"""
    linearity: Path | None = None
    """FITS file with the extensions COEFF and LIMIT (SDN 11.03 section 4.6.2)"""

    def load(self, shape: tuple[int, int]) -> Calibration:
        """Read the files.

        Parameters
        ----------
        shape
            of the detector, (rows, columns)

        Raises
        ------
        CalibrationError
            when a file cannot be read or is not of this detector
        """
        return Calibration(
            bad=None if self.bad_pixels is None else _bad_pixels(self.bad_pixels, shape),
            linearity=None if self.linearity is None else _linearity(self.linearity, shape),
        )


def _bad_pixels(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    with _reading(path) as hdus:
        for hdu in hdus:
            if isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU) and hdu.data is not None:
                return np.asarray(_expected(path, "bad pixels", hdu.data, shape) != 0)
    raise CalibrationError(f"{path.name}: no image; expected one, not 0 where a pixel is bad")


def _linearity(path: Path, shape: tuple[int, int]) -> Linearity:
    with _reading(path) as hdus:
        missing = [name for name in (COEFFICIENTS, LIMIT) if name not in hdus or hdus[name].data is None]
        if missing:
            raise CalibrationError(f"{path.name}: no extension {', '.join(missing)}")
        coefficients = np.asarray(hdus[COEFFICIENTS].data, np.float32)
        if coefficients.ndim != 1:
            _expected(path, COEFFICIENTS, coefficients, (len(coefficients), *shape))
        limit = np.asarray(hdus[LIMIT].data, np.float32)
        if limit.size == 1:
            limit = limit.reshape(())
        else:
            _expected(path, LIMIT, limit, shape)
        if limit.ndim == 0 and coefficients.ndim != 1:
            limit = np.broadcast_to(limit, shape)
    if not np.isfinite(coefficients).all() or not np.isfinite(limit).all():
        raise CalibrationError(f"{path.name}: coefficients and limits must be finite: mark bad pixels bad")
    return Linearity(coefficients, limit)


@contextmanager
def _reading(path: Path) -> Iterator[fits.HDUList]:
    """Open a file and have whatever is wrong with it said of it, data that are read later included."""
    try:
        # A copy: the file may be replaced while the image is in use.
        with path.open("rb") as file, fits.open(file, memmap=False) as hdus:
            yield hdus
    except CalibrationError:
        raise
    except (OSError, ValueError, TypeError, KeyError, fits.VerifyError) as error:
        raise CalibrationError(f"{path.name}: cannot be read as FITS: {error}") from error


def _expected(path: Path, what: str, array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if array.shape != shape:
        raise CalibrationError(f"{path.name}: {what} {array.shape}; expected {shape}")
    return array
