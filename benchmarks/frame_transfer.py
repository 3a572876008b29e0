"""Runs of frames through the whole path: 1,000 frames/s of 64 x 64 pixels, and full frames of two large CCDs.

A run of small frames is taken in real time, where nobody waits for anybody, and one at the simulator's
fastest, where it waits for the host; so are full frames of 2 x 4 outputs of 1024 x 512 pixels. Each file is
read again: every frame has to be there, as long after the one before as the timing model says. The other rows
say what sets the limit: each part of the way alone. In real time a machine with two cores must be free.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import up
from rows import Rows, best

import numpy as np  # isort: skip
from astropy.io import fits

from nifsdc.camera.frame_transfer import FrameTransferCamera, FrameTransferDetector
from nifsdc.camera.sdsu import StartUp
from nifsdc.client import Camera
from nifsdc.data.cube_layout import CcdExposure, CubeFrame, CubeLayout, CubeWindow
from nifsdc.database.locate import share
from nifsdc.sdsu import programs
from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.frames import FrameCommand
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.words import Board
from nifsdc.timing.frame_plan import FrameRequest
from nifsdc.timing.frame_transfer import FrameMode, NoClear
from nifsdc.timing.service import TimeService
from nifsdc_sim.ccd_clocking import Clocking
from nifsdc_sim.detector import Video
from nifsdc_sim.ft_array import FrameOrder, FrameTransferArray
from nifsdc_sim.ft_model import FT_GEOMETRIES, FtModel
from nifsdc_sim.process import SimulatorProcess
from nifsdc_sim.scene import Scene

SMALL, LARGE = "ft-fast", "ft2"
DELAYS = {SMALL: 411.2e-6, LARGE: 1e-3}
"""E: a period of 1 ms for the small frames"""
RATE = 1000


def request(detector: str, frames: int) -> FrameRequest:
    """Return a run in no-clear mode."""
    return FrameRequest(FrameMode.NO_CLEAR, DELAYS[detector], frames, (0,) * 5, 1, True, 1, 1, ())


@contextmanager
def system(detector: str, speed: str) -> Iterator[Camera]:
    """Run everything as processes, set for a run in no-clear mode."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            f"name: FT\ncamera: ft\ndetector: detectors/{detector}.yaml\nlink: {{detector: {detector}}}\n"
            "controller: {speed: high, temperature: 170.0, window_fragments: 10}\n"
        )
        effects = ("--simulator", "--scene flat:rate=1000 --effect ideal")
        with (
            up.running("--speed", speed, "--config", str(config), *effects) as (top, _),
            Camera(top) as camera,
        ):
            yield camera


def whole(detector: str, speed: str, frames: int) -> tuple[int, float, float]:
    """Take a run; return the frames lost, seconds from the first to the last stored, and their period."""
    with system(detector, speed) as camera:
        camera.configure(obs_ftMode="NOCLEAR", obs_delay=DELAYS[detector], obs_frames=frames)
        period = float(camera.get("sad:dc:ftPeriod"))
        begun = time.perf_counter()
        path = camera.observe().path
        seconds = time.perf_counter() - begun
        with fits.open(path) as file:
            table = file["FRAMES"].data
            lost = frames - len(table)
            apart = np.diff(table["MJD_FRAC"]) * 86400
            if not (np.array_equal(np.diff(table["FRAME"]), np.ones(len(table) - 1)) and len(table) > 1):
                raise SystemExit("frames are not in order")
            if np.abs(apart - period).max() > 1e-8:
                raise SystemExit(f"frames {apart.min()} to {apart.max()} s apart; expected {period}")
    return lost, seconds, period


def simulator_alone(detector: str, frames: int) -> float:
    """Return the seconds in which the simulated CCDs make a frame."""
    array = FrameTransferArray(FT_GEOMETRIES[detector], 1, Scene.flat(1000.0), FtModel.ideal())
    order = FrameOrder(FrameCommand.NO_CLEAR, 0, 1_000_000, (0,) * array.geometry.ccds, 0, (0, 0))
    made = array.frames(order, Clocking(), 0, 100.0, Video.DATA)
    next(made)
    begun = time.perf_counter()
    for _ in islice(made, frames):
        pass
    return (time.perf_counter() - begun) / frames


