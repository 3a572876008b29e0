"""Frame-transfer CCDs of the simulator: when each frame's light was collected, and where."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nifsdc.sdsu import frames
from nifsdc.sdsu.frames import HEADER_WORDS, BadHeader, FrameCommand, FrameHeader
from nifsdc_sim.ccd_clocking import Clocking
from nifsdc_sim.ccd_geometry import split
from nifsdc_sim.detector import Video
from nifsdc_sim.ft_array import FrameOrder, FrameTransferArray
from nifsdc_sim.ft_model import FT_SMALL, FtGeometry, FtModel
from nifsdc_sim.led import Led
from nifsdc_sim.scene import Light, Scene, named

from ..timing import clock_sequence
from .bench import TIMING, Bench, bench

NS = 1_000_000_000
MS = 1_000_000
SAMPLE_NS = 400.0
ROWS, COLUMNS = 8, 6
"""of an output's part of the imaging area"""
MASKED = 14
SMALL = FtGeometry("two", split("two", ROWS, 2 * COLUMNS, 2, prescan=0, overscan=0), MASKED, ccds=3)
TRANSFER_NS, ROW_NS = FtModel().transfer_ns, FtModel().row_ns
F_NS = MASKED * TRANSFER_NS
R_NS = ROWS * (ROW_NS + COLUMNS * 400)
W_NS = (ROWS + MASKED) * TRANSFER_NS
RATE = 1e6


def frames_of(
    order: FrameOrder, scene: Light, clocking: Clocking | None = None, geometry: FtGeometry = SMALL
) -> Iterator[tuple[FrameHeader, NDArray[np.uint16]]]:
    """Yield headers and pixels, shape (samples, CCDs, outputs)."""
    array = FrameTransferArray(geometry, 1, scene, FtModel.ideal())
    shape = (-1, geometry.ccds, len(geometry.ccd.channels))
    for chunk in array.frames(order, clocking or Clocking(), 5 * NS, SAMPLE_NS, Video.DATA):
        yield FrameHeader.decode(chunk.pixels[:HEADER_WORDS]), chunk.pixels[HEADER_WORDS:].reshape(shape)


def light_of(frame: clock_sequence.Frame) -> float:
    return sum(end - begin for begin, end in frame.light)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(0, 31))
def test_headers_come_back(number: int, stamp: int, data: int) -> None:
    header = FrameHeader(number, stamp, data)
    words = header.encode()
    assert words.shape == (HEADER_WORDS,)
    assert int(words.sum(dtype=np.uint64)) & 0xFFFF == 0
    assert FrameHeader.decode(words) == header


@given(st.integers(0, HEADER_WORDS - 1), st.integers(1, 0xFFFF))
def test_a_word_that_is_off_is_no_header(place: int, mask: int) -> None:
    words = FrameHeader(7, 123456789, 1).encode()
    words[place] ^= mask
    with pytest.raises(BadHeader, match="pixels were lost"):
        FrameHeader.decode(words)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([FrameCommand.NO_CLEAR, FrameCommand.CLEAR]),
    st.integers(0, 3000),
    st.tuples(*[st.integers(0, 4)] * 3),
)
def test_each_ccd_collects_light_as_its_clock_sequence_has_it(
    command: FrameCommand, delay_us: int, nskip: tuple[int, ...]
) -> None:
    """Steady light: each frame has of each CCD what a CCD played step by step books for it."""
    order = FrameOrder(command, 0, delay_us * 1000, nskip, 0, (0, 0))
    seen = list(islice(frames_of(order, Scene.flat(RATE)), 13))
    begin = 5 * NS + W_NS
    e, r, f, w = delay_us / 1e6, R_NS / NS, F_NS / NS, W_NS / NS
    for ccd, skip in enumerate(nskip):
        if command is FrameCommand.CLEAR:
            played = clock_sequence.clear(e, r, f, w, skip)
        else:
            played = clock_sequence.no_clear(e, r, f, skip)
        for (header, pixels), frame in zip(seen, played, strict=False):
            assert header.number == frame.number
            assert header.stamp_ns == begin + round(frame.stamp * NS)
            genuine = frame.number % (skip + 1) == 0
            assert bool(header.data >> ccd & 1) == genuine
            expected = light_of(frame) * RATE if genuine else 0.0
            assert np.abs(pixels[:, ccd] - expected).max() <= 0.51


@pytest.mark.parametrize(("first", "height"), [(0, 1), (1, 1), (0, 2)])
@pytest.mark.parametrize("ndrift", [1, 2, 3])
def test_drift_windows_are_read_after_as_many_frames(first: int, height: int, ndrift: int) -> None:
    """The rows of the line dumps are found by trying all of them."""
    shift = first + height
    left = MASKED - height - (ndrift - 1) * (shift + height)
    dumps = [
        (before, after)
        for before in range(MASKED)
        for after in range(MASKED)
        if left == ndrift * before + (ndrift - 1) * after
    ]
    assert dumps, "no such window fits"
    before, after = dumps[0]
    table = Clocking(1, rows=1, words=(0, height, 0, COLUMNS))
    order = FrameOrder(FrameCommand.DRIFT, 0, 300_000, (0, 0, 0), shift, (before, after))
    r = height * (ROW_NS + COLUMNS * 400) / NS
    ld, ls = (before + after) * TRANSFER_NS / NS, shift * TRANSFER_NS / NS
    played = clock_sequence.drift(300e-6, r, ld, ls, ndrift)
    for (header, pixels), frame in zip(
        islice(frames_of(order, Scene.flat(RATE), table), 12), played, strict=False
    ):
        assert header.stamp_ns == 5 * NS + W_NS + round(frame.stamp * NS)
        assert pixels.shape[0] == height * COLUMNS
        if frame.number > ndrift:
            assert np.abs(pixels - light_of(frame) * RATE).max() <= 0.51


