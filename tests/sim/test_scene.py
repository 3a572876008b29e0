"""The scene: bands of rows, lines shifted along the staircase, a star in a few slitlets."""

import itertools

import numpy as np

from nifsdc_sim.scene import SLITLETS, STAR_SLITLET, Scene, slitlets


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
