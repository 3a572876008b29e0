"""The image and the cube of the integral field unit, against sums over slices of the detector."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from nifsdc.readout.ifu import Ifu, IfuError

TREE: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "db" / "ifu.yaml").read_text("utf-8"))
NIFS = Ifu.from_mapping(TREE)
SMALL: dict[str, Any] = {
    "rows": 12,
    "columns": 100,
    "slitlets": 3,
    "height": 3,
    "row": [1, 5, 9],
    "column": [40, 47, 52],
    "place": [2, 0, 1],
    "width": 3,
    "across": {"arcsec": 0.1, "display": 5},
    "along": {"arcsec": 0.04, "display": 2},
    "gratings": {
        "up": {"centre": 2.0, "dispersion": 0.01, "range": [1.8, 2.2]},
        "down": {"centre": 2.0, "dispersion": -0.01, "range": [1.8, 2.2]},
    },
}
ORDER = [(5, 47), (9, 52), (1, 40)]
"""row and column of the slitlets as they stand in the image"""


def light(shape: tuple[int, int]) -> NDArray[np.float32]:
    return np.random.default_rng(4).integers(0, 1000, shape).astype(np.float32)


def test_image_of_nifs_is_145_by_140_display_pixels() -> None:
    image = light((2048, 2048))
    for spaxels in (NIFS.acquisition(image), NIFS.compressed(image, "K")):
        assert spaxels.shape == (70, 29)
        assert NIFS.display_image(spaxels).shape == (140, 145)


def test_staircase_collapses_to_slitlets_side_by_side() -> None:
    image = light((12, 100))
    expected = np.stack([image[row : row + 3, column - 1 : column + 2].sum(1) for row, column in ORDER], 1)
    np.testing.assert_array_equal(Ifu.from_mapping(SMALL).acquisition(image), expected)


def test_staircase_of_nifs_seen_by_the_mirror_becomes_a_flat_image() -> None:
    image = np.zeros((2048, 2048), np.float32)
    for row, column in zip(NIFS.rows, NIFS.columns, strict=True):
        image[row : row + 70, column - 1 : column + 2] = 7.0
    np.testing.assert_array_equal(NIFS.acquisition(image), np.full((70, 29), 21.0))


@pytest.mark.parametrize(("grating", "direction"), [("up", 1), ("down", -1)])
def test_cube_has_each_wavelength_in_one_plane(grating: str, direction: int) -> None:
    ifu, image = Ifu.from_mapping(SMALL), light((12, 100))
    cube = ifu.cube(image, grating, (1.95, 2.10))
    assert cube.shape == (16, 3, 3)
    for plane in range(16):
        for slitlet, (row, column) in enumerate(ORDER):
            there = image[row : row + 3, column + direction * (plane - 5)]
            np.testing.assert_array_equal(cube[plane, :, slitlet], there)


@pytest.mark.parametrize("grating", ["up", "down"])
def test_image_is_the_cube_summed(grating: str) -> None:
    ifu, image = Ifu.from_mapping(SMALL), light((12, 100))
    for interval in (None, (1.95, 2.10), (2.0, 2.0)):
        cube = ifu.cube(image, grating, interval)
        np.testing.assert_allclose(ifu.compressed(image, grating, interval), cube.sum(0), rtol=1e-6)


@pytest.mark.parametrize("grating", ["Z", "J", "H", "K", "K_SHORT", "K_LONG"])
def test_a_line_of_a_lamp_stands_in_the_plane_of_its_wavelength(grating: str) -> None:
    chosen = NIFS.gratings[grating]
    wavelength = chosen.centre + 0.02
    image = np.zeros((2048, 2048), np.float32)
    for row, column in zip(NIFS.rows, NIFS.columns, strict=True):
        image[row : row + 70, column + round(0.02 / chosen.dispersion)] = 3.0
    cube = NIFS.cube(image, grating)
    cards = {keyword: value for keyword, value, _ in NIFS.cards(grating)}
    plane = round((wavelength - float(cards["CRVAL3"])) / float(cards["CDELT3"]))
    np.testing.assert_array_equal(cube[plane], np.full((70, 29), 3.0))
    assert np.nansum(cube) == 3.0 * 70 * 29
    within = NIFS.compressed(image, grating, (wavelength - 0.001, wavelength + 0.001))
    np.testing.assert_array_equal(within, np.full((70, 29), 3.0))
    np.testing.assert_array_equal(
        NIFS.compressed(image, grating, (chosen.centre - 0.02, chosen.centre + 0.01)), 0.0
    )


def test_display_keeps_the_light() -> None:
    ifu, image = Ifu.from_mapping(SMALL), light((12, 100))
    spaxels = ifu.compressed(image, "up", (1.9, 2.2))
    shown = ifu.display_image(spaxels)
    used = sum(image[row : row + 3, column - 10 : column + 21].sum(dtype=np.float64) for row, column in ORDER)
    assert shown.sum(dtype=np.float64) == pytest.approx(used, rel=1e-6)
    np.testing.assert_allclose(shown.reshape(3, 2, 3, 5).sum((1, 3)), spaxels, rtol=1e-6)
    np.testing.assert_allclose(shown, np.kron(spaxels / 10.0, np.ones((2, 5))), rtol=1e-6)


def test_pixels_without_a_value_count_as_the_mean_of_the_others() -> None:
    ifu, image = Ifu.from_mapping(SMALL), light((12, 100))
    image[6, 42:52] = np.nan
    image[9, :] = np.nan
    spectrum = image[6, 37:68]
    spaxels = ifu.compressed(image, "up", (1.9, 2.2))
    assert spaxels[1, 0] == pytest.approx(np.nanmean(spectrum.astype(np.float64)) * 31, rel=1e-6)
    assert np.isnan(spaxels[0, 1])
    assert np.isnan(spaxels).sum() == 1


def test_planes_end_with_the_detector() -> None:
    ifu, image = Ifu.from_mapping(SMALL), light((12, 100))
    cube = ifu.cube(image, "up", (0.5, 9.0))
    assert len(cube) == 52 + 1 + (99 - 40)
    for slitlet, (row, column) in enumerate(ORDER):
        np.testing.assert_array_equal(cube[52 - column : 152 - column, :, slitlet], image[row : row + 3].T)
    assert np.isnan(cube).sum() == 3 * sum(len(cube) - 100 for _ in ORDER)


def test_cube_in_a_file_has_a_wavelength_axis() -> None:
    hdu = fits.ImageHDU(NIFS.cube(light((2048, 2048)), "H", (1.6, 1.7)))
    for card in NIFS.cards("H", (1.6, 1.7)):
        hdu.header[card[0]] = card[1:]
    stored = io.BytesIO()
    hdu.writeto(stored)
    with fits.open(io.BytesIO(stored.getvalue())) as opened:
        axes, shape = WCS(opened[-1].header), opened[-1].data.shape
    first = axes.wcs_pix2world([[14, 34.5, 0]], 0)[0]
    last = axes.wcs_pix2world([[28, 69, shape[0] - 1]], 0)[0]
    assert first[:2] == pytest.approx([0.0, 0.0])
    assert last[:2] == pytest.approx([14 * 0.103, 34.5 * 0.043])
    scale = 1e-6 if str(axes.wcs.cunit[2]) == "m" else 1.0
    assert 1.6 * scale <= first[2] < (1.6 + 1.51e-4) * scale
    assert (1.7 - 1.51e-4) * scale < last[2] <= 1.7 * scale


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"row": [1, 5]}, "row has 2 entries for 3 slitlets"),
        ({"row": {"first": 2, "step": 4}}, "slitlets from row 2 to 12"),
        ({"width": 0}, "width"),
        ({"across": 5}, "wrong form"),
        ({"gratings": {"up": {"centre": 2.0, "range": [1, 2]}}}, "'dispersion' is missing"),
        ({"gratings": {"up": {"centre": 2.0, "dispersion": 0.0, "range": [1, 2]}}}, "grating up"),
        ({"gratings": {"up": {"centre": 2.0, "dispersion": 0.1, "range": [1]}}}, "wrong form"),
    ],
)
def test_wrong_geometry_is_told(change: dict[str, object], words: str) -> None:
    with pytest.raises(IfuError, match=words):
        Ifu.from_mapping(SMALL | change)


def test_wrong_requests_are_told() -> None:
    ifu, image = Ifu.from_mapping(SMALL), light((12, 100))
    with pytest.raises(IfuError, match=r"1\.4800 to 2\.5900 um"):
        ifu.compressed(image, "up", (3.0, 4.0))
    with pytest.raises(IfuError, match="no pixel"):
        ifu.cube(image, "up", (2.1, 1.9))
    with pytest.raises(IfuError, match="no grating 'Y'"):
        ifu.cards("Y")
    with pytest.raises(IfuError, match="shape"):
        ifu.acquisition(image[:, 1:])