def test_drift_windows_are_the_rows_of_the_scene() -> None:
    """A window that is read NDRIFT frames later is still the one that was shifted, row by row."""
    first, height, ndrift = 1, 2, 2
    before, after = 3, 1
    assert MASKED - height - (ndrift - 1) * (first + 2 * height) == 2 * before + after
    table = Clocking(1, rows=1, words=(0, height, 0, COLUMNS))
    order = FrameOrder(FrameCommand.DRIFT, 0, 2 * MS, (0, 0, 0), first + height, (before, after))
    *_, (_, pixels) = islice(frames_of(order, named("index"), table), 8)
    light = SMALL.ccd.to_channels(named("index").flux(ROWS, 2 * COLUMNS))[first : first + height]
    exposed = 2e-3 + 4 * TRANSFER_NS / NS + height * (ROW_NS + COLUMNS * 400) / NS
    for ccd in range(3):
        there = pixels[:, ccd].reshape(height, COLUMNS, 2).transpose(0, 2, 1)
        assert np.abs(there - light * exposed).max() <= 0.51


@pytest.mark.parametrize("binning", [(1, 1), (2, 1), (3, 2)])
def test_windows_and_binning_of_a_transferred_image(binning: tuple[int, int]) -> None:
    xbin, ybin = binning
    rows, columns = 4 // ybin, COLUMNS // xbin
    table = Clocking(1, xbin, ybin, rows=2, words=(2, rows, 0, columns, 0, 0))
    order = FrameOrder(FrameCommand.CLEAR, 2, NS, (0, 0, 0), 0, (0, 0))
    (_, one), (_, two) = frames_of(order, named("index"), table)
    light = SMALL.ccd.to_channels(named("index").flux(ROWS, 2 * COLUMNS))[2:6]
    binned = light.reshape(rows, ybin, 2, columns, xbin).sum(axis=(1, 4)).transpose(0, 2, 1)
    for pixels in (one, two):
        for ccd in range(3):
            assert np.array_equal(pixels[:, ccd].reshape(binned.shape), binned)


def test_what_a_lamp_is_on_for() -> None:
    led = Led(rate=1.0, period=1e-3, on=2e-4, first=5e-4)
    assert led.on_ns(0, 500_000) == 0
    assert led.on_ns(500_000, 700_000) == 200_000
    assert led.on_ns(600_000, 1_600_000) == 200_000
    assert led.on_ns(0, 1000 * MS) == 1000 * 200_000
    with pytest.raises(ValueError, match="expected up to all"):
        Led(period=1.0, on=1.5)


@pytest.fixture(scope="module")
def controller() -> Iterator[Bench]:
    with bench("ft-small", scene="flat:rate=1000000", effects=("ideal",)) as running:
        running.start()
        running.done(TIMING, "HSP")
        running.done(TIMING, "STP")
        yield running


def words_of_a_frame() -> int:
    return HEADER_WORDS + 32 * 64 * FT_SMALL.channels


def start(controller: Bench, label: str, count: int, **offsets: Any) -> int:
    """Begin a run and return the number of its block."""
    controller.set(TIMING, 0xFA, words_of_a_frame())
    controller.set(TIMING, 0xF9, 1)
    controller.set(TIMING, frames.DELAY_US, 250)
    block = controller.link.progress().block + 1
    controller.done(TIMING, label, count)
    return block


def test_a_run_over_the_link_has_its_frames_in_one_block(controller: Bench) -> None:
    controller.set(TIMING, frames.NSKIP + 1, 2)
    block = start(controller, "FNC", 7)
    pixels = controller.pixels(block, 7 * words_of_a_frame()).reshape(7, -1)
    controller.still()
    headers = [FrameHeader.decode(frame[:HEADER_WORDS]) for frame in pixels]
    assert [header.number for header in headers] == list(range(1, 8))
    assert [header.data for header in headers] == [1, 1, 3, 1, 1, 3, 1]
    # E 0.25 ms, F 64 x 4 us, R 64 x (2 us + 32 x 0.1 us)
    assert {b.stamp_ns - a.stamp_ns for a, b in pairwise(headers)} == {838_800}
    assert controller.y(TIMING, frames.CCDS) == 2
    assert controller.y(TIMING, frames.TRANSFER_NS) * controller.y(TIMING, frames.MASKED_ROWS) == 256_000


def test_a_run_without_an_end_is_aborted(controller: Bench) -> None:
    block = start(controller, "FCL", 0)
    controller.pixels(block, 3 * words_of_a_frame())
    controller.tell(TIMING, "ABR")
    controller.still()
    assert controller.link.progress().pixels % words_of_a_frame() == 0
    assert controller.ask(TIMING, "TDL", 0x123) == 0x123
