"""Runs of frames by the camera, on the simulator process: are their times those of their light?"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.camera.frame_clocks import DriftRows
from nifsdc.camera.frame_transfer import (
    CameraFrame,
    FrameTransferCamera,
    FrameTransferDetector,
    check_pairs,
    run_plan,
)
from nifsdc.camera.layout import LayoutError
from nifsdc.camera.sdsu import StartUp
from nifsdc.database.locate import share
from nifsdc.sdsu import programs
from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.frames import BadHeader
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.pixels import Cancelled
from nifsdc.sdsu.windows import WindowError
from nifsdc.sdsu.words import Board
from nifsdc.timing.ccd import Region
from nifsdc.timing.frame_plan import FrameRequest
from nifsdc.timing.frame_transfer import Exposed, FrameMode, FrameTiming
from nifsdc_sim.ft_model import FT_GEOMETRIES, FtModel
from nifsdc_sim.process import SimulatorProcess

from ..timing.light_curve import TOLERANCE, Flashes, Sample, errors, frames_needed
from ..waiting import until

DETECTORS = share("db") / "detectors"
FULL = FrameRequest(FrameMode.NO_CLEAR, 200e-6, 5, (0, 0, 0, 0, 0), 1, True, 1, 1, ())
PAIR = (Region(3, 1, 18, 4), Region(35, 1, 18, 4))


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(speed=math.inf, seed=1, detector="ft-small", effects=("ideal",)) as running:
        yield running


@pytest.fixture(scope="module")
def camera(simulator: SimulatorProcess) -> Iterator[FrameTransferCamera]:
    detector = FrameTransferDetector.load(DETECTORS / "ft-small.yaml")
    timing, utility = (
        programs.path(board, Detectors.FRAME_TRANSFER) for board in (Board.TIMING, Board.UTILITY)
    )
    controller = Controller(SimLink(simulator.host, simulator.port, simulator.buffer))
    made = FrameTransferCamera(detector, controller, StartUp(timing, utility, True, 170.0, 0.0), 10)
    made.start_up(lambda step: None)
    yield made
    made.close()


def run(
    camera: FrameTransferCamera, request: FrameRequest, stop: threading.Event | None = None
) -> Iterator[CameraFrame]:
    plan = camera.plan(request)
    camera.prepare(plan)
    yield from camera.frames(
        plan, cancel=threading.Event(), stop=stop or threading.Event(), started=lambda: None
    )
    camera.idle()


def curve(camera: FrameTransferCamera, request: FrameRequest) -> list[list[Sample]]:
    """Take a run and return the light curve of each CCD."""
    curves: list[list[Sample]] = [[] for _ in range(camera.detector.ccds)]
    for frame in run(camera, request):
        windows = len(frame.images) // len(curves)
        for ccd, samples in enumerate(curves):
            samples.append(Sample(frame.number, frame.stamp_ns, float(frame.images[ccd * windows].mean())))
    return curves


SETUPS = [
    *(
        replace(FULL, mode=mode, nskip=(*pair, 0, 0, 0))
        for mode in (FrameMode.NO_CLEAR, FrameMode.CLEAR)
        for pair in ((0, 2), (1, 3))
    ),
    *(replace(FULL, mode=FrameMode.DRIFT, ndrift=ndrift, regions=PAIR) for ndrift in (1, 2, 5)),
]


def called(request: FrameRequest) -> str:
    drift = request.mode is FrameMode.DRIFT
    return f"{request.mode.value}-{request.ndrift if drift else request.nskip[:2]}"


def with_an_r_more(timing: FrameTiming, read: float, number: int) -> Exposed | None:
    """Return what a formula with a mistake says: an exposure that begins a readout too early."""
    span = timing.exposed(number)
    return None if span is None else Exposed(span.start - read, span.end)


@pytest.mark.parametrize("request_", SETUPS, ids=called)
def test_light_curves_of_a_lamp_say_when_frames_were_exposed(
    camera: FrameTransferCamera, simulator: SimulatorProcess, request_: FrameRequest
) -> None:
    """Phase, exposure and dead time are right to a hundredth of the exposure; with an R more they are not."""
    plan = camera.plan(request_)
    drift = request_.mode is FrameMode.DRIFT
    most = 0 if drift else max(request_.nskip[:2])
    flashes = Flashes.for_cycles(plan.frame_period, most)
    simulator.control("scene", name="led", **flashes.scene())
    count = frames_needed(most, request_.ndrift if drift else 0)
    curves = curve(camera, replace(request_, frames=count))
    for samples, timing in zip(curves, plan.timings, strict=True):
        period_ns = round(timing.frame_period * 1e9)
        assert {after.stamp_ns - before.stamp_ns for before, after in pairwise(samples)} == {period_ns}
        right = errors(samples, timing, flashes)
        wrong = errors(samples, timing, flashes, partial(with_an_r_more, timing, plan.read))
        assert right.greatest < TOLERANCE, right
        assert abs(wrong.phase) > TOLERANCE, wrong
        assert abs(wrong.exposure) > TOLERANCE, wrong


def test_the_first_exposure_is_shorter_in_no_clear_mode_alone(
    camera: FrameTransferCamera, simulator: SimulatorProcess
) -> None:
    """Steady light tells the exposure times of the first frames, which no light curve can."""
    simulator.control("scene", name="flat", rate=1e6)
    for mode in (FrameMode.NO_CLEAR, FrameMode.CLEAR):
        request = replace(FULL, mode=mode, nskip=(1, 2, 0, 0, 0), frames=7)
        timings = camera.plan(request).timings
        for ccd, samples in enumerate(curve(camera, request)):
            for sample in samples:
                span = timings[ccd].exposed(sample.number)
                if span is not None:
                    assert sample.counts == pytest.approx(span.seconds * 1e6, abs=0.51)


def test_windows_are_where_they_should_be_in_every_mode(
    camera: FrameTransferCamera, simulator: SimulatorProcess
) -> None:
    simulator.control("scene", name="index")
    rows, columns = np.arange(64)[:, np.newaxis], np.arange(64)[np.newaxis, :]
    rate = (rows * 31 + columns * 7 + rows * rows * 3 + columns * rows) % 601
    for mode in FrameMode:
        request = replace(FULL, mode=mode, ndrift=3, delay=3.0, frames=5, regions=PAIR)
        seconds = camera.plan(request).timings[0].regular.seconds
        *_, last = run(camera, request)
        assert len(last.images) == 4
        for image, region in zip(last.images, PAIR * 2, strict=True):
            there = rate[:4, region.x - 1 : region.x - 1 + region.width] * seconds
            assert np.abs(image - there).max() < 0.6


def test_a_run_without_an_end_is_stopped_after_a_whole_frame(camera: FrameTransferCamera) -> None:
    stop = threading.Event()
    numbers = []
    for frame in run(camera, replace(FULL, frames=0), stop):
        numbers.append(frame.number)
        if frame.number == 20:
            stop.set()
    assert numbers == list(range(1, 21))
    assert [frame.number for frame in run(camera, FULL)] == [1, 2, 3, 4, 5]


def test_a_run_is_given_up(camera: FrameTransferCamera) -> None:
    cancel = threading.Event()
    plan = camera.plan(replace(FULL, frames=0))
    camera.prepare(plan)
    frames = camera.frames(plan, cancel=cancel, stop=threading.Event(), started=lambda: None)
    assert next(frames).number == 1
    cancel.set()
    with pytest.raises(Cancelled):
        for _ in frames:
            pass
    camera.idle()
    assert [frame.number for frame in run(camera, FULL)] == [1, 2, 3, 4, 5]


def test_pixels_lost_on_the_fibre_end_a_run(camera: FrameTransferCamera, simulator: SimulatorProcess) -> None:
    simulator.fault("pixels-lost", "FNC", fraction=0.5, pixels=3)
    frames = run(camera, FULL)
    assert [next(frames).number for _ in range(2)] == [1, 2]
    next(frames)  # three pixels of its end are those of the next header
    with pytest.raises(BadHeader, match="lost on the fibre"):
        next(frames)
    simulator.clear_faults()
    camera.idle()
    assert [frame.number for frame in run(camera, FULL)] == [1, 2, 3, 4, 5]


def test_frames_that_came_too_fast_leave_the_others_what_they_are() -> None:
    """In real time nobody waits for a host that stops looking; NSKIP goes on by the frames' numbers."""
    detector = FrameTransferDetector.load(DETECTORS / "ft-fast.yaml")
    timing, utility = (
        programs.path(board, Detectors.FRAME_TRANSFER) for board in (Board.TIMING, Board.UTILITY)
    )
    with SimulatorProcess(
        speed=1.0, seed=1, detector="ft-fast", scene="flat:rate=1000000", effects=("ideal",)
    ) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        camera = FrameTransferCamera(
            detector, Controller(link), StartUp(timing, utility, True, 170.0, 0.0), 10
        )
        camera.start_up(lambda step: None)
        request = replace(FULL, delay=0.0, nskip=(2, 0, 0, 0, 0), frames=0)
        plan = camera.plan(request)
        model, written_over = plan.timings[0], link.buffer.size + 11 * plan.words
        stop = threading.Event()
        numbers, stamps = [], []
        for frame in run(camera, request, stop):
            numbers.append(frame.number)
            stamps.append(frame.stamp_ns)
            span = model.exposed(frame.number)
            light = 0.0 if span is None else span.seconds * 1e6
            assert frame.images[0].mean() == pytest.approx(light, abs=0.51)
            if frame.number == 10:
                until(lambda: link.progress().pixels > written_over, "a buffer written over")
            elif len(numbers) == 50:
                stop.set()
        camera.close()
    steps = np.diff(numbers)
    assert (steps >= 1).all()
    assert (steps > 1).any()
    assert np.array_equal(np.diff(stamps), steps * round(model.frame_period * 1e9))


