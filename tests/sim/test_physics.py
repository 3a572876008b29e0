"""Scene, effects and truth of the detector from outside: command line, control port, pixels that come."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.controller import Controller, StartupSettings
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.programs import synthetic
from nifsdc.sdsu.words import Address, Board, Space, header, word
from nifsdc_sim.process import SimulatorError, SimulatorProcess
from nifsdc_sim.scene import INDEX_PRIME

DEADLINE_S = 60.0
PRESCAN, OVERSCAN = 16, 32
Image = NDArray[np.float64]


@pytest.fixture(scope="module")
def infrared() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(speed=math.inf, seed=4, effects=["cosmic-rays=2"], scene="flat:rate=7") as running:
        yield running


class CcdRig:
    """A host of a simulated CCD without noise, in front of the scene whose numbers differ."""

    def __init__(self, simulator: SimulatorProcess, link: SimLink) -> None:
        self.simulator = simulator
        self.link = link
        self.controller = Controller(link)
        timing, utility = (synthetic(board, Detectors.CCD) for board in (Board.TIMING, Board.UTILITY))
        self.controller.startup(StartupSettings(timing, utility, 170_000, True, False))

    def expose(self, seconds: int) -> None:
        """Clear, and open the shutter for a while (INS-DAS-18 Annex C)."""
        for label in ("STP", "CLR"):
            self.controller.command(Board.TIMING, label)
        self.controller.utility_board.cell("demanded_exposure_ms").write(seconds * 1000)
        self.controller.command(Board.UTILITY, "BEX")
        self.controller.command(Board.UTILITY, "DEX")

    def read(self, pixels: int) -> NDArray[np.uint16]:
        """Read out and return the stream."""
        board = self.controller.timing_board
        board.cell("rows").write(1)
        board.cell("columns").write(pixels)
        block = self.link.progress().block + 1
        self.link.send((header(Board.HOST, Board.TIMING, 2), word("RDC")))
        deadline = time.monotonic() + DEADLINE_S
        while self.link.progress().block < block or self.link.progress().pixels < pixels:
            assert time.monotonic() < deadline, f"{self.link.progress()} of {pixels} pixels"
            time.sleep(0.001)
        stream = np.array(self.link.buffer[:pixels])
        self.link.consumed(block, pixels)
        return stream

    def set_windows(self, n: int, rows: list[list[int]], xbin: int, ybin: int) -> None:
        """Write a window table of n rows, and have it used."""
        board = self.controller.timing_board
        base = board.cell("windowing").address.offset - 0xFF
        words = [row + [0] * (2 * n + 2 - len(row)) for row in [*rows, *[[]] * (n - len(rows))]]
        for number, value in enumerate(value for row in words for value in row):
            self.controller.write_memory(Board.TIMING, Address(Space.X, base + number), value)
        for name, value in (("windowing", 1), ("x_binning", xbin), ("y_binning", ybin)):
            board.cell(name).write(value)


@pytest.fixture(scope="module", params=[1, 2, 4])
def ccd(request: pytest.FixtureRequest) -> Iterator[tuple[int, CcdRig]]:
    with SimulatorProcess(
        speed=math.inf, seed=4, detector=f"ccd{request.param}", scene="index", effects=["ideal"]
    ) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        try:
            yield request.param, CcdRig(simulator, link)
        finally:
            link.close()


def channels(image: Image, outputs: int) -> list[Image]:
    """Return the part of a frame that leaves by each output, the corner pixel first."""
    if outputs == 1:
        return [image]
    left, right = np.hsplit(image, 2)
    if outputs == 2:
        return [left, right[:, ::-1]]
    (bottom_left, top_left), (bottom_right, top_right) = np.vsplit(left, 2), np.vsplit(right, 2)
    return [bottom_left, bottom_right[:, ::-1], top_left[::-1], top_right[::-1, ::-1]]


def test_a_full_frame_is_the_truth_with_empty_pixels_around_it(
    ccd: tuple[int, CcdRig], tmp_path: Path
) -> None:
    outputs, rig = ccd
    rig.controller.timing_board.cell("windowing").write(0)
    for name in ("x_binning", "y_binning"):
        rig.controller.timing_board.cell(name).write(1)
    rig.expose(2)
    rows, columns = (1024 if outputs < 4 else 512), (1024 if outputs == 1 else 512)
    shape = (rows, PRESCAN + columns + OVERSCAN, outputs)
    stream = rig.read(math.prod(shape)).reshape(shape)
    truth = rig.simulator.truth(tmp_path / "truth.npz")["charge"].astype(float)
    row, column = np.arange(1024)[:, np.newaxis], np.arange(1024)
    light = (row * 31 + column * 7 + row * row * 3 + column * row) % INDEX_PRIME
    assert np.array_equal(truth, 2 * light)
    for number, part in enumerate(channels(truth, outputs)):
        assert np.array_equal(stream[:, PRESCAN:-OVERSCAN, number], part)
        assert not stream[:, :PRESCAN, number].any()
        assert not stream[:, -OVERSCAN:, number].any()


@pytest.mark.parametrize("wrong", [0, 1], ids=["as wanted", "a row too far"])
def test_windows_are_the_slices_that_the_table_clocks(ccd: tuple[int, CcdRig], wrong: int) -> None:
    """Two windows beside each other and one behind, binned by 2 and 3, ghosts and all."""
    outputs, rig = ccd
    n = rig.controller.timing_board.cell("window_rows").read()
    rig.set_windows(
        n, [[100 + wrong, 40, PRESCAN + 50, 20, 110, 30], [80, 5, PRESCAN + 10, 7]], xbin=2, ybin=3
    )
    rig.expose(2)
    counts = [(40, 50), (5, 7)]
    stream = rig.read(sum(rows * columns for rows, columns in counts) * outputs).reshape(-1, outputs)
    row, column = np.arange(1024)[:, np.newaxis], np.arange(1024)
    frame = 2.0 * ((row * 31 + column * 7 + row * row * 3 + column * row) % INDEX_PRIME)

    def binned(part: Image, y: int, height: int, x: int, width: int) -> Image:
        piece = part[y + wrong : y + wrong + 3 * height, x : x + 2 * width]
        total: Image = piece.reshape(height, 3, width, 2).sum(axis=(1, 3))
        return total

    for number, part in enumerate(channels(frame, outputs)):
        beside = stream[: 40 * 50, number].reshape(40, 50)
        assert np.array_equal(beside[:, :20], binned(part, 100, 40, 50, 20))
        assert np.array_equal(beside[:, 20:], binned(part, 100, 40, 200, 30))
        assert np.array_equal(stream[40 * 50 :, number].reshape(5, 7), binned(part, 300, 5, 10, 7))


def test_effects_are_told_and_set_at_run_time(infrared: SimulatorProcess) -> None:
    assert infrared.effects()["cosmic-rays"] == 2.0
    assert infrared.effects("non-linearity=0.1", "reset-anomaly")["non-linearity"] == 0.1
    assert infrared.status()["effects"]["reset-anomaly"] == 60.0
    with pytest.raises(SimulatorError, match="there is no effect 'gremlins'"):
        infrared.effects("gremlins")
    with pytest.raises(SimulatorError, match="expected a list of texts"):
        infrared.control("effects", set="cosmic-rays")


def test_scenes_have_parameters_and_tell_where_their_light_is(
    infrared: SimulatorProcess, tmp_path: Path
) -> None:
    file = tmp_path / "truth.npz"
    assert (infrared.truth(file)["flux"] == 7.0).all()
    infrared.control("scene", name="points", sources=[[5, 2047, 300], [1000.4, 7, 20], [2048, 0, 9]], sky=1)
    truth = infrared.truth(file)
    assert truth["sources"].tolist() == [[5, 2047, 300], [1000.4, 7, 20]]
    assert (truth["flux"][5, 2047], truth["flux"][1000, 7], truth["flux"].sum()) == (301, 21, 2048**2 + 320)
    infrared.control("scene", name="stars", stars=3, sky=0)
    assert infrared.truth(file)["sources"].shape == (3, 3)
    for request, words in (
        ({"name": "moon"}, "there is no scene 'moon'"),
        ({"name": "dark", "rate": 1}, "no parameter 'rate'"),
        ({"name": "flat", "rate": -1}, "0 or more"),
        ({"name": "points", "sources": [[1, 2]]}, "a list of"),
    ):
        with pytest.raises(SimulatorError, match=words):
            infrared.control("scene", **request)
    with pytest.raises(SimulatorError, match="cannot write the truth"):
        infrared.truth(tmp_path / "nowhere" / "truth.npz")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--effect", "serial-cti"], "there is no effect 'serial-cti'"),
        (["--detector", "ccd1", "--effect", "persistence"], "there is no effect 'persistence'"),
        (["--scene", "flat:rate=much"], "rate is 'much', expected a number"),
        (["--scene", "moon"], "there is no scene 'moon'"),
    ],
)
def test_a_command_line_that_means_nothing_is_refused(arguments: list[str], words: str) -> None:
    command = [sys.executable, "-m", "nifsdc_sim", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 2
    assert words in done.stderr
