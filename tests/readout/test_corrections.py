"""Reference samples, linearity and sky, against numbers put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.camera.layout import Layout
from nifsdc.readout.linearity import Linearity
from nifsdc.readout.reference import ReferenceWatch, correct_by_reference, reference_levels
from nifsdc.readout.sky import Mode, SkyFrames

DETECTOR = Path(__file__).parents[2] / "db" / "detectors" / "hawaii2-nifs.yaml"


def drifted(rng: np.random.Generator, layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A scene, the image of it with levels of outputs and lines added, and the reference samples of these."""
    scene = rng.normal(1000, 50, layout.shape).astype(np.float32)
    outputs, lines, samples = layout.reference_shape
    level = np.array([120.0, -40.0, 300.0, 7.0])[:outputs, np.newaxis] + rng.normal(0, 10, (outputs, lines))
    image = scene.copy()
    for number, amplifier in enumerate(layout.amplifiers):
        amplifier.in_readout_order(image)[...] += level[number][:, np.newaxis].astype(np.float32)
    reference = np.repeat(level[:, :, np.newaxis], samples, axis=2)
    return scene, image, reference


def test_levels_of_outputs_and_lines_are_taken_out_of_four_rotated_quadrants() -> None:
    layout = Layout.load(DETECTOR)
    scene, image, reference = drifted(np.random.default_rng(1), layout)
    levels = reference_levels(reference)
    np.testing.assert_allclose(levels.noise, 0.0, atol=1e-9)
    once = image.copy()
    correct_by_reference(once, levels, layout.amplifiers)
    np.testing.assert_allclose(once, scene, atol=1e-3)
    only_output = image.copy()
    correct_by_reference(only_output, levels, layout.amplifiers, per_line=False)
    correct_by_reference(only_output, levels, layout.amplifiers, per_output=False)
    np.testing.assert_allclose(only_output, scene, atol=1e-3)


def test_noise_of_reference_samples_and_smoothing() -> None:
    rng = np.random.default_rng(2)
    reference = rng.normal(500, 6.0, (4, 1024, 32)) + np.linspace(-5, 5, 1024)[np.newaxis, :, np.newaxis]
    rough, smooth = reference_levels(reference), reference_levels(reference, smooth=9)
    np.testing.assert_allclose(rough.noise, 6.0, rtol=0.03)
    np.testing.assert_allclose(rough.outputs, 500.0, atol=0.2)
    trend = np.linspace(-5, 5, 1024)
    assert np.std(rough.lines - trend) == pytest.approx(6 / np.sqrt(32), rel=0.05)
    assert np.std(smooth.lines - trend) == pytest.approx(6 / np.sqrt(32 * 9), rel=0.1)
    kernel = np.ones(9)
    expected = np.convolve(rough.lines[0], kernel, "same") / np.convolve(np.ones(1024), kernel, "same")
    np.testing.assert_allclose(smooth.lines[0], expected, atol=1e-9)


def test_reference_samples_that_are_missing_are_told() -> None:
    with pytest.raises(ValueError, match="switch the correction off"):
        reference_levels(np.zeros((4, 8, 0)))
    with pytest.raises(ValueError, match="odd number"):
        reference_levels(np.zeros((4, 8, 2)), smooth=4)


