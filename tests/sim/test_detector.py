"""The detector's physics: noise, photon transfer, saturation, moments of the samples."""

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from nifsdc_sim.amplifiers import HAWAII2
from nifsdc_sim.detector import Detector, Video, dark_current
from nifsdc_sim.ir_model import DetectorModel
from nifsdc_sim.scene import Scene

MODEL = DetectorModel()
SAMPLE_NS = 1e9 / 204_027
READ_S = 1024 * 1056 / 204_027
LINE_S = 1056 / 204_027
PIXELS = 4 * 1024
"""samples of pixels in a line; reference samples follow"""
Reads = list[NDArray[np.float64]]


def reads(detector: Detector, starts: Iterable[float]) -> Reads:
    """Reset at time 0 and read at times in seconds; each read has the shape of the stream."""
    detector.reset(0)
    return [
        np.concatenate(list(detector.read(round(start * 1e9), SAMPLE_NS, Video.DATA))).astype(float)
        for start in starts
    ]


@pytest.fixture(scope="module")
def dark() -> Reads:
    return reads(Detector(1, Scene.dark()), [0.0, READ_S, 2 * READ_S])


@pytest.fixture(scope="module")
def flat() -> Reads:
    """Reads of 100 electron/s/pixel."""
    return reads(Detector(2, Scene.flat(100.0)), [0.0, READ_S, 50.0, 500.0, 2000.0])


def test_a_read_has_the_shape_of_the_stream(dark: Reads) -> None:
    assert dark[0].shape == (1024, 4 * (1024 + 32))


def test_two_reads_have_the_noise_of_a_correlated_double_sample(dark: Reads) -> None:
    difference = (dark[2] - dark[1]) * MODEL.gain
    for part in (difference[:, :PIXELS], difference[:, PIXELS:]):
        clipped = part[np.abs(part) < 200]  # without the hot pixels
        assert clipped.std() == pytest.approx(15.2, rel=0.02)
    assert difference[:, :PIXELS].mean() == pytest.approx(0.01 * READ_S, abs=0.06)


def test_a_reset_leaves_its_own_noise_which_a_difference_takes_away() -> None:
    detector = Detector(1, Scene.dark())
    first, second = reads(detector, [0.0])[0], reads(detector, [0.0])[0]
    between = ((second - first) * MODEL.gain)[:, :PIXELS]
    expected = np.sqrt(2 * (MODEL.ktc_noise**2 + MODEL.read_noise**2))
    assert between[np.abs(between) < 300].std() == pytest.approx(expected, rel=0.02)
    reference = ((second - first) * MODEL.gain)[:, PIXELS:]
    assert reference.std() == pytest.approx(15.2, rel=0.02)


def test_each_amplifier_has_its_bias(dark: Reads) -> None:
    for amplifier, bias in enumerate(MODEL.bias):
        assert dark[0][:, PIXELS + amplifier :: 4].mean() == pytest.approx(bias, abs=0.2)


def test_reference_samples_see_no_light(flat: Reads) -> None:
    for later in flat[1:]:
        assert (later - flat[0])[:, PIXELS:].mean() == pytest.approx(0.0, abs=0.1)


def test_photon_transfer(flat: Reads) -> None:
    """The variance of differences grows with the signal by 1/gain, from the read noise on."""
    signals, variances = [], []
    for later in flat[1:4]:
        difference = (later - flat[0])[:, :PIXELS]
        good = difference[np.abs(difference - np.median(difference)) < 8 * difference.std()]
        signals.append(good.mean())
        variances.append(good.var())
    slope, offset = np.polyfit(signals, variances, 1)
    assert 1 / slope == pytest.approx(MODEL.gain, rel=0.02)
    assert offset == pytest.approx((15.2 / MODEL.gain) ** 2, abs=3.0)
    assert signals[2] * MODEL.gain == pytest.approx(100.0 * 500.0, rel=2e-3)


def test_noise_of_neighbouring_differences_of_a_ramp_is_independent(flat: Reads) -> None:
    """The light of an interval is in all later reads, so that of two intervals is not correlated."""
    first = (flat[3] - flat[2])[:, :PIXELS]
    second = (flat[2] - flat[1])[:, :PIXELS]
    good = (np.abs(first - np.median(first)) < 2000) & (np.abs(second - np.median(second)) < 2000)
    assert np.corrcoef(first[good], second[good])[0, 1] == pytest.approx(-0.013, abs=0.01)


def test_pixels_saturate_at_the_full_well(flat: Reads) -> None:
    for amplifier, bias in enumerate(MODEL.bias):
        full = flat[4][:, amplifier:PIXELS:4]
        assert full.mean() == pytest.approx(bias + MODEL.full_well / MODEL.gain, abs=0.1)
        assert full.std() == pytest.approx(MODEL.read_noise / MODEL.gain, rel=0.02)


def test_each_line_has_its_own_moment(flat: Reads) -> None:
    """In the first read after a reset later lines have had more light."""
    levels = flat[0][:, :PIXELS].mean(axis=1) * MODEL.gain
    slope = np.polyfit(np.arange(1024), levels, 1)[0]
    assert slope == pytest.approx(100.0 * LINE_S, rel=0.02)
    steps = (flat[1] - flat[0])[:, :PIXELS].mean(axis=1)
    assert np.polyfit(np.arange(1024), steps, 1)[0] == pytest.approx(0.0, abs=2e-3)


def test_the_picture_is_that_of_the_scene() -> None:
    scene = Scene.default(5)
    detector = Detector(5, scene, DetectorModel(read_noise=MODEL.gain, ktc_noise=0.0))
    first, last = reads(detector, [0.0, 600.0])
    rows, columns = HAWAII2.indices()
    image = np.empty((2048, 2048))
    image[rows, columns] = (last - first)[:, :PIXELS].reshape(1024, 1024, 4) * MODEL.gain
    truth = 600.0 * (scene.flux().astype(float) + dark_current(MODEL, HAWAII2, 5))
    linear = truth < 0.8 * MODEL.full_well
    variance = truth[linear] + 2 * MODEL.gain**2 * (1 + 1 / 12)
    deviation = (image - truth)[linear] / np.sqrt(variance)
    assert deviation.mean() == pytest.approx(0.0, abs=3e-3)  # 6 standard errors
    assert deviation.std() == pytest.approx(1.0, abs=0.01)


def test_a_seed_makes_the_same_pixels_again_and_another_does_not() -> None:
    first, again, other = (reads(Detector(seed, Scene.default(0)), [0.0, 7.0])[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_random_numbers_do_not_depend_on_reads_that_were_given_up() -> None:
    detector, other = Detector(1, Scene.dark()), Detector(1, Scene.dark())
    for each, lines in ((detector, 1), (other, 60)):
        stream = each.read(0, SAMPLE_NS, Video.DATA)
        for _ in range(lines):
            next(stream)
        stream.close()
    assert np.array_equal(reads(detector, [0.0])[0], reads(other, [0.0])[0])


def test_light_can_change_during_an_exposure() -> None:
    detector = Detector(1, Scene.flat(1000.0))
    first = reads(detector, [0.0])[0]
    detector.set_scene(Scene.dark())
    later = np.concatenate(list(detector.read(round(100e9), SAMPLE_NS, Video.DATA))).astype(float)
    assert np.median(later - first) * MODEL.gain == pytest.approx(1.0, abs=3.0)
