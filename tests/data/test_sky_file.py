"""Which file a name means, and what its image is worth as a sky."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data.sky_file import SkyError, find, read


def file(path: Path, image: Any, unit: str = "adu", **primary: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image, name="SCI")])
    hdus[0].header.update(primary)
    hdus[1].header["BUNIT"] = unit
    hdus.writeto(path)
    return path


def test_a_name_is_looked_for_in_the_folder_and_then_in_the_newest_night(tmp_path: Path) -> None:
    image = np.zeros((2, 2), np.float32)
    old, new = (file(tmp_path / night / "sky.fits", image) for night in ("20260301", "20260302"))
    assert find(tmp_path, "sky") == find(tmp_path, "sky.fits") == new
    assert find(tmp_path, "20260301/sky") == old
    here = file(tmp_path / "sky.fits", image)
    assert find(tmp_path, "sky") == here


@pytest.mark.parametrize("name", ["nothing", "s*y", "../sky", "/etc/sky"])
def test_a_name_of_no_file_in_the_folder_is_told(tmp_path: Path, name: str) -> None:
    file(tmp_path / "20260301" / "sky.fits", np.zeros((2, 2), np.float32))
    with pytest.raises(SkyError, match=name.replace("*", r"\*")):
        find(tmp_path / "20260301" / "..", name)


def test_counts_come_in_all_exposures_and_a_rate_in_a_second(tmp_path: Path) -> None:
    counts = np.array([[4.0, np.nan], [6.0, np.inf]], np.float32)
    image, seconds = read(file(tmp_path / "counts.fits", counts, EXPTIME=20.0, COADDS=3))
    assert image.tolist() == [[4.0, 0.0], [6.0, 0.0]]
    assert seconds == 60.0
    image, seconds = read(file(tmp_path / "rate.fits", counts, "adu/s", EXPTIME=20.0, COADDS=3))
    assert seconds == 1.0


def test_an_image_in_the_first_unit_will_do(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU(np.full((2, 3), 7, np.uint16))
    hdu.header["EXPTIME"] = 5.0
    hdu.writeto(tmp_path / "plain.fits")
    image, seconds = read(tmp_path / "plain.fits")
    assert (image.dtype, image.shape, image[0, 0], seconds) == (np.float32, (2, 3), 7.0, 5.0)


def test_what_cannot_be_a_sky_is_told_in_a_response(tmp_path: Path) -> None:
    image = np.zeros((2, 2), np.float32)
    (tmp_path / "text.fits").write_text("SIMPLE is not the word")
    empty = tmp_path / "empty.fits"
    fits.HDUList([fits.PrimaryHDU()]).writeto(empty)
    spoilt = file(tmp_path / "spoilt.fits", image, EXPTIME=12.5)
    spoilt.write_bytes(spoilt.read_bytes().replace(b"                12.5", b"              12.5.5"))
    for path, words in (
        (tmp_path / "text.fits", "not a FITS image"),
        (spoilt, "not a FITS image"),
        (empty, "has no image"),
        (file(tmp_path / "untimed.fits", image), "EXPTIME is missing"),
        (file(tmp_path / "zero.fits", image, EXPTIME=0.0), "2 axes, 0 s"),
        (file(tmp_path / "cube.fits", np.zeros((2, 2, 2), np.float32), EXPTIME=1.0), "3 axes, 1 s"),
        (file(tmp_path / "words.fits", image, EXPTIME="long"), "not a FITS image"),
    ):
        with pytest.raises(SkyError) as error:
            read(path)
        assert str(error.value) == f"{path.stem}: {words}"
        assert len(str(error.value)) <= 39
