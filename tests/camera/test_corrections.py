"""Corrections of an exposure, against images whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from nifsdc.camera.corrections import Corrections
from nifsdc.camera.layout import Amplifier, Layout
from nifsdc.readout.linearity import Linearity
from nifsdc.timing.infrared import Products, ReferenceCorrection

REFERENCE = 32
LAYOUT = Layout(
    "four quadrants of 20 x 16, each turned against the next",
    40,
    40,
    (
        Amplifier(0, 0, 20, 20, 1, 1, "row", REFERENCE),
        Amplifier(39, 0, 20, 20, -1, 1, "column", REFERENCE),
        Amplifier(39, 39, 20, 20, -1, -1, "row", REFERENCE),
        Amplifier(0, 39, 20, 20, 1, -1, "column", REFERENCE),
    ),
)


def stream_with(truth: np.ndarray, outputs: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Return a stream in which output k and its line j are raised by ``outputs[k] + lines[k, j]``."""
    image = truth.astype(np.float32)
    reference = np.zeros(LAYOUT.reference_shape, np.float32)
    for number, amplifier in enumerate(LAYOUT.amplifiers):
        levels = (outputs[number] + lines[number]).astype(np.float32)
        amplifier.in_readout_order(image)[...] += levels[:, np.newaxis]
        reference[number] += levels[:, np.newaxis]
    return LAYOUT.unraveller.ravel(image, reference)


def limited(coefficients: list[float], limit: float) -> Linearity:
    return Linearity(np.array(coefficients, np.float32), np.array(limit, np.float32))


@pytest.mark.parametrize("choice", ReferenceCorrection)
def test_reference_levels_are_taken_off_as_asked(choice: ReferenceCorrection) -> None:
    truth = np.random.default_rng(1).uniform(0, 1000, LAYOUT.shape)
    outputs = np.array([10.0, -20.0, 30.0, 5.0])
    # A slope along the lines stays a slope when it is averaged over neighbours, but for the ends.
    lines = np.tile(np.linspace(-4.0, 4.0, 20), (4, 1))
    corrections = Corrections(LAYOUT, Products(reference=choice), None)
    corrected = corrections.apply(stream_with(truth, outputs, lines))
    for number, amplifier in enumerate(LAYOUT.amplifiers):
        left = amplifier.in_readout_order(corrected.image - truth)[5:15]
        expected = np.zeros(10)
        if not choice.per_output:
            expected += outputs[number]
        if not choice.per_line:
            expected += lines[number, 5:15]
        np.testing.assert_allclose(left, np.broadcast_to(expected[:, np.newaxis], left.shape), atol=2e-3)
    assert corrections.none == (choice is ReferenceCorrection.NONE)


def test_counts_and_their_variance_are_made_linear_and_the_limit_is_marked() -> None:
    # The detector shows V of the true counts t, t = V + 2e-6 V^2 + 1e-11 V^3.
    shown = np.random.default_rng(2).uniform(100.0, 45_000.0, LAYOUT.shape)
    true = shown + 2e-6 * shown**2 + 1e-11 * shown**3
    linearity = Linearity(
        np.array([1.0, 2e-6, 1e-11], np.float32), np.float32(40_000.0) * np.ones((), np.float32)
    )
    corrections = Corrections(LAYOUT, Products(linearise=True), linearity)
    stream = stream_with(shown, np.zeros(4), np.zeros((4, 20)))
    one = corrections.apply(stream, np.full_like(stream, 9.0))
    np.testing.assert_allclose(one.image, true, rtol=1e-5)
    assert one.variance is not None
    step = 1.0
    rise = ((shown + step) + 2e-6 * (shown + step) ** 2 + 1e-11 * (shown + step) ** 3 - true) / step
    np.testing.assert_allclose(one.variance, 9.0 * rise**2, rtol=1e-4)
    np.testing.assert_array_equal(one.nonlinear, shown.astype(np.float32) > 40_000.0)
    assert corrections.near_limit(stream) == (shown.astype(np.float32) > 32_000.0).sum()


def test_the_limit_is_watched_even_if_nothing_is_corrected() -> None:
    linearity = limited([1.0], 100.0)
    corrections = Corrections(LAYOUT, Products(), linearity)
    stream = stream_with(np.full(LAYOUT.shape, 90.0), np.zeros(4), np.zeros((4, 20)))
    assert corrections.none
    assert corrections.watching
    assert corrections.near_limit(stream) == 1600
    assert corrections.apply(stream).nonlinear is None
