"""A CCD: what collects charge, what reading does to it, what the outputs make of it; each effect alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nifsdc_sim.ccd import Ccd
from nifsdc_sim.ccd_clocking import Clocking
from nifsdc_sim.ccd_geometry import CcdGeometry, split
from nifsdc_sim.ccd_model import FAST, SLOW, CcdModel, with_wishes
from nifsdc_sim.ccd_readout import Readout
from nifsdc_sim.detector import Video
from nifsdc_sim.scene import Light, Points, Scene, Source, named

NS = 1_000_000_000
ROWS, COLUMNS, PRESCAN, OVERSCAN = 64, 80, 4, 8
GEOMETRY = split("test", ROWS, COLUMNS, 1, prescan=PRESCAN, overscan=OVERSCAN, parallel_overscan=6)
SAMPLE_NS = 10_000.0
Frame = NDArray[np.float64]


def ccd(*wishes: str, scene: Light | None = None, geometry: CcdGeometry = GEOMETRY, seed: int = 9) -> Ccd:
    """Return a CCD without any effect but those wished for."""
    return Ccd(seed, scene or Scene.dark(), with_wishes(CcdModel(), "ideal", *wishes), geometry)


def expose(device: Ccd, seconds: float, start_ns: int = 0) -> int:
    """Clear and expose; return the moment of the end."""
    end = start_ns + round(seconds * NS)
    device.clear(start_ns)
    device.open_shutter(start_ns)
    device.close_shutter(end)
    return end


def read(device: Ccd, moment_ns: int, clocking: Clocking | None = None, video: Video = Video.DATA) -> Frame:
    """Return a full frame, shape (rows, columns, outputs)."""
    chunks = list(device.read(clocking or Clocking(), moment_ns, SAMPLE_NS, video))
    stream = np.concatenate([chunk.pixels for chunk in chunks])
    return stream.reshape(len(chunks), -1, len(device.geometry.channels)).astype(float)


def image(frame: Frame) -> Frame:
    """Return the image area of a frame of one output."""
    return frame[:ROWS, PRESCAN:-OVERSCAN, 0]


def test_light_is_counted_while_the_shutter_is_open() -> None:
    """2 s open, 5 s closed, 1 s open: three times the light; what surrounds the image is empty."""
    device = ccd(scene=named("index"))
    device.clear(0)
    for opened, closed in ((NS, 3 * NS), (8 * NS, 9 * NS)):
        device.open_shutter(opened)
        device.close_shutter(closed)
    frame = read(device, 10 * NS)
    light = named("index").flux(ROWS, COLUMNS)
    assert np.array_equal(image(frame), 3 * light)
    assert frame.sum() == 3 * light.sum()
    assert np.array_equal(device.truth().charge, 3 * light)
    assert not read(device, 20 * NS).any()


def test_other_light_counts_from_its_moment() -> None:
    device = ccd(scene=Scene.flat(100.0))
    device.clear(0)
    device.open_shutter(0)
    device.set_scene(Scene.flat(10.0), 3 * NS)
    device.close_shutter(5 * NS)
    assert (image(read(device, 5 * NS)) == 320.0).all()


def test_preflash_adds_its_light_behind_the_shutter() -> None:
    device = ccd("preflash=200")
    device.clear(0)
    device.flash(0, 1_500_000_000)
    assert (image(read(device, 2 * NS)) == 300.0).all()


def test_dark_current_and_hot_pixels_grow_with_time() -> None:
    device = ccd("dark-current=2", "hot-pixels=30")
    device.clear(0)
    first = image(read(device, 100 * NS)).copy()
    # Clocking a frame takes 64 rows x 92 samples of 10 us and 64 shifts, in which all gets dark current.
    reading = 70 * (92 * SAMPLE_NS + 20_000) / NS
    hot = first > 200 + 2 * reading + 1
    assert 20 <= np.count_nonzero(hot) <= 30  # the hottest have 20 electron/s, some of the 30 less than 2
    assert first[~hot].max() <= 200 + 2 * reading + 1
    assert np.median(first) == pytest.approx(200, abs=2 * reading + 1)


# Saturation


def test_charge_above_the_full_well_is_lost_without_blooming() -> None:
    star = Points((Source(30, 40, 5000.0),), sky=10.0)
    device = ccd("full-well=2000", scene=star)
    frame = image(read(device, expose(device, 1.0)))
    assert frame[30, 40] == 2000
    frame[30, 40] = 10.0
    assert (frame == 10.0).all()


def test_blooming_fills_the_column_to_both_sides_and_keeps_the_charge() -> None:
    """9000 electrons in wells of 2000 that hold 500 already: 7500 go over, 1500 fit into each neighbour."""
    device = ccd("full-well=2000", "blooming", scene=Points((Source(30, 40, 9000.0),), sky=500.0))
    frame = image(read(device, expose(device, 1.0)))
    column = frame[:, 40]
    assert column.sum() == 64 * 500 + 9000
    assert (column[28:33] == 2000).all()
    assert (column[27], column[33]) == (1250, 1250)
    assert (np.delete(frame, 40, axis=1) == 500).all()


def test_numbers_end_at_16_bits() -> None:
    device = ccd(scene=Scene.flat(70_000.0))
    assert (image(read(device, expose(device, 1.0))) == 65_535).all()


# Reading


def test_an_open_shutter_smears_rows_with_what_they_pass() -> None:
    """A point lights every row that is clocked past it, for the time of one row each."""
    device = ccd(scene=Points((Source(20, 30, 50_000.0),)))
    device.clear(0)
    device.open_shutter(0)
    frame = image(read(device, NS))
    row_s = (92 * SAMPLE_NS + 20_000) / NS
    behind = frame[21:, 30]
    assert behind == pytest.approx(50_000.0 * row_s, abs=1.0)
    assert frame[20, 30] == 50_000.0  # it leaves the light with the first shift
    assert not frame[:20].any()
    assert not np.delete(frame, 30, axis=1).any()


def test_a_closed_shutter_does_not_smear() -> None:
    device = ccd(scene=Points((Source(20, 30, 50_000.0),)))
    frame = image(read(device, expose(device, 1.0)))
    assert (frame[20, 30], frame.sum()) == (50_000, 50_000)


def test_transfer_inefficiency_trails_along_both_clocks() -> None:
    """Of 40,000 electrons, N transfers leave N x CTI behind: N is the row's and the register's place."""
    device = ccd("parallel-cti=1e-4", "serial-cti=2e-4", scene=Points((Source(50, 60, 40_000.0),)))
    frame = image(read(device, expose(device, 1.0)))
    parallel, serial = 51 * 1e-4, (PRESCAN + 61) * 2e-4
    assert frame[51, 60] / frame[50, 60] == pytest.approx(parallel, rel=0.02)
    assert frame[50, 61] / frame[50, 60] == pytest.approx(serial, rel=0.02)
    assert frame[50, 60] == pytest.approx(40_000 * (1 - 1e-4) ** 51 * (1 - 2e-4) ** 65, rel=1e-4)
    assert not frame[:50].any()
    assert not frame[:, :60].any()


def test_a_readout_given_up_leaves_the_rows_that_were_not_clocked() -> None:
    device = ccd(scene=named("index"))
    end = expose(device, 1.0)
    chunks = device.read(Clocking(), end, SAMPLE_NS, Video.DATA)
    for _ in range(10):
        next(chunks)
    chunks.close()
    device.stop_after(7)
    light = named("index").flux(ROWS, COLUMNS)
    left = device.charge()
    assert np.array_equal(left[:57], light[7:])
    assert not left[57:].any()


def given_up(*, looked_at: bool) -> tuple[Ccd, int]:
    """Return a CCD that was cleared and exposed again after a readout that was given up, and the moment."""
    device = ccd("read-noise", "photon-noise", scene=named("index"))
    chunks = device.read(Clocking(), expose(device, 1.0), SAMPLE_NS, Video.DATA)
    for _ in range(10):
        next(chunks)
    device.stop_after(7)
    chunks.close()
    if looked_at:
        assert device.charge().any()
    return device, expose(device, 1.0, 5 * NS)


def test_what_a_readout_left_that_was_given_up_is_not_worked_out_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That takes long, and the controller is to obey the next command within a second."""
    device, end = given_up(looked_at=True)
    expected = read(device, end)
    begun: list[Readout] = []

    def begin(*given: Any) -> Readout:
        begun.append(Readout(*given))
        return begun[-1]

    monkeypatch.setattr("nifsdc_sim.ccd.Readout", begin)
    device, end = given_up(looked_at=False)
    assert len(begun) == 1
    np.testing.assert_array_equal(read(device, end), expected)


