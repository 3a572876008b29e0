"""Frames whose pixels and times tell their numbers, for tests of files of frames."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nifsdc.data import cube_file
from nifsdc.data.cube_layout import CcdExposure, CubeFrame, CubeLayout, CubeWindow
from nifsdc.data.names import labelled
from nifsdc.timing.frame_transfer import NoClear
from nifsdc.timing.utc_moment import Moment

LAYOUT = CubeLayout((CubeWindow(9, 7, 1, "[1:7,1:9]"), CubeWindow(4, 5, 2)))
"""an odd number of pixels, so that rows begin in the middle of a checksum's words"""
START = Moment.from_posix(1_772_409_599_000_000_000)
"""2026-03-01 23:59:59"""
TIMING = (NoClear(0.002, 0.003, 0.001, 0), NoClear(0.002, 0.003, 0.001, 2))
"""of the two CCDs: one has data in every frame, the other in every third"""
SHAPES = [(window.rows, window.columns) for window in LAYOUT.windows]


@functools.lru_cache(maxsize=4096)
def pixels(number: int, window: int) -> NDArray[np.uint16]:
    """What a frame shows in a window (from 0): every value of 16 bits comes sooner or later."""
    rng = np.random.default_rng((number, window))
    return rng.integers(0, 1 << 16, SHAPES[window]).astype(np.uint16)


def frame(number: int, start: Moment = START) -> CubeFrame:
    stamp = start.plus(0.006 * number)
    ccds = tuple(CcdExposure.of(stamp, timing.exposed(number)) for timing in TIMING)
    return CubeFrame(number, stamp, ccds, [pixels(number, 0), pixels(number, 1)], 1e-6)


def new_file(folder: Path, name: str = "run") -> Path:
    return cube_file.create(folder, labelled(name), LAYOUT)


def expected(numbers: range, window: int) -> NDArray[np.uint16]:
    return np.array([pixels(number, window) for number in numbers]).reshape(-1, *SHAPES[window])