def camera_alone(detector: str, frames: int) -> float:
    """Return the seconds of a frame from the simulator's process to images, which are thrown away."""
    described = FrameTransferDetector.load(share("db") / "detectors" / f"{detector}.yaml")
    timing, utility = (
        programs.path(each, Detectors.FRAME_TRANSFER) for each in (Board.TIMING, Board.UTILITY)
    )
    with SimulatorProcess(speed=float("inf"), seed=1, detector=detector, effects=("ideal",)) as simulator:
        controller = Controller(SimLink(simulator.host, simulator.port, simulator.buffer))
        camera = FrameTransferCamera(described, controller, StartUp(timing, utility, True, 170.0, 0.0), 10)
        camera.start_up(lambda step: None)
        plan = camera.plan(request(detector, frames))
        camera.prepare(plan)
        never = threading.Event()
        begun = time.perf_counter()
        for _ in camera.frames(plan, cancel=never, stop=never, started=lambda: None):
            pass
        seconds = (time.perf_counter() - begun) / frames
        camera.close()
    return seconds


def packing_alone(detector: str) -> tuple[float, float]:
    """Return the seconds in which a frame gets its times and becomes bytes, and of a copy of its pixels."""
    geometry = FT_GEOMETRIES[detector]
    shape = geometry.ccd.rows, geometry.ccd.columns
    layout = CubeLayout(tuple(CubeWindow(*shape, ccd) for ccd in range(1, geometry.ccds + 1)))
    images = tuple(np.full(shape, 1000, np.uint16) for _ in range(geometry.ccds))
    copies = tuple(np.empty(shape, np.uint16) for _ in images)
    timing = NoClear(1e-3, 1e-3, 1e-3)
    stamp = TimeService().now()

    def pack() -> None:
        ccds = tuple(CcdExposure.of(stamp, timing.exposed(7)) for _ in images)
        layout.pack(CubeFrame(7, stamp, ccds, images))

    def copy() -> None:
        for image, target in zip(images, copies, strict=True):
            np.copyto(target, image)

    times = best({"pack": pack, "copy": copy}, 1.0)
    return times["pack"], times["copy"]


def disk_alone(nbytes: int, frames: int) -> float:
    """Return the seconds of a frame's bytes written and forced to disk, in pieces of 8 MiB."""
    piece = np.ones(min(8 << 20, nbytes * frames), np.uint8)
    count = max(1, nbytes * frames // piece.nbytes)
    with tempfile.NamedTemporaryFile() as file:
        begun = time.perf_counter()
        for _ in range(count):
            file.write(piece.data)
            file.flush()
            os.fdatasync(file.fileno())
        seconds = time.perf_counter() - begun
    return seconds * nbytes / (count * piece.nbytes)


def show(rows: Rows, detector: str, frames: int) -> int:
    """Measure one kind of frames; return how many were lost."""
    geometry = FT_GEOMETRIES[detector]
    nbytes = 2 * geometry.ccds * geometry.ccd.rows * geometry.ccd.columns
    lost, seconds, period = whole(detector, "fast", frames)
    each = seconds / frames
    parts = {
        "the simulated CCDs make": simulator_alone(detector, frames),
        "simulator and camera give": camera_alone(detector, frames),
        "times and bytes are made of": packing_alone(detector)[0],
        "the disk takes": disk_alone(nbytes, frames),
    }
    rows.add(f"{detector}: frames lost of {frames}", lost, "frames")
    rows.add(f"{detector}: whole path, fastest", 1 / each, "Hz", period / each, "the detector's own rate")
    rows.add(f"{detector}: whole path, fastest", nbytes / each / 1e6, "MB/s")
    for name, part in parts.items():
        rows.add(f"{detector}: {name} frames", 1 / part, "Hz", each / part, "the whole path")
    slowest = max(parts, key=lambda name: parts[name])
    print(f"{detector}: the slowest part alone: {slowest} {1 / parts[slowest]:.0f} frames/s")
    return lost


def main() -> None:
    """Real time first, then as fast as can be."""
    rows = Rows(__doc__)
    frames = 5 * RATE
    lost, seconds, period = whole(SMALL, "1", frames)
    rows.add(f"{SMALL}: frames lost of {frames} in real time", lost, "frames")
    rows.add(
        f"{SMALL}: rate in real time", 1 / period, "Hz", seconds / (frames * period), "the run's own length"
    )
    lost += show(rows, SMALL, 3000)
    lost += show(rows, LARGE, 40)
    rows.save()
    if lost:
        raise SystemExit(f"{lost} frames were lost")


if __name__ == "__main__":
    main()
