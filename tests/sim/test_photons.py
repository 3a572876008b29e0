"""Drawn photon numbers against the Poisson distribution."""

import math

import numpy as np
import pytest

from nifsdc_sim import photons

N = 400_000


def _random() -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(12))


@pytest.mark.parametrize("expected", [0.0, 0.01, 0.05, 0.5, 1.0, 1.9, 2.1, 5.0, 30.0, 1000.0])
def test_mean_variance_and_skewness(expected: float) -> None:
    counts = photons.draw(_random(), np.full(N, expected, dtype=np.float32), expected, expected).astype(float)
    # Standard errors of mean, variance and third moment from the Poisson distribution's own moments.
    assert counts.mean() == pytest.approx(expected, abs=5 * math.sqrt(expected / N) + 1e-9)
    fourth = expected * (1 + 3 * expected)
    assert counts.var() == pytest.approx(expected, abs=5 * math.sqrt((fourth - expected**2) / N) + 1e-9)
    third = ((counts - counts.mean()) ** 3).mean()
    sixth = 15 * expected**3 + 25 * expected**2 + expected
    assert third == pytest.approx(expected, abs=5 * math.sqrt(sixth / N) + 0.06 * expected + 1e-9)


@pytest.mark.parametrize("expected", [0.05, 0.5, 1.9])
def test_few_photons_are_exactly_poisson(expected: float) -> None:
    counts = photons.draw(_random(), np.full(N, expected, dtype=np.float32), expected, expected)
    seen = np.bincount(counts.astype(int), minlength=12)
    assert (counts == np.rint(counts)).all()
    wanted = [N * math.exp(-expected) * expected**k / math.factorial(k) for k in range(len(seen))]
    chi2 = sum((a - b) ** 2 / b for a, b in zip(seen, wanted, strict=True) if b > 10)
    assert chi2 < 40  # at most 9 degrees of freedom: a chance of some 1e-5


@pytest.mark.parametrize("bright", [0.05, 0.6], ids=["mostly few", "mostly many"])
def test_few_and_many_mixed(bright: float) -> None:
    random = _random()
    expected = np.where(random.random(N) < bright, 50.0, 0.2).astype(np.float32)
    counts = photons.draw(random, expected, 50.0, 0.2)
    for value in (0.2, 50.0):
        part = counts[expected == np.float32(value)]
        assert part.mean() == pytest.approx(value, abs=5 * math.sqrt(value / part.size))
        assert part.var() == pytest.approx(value, rel=0.05)