def test_chunks_say_when_they_were_clocked() -> None:
    """A row takes its shift and its samples; skipped pixels and rows take their own time."""
    device = ccd()
    chunks = list(device.read(Clocking(), 5 * NS, SAMPLE_NS, Video.DATA))
    row = 20_000 + 92 * 10_000
    assert [chunk.end_ns - 5 * NS for chunk in chunks] == [row * number for number in range(1, 71)]
    windows = Clocking(1, rows=1, words=(3, 2, 10, 5))
    chunks = list(device.read(windows, 8 * NS, SAMPLE_NS, Video.DATA))
    row = 20_000 + 10 * 250 + 5 * 10_000
    assert [chunk.end_ns - 8 * NS for chunk in chunks] == [60_000 + row, 60_000 + 2 * row]


@pytest.mark.parametrize("outputs", [1, 2, 4])
def test_test_data_number_the_samples(outputs: int) -> None:
    device = ccd(geometry=split("test", 8, 8, outputs, prescan=1, overscan=1), scene=Scene.flat(9.0))
    stream = read(device, 0, video=Video.TEST_INDEX).ravel()
    assert stream.tolist() == list(range(device.pixels(Clocking())))
    amplifier = read(device, 0, video=Video.TEST_AMPLIFIER)
    for number in range(outputs):
        assert (amplifier[:, :, number].astype(int) >> 14 == number).all()
    assert not read(device, 0, video=Video.DEAD).any()


