"""An array whose bad pixels and linearity are known: corrections on request, marks, warnings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.readout.quality import Quality

from .conftest import System, run_system

SHAPE = (2048, 2048)
BAD = ((3, 5), (1500, 40), (2047, 2047))
COEFFICIENT, LIMIT = 1e-5, 3000.0
CONFIG = """
calibration:
  bad_pixels: {folder}/bad.fits
  linearity: {folder}/linearity.fits
"""


def write_files(folder: Path) -> None:
    bad = np.zeros(SHAPE, np.uint8)
    for place in BAD:
        bad[place] = 1
    fits.PrimaryHDU(bad).writeto(folder / "bad.fits")
    extensions = [
        fits.ImageHDU(np.array([1.0, COEFFICIENT]), name="COEFF"),
        fits.ImageHDU(np.array([LIMIT]), name="LIMIT"),
    ]
    fits.HDUList([fits.PrimaryHDU(), *extensions]).writeto(folder / "linearity.fits")


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("calibrated")
    write_files(folder)
    with run_system(folder, "--speed", "fast", config=CONFIG.format(folder=folder)) as running:
        yield running


@pytest.mark.parametrize("mode", ["FOWLER", "LINEAR"])
def test_corrections_on_request(calibrated: System, mode: str) -> None:
    same = {
        "obs_readMode": mode,
        "obs_exposed": 300.0,
        "obs_nfowler": 2,
        "obs_nperiods": 6,
        "obs_saveQual": "Yes",
    }
    calibrated.configure(**same, obs_timeMode="Read period", obs_linCorr="No", obs_refCorr="NONE")
    with fits.open(calibrated.observe(), memmap=False) as hdus:
        plain = hdus["SCI"].data.astype(float)
        assert (hdus[0].header["LINCORR"], hdus[0].header["REFCORR"]) == (False, "NONE")
        assert hdus[0].header["BPMFILE"] == "bad.fits"
        quality = hdus["DQ"].data
    assert {tuple(place) for place in np.argwhere(quality & Quality.BAD)} == set(BAD)
    assert not (quality & Quality.NONLINEAR).any()

    calibrated.configure(obs_linCorr="Yes", obs_refCorr="BOTH")
    with fits.open(calibrated.observe(), memmap=False) as hdus:
        seconds = hdus[0].header["EXPTIME"] if mode == "LINEAR" else 1.0
        image, quality = hdus["SCI"].data.astype(float), hdus["DQ"].data
        reference = hdus["REF"].data.astype(float)
        assert (hdus[0].header["LINCORR"], hdus[0].header["REFCORR"]) == (True, "BOTH")
    counts = plain * seconds
    bright = (counts > 1000) & (counts < 20_000) & ((quality & ~np.uint8(Quality.NONLINEAR)) == 0)
    assert bright.sum() > 10_000
    drift = abs(reference * seconds).mean()
    expected = counts + COEFFICIENT * counts**2
    difference = (image * seconds - expected)[bright]
    # Noise of two exposures; the correction itself is 10 to 4000 counts.
    assert np.median(difference) == pytest.approx(0.0, abs=3.0 + drift)
    beyond = (quality & Quality.NONLINEAR) != 0
    assert beyond[(counts > 1.1 * LIMIT) & (quality & Quality.BAD == 0)].all()
    assert not beyond[counts < 0.9 * LIMIT].any()
    near = (counts > 0.8 * LIMIT).sum()
    assert calibrated.get("sad:dc:nlinearPix") == pytest.approx(near, rel=0.05)
    assert calibrated.get("sad:dc:nlinearPix.SEVR", text=True) == ("MINOR" if near >= 4194 else "NO_ALARM")
    assert calibrated.get("sad:dc:nbadPix") == len(BAD)
    calibrated.configure(obs_linCorr="No", obs_refCorr="NONE", obs_saveQual="No")


def test_level_and_noise_of_the_reference_samples_are_shown(calibrated: System) -> None:
    calibrated.configure(obs_readMode="SINGLE", obs_exposed=30.0)
    with fits.open(calibrated.observe(), memmap=False) as hdus:
        reference = hdus["REF"].data.astype(float)
    for quadrant in range(4):
        samples = reference[quadrant]
        level = calibrated.get(f"sad:dc:biasLevel{quadrant + 1}")
        assert level == pytest.approx(samples.mean(), abs=0.01)
        spread = samples - samples.mean(axis=1, keepdims=True)
        noise = np.sqrt((spread**2).sum() / (1024 * 31))
        assert calibrated.get(f"sad:dc:biasNoise{quadrant + 1}") == pytest.approx(noise, rel=0.01)


def test_init_reads_the_files_again_and_says_what_is_wrong_with_them(calibrated: System) -> None:
    path = calibrated.folder / "bad.fits"
    good = path.read_bytes()
    fits.PrimaryHDU(np.zeros((16, 16), np.uint8)).writeto(path, overwrite=True)
    assert calibrated.start_marked("init") > 0, calibrated.message()
    calibrated.wait("dc:initC.VAL", 3)
    assert calibrated.get("dc:initC.OMSS", text=True).startswith("bad.fits: bad pixels (16, 16)")
    path.write_bytes(good)
    calibrated.command("init")
    assert calibrated.get("sad:dc:nbadPix") == len(BAD)
    assert calibrated.observe().exists()
