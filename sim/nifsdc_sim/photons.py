"""Counts of photons for arrays of expected values, quickly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FEW = 2.0
"""expected number up to which counts are drawn exactly"""
_SMALLEST_TAIL = 2.0**-24
"""probability below which a count cannot be drawn from a 24-bit uniform number"""


def draw(
    random: np.random.Generator, expected: NDArray[np.float32], most: float, least: float
) -> NDArray[np.float32]:
    """Draw a number of photons for each expected number.

    Up to `FEW` expected photons the numbers are Poisson's. Above, they are normal with a quadratic term,
    chosen so that mean, variance and skewness are those of the Poisson distribution to first order (Cornish
    and Fisher 1938); they are then no whole numbers.

    Parameters
    ----------
    random
        source of random numbers
    expected
        expected numbers, not negative
    most, least
        bounds of ``expected`` that the caller knows; they only save time

    Returns
    -------
    array of the shape of ``expected``
    """
    if most <= FEW:
        return _few(random, expected, most)
    if least >= FEW:
        return _many(random, expected)
    many = expected > FEW
    if np.count_nonzero(many) < expected.size // 4:
        counts = _few(random, np.minimum(expected, np.float32(FEW)), FEW)
        counts[many] = _many(random, expected[many])
        return counts
    counts = _many(random, np.maximum(expected, np.float32(FEW)))
    few = ~many
    counts[few] = _few(random, expected[few], FEW)
    return counts


def _few(random: np.random.Generator, expected: NDArray[np.float32], most: float) -> NDArray[np.float32]:
    """Draw by inverting the cumulative distribution, one count after another for all at once."""
    uniform = random.random(expected.shape, dtype=np.float32)
    term = np.exp(-expected)
    cumulative = term.copy()
    counts = (uniform > cumulative).astype(np.float32)
    number = 1
    while number <= most or most**number / math.factorial(number) > _SMALLEST_TAIL:
        term *= expected
        term *= np.float32(1.0 / number)
        cumulative += term
        counts += uniform > cumulative
        number += 1
    return counts


def _many(random: np.random.Generator, expected: NDArray[np.float32]) -> NDArray[np.float32]:
    normal = random.standard_normal(expected.shape, dtype=np.float32)
    counts: NDArray[np.float32] = np.sqrt(expected - np.float32(1 / 18))
    counts *= normal
    counts += expected
    normal *= normal
    normal -= np.float32(1.0)
    normal *= np.float32(1 / 6)
    counts += normal
    return counts