# Outputs


def biased(*wishes: str, geometry: CcdGeometry = GEOMETRY) -> Ccd:
    device = ccd(*wishes, geometry=geometry)
    device.set_model(replace(device.model, bias=(1000.0, 2000.0, 3000.0, 4000.0)))
    return device


def test_each_output_has_its_level() -> None:
    device = biased(geometry=split("test", 16, 16, 4))
    frame = read(device, 0)
    assert (frame == [1000.0, 2000.0, 3000.0, 4000.0]).all()


def test_bias_falls_along_a_row_and_rises_along_columns() -> None:
    frame = read(biased("bias-step=100", "bias-gradient=64"), 0)[:, :, 0]
    column, row = np.arange(frame.shape[1]), np.arange(frame.shape[0])
    expected = 1000 + 100 * np.exp(-column / 20) + np.minimum(64, row)[:, np.newaxis]
    assert np.abs(frame - expected).max() <= 0.51


def test_a_window_has_the_bias_of_its_part_of_the_frame() -> None:
    wishes = ("bias-step=100", "bias-gradient=64", "bias-columns=20")
    frame = read(biased(*wishes), 0)[:, :, 0]
    part = read(biased(*wishes), 0, Clocking(1, rows=1, words=(12, 5, 30, 20)))[:, :, 0]
    assert np.array_equal(part, frame[12:17, 30:50])


def test_columns_scatter_alike_in_all_rows_and_readouts() -> None:
    device = biased("bias-columns=30")
    first, second = read(device, 0)[:, :, 0], read(device, NS)[:, :, 0]
    assert np.array_equal(first, second)
    assert (first == first[0]).all()
    assert first[0].std() == pytest.approx(30.0, rel=5 / math.sqrt(2 * 92))


