"""Noise of the read modes and the cosmic ray test, against the theory of the estimators.

Chapman et al. 1990 for the fitted line, Fowler & Gatley 1990 and Garnett & Forrest 1993 for sampled averages.
"""

from __future__ import annotations

import numpy as np
import pytest

from nifsdc.readout.coadd import CoaddSum
from nifsdc.readout.cosmic import CosmicRayTest
from nifsdc.readout.fowler import FowlerSum, photon_share
from nifsdc.readout.linear import LinearFit
from nifsdc.readout.quality import Quality

PIXELS = 10000
READ_NOISE = 5.4  # counts
GAIN = 2.8  # electrons a count
WITHIN = 0.03


def samples(
    rng: np.random.Generator, reads: int, rate: float, noise: float, pixels: int = PIXELS
) -> np.ndarray:
    """Reads at equal intervals; rate in counts a read. What photons add stays in every later read."""
    photons = rng.poisson(rate * GAIN, (reads, pixels)) / GAIN
    level = 3000 + np.cumsum(photons, axis=0) + rng.normal(0, noise, (reads, pixels))
    return np.clip(np.round(level), 0, 65535).astype(np.uint16)


def fowler(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    total = FowlerSum(first.shape[1], len(first))
    total.add(first.reshape(-1), 0, 0)
    total.add(last.reshape(-1), 0, 1)
    return total.difference()


@pytest.mark.parametrize(("rate", "noise"), [(0.0, READ_NOISE), (1000.0, 0.3)], ids=["reading", "photons"])
@pytest.mark.parametrize("reads", [4, 16, 30])
def test_linear(reads: int, rate: float, noise: float) -> None:
    rng = np.random.default_rng(reads)
    total = LinearFit(PIXELS)
    total.add(samples(rng, reads, rate, noise).reshape(-1), 0)
    fit = total.fit()
    n = reads
    rounding = 1 / 12
    by_reading = 12 / (n * (n * n - 1)) * (noise**2 + rounding)
    by_photons = 6 * (n * n + 1) / (5 * n * (n * n - 1)) * rate / GAIN
    assert np.std(fit.slope, dtype=float) == pytest.approx(np.sqrt(by_reading + by_photons), rel=WITHIN)
    if rate == 0.0:
        assert np.mean(fit.variance, dtype=float) == pytest.approx(by_reading, rel=WITHIN)


@pytest.mark.parametrize(("rate", "noise"), [(0.0, READ_NOISE), (500.0, 0.3)], ids=["reading", "photons"])
@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_fowler_and_dcs(count: int, rate: float, noise: float) -> None:
    """DCS is the case of one read in each set."""
    rng = np.random.default_rng(count)
    apart = 24  # reads from the beginning of the first set to that of the second
    reads = samples(rng, apart + count, rate, noise)
    result = fowler(reads[:count], reads[apart:])
    by_reading = 2 / count * (noise**2 + 1 / 12)
    by_photons = rate / GAIN * (apart - (count**2 - 1) / (3 * count))
    assert np.std(result, dtype=float) == pytest.approx(np.sqrt(by_reading + by_photons), rel=WITHIN)


@pytest.mark.parametrize("count", [1, 4])
def test_variance_and_quality_of_coadded_exposures(count: int) -> None:
    """What the sum says of its variance is the scatter of the sums."""
    rng = np.random.default_rng(count)
    apart, rate, exposures = 10, 100.0, 3
    bad = np.arange(PIXELS) == 7
    total = CoaddSum(PIXELS)
    for number in range(exposures):
        reads = samples(rng, apart + count, rate, READ_NOISE)
        reads[apart:, number] = 65535
        one = FowlerSum(PIXELS, count, saturation=60000, bad=bad)
        one.add(reads[:count].reshape(-1), 0, 0)
        one.add(reads[apart:].reshape(-1), 0, 1)
        share = photon_share(count, 1.0, float(apart))
        total.add(
            one.difference(),
            one.saturated,
            variance=one.variance(READ_NOISE, GAIN, share),
            quality=one.quality,
        )
    good = total.quality == Quality.GOOD
    assert np.flatnonzero(~good).tolist() == [0, 1, 2, 7]
    assert total.quality[[0, 1, 2, 7]].tolist() == [Quality.SATURATED] * 3 + [Quality.BAD]
    expected = np.mean(total.variance()[good], dtype=float)
    assert np.std(total.total()[good], dtype=float) == pytest.approx(np.sqrt(expected), rel=WITHIN)


def test_noise_settings_that_cannot_be_are_told() -> None:
    single = FowlerSum(3, sets=1)
    assert single.variance(5.0, 2.0).tolist() == [25.0] * 3
    with pytest.raises(ValueError, match="overlap"):
        photon_share(4, 5.3, 20.0)
    with pytest.raises(ValueError, match="stream order"):
        FowlerSum(3, bad=np.zeros(2, np.bool_))


@pytest.mark.parametrize(("count", "electrons"), [(1, 15.2), (4, 8.1), (16, 4.65)])
def test_noise_of_the_flown_device(count: int, electrons: float) -> None:
    """Its page's 15.2, 8.1 and 4.65 electrons: noise of each read, and 2.9 that averaging does not lessen."""
    rng = np.random.default_rng(count)
    floor = 2.9
    each = np.sqrt((15.2**2 - floor**2) / 2)
    first = 3000 + rng.normal(0, each / GAIN, (count, PIXELS))
    last = 3000 + rng.normal(0, each / GAIN, (count, PIXELS)) + rng.normal(0, floor / GAIN, PIXELS)
    result = fowler(np.round(first).astype(np.uint16), np.round(last).astype(np.uint16))
    assert np.std(result, dtype=float) * GAIN == pytest.approx(electrons, rel=WITHIN)


@pytest.mark.parametrize("rate", [1.0, 50.0, 200.0])
def test_cosmic_rays_are_found_at_once_and_good_pixels_left_alone(rate: float) -> None:
    """Deposits from 5 sigma of the difference of two reads up to 5,000 counts, as many in each octave."""
    rng = np.random.default_rng(11)
    pixels, reads = 40000, 30
    sigma = np.sqrt(2 * READ_NOISE**2 + rate / GAIN)
    ramp = samples(rng, reads, rate, READ_NOISE, pixels)
    at = np.where(rng.random(pixels) < 0.25, rng.integers(1, reads, pixels), reads)
    deposit = np.exp(rng.uniform(np.log(5 * sigma), np.log(5000), pixels))
    hit = np.arange(reads)[:, None] >= at
    ramp = (ramp + np.round(deposit) * hit).astype(np.uint16)
    total = LinearFit(pixels, cosmic=CosmicRayTest(5.0, 0.0, READ_NOISE, GAIN))
    total.add(ramp.reshape(-1), 0)
    found, struck = total.hits.astype(int), at < reads
    # a hit before the second read shows at the third, one in the last interval has no read to follow
    testable = struck & (at >= 2)
    prompt = (found == at + 1) | (found == at + 2)
    assert np.mean(prompt[testable]) >= 0.95
    assert np.mean(found[~struck] != 0) < 1e-4
    recovered = struck & prompt & (total.stops == 0) & (at < reads - 1)
    slope = total.fit().slope.astype(float)
    assert abs(np.mean(slope[recovered]) - rate) < 0.01 * rate


@pytest.mark.parametrize("rate", [1.0, 50.0, 200.0])
def test_hits_of_eight_sigma_are_found_within_a_read(rate: float) -> None:
    """All of one size, before reads 3 to 29; docs/readout.md says what theory allows below."""
    rng = np.random.default_rng(12)
    pixels, reads = 10000, 30
    deposit = 8 * np.sqrt(2 * READ_NOISE**2 + rate / GAIN)
    at = rng.integers(2, reads - 1, pixels)
    hit = np.arange(reads)[:, None] >= at
    ramp = (samples(rng, reads, rate, READ_NOISE, pixels) + np.round(deposit) * hit).astype(np.uint16)
    total = LinearFit(pixels, cosmic=CosmicRayTest(5.0, 0.0, READ_NOISE, GAIN))
    total.add(ramp.reshape(-1), 0)
    found = total.hits.astype(int)
    assert np.mean((found == at + 1) | (found == at + 2)) >= 0.95
