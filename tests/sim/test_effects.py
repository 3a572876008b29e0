"""Effects of the infrared detector, each alone on a detector without any other, against its formula."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nifsdc_sim.amplifiers import HAWAII2, Amplifier, DetectorLayout
from nifsdc_sim.detector import Detector, Video
from nifsdc_sim.ir_model import EFFECTS, DetectorModel, with_wishes
from nifsdc_sim.scene import Light, Scene, named

SMALL = DetectorLayout(
    name="small",
    rows=128,
    columns=128,
    lines=64,
    pixels=64,
    reference=32,
    amplifiers=(
        Amplifier(first=(0, 0), fast=(0, 1), slow=(1, 0)),
        Amplifier(first=(127, 0), fast=(-1, 0), slow=(0, 1)),
        Amplifier(first=(127, 127), fast=(0, -1), slow=(-1, 0)),
        Amplifier(first=(0, 127), fast=(1, 0), slow=(0, -1)),
    ),
)
NS = 1_000_000_000
SAMPLE_NS = 1000.0
"""a read of the small detector takes 6 ms"""
READ_NS = round(64 * 96 * SAMPLE_NS)
Frames = NDArray[np.float64]


def detector(*wishes: str, scene: Light | None = None, layout: DetectorLayout = SMALL) -> Detector:
    return Detector(11, scene or Scene.dark(), with_wishes(DetectorModel(), "ideal", *wishes), layout)


def reads(
    source: Detector, starts: Sequence[int], reset: bool = True, sample_ns: float = SAMPLE_NS
) -> Frames:
    """Return reads that begin at moments, ADU, shape (reads, lines, samples, amplifiers)."""
    if reset:
        source.reset(starts[0])
    lines, _ = source.layout.shape
    stacked = [np.concatenate(list(source.read(start, sample_ns, Video.DATA))) for start in starts]
    return np.array(stacked).astype(float).reshape(len(starts), lines, -1, 4)


def pictures(frames: Frames, layout: DetectorLayout = SMALL) -> Frames:
    """Return the pixels where they are on the detector, shape (reads, rows, columns)."""
    images = np.empty((len(frames), layout.rows, layout.columns))
    images[:, *layout.indices()] = frames[:, :, : layout.pixels]
    return images


def test_an_ideal_detector_shows_the_light_itself() -> None:
    """Clocked in no time, each pixel holds its number times the seconds since the reset, exactly."""
    source = detector(scene=named("index"))
    images = pictures(reads(source, [NS, 3 * NS, 83 * NS], sample_ns=0.0))
    rate = named("index").flux(128, 128)
    for image, seconds in zip(images, (0, 2, 82), strict=True):
        assert np.array_equal(image, seconds * rate)
    assert np.array_equal(source.truth().flux, rate)


def test_effects_are_off_unless_asked_for() -> None:
    off = ("bias-drift", "cosmic-rays", "dead-pixels", "non-linearity", "one-over-f", "persistence")
    usual = Detector(1, Scene.dark(), layout=SMALL).effects
    assert usual.keys() == EFFECTS.keys()
    assert all(usual[name] == 0.0 for name in (*off, "reset-anomaly"))


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("cosmics", "no effect 'cosmics'"),
        ("cosmic-rays=many", "is 'many', expected a number"),
        ("cosmic-rays=-1", "0 or more"),
        ("non-linearity=0.7", "up to 0.4"),
        ("dead-pixels=1.5", "a whole number"),
        ("read-noise=nan", "expected a number"),
    ],
)
def test_wishes_that_are_none_are_refused(wish: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        with_wishes(DetectorModel(), wish)


def test_effects_are_set_while_it_runs() -> None:
    source = detector()
    source.set_effects("cosmic-rays", "non-linearity=0.1")
    source.set_effects("dead-pixels=7")
    expected = {"cosmic-rays": 0.3, "non-linearity": 0.1, "dead-pixels": 7.0}
    assert {name: source.effects[name] for name in expected} == expected
    source.set_effects("usual")
    assert source.effects["cosmic-rays"] == 0.0
    assert source.effects["read-noise"] == 10.75


def test_non_linearity_takes_its_share_at_the_full_well() -> None:
    source = detector("full-well=50000", "non-linearity=0.06", scene=Scene.flat(500.0))
    images = pictures(reads(source, [0, 20 * NS, 50 * NS, 100 * NS, 300 * NS]))
    for image, seconds in zip(images[1:], (20, 50, 100, 300), strict=True):
        charge = min(50_000.0, 500.0 * seconds)
        assert image == pytest.approx(charge - 0.06 * charge**2 / 50_000.0, abs=4.0)  # light during a read


def test_dead_pixels_see_nothing() -> None:
    source = detector("dead-pixels=40", scene=Scene.flat(100.0))
    image = np.diff(pictures(reads(source, [0, NS])), axis=0)[0]
    assert np.array_equal(image == 0.0, source.truth().dead)
    assert np.count_nonzero(image == 0.0) == 40
    assert (image[image > 0] == 100.0).all()


def test_reset_anomaly_decays_and_spares_reference_samples() -> None:
    """A line shows 600 electron x exp(-t/3 s) less than its charge, 1000 electron/s on all pixels."""
    source = detector("reset-anomaly=600", scene=Scene.flat(1000.0))
    frames = reads(source, [2 * NS, 4 * NS, 8 * NS])
    source.set_effects("reset-anomaly=0")
    plain = reads(detector(scene=Scene.flat(1000.0)), [2 * NS, 4 * NS, 8 * NS])
    for frame, without, seconds in zip(frames[1:], plain[1:], (2.0, 6.0), strict=True):
        lines = seconds + np.arange(64) * 96e-6
        missing = 600.0 * np.exp(-lines / 3.0)[:, np.newaxis, np.newaxis]
        assert np.abs(without - frame - missing)[:, :64].max() <= 1.0  # both are rounded
        assert not frame[:, 64:].any()


def test_drift_wanders_slowly_with_each_amplifier_and_is_continuous() -> None:
    source = detector("bias-drift=100")
    source.set_model(replace(source.model, bias=(5000,) * 4))
    frames = reads(source, [number * READ_NS for number in range(400)])
    assert (frames == frames[:, :, :1]).all()  # every sample of a line alike, reference samples too
    level = frames[:, :, 0, :]
    steps = np.abs(np.diff(level.reshape(-1, 4), axis=0))
    assert steps.max() < 5 * math.sqrt(2 * (1 - 0.9)) * 100 / 64 + 1  # a read's change, a line at a time
    first = level[:, 0] - 5000.0
    # 400 values correlated by 0.9 are worth 400 x 0.1 / 1.9 = 21 for each amplifier, 84 for all.
    assert math.sqrt((first**2).mean()) == pytest.approx(100.0, rel=0.35)
    for amplifier in range(4):
        series = first[:, amplifier]
        assert np.corrcoef(series[1:], series[:-1])[0, 1] == pytest.approx(0.9, abs=0.1)
    assert np.abs(np.corrcoef(first.T) - np.eye(4)).max() < 0.7


def test_one_over_f_noise_has_its_scatter_and_spectrum() -> None:
    source = Detector(3, Scene.dark(), with_wishes(DetectorModel.ideal(), "one-over-f=50"))
    source.set_model(replace(source.model, bias=(5000,) * 4))
    levels = reads(source, [0])[0].reshape(-1, 4) - 5000.0
    # The lowest frequency alone has a tenth of the power, so one read's scatter is itself known to 6 % only.
    assert math.sqrt(levels.var()) == pytest.approx(50.0, rel=0.15)
    power = np.zeros(len(levels) // 2)
    for amplifier in range(4):
        power += np.abs(np.fft.rfft(levels[:, amplifier])[1 : len(power) + 1]) ** 2
    # The same power in each octave of frequency, from the 16th period in a read to the 8192nd.
    octaves = [power[(1 << octave) - 1 : (2 << octave) - 1].sum() for octave in range(4, 13)]
    assert max(octaves) / min(octaves) < 2.0
    assert np.abs(np.corrcoef(levels.T) - np.eye(4)).max() < 0.5


def test_persistence_lets_go_what_it_kept() -> None:
    """10,000 electrons, 2 per cent of them kept; 60 s free all but 1/e of them."""
    source = detector("persistence=0.02", scene=Scene.flat(1000.0))
    reads(source, [0, 10 * NS])
    source.set_scene(Scene.dark())
    frames = reads(source, [10 * NS + READ_NS, 70 * NS + READ_NS, 400 * NS])
    held = 0.02 * 10_000.0
    for frame, seconds in zip(frames, (0.0, 60.0, 390.0), strict=True):
        freed = held * (1.0 - math.exp(-seconds / 60.0))
        assert frame[:, :64] == pytest.approx(freed, abs=1.0)
        assert not frame[:, 64:].any()


# Particles


def test_each_jump_of_a_ramp_is_in_the_list_of_hits() -> None:
    """In the dark, without noise, nothing but particles changes a pixel: the list explains all of it."""
    source = detector("cosmic-rays=5")
    starts = [number * 5 * NS for number in range(1, 13)]
    images = pictures(reads(source, starts))
    truth = source.truth()
    assert [start.start_ns for start in truth.reads] == starts
    number = {start.read: place for place, start in enumerate(truth.reads)}
    expected = np.zeros_like(images)
    for hit in truth.hits:
        expected[number[int(hit["read"])], hit["row"], hit["column"]] += hit["electrons"]
    assert np.abs(images - np.cumsum(expected, axis=0)).max() <= 0.51
    assert len(truth.hits) > 300
    assert len(np.unique(truth.hits[["moment_ns", "row", "column"]])) == len(truth.hits)
    # 55 s at 5 a second; a particle hits neighbours at the same moment
    assert len(np.unique(truth.hits["moment_ns"])) == pytest.approx(275, abs=5 * math.sqrt(275))


def test_a_hit_shows_in_the_first_read_after_its_moment() -> None:
    source = detector("cosmic-rays=20")
    reads(source, [NS, 6 * NS, 11 * NS])
    truth = source.truth()
    starts = {start.read: start.start_ns for start in truth.reads}
    for hit in truth.hits:
        start = starts[int(hit["read"])]
        assert start - 5 * NS <= hit["moment_ns"] <= start + READ_NS


def test_a_reset_takes_hits_away_and_particles_do_not_depend_on_reads() -> None:
    source, other = detector("cosmic-rays=50"), detector("cosmic-rays=50")
    reads(source, [0, 4 * NS, 8 * NS])
    reads(other, [0, 8 * NS])
    first, second = source.truth().hits, other.truth().hits
    assert np.array_equal(np.sort(first["moment_ns"]), np.sort(second["moment_ns"]))
    assert first["electrons"].sum() == pytest.approx(second["electrons"].sum())
    source.reset(9 * NS)
    (after,) = pictures(reads(source, [9 * NS], reset=False))
    late = source.truth().hits
    assert after.sum() == pytest.approx(late[late["reset"] == 2]["electrons"].sum(), abs=100.0)


def test_particles_do_not_change_other_random_numbers() -> None:
    plain = Detector(5, Scene.flat(10.0), layout=SMALL)
    struck = Detector(5, Scene.flat(10.0), with_wishes(DetectorModel(), "cosmic-rays=5"), SMALL)
    first, second = (pictures(reads(each, [0, 20 * NS])) for each in (plain, struck))
    hits = struck.truth().hits
    untouched = np.ones((128, 128), dtype=bool)
    untouched[hits["row"], hits["column"]] = False
    assert len(hits) > 50
    assert np.array_equal(first[:, untouched], second[:, untouched])


def test_hits_of_the_whole_detector_lie_on_it() -> None:
    source = Detector(1, Scene.dark(), with_wishes(DetectorModel.ideal(), "cosmic-rays=30"))
    images = pictures(reads(source, [0, 20 * NS]), HAWAII2)
    hits = source.truth().hits
    total = np.zeros((2048, 2048))
    np.add.at(total, (hits["row"], hits["column"]), hits["electrons"])
    assert np.abs(images[1] - total).max() <= 0.51