def test_levels_drift_from_readout_to_readout() -> None:
    device = biased("bias-drift=20")
    levels = []
    for number in range(200):
        frame = read(device, number * NS)
        assert (frame == frame[0, 0, 0]).all()
        levels.append(frame[0, 0, 0])
    assert np.mean(levels) == pytest.approx(1000, abs=5 * 20 / math.sqrt(200))
    assert np.std(levels) == pytest.approx(20, rel=5 / math.sqrt(400))


@pytest.mark.parametrize(("speed", "gain", "noise"), [(SLOW, 1.2, 3.0), (FAST, 2.0, 5.5)])
def test_photon_transfer_at_both_speeds(speed: int, gain: float, noise: float) -> None:
    """Overscan has the read noise; in a flat field the variance is the signal over the gain beside it."""
    model = with_wishes(CcdModel(), "hot-pixels=0", "hot-columns=0", "cosmic-rays=0", "dark-current=0")
    model = replace(model, parallel_cti=0.0, serial_cti=0.0, bias_columns=0.0)
    geometry = split("test", 200, 200, 1)
    device = Ccd(2, Scene.flat(5000.0), model, geometry)
    device.set_speed(speed)
    frames = [read(device, expose(device, 2.0, number * 10 * NS))[:, :, 0] for number in range(2)]
    difference = frames[1] - frames[0]
    rounding = 1 / 12
    overscan = difference[:, -32:].var() / 2
    assert overscan == pytest.approx((noise / gain) ** 2 + rounding, rel=5 * math.sqrt(2 / 6400))
    light = difference[:, 16:-32].var() / 2
    expected = 10_000.0 / gain**2 + (noise / gain) ** 2 + rounding
    assert light == pytest.approx(expected, rel=5 * math.sqrt(2 / 40_000))
    signal = frames[0][:, 16:-32].mean() - frames[0][:, -32:].mean()
    assert signal == pytest.approx(10_000 / gain, abs=2.0)
    assert device.pixel_rate == (100_000 if speed == SLOW else 400_000)


# Defects and particles


def test_a_hot_column_is_bright_from_its_defect_on() -> None:
    frame = image(read(ccd("hot-columns=1"), 0))
    (column,) = np.nonzero(frame.any(axis=0))[0]
    defect = np.nonzero(frame[:, column])[0][0]
    assert (frame[defect:, column] == 30).all()


def test_each_hit_pixel_is_in_the_truth() -> None:
    for outputs in (1, 2, 4):
        device = ccd("cosmic-rays=3", geometry=split("test", 64, 80, outputs, prescan=0, overscan=0))
        read(device, expose(device, 10.0))
        hits = device.truth().hits
        charge = np.zeros((64, 80))
        np.add.at(charge, (hits["row"], hits["column"]), hits["electrons"])
        assert device.truth().charge == pytest.approx(charge, rel=1e-5, abs=1e-2)
        assert len(np.unique(hits["moment_ns"])) == pytest.approx(30, abs=5 * math.sqrt(30))
        assert ((hits["moment_ns"] >= 0) & (hits["moment_ns"] <= 10 * NS)).all()
        assert (hits["read"] == 1).all()
        assert (hits["reset"] == 1).all()


def test_effects_change_between_readouts_and_charge_stays() -> None:
    device = ccd(scene=named("index"))
    end = expose(device, 1.0)
    device.set_effects("serial-cti=0.001", "bias-step=50")
    assert device.effects["serial-cti"] == 0.001
    frame = read(device, end)
    assert frame[0, 0, 0] == 50.0
    assert np.array_equal(device.truth().charge, named("index").flux(ROWS, COLUMNS))
    device.set_effects("ideal")
    assert not read(device, end + 10 * NS).any()


def test_a_seed_makes_the_same_frames_again_and_another_does_not() -> None:
    frames = []
    for seed in (3, 3, 4):
        device = Ccd(seed, named("stars"), CcdModel(), GEOMETRY)
        frames.append(read(device, expose(device, 3.0)))
    assert np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])
