"""Files of bad pixels and of linearity: what is taken from them, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.camera.calibration import CalibrationError, CalibrationFiles

SHAPE = (6, 4)


def linearity_file(path: Path, coefficients: np.ndarray, limit: np.ndarray) -> Path:
    images = [fits.ImageHDU(coefficients, name="COEFF"), fits.ImageHDU(limit, name="LIMIT")]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    return path


def test_without_files_nothing_is_known() -> None:
    calibration = CalibrationFiles().load(SHAPE)
    assert calibration.bad is None
    assert calibration.linearity is None
    assert calibration.bad_pixels == 0


@pytest.mark.parametrize("extension", [False, True])
def test_bad_pixels_are_those_that_are_not_zero(tmp_path: Path, extension: bool) -> None:
    image = np.zeros(SHAPE, np.int16)
    image[1, 2], image[5, 0] = 1, -3
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(image)] if extension else [fits.PrimaryHDU(image)]
    fits.HDUList(hdus).writeto(tmp_path / "bad.fits")
    calibration = CalibrationFiles(bad_pixels=tmp_path / "bad.fits").load(SHAPE)
    assert calibration.bad is not None
    assert np.argwhere(calibration.bad).tolist() == [[1, 2], [5, 0]]
    assert calibration.bad_pixels == 2


def test_a_compressed_image_is_as_good(tmp_path: Path) -> None:
    image = np.zeros(SHAPE, np.uint8)
    image[3, 3] = 1
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image)]).writeto(tmp_path / "bad.fits")
    assert CalibrationFiles(bad_pixels=tmp_path / "bad.fits").load(SHAPE).bad_pixels == 1


@pytest.mark.parametrize(
    ("coefficients", "limit"),
    [
        (np.ones((2, *SHAPE), np.float32), np.full(SHAPE, 4e4, np.float32)),
        (np.ones((2, *SHAPE), np.float64), np.array([4e4])),
        (np.array([1.0, 1e-6]), np.full(SHAPE, 4e4, np.float32)),
        (np.array([1.0, 1e-6]), np.array([4e4])),
    ],
)
def test_linearity_of_each_pixel_or_of_all(
    tmp_path: Path, coefficients: np.ndarray, limit: np.ndarray
) -> None:
    path = linearity_file(tmp_path / "lin.fits", coefficients, limit)
    linearity = CalibrationFiles(linearity=path).load(SHAPE).linearity
    assert linearity is not None
    corrected, beyond = linearity.correct(np.full(SHAPE, 5e4, np.float32))
    assert corrected.shape == beyond.shape == SHAPE
    assert beyond.all()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("no FITS"), "cannot be read as FITS"),
        (lambda path: None, "cannot be read as FITS"),
        (lambda path: fits.PrimaryHDU().writeto(path), "no image; expected one, not 0 where a pixel is bad"),
        (lambda path: fits.PrimaryHDU(np.zeros((4, 6))).writeto(path), r"\(4, 6\); expected \(6, 4\)"),
    ],
)
def test_what_is_no_bad_pixel_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "bad.fits")
    with pytest.raises(CalibrationError, match=f"bad.fits: .*{said}"):
        CalibrationFiles(bad_pixels=tmp_path / "bad.fits").load(SHAPE)


def truncated(path: Path) -> None:
    fits.PrimaryHDU(np.zeros(SHAPE, np.int16)).writeto(path)
    path.write_bytes(path.read_bytes()[:2900])


def misspelt(path: Path) -> None:
    fits.PrimaryHDU(np.zeros(SHAPE, np.int16)).writeto(path)
    path.write_bytes(path.read_bytes().replace(b"NAXIS2  =", b"NAXIS9  ="))


@pytest.mark.filterwarnings("ignore:File may have been truncated")
@pytest.mark.parametrize("spoil", [truncated, misspelt])
def test_a_spoilt_file_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path / "bad.fits")
    with pytest.raises(CalibrationError, match=r"^bad\.fits: "):
        CalibrationFiles(bad_pixels=tmp_path / "bad.fits").load(SHAPE)


@pytest.mark.parametrize(
    ("coefficients", "limit", "said"),
    [
        (np.ones((2, 4, 6)), np.ones(SHAPE), r"COEFF \(2, 4, 6\); expected \(2, 6, 4\)"),
        (np.ones(2), np.ones((4, 6)), r"LIMIT \(4, 6\); expected \(6, 4\)"),
        (np.array([1.0, np.nan]), np.ones(SHAPE), "coefficients and limits must be finite"),
    ],
)
def test_what_is_no_linearity_file_is_refused(
    tmp_path: Path, coefficients: np.ndarray, limit: np.ndarray, said: str
) -> None:
    path = linearity_file(tmp_path / "lin.fits", coefficients, limit)
    with pytest.raises(CalibrationError, match=f"lin.fits: {said}"):
        CalibrationFiles(linearity=path).load(SHAPE)


def test_a_linearity_file_without_limits_is_refused(tmp_path: Path) -> None:
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones(2), name="COEFF")]).writeto(tmp_path / "lin.fits")
    with pytest.raises(CalibrationError, match="no extension LIMIT"):
        CalibrationFiles(linearity=tmp_path / "lin.fits").load(SHAPE)
