"""A CCD clocked by window tables alone against slices of its true frame; senseless tables give pictures."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nifsdc_sim.ccd import Ccd
from nifsdc_sim.ccd_clocking import Clocking
from nifsdc_sim.ccd_geometry import split
from nifsdc_sim.ccd_model import CcdModel
from nifsdc_sim.detector import Video
from nifsdc_sim.scene import Scene, named

NS = 1_000_000_000
N = 10
ROWS, COLUMNS, PRESCAN = 48, 64, 5
Box = tuple[int, int, int, int]
"""first row, first pixel, binned rows, binned pixels, in the channel with its prescan"""


def stretches(draw: st.DrawFn, length: int, binning: int, most: int) -> list[tuple[int, int]]:
    """Return places that follow each other: where each begins, and how many binned pixels it has."""
    found, place = [], 0
    for _ in range(draw(st.integers(1, most))):
        begin = place + draw(st.integers(0, 6))
        count = draw(st.integers(1, 6))
        if begin + count * binning > length:
            break
        found.append((begin, count))
        place = begin + count * binning
    return found


@st.composite
def wanted(draw: st.DrawFn) -> tuple[int, int, int, list[list[Box]]]:
    """Return outputs, binning in x and y, and bands of windows beside each other."""
    outputs = draw(st.sampled_from([1, 2, 4]))
    xbin, ybin = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rows = ROWS // (2 if outputs == 4 else 1)
    columns = PRESCAN + COLUMNS // (1 if outputs == 1 else 2)
    bands = [
        [(y, x, height, width) for x, width in stretches(draw, columns, xbin, N)]
        for y, height in stretches(draw, rows, ybin, N)
    ]
    return outputs, xbin, ybin, bands


def table(bands: list[list[Box]], xbin: int, ybin: int) -> tuple[int, ...]:
    """Return the words that read the windows: skips count pixels, reads binned ones (Annex A)."""
    words: list[int] = []
    row = 0
    for band in bands:
        serial: list[int] = []
        pixel = 0
        for _, x, _, width in band:
            serial += [x - pixel, width]
            pixel = x + width * xbin
        y, height = (band[0][0], band[0][2]) if band else (row, 0)
        words += [y - row, height, *serial, *[0] * (2 * N - len(serial))]
        row = y + height * ybin
    return (*words, *[0] * (N * (2 * N + 2) - len(words)))


def channels(image: NDArray[np.float32], outputs: int) -> list[NDArray[np.float32]]:
    """Return what leaves by each output, the pixel next to it first, with empty pixels before the columns."""
    parts = [image]
    if outputs > 1:
        left, right = np.hsplit(image, 2)
        parts = [left, right[:, ::-1]]
    if outputs == 4:
        (bottom_left, top_left), (bottom_right, top_right) = np.vsplit(left, 2), np.vsplit(right, 2)
        parts = [bottom_left, bottom_right[:, ::-1], top_left[::-1], top_right[::-1, ::-1]]
    return [np.pad(part, ((0, 0), (PRESCAN, 0))) for part in parts]


@given(wanted())
@settings(max_examples=500, deadline=None)
def test_windows_are_slices_of_the_true_frame(case: tuple[int, int, int, list[list[Box]]]) -> None:
    outputs, xbin, ybin, bands = case
    geometry = split("test", ROWS, COLUMNS, outputs, prescan=PRESCAN)
    device = Ccd(1, named("index"), CcdModel.ideal(), geometry)
    device.clear(0)
    device.open_shutter(0)
    device.close_shutter(NS)
    clocking = Clocking(1, xbin, ybin, N, table(bands, xbin, ybin))
    chunks = list(device.read(clocking, NS, 1000.0, Video.DATA))
    pixels = sum(chunk.pixels.size for chunk in chunks)
    assert pixels == device.pixels(clocking)
    assert pixels == outputs * sum(height * width for band in bands for _, _, height, width in band)
    rows = iter(chunk.pixels.reshape(-1, outputs) for chunk in chunks)
    frames = channels(device.truth().charge, outputs)
    for band in bands:
        for line in range(band[0][2] if band else 0):
            sent, place = next(rows), 0
            for y, x, _, width in band:
                for number, frame in enumerate(frames):
                    first = y + line * ybin
                    piece = frame[first : first + ybin, x : x + width * xbin]
                    true = piece.reshape(ybin, width, xbin).sum(axis=(0, 2))
                    assert np.array_equal(sent[place : place + width, number], true)
                place += width


@pytest.mark.parametrize("outputs", [1, 2, 4])
@given(
    st.integers(0, 12),
    st.lists(st.integers(0, 0xFFFFFF) | st.integers(0, 3), max_size=400),
    st.integers(0, 0xFFFFFF),
    st.integers(0, 0xFFFFFF),
)
@settings(max_examples=60, deadline=None)
def test_words_without_sense_give_a_picture_without_sense(
    outputs: int, n: int, words: list[int], xbin: int, ybin: int
) -> None:
    """However long the table wants to go on, pixels come, and the CCD is as good as before afterwards."""
    device = Ccd(1, Scene.flat(50.0), CcdModel(), split("test", 16, 16, outputs))
    device.clear(0)
    chunks = device.read(Clocking(1, xbin, ybin, n, tuple(words)), NS, 1000.0, Video.DATA)
    taken = list(islice(chunks, 3))
    chunks.close()
    device.stop_after(len(taken))
    assert all(chunk.pixels.dtype == np.uint16 for chunk in taken)
    device.clear(2 * NS)
    frame = sum(chunk.pixels.size for chunk in device.read(Clocking(), 3 * NS, 1000.0, Video.DATA))
    assert frame == device.pixels(Clocking())
