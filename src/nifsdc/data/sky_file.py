"""An image out of a FITS file, to be taken off others as their sky (SDN 11.03 section 4.6.3)."""

from __future__ import annotations

import glob
import math
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

RATE = "adu/s"
"""unit of an image that is a rate already"""


class SkyError(Exception):
    """A file that cannot be a sky; the text fits a response (39 characters) for names of up to 16."""


def find(folder: Path, name: str) -> Path:
    """Return the file of this name in a folder or, the newest of them, in the folders of the nights in it.

    Parameters
    ----------
    folder
        where skies may lie
    name
        of the file, with folders below ``folder`` if need be; ``.fits`` may be left out

    Raises
    ------
    SkyError
        when there is none
    """
    relative = Path(name if name.endswith(".fits") else f"{name}.fits")
    if relative.is_absolute() or ".." in relative.parts:
        raise SkyError(f"{name}: name a file of the data folder")
    here = folder / relative
    nights = f"[0-9]*/{glob.escape(str(relative))}"
    try:
        found = here if here.is_file() else max(folder.glob(nights), default=None)
    except OSError as error:
        raise SkyError(f"{name}: folder cannot be read") from error
    if found is None:
        raise SkyError(f"{name}: no such file")
    return found


def read(path: Path) -> tuple[NDArray[np.float32], float]:
    """Return an image (rows, columns) and the seconds in which its counts came: 1 where it is a rate.

    It is the extension ``SCI`` or, in a file without one, the first image there is. Pixels without a value
    become 0, so that they take nothing off.

    Raises
    ------
    SkyError
        when it is no FITS file with an image and, unless that is a rate, an exposure time
    """
    try:
        with path.open("rb") as file, fits.open(file, memmap=False) as hdus:
            image = hdus["SCI"] if "SCI" in hdus else next(hdu for hdu in hdus if hdu.data is not None)
            pixels = np.asarray(image.data, np.float32)
            if str(image.header.get("BUNIT", "")).strip() == RATE:
                seconds = 1.0
            else:
                primary = hdus[0].header
                seconds = float(primary["EXPTIME"]) * int(primary.get("COADDS", 1))
    except StopIteration:
        raise SkyError(f"{path.stem}: has no image") from None
    except KeyError:
        raise SkyError(f"{path.stem}: EXPTIME is missing") from None
    except (OSError, ValueError, TypeError, fits.VerifyError) as error:
        raise SkyError(f"{path.stem}: not a FITS image") from error
    if pixels.ndim != 2 or not (math.isfinite(seconds) and seconds > 0.0):
        raise SkyError(f"{path.stem}: {pixels.ndim} axes, {seconds:g} s")
    return np.nan_to_num(pixels, copy=False, nan=0.0, posinf=0.0, neginf=0.0), seconds
