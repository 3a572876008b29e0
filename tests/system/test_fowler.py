"""Pixels of a file against the simulator's noiseless truth, within the noise model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from nifsdc_sim.scene import Scene

from .conftest import run_system

SEED = 7
GAIN = 2.8
"""electrons per ADU (icd/sdsu_facts.md section 6)"""
CDS_NOISE = 15.2
"""electrons of one correlated double sample (the same table)"""
DARK = 0.01
"""electrons per second and pixel (the same table)"""
NFOWLER, COADDS = 4, 2


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> fits.HDUList:
    folder = tmp_path_factory.mktemp("fowler")
    with run_system(folder, "--speed", "20") as system:
        system.configure(obs_readMode="FOWLER", obs_nfowler=NFOWLER, obs_ncoadds=COADDS, obs_exposed=20.0)
        path: Path = system.observe("FowlerTruth", seconds=110)
    with fits.open(path, checksum=True) as hdus:
        return fits.HDUList([hdu.copy() for hdu in hdus])


def test_each_slitlet_is_the_truth_within_three_standard_errors(observed: fits.HDUList) -> None:
    science = observed["SCI"].data.astype(np.float64)
    seconds = observed[0].header["EXPTIME"]
    assert science.shape == (2048, 2048)
    truth = (Scene.default(SEED).flux().astype(np.float64) + DARK) * seconds * COADDS / GAIN
    residual = science - truth
    variance = noise_variance(truth)
    usable = np.abs(residual) < 12 * np.sqrt(variance)
    assert usable.mean() > 0.998, "hot and dead pixels are few"
    worst = 0.0
    for first, end in Scene.slitlets():
        band = slice(first, end)
        inside = usable[band]
        error = np.sqrt(variance[band][inside].sum()) / inside.sum()
        worst = max(worst, abs(residual[band][inside].mean()) / error)
    assert worst < 3.0


def test_the_read_noise_is_that_of_theory_within_five_per_cent(observed: fits.HDUList) -> None:
    reference = observed["REF"].data.astype(np.float64)
    assert reference.shape == (4, 1024, 32)
    theory = CDS_NOISE * np.sqrt(COADDS / NFOWLER) / GAIN
    assert reference.std() == pytest.approx(theory, rel=0.05)


def noise_variance(truth: np.ndarray) -> np.ndarray:
    """ADU squared: Poisson of the signal, read noise of the sets, rounding of each read."""
    shot = np.maximum(truth, 0) / GAIN
    read = (CDS_NOISE / GAIN) ** 2 * COADDS / NFOWLER
    return shot + read


def test_the_header_says_what_was_asked_and_what_was_done(observed: fits.HDUList) -> None:
    header = observed[0].header
    assert header["DATALAB"] == "FowlerTruth"
    assert header["EXPRQ"] == 20.0
    # Four reads of 5.3 s before the second set: no exposure of four Fowler samples is shorter.
    assert header["EXPTIME"] == pytest.approx(4 * 5.3, abs=0.02)
    assert (header["COADDS"], header["LNRS"], header["READMODE"]) == (COADDS, NFOWLER, "FOWLER")
    assert header["RDTIME"] == pytest.approx(5.3, rel=1e-3)
    assert header["DATE-OBS"].startswith("20")
