"""The scene: bands of rows, lines shifted along the staircase, a star in a few slitlets."""

import itertools

import numpy as np
import pytest

from nifsdc_sim.scene import (
    INDEX_PRIME,
    NAMES,
    SLITLETS,
    STAR_SLITLET,
    Light,
    Points,
    Scene,
    Source,
    StarField,
    described,
    named,
    slitlets,
)


def test_there_are_29_slitlets_of_about_70_rows_with_dark_rows_between() -> None:
    bands = slitlets()
    assert len(bands) == SLITLETS == 29
    assert bands[0][0] >= 0
    assert bands[-1][1] <= 2048
    assert all(68 <= end - first <= 71 for first, end in bands)
    gaps = [second[0] - first[1] for first, second in itertools.pairwise(bands)]
    assert set(gaps) == {1, 2}
    flux = Scene.default(1).flux()
    assert flux.shape == (2048, 2048)
    assert flux.dtype == np.float32
    lit = np.zeros(2048, dtype=bool)
    for first, end in bands:
        lit[first:end] = True
    assert (flux[~lit] == 0.0).all()
    assert (flux[lit] > 0.0).all()


def test_lines_are_shifted_from_slitlet_to_slitlet() -> None:
    scene = Scene.default(1)
    flux = scene.flux()
    bands = slitlets()
    # Far from the star the spectra of two slitlets apart differ by the shift alone: 2 x 2.5 columns.
    lower, upper = (flux[bands[number][0]] for number in (0, 2))
    lags = range(-10, 11)
    match = [float(np.dot(lower[100:-100], np.roll(upper, -lag)[100:-100])) for lag in lags]
    assert lags[int(np.argmax(match))] == 5


def test_the_star_is_where_it_is_said_to_be() -> None:
    starless = Scene.default(1)
    light = starless.flux() - Scene("lines", starless.positions, starless.peaks, starless.sky).flux()
    sums = [float(light[first:end].sum()) for first, end in slitlets()]
    assert abs(int(np.argmax(sums)) - STAR_SLITLET) < 1
    assert sum(total > 0.01 * max(sums) for total in sums) < 10


def test_typical_pixels_do_not_saturate_in_600_s() -> None:
    assert float(np.percentile(Scene.default(1).flux(), 99.99)) * 600 < 134_400


def test_a_seed_decides_the_scene() -> None:
    assert np.array_equal(Scene.default(3).flux(), Scene.default(3).flux())
    assert not np.array_equal(Scene.default(3).flux(), Scene.default(4).flux())


def test_plain_scenes() -> None:
    assert not Scene.dark().flux().any()
    assert (Scene.flat(12.5).flux() == 12.5).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(2048, 2048), (1024, 1024), (8, 12), (1, 1)])
def test_each_scene_falls_on_detectors_of_any_size(name: str, size: tuple[int, int]) -> None:
    light: Light = named(name)
    flux = light.flux(*size)
    assert light.name == name
    assert flux.shape == size
    assert flux.dtype == np.float32
    assert (flux >= 0.0).all()
    assert np.isfinite(flux).all()


def test_a_field_has_the_light_of_its_stars_where_they_are_said_to_be() -> None:
    field = StarField(seed=2, sky=0.0, stars=400)
    sources = np.array(field.sources(1000, 1200))
    flux = field.flux(1000, 1200).astype(float)
    inside = ((sources[:, :2] > 15) & (sources[:, :2] < (985, 1185))).all(axis=1)
    alone = [
        number
        for number in np.nonzero(inside)[0]
        if np.partition(np.hypot(*(sources[:, :2] - sources[number, :2]).T), 1)[1] > 35
    ]
    assert len(alone) > 50
    for row, column, rate in sources[alone]:
        first = round(row) - 12, round(column) - 12
        stamp = flux[first[0] : first[0] + 25, first[1] : first[1] + 25]
        place = np.arange(25)
        assert stamp.sum() == pytest.approx(rate, rel=2e-3)
        assert first[0] + (stamp.sum(axis=1) @ place) / stamp.sum() == pytest.approx(row, abs=0.01)
        assert first[1] + (stamp.sum(axis=0) @ place) / stamp.sum() == pytest.approx(column, abs=0.01)


def test_points_fall_into_single_pixels() -> None:
    points = Points((Source(0, 0, 5.0), Source(2.4, 2.6, 7.0), Source(2, 3, 1.0), Source(4, 0, 9.0)), sky=0.5)
    expected = np.full((4, 4), 0.5)
    expected[0, 0] += 5.0
    expected[2, 3] += 8.0
    assert np.array_equal(points.flux(4, 4), expected)
    assert points.sources(4, 4) == points.given[:3]


def test_the_index_differs_from_itself_moved_or_mirrored() -> None:
    light = named("index").flux(64, 64)
    assert light.max() < INDEX_PRIME
    for other in (np.roll(light, 1, axis=0), np.roll(light, 1, axis=1), light[::-1], light[:, ::-1], light.T):
        assert np.count_nonzero(other == light) < 0.05 * light.size


def test_scenes_are_described_by_a_text() -> None:
    assert described("flat:rate=50").flux(4, 4)[0, 0] == 50.0
    assert described("stars:stars=3,sky=1", seed=5) == StarField(5, 1.0, 3)
    assert described("stars:seed=7", seed=5) == StarField(7)
    assert np.array_equal(described("default", seed=3).flux(64, 64), Scene.default(3).flux(64, 64))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("moon", "no scene 'moon': expected one of default, dark, flat, stars, points, index"),
        ("dark:rate=1", "scene dark has no parameter 'rate': expected out of none"),
        ("flat:rate", "rate is '', expected a number"),
        ("flat:rate=-1", "rate is -1.0, expected a number of 0 or more"),
        ("stars:stars=1.5", "whole number"),
        ("points:sources=3", "expected a list"),
    ],
)
def test_texts_that_describe_no_scene_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        described(text)
