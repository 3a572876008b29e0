"""``nifsdc cube`` as an astronomer types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.wcs import WCS

GEOMETRY = yaml.safe_load((Path(__file__).parents[2] / "db" / "ifu.yaml").read_text(encoding="utf-8"))


def cube(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nifsdc", "cube", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180)


@pytest.fixture
def observation(tmp_path: Path) -> Path:
    """A file whose pixels say where they are: row * 2048 + column."""
    image = np.arange(2048 * 2048, dtype=np.float32).reshape(2048, 2048)
    science = fits.ImageHDU(image, name="SCI")
    science.header["BUNIT"] = "adu/s"
    hdus = fits.HDUList([fits.PrimaryHDU(), science])
    hdus[0].header["OBJECT"] = "lamp"
    hdus.writeto(tmp_path / "run.fits")
    return tmp_path / "run.fits"


def test_every_pixel_is_where_its_wavelength_and_slitlet_say(observation: Path) -> None:
    done = cube(observation, "--grating", "K", "--from", "2.19", "--to", "2.21")
    assert done.returncode == 0, done.stderr
    path = observation.with_name("run_cube.fits")
    assert done.stdout == f"FILE {path}\n"
    with fits.open(path, checksum=True) as hdus:
        assert hdus[0].header["OBJECT"] == "lamp"
        header, data = hdus["SCI"].header, hdus["SCI"].data
    assert (header["GRATING"], header["BUNIT"]) == ("K", "adu/s")
    planes = data.shape[0]
    assert data.shape == (planes, 70, 29)
    grating, row, column = (GEOMETRY["gratings"]["K"], GEOMETRY["row"], GEOMETRY["column"])
    wave = WCS(header).spectral.pixel_to_world(np.arange(planes)).to_value("um")
    assert wave.min() >= 2.19
    assert wave.max() <= 2.21
    all_waves = grating["centre"] + grating["dispersion"] * np.arange(-1000, 1001)
    assert planes == np.count_nonzero((all_waves >= 2.19) & (all_waves <= 2.21))
    for slitlet in (0, 13, 28):
        for along in (0, 69):
            place = np.rint((wave - grating["centre"]) / grating["dispersion"])
            columns = round(column["first"] + column["step"] * slitlet) + place
            rows = round(row["first"] + row["step"] * slitlet) + along
            np.testing.assert_array_equal(data[:, along, slitlet], np.float32(rows * 2048 + columns))


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--grating", "Q"), 1, "no grating 'Q'; the geometry has Z, J, H"),
        (("--grating", "K", "--from", "1.0", "--to", "1.1"), 1, "correct waveMin or waveMax"),
        (("--grating", "K", "--from", "2.1"), 2, "--from and --to belong together"),
        (("--grating", "K", "--ifu", "nowhere.yaml"), 1, "nowhere.yaml: cannot be read"),
        (("--grating", "K", "--out", "nowhere/cube.fits"), 1, "nowhere/cube.fits"),
    ],
)
def test_what_cannot_be_is_refused(
    observation: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = cube(observation, *arguments)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(observation.parent.iterdir()) == [observation]


def test_a_cube_replaces_nothing(observation: Path) -> None:
    (observation.parent / "mine.fits").write_text("mine")
    done = cube(observation, "--grating", "K", "--out", observation.parent / "mine.fits")
    assert done.returncode == 1
    assert (observation.parent / "mine.fits").read_text() == "mine"


def test_what_is_no_observation_is_refused(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "other.fits")
    done = cube(tmp_path / "other.fits", "--grating", "K")
    assert done.returncode == 1
    assert "no extension SCI" in done.stderr
    assert cube(tmp_path / "none.fits", "--grating", "K").returncode == 1
