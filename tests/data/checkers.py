"""What strangers say of a file: astropy, CFITSIO, and its fitsverify where it is installed."""

from __future__ import annotations

import logging
import shutil
import subprocess
import warnings
from pathlib import Path

import fitsio
import numpy as np
from astropy.io import fits

FITSVERIFY = shutil.which("fitsverify")


def check_independently(path: Path) -> None:
    """Have a file verified by all of them, which take no warning, and its pixels compared among them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True, memmap=False, disable_image_compression=True) as plain:
            plain.verify("exception")
            for hdu in plain:
                assert hdu.verify_checksum() == 1
                assert hdu.verify_datasum() == 1
        with fits.open(path, memmap=False) as hdus, fitsio.FITS(str(path)) as theirs:
            assert len(hdus) == len(theirs)
            for ours, other in zip(hdus, theirs, strict=True):
                other.verify_checksum()
                if ours.is_image and ours.data is not None and ours.data.size:
                    np.testing.assert_array_equal(ours.data, other.read())
    if FITSVERIFY:
        result = subprocess.run([FITSVERIFY, str(path)], capture_output=True, text=True, timeout=60)
        assert "0 warning(s) and 0 error(s)" in result.stdout, result.stdout
    else:
        logging.getLogger("test").warning("fitsverify is not installed: checked by astropy and fitsio alone")
