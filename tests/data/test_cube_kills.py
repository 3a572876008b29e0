"""A writer of a file of frames is killed at any moment; and others read what it writes meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import fitsio
import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data import cube_file
from nifsdc.data.cube_file import CubeFile
from nifsdc.data.cube_reader import CubeReader
from nifsdc.data.fits_image import BLOCK

from .cube_frames import expected, new_file

REPOSITORY = Path(__file__).parents[2]
DEADLINE_S = 60.0
ROOM = 3 * BLOCK


class Writers:
    """The process that starts writers, and what they say."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.data.cube_writers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
        )
        self._pending = ""

    def start(self, path: Path, seed: int, frames: int, room: int = ROOM) -> int:
        """Start a writer, and return its process."""
        assert self.process.stdin is not None
        order = {"path": str(path), "seed": seed, "frames": frames, "room": room}
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        while not (line := self.line()).startswith("PID"):
            pass
        return int(line.split()[1])

    def line(self) -> str:
        """What was said next."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + DEADLINE_S
        while "\n" not in self._pending:
            assert time.monotonic() < deadline, "the writers are silent"
            if select.select([self.process.stdout], [], [], 1.0)[0]:
                more = os.read(self.process.stdout.fileno(), 65536)
                assert more, "the writers have ended"
                self._pending += more.decode()
        line, _, self._pending = self._pending.partition("\n")
        return line

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(DEADLINE_S)


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    made = Writers()
    yield made
    made.end()


def frames_by_astropy(path: Path) -> int:
    """Open a file by astropy, and return its frames, each of which has to be right."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=LENGTH)
        with fits.open(path, memmap=False) as hdus:
            hdus.verify("exception")
            data = hdus["FRAMES"].data
            return right(data) if len(data) else 0


LENGTH = "Unexpected extra padding|File may have been truncated"
"""what is said of a file in the very moment of changing its length"""


def frames_by_cfitsio(path: Path) -> int:
    """The same by CFITSIO."""
    with fitsio.FITS(str(path)) as hdus:
        table = hdus["FRAMES"]
        return right(table.read()) if table.get_nrows() else 0


def right(data: np.ndarray) -> int:
    numbers = range(1, len(data) + 1)
    np.testing.assert_array_equal(data["FRAME"], numbers)
    for window in (0, 1):
        np.testing.assert_array_equal(data[f"IMAGE{window + 1}"], expected(numbers, window))
    return len(data)


def killed(writers: Writers, path: Path, seed: int) -> int:
    """Start a writer, kill it at some moment, and return the frames that it had announced."""
    chance = random.Random(seed)
    frames = chance.randint(1, 80)
    # Every other one is killed about the time when it closes the file.
    wait_for = "CLOSING" if seed % 2 else f"{chance.randint(1, frames)} FRAMES"
    child = writers.start(path, seed, frames)
    announced, ended = 0, False
    while not ended:
        line = writers.line()
        if line.endswith("FRAMES"):
            announced = int(line.split()[0])
        if line == wait_for or (line.endswith("FRAMES") and announced >= _number(wait_for)):
            time.sleep(chance.choice([0.0, chance.uniform(0.0, 0.005)]))
            with contextlib.suppress(ProcessLookupError):  # it was quicker
                os.kill(child, signal.SIGKILL)
            wait_for = "done"
        ended = line == "ENDED"
    return announced


def _number(wait_for: str) -> float:
    return int(wait_for.split()[0]) if wait_for.endswith("FRAMES") else float("inf")


def campaign(writers: Writers, folder: Path, seeds: range) -> None:
    for seed in seeds:
        path = new_file(folder, f"run{seed}")
        announced = killed(writers, path, seed)
        found = frames_by_astropy(path)
        assert frames_by_cfitsio(path) == found
        assert found >= announced, f"seed {seed}: {found} frames, {announced} were announced"
        with CubeReader(path) as reader:
            closed = reader.complete
        if not closed:
            with CubeFile(path, room=ROOM) as file:
                assert file.frames == found
                file.finish()
        with fits.open(path, checksum=True) as hdus:
            assert hdus[0].header["COMPLETE"] is True
            assert len(hdus["FRAMES"].data) == found
        path.unlink()


def test_every_frame_that_was_announced_is_there_after_a_kill(tmp_path: Path, writers: Writers) -> None:
    campaign(writers, tmp_path, range(10))


@pytest.mark.soak
def test_every_frame_that_was_announced_is_there_after_many_kills(tmp_path: Path, writers: Writers) -> None:
    campaign(writers, tmp_path, range(10, 2010))


def test_standard_tools_read_it_while_it_grows(tmp_path: Path, writers: Writers) -> None:
    path = new_file(tmp_path)
    writers.start(path, 1, 400, cube_file.ROOM)
    seen = [0]
    while seen[-1] < 400:
        seen += [frames_by_astropy(path), frames_by_cfitsio(path)]
    assert seen == sorted(seen)
    while writers.line() != "ENDED":
        pass


def test_a_reader_follows_it(tmp_path: Path, writers: Writers) -> None:
    """Another process than the writer's gets every frame once, in order, and notices the end."""
    path = new_file(tmp_path)
    with CubeReader(path) as reader:
        writers.start(path, 2, 1000)
        numbers: list[int] = []
        for rows in reader.follow(DEADLINE_S):
            begin = len(numbers) + 1
            numbers += [int(number) for number in rows["FRAME"]]
            images = reader.layout.images(rows, 2)
            np.testing.assert_array_equal(images, expected(range(begin, len(numbers) + 1), 1))
        assert reader.complete
    assert numbers == list(range(1, 1001))
    while writers.line() != "ENDED":
        pass


def test_a_reader_does_not_wait_for_ever(tmp_path: Path) -> None:
    path = new_file(tmp_path)
    with CubeReader(path) as reader, pytest.raises(TimeoutError, match="no frame came"):
        next(reader.follow(0.01))
