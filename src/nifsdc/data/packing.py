"""Images packed without loss: tiled image compression of the FITS standard 4.0 (section 10.1).

Every row is a tile. Numbers with a point are packed by GZIP_2, which sorts their bytes before, and never
quantised: what is unpacked is the same to the last bit, NaN included. Whole numbers may be packed by RICE_1.
What was packed is unpacked again before it counts; an image that does not come out as it went in, or that
takes no less room, is left as it is.
"""

from __future__ import annotations

import io
import logging
from enum import Enum

import numpy as np
from astropy.io import fits

from nifsdc.data.frame import Array

LOG = logging.getLogger("nifsdc.fits")

AXES = 2
"""axes of an image that is worth it; reference samples, which have three, are few"""


class Packing(Enum):
    """How images are packed; the value is what a configuration calls it."""

    NONE = "none"
    GZIP = "gzip"
    """GZIP_2 for every image"""
    RICE = "rice"
    """RICE_1 for images of whole numbers, which is quicker and smaller; GZIP_2 for the others"""

    @classmethod
    def named(cls, name: str) -> Packing:
        """Return the one of a name.

        Raises
        ------
        ValueError
            when there is none
        """
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(packing.value for packing in cls)
            raise ValueError(f"compression is {name!r}; expected one of {known}") from None


def packed(header: fits.Header, array: Array, packing: Packing) -> bytes | None:
    """Return an image extension as a packed one, or None where it is left as it is.

    Parameters
    ----------
    header
        of the image extension
    array
        its pixels, (rows, columns)
    packing
        how
    """
    if packing is Packing.NONE or array.ndim != AXES or not array.size:
        return None
    algorithm = "RICE_1" if packing is Packing.RICE and array.dtype.kind in "iu" else "GZIP_2"
    # Level 0 means for astropy that floats are not quantised.
    hdu = fits.CompImageHDU(array, header, compression_type=algorithm, quantize_level=0.0)
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file, checksum=True)
    whole = file.getvalue()
    with fits.open(io.BytesIO(whole)) as hdus:
        if not _same(hdus[1].data, array):
            LOG.error("%s cannot be packed by %s without loss and is left as it is", hdu.name, algorithm)
            return None
        extension = whole[hdus[1].fileinfo()["hdrLoc"] :]
    return extension if len(extension) < array.nbytes else None


def _same(unpacked: Array, array: Array) -> bool:
    """Whether two arrays have the same bits: NaN is equal to itself here, and -0 not to 0."""
    native = np.ascontiguousarray(unpacked, unpacked.dtype.newbyteorder("="))
    return native.dtype == array.dtype and native.shape == array.shape and native.tobytes() == array.tobytes()