def test_linearity_per_pixel_with_its_limit() -> None:
    rng = np.random.default_rng(3)
    coefficients = np.stack(
        [rng.normal(1, 0.01, (6, 7)), rng.normal(1e-6, 1e-7, (6, 7)), rng.normal(1e-12, 1e-13, (6, 7))]
    ).astype(np.float32)
    limit = rng.uniform(20000, 40000, (6, 7)).astype(np.float32)
    counts = rng.uniform(0, 50000, (6, 7)).astype(np.float32)
    counts[0, 0] = np.nan
    corrected, beyond = Linearity(coefficients, limit).correct(counts)
    powers = np.stack([counts.astype(float) ** k for k in (1, 2, 3)])
    np.testing.assert_allclose(corrected, np.sum(coefficients * powers, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(beyond, counts > limit)
    assert not beyond[0, 0]
    assert corrected.dtype == np.float32
    near = Linearity(coefficients, limit).near_limit(counts)
    assert near == np.count_nonzero(counts > 0.8 * limit)
    same = Linearity(np.array([1.0], np.float32), np.array(98000 / 2.8, np.float32))
    np.testing.assert_array_equal(same.correct(counts)[0], counts)
    with pytest.raises(ValueError, match="one limit, a pixel"):
        Linearity(coefficients, limit[1:])
    with pytest.raises(ValueError, match="at least one coefficient"):
        Linearity(np.zeros(0, np.float32), limit)


def test_each_mode_has_its_own_sky() -> None:
    skies = SkyFrames((2, 3))
    image = np.full((2, 3), 100.0, np.float32)
    assert skies.subtract(Mode.RUN, image, 5.0) is image
    skies.load(Mode.RUN, np.full((2, 3), 60.0, np.float32), 30.0)
    skies.load(Mode.IDLE, np.full((2, 3), 20.0, np.float32), 5.0)
    assert np.all(skies.subtract(Mode.RUN, image, 5.0) == 90.0)
    assert np.all(skies.subtract(Mode.IDLE, image, 5.0) == 80.0)
    assert np.all(image == 100.0)
    skies.forget(Mode.IDLE)
    assert skies.loaded(Mode.RUN)
    assert not skies.loaded(Mode.IDLE)
    with pytest.raises(ValueError, match="expected \\(2, 3\\)"):
        skies.load(Mode.RUN, np.zeros((3, 2), np.float32), 1.0)
    with pytest.raises(ValueError, match="exposed 0"):
        skies.load(Mode.RUN, image, 0.0)


def test_samples_without_a_value_are_left_out() -> None:
    rng = np.random.default_rng(5)
    reference = rng.normal(100.0, 4.0, (2, 50, 8))
    holes = reference.copy()
    holes[0, 3, 2] = np.nan
    holes[1, 7] = np.nan
    holes[1, 20:30] = np.nan
    for smooth in (1, 5):
        levels = reference_levels(holes, smooth)
        # A line by line calculation that knows of no arrays.
        for output in range(2):
            lines = {
                n: line[np.isfinite(line)] for n, line in enumerate(holes[output]) if np.isfinite(line).any()
            }
            level = np.mean([line.mean() for line in lines.values()])
            assert levels.outputs[output] == pytest.approx(level)
            squares = sum(((line - line.mean()) ** 2).sum() for line in lines.values())
            assert levels.noise[output] == pytest.approx(
                np.sqrt(squares / sum(len(line) - 1 for line in lines.values()))
            )
            for number in range(50):
                about = [n for n in range(number - smooth // 2, number + smooth // 2 + 1) if n in lines]
                expected = np.mean([lines[n].mean() - level for n in about]) if about else 0.0
                assert levels.lines[output, number] == pytest.approx(expected, abs=1e-9)


HALF = {"width": 4, "height": 6, "orientation": "row", "reference": 3}
SMALL = Layout.load(
    {
        "name": "two halves, read towards each other",
        "rows": 6,
        "columns": 8,
        "amplifiers": [
            {"xo": 0, "yo": 0, "xdir": 1, "ydir": 1, **HALF},
            {"xo": 7, "yo": 5, "xdir": -1, "ydir": -1, **HALF},
        ],
    }
)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.lists(st.integers(1, 200), max_size=20),
)
def test_the_levels_of_the_newest_read_do_not_depend_on_the_pieces(
    seed: int, reads: int, cuts: list[int]
) -> None:
    stream = np.random.default_rng(seed).integers(0, 65536, reads * SMALL.pixels_per_read).astype(np.uint16)
    watch = ReferenceWatch(SMALL.unraveller)
    assert watch.levels() is None
    done = 0
    for length in [*cuts, len(stream)]:
        watch.add(stream[done : done + length], done)
        done = min(done + length, len(stream))
    found = watch.levels()
    # Of the last read: the samples that stand behind each line's four pixels, outputs in turn.
    samples = stream[-SMALL.pixels_per_read :].reshape(6, 7, 2)[:, 4:, :].astype(float)
    assert found is not None
    np.testing.assert_allclose(found.outputs, samples.mean(axis=(0, 1)))
    spread = samples - samples.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.noise, np.sqrt((spread**2).sum(axis=(0, 1)) / (6 * 2)))