# What needs no controller


@pytest.mark.parametrize("name", FT_GEOMETRIES)
def test_the_detectors_are_those_of_the_simulator(name: str) -> None:
    detector, geometry = FrameTransferDetector.load(DETECTORS / f"{name}.yaml"), FT_GEOMETRIES[name]
    model, clocks = FtModel(), detector.clocks
    assert detector.channels == geometry.channels
    assert (detector.ccd.geometry.height, detector.ccd.geometry.width) == (
        geometry.ccd.rows,
        geometry.ccd.columns,
    )
    assert clocks.masked_rows == geometry.masked_rows
    assert (clocks.transfer_ns, clocks.row_ns, clocks.skip_ns) == (
        model.transfer_ns,
        model.row_ns,
        model.skip_ns,
    )
    assert clocks.wipe_us * 1000 == (geometry.masked_rows + geometry.ccd.channel_rows) * model.transfer_ns
    assert clocks.pixel_rate == {True: model.fast.pixel_rate, False: model.slow.pixel_rate}


def test_a_detector_with_too_many_ccds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text((DETECTORS / "ft2.yaml").read_text().replace("ccds: 2", "ccds: 6"))
    with pytest.raises(LayoutError, match="expected 1 to 5"):
        FrameTransferDetector.load(path)


@given(st.integers(0, 20), st.integers(1, 12), st.integers(1, 8))
def test_drift_windows_arrive_at_the_register(first: int, height: int, ndrift: int) -> None:
    """A window is followed row by row from its line shift to its readout."""
    masked = 64
    try:
        rows = DriftRows.of(first, height, masked, ndrift)
    except WindowError:
        # Even without a dump it would be read too late, or there is no way to divide what is left.
        left = masked - height - (ndrift - 1) * (first + 2 * height)
        assert not any(
            left == ndrift * early + (ndrift - 1) * late for early in range(65) for late in range(65)
        )
        return
    assert rows.shift == first + height
    place = masked - height
    for _ in range(ndrift - 1):
        place -= rows.dump + height + rows.late_dump + rows.shift
    assert place - rows.dump == 0


def test_windows_come_in_pairs() -> None:
    detector = FrameTransferDetector.load(DETECTORS / "ft-small.yaml")
    check_pairs(detector, replace(FULL, regions=PAIR))
    left, right = PAIR
    for regions, complaint in (
        ((left,), "come in pairs"),
        ((right, left), "left to 32"),
        ((left, right._replace(height=5)), "same rows and size"),
        ((left, right._replace(width=17)), "same rows and size"),
    ):
        with pytest.raises(WindowError, match=complaint) as refused:
            check_pairs(detector, replace(FULL, regions=regions))
        assert len(str(refused.value)) <= 39


def test_drift_mode_needs_one_pair_that_fits() -> None:
    detector = FrameTransferDetector.load(DETECTORS / "ft-small.yaml")
    drift = replace(FULL, mode=FrameMode.DRIFT, regions=PAIR)
    assert run_plan(detector, detector.clocks, drift, 10).timings[0].dead == pytest.approx(4 * 4e-6)
    with pytest.raises(WindowError, match="set one pair"):
        run_plan(detector, detector.clocks, replace(drift, regions=()), 10)
    with pytest.raises(WindowError, match="ndrift 9: at most 7"):
        run_plan(detector, detector.clocks, replace(drift, ndrift=9), 10)
