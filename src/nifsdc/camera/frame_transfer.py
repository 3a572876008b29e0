"""A camera with frame-transfer CCDs behind an SDSU controller: runs of frames, each with its time stamp."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.accumulator import Keywords
from nifsdc.camera.camera import ReadSize, Step
from nifsdc.camera.ccd_detector import CcdDetector
from nifsdc.camera.frame_clocks import FrameClocks, FrameReadout
from nifsdc.camera.sdsu import START_SECONDS, Scalar, SdsuCamera, StartUp
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.frame_stream import FrameStream
from nifsdc.sdsu.frames import HEADER_WORDS, MOST_CCDS, FrameBoard, FrameCommand
from nifsdc.sdsu.pixels import Cancelled, PixelStream
from nifsdc.sdsu.windows import Window, WindowError, WindowPlan
from nifsdc.sdsu.words import Board
from nifsdc.timing.ccd import Region
from nifsdc.timing.frame_header import NSKIP, Card, cards
from nifsdc.timing.frame_plan import FramePlan, FrameRequest
from nifsdc.timing.frame_transfer import FrameMode

COMMANDS: Mapping[FrameMode, FrameCommand] = {
    FrameMode.NO_CLEAR: FrameCommand.NO_CLEAR,
    FrameMode.CLEAR: FrameCommand.CLEAR,
    FrameMode.DRIFT: FrameCommand.DRIFT,
}
MICROSECONDS = 1_000_000
STREAM_WORDS = 1 << 40
"""pixels that the interface card counts in a block"""


@dataclass(frozen=True)
class FrameTransferDetector:
    """Frame-transfer CCDs as an installation describes them (``db/detectors/ft*.yaml``)."""

    ccd: CcdDetector
    """one of them; its rows are those of the imaging area"""
    ccds: int
    clocks: FrameClocks
    """as designed: what is shown before the controller has said it"""

    @property
    def name(self) -> str:
        """Its name."""
        return self.ccd.name

    @property
    def channels(self) -> int:
        """Outputs of all CCDs."""
        return self.ccds * len(self.ccd.geometry.outputs)

    @classmethod
    def load(cls, path: Path) -> FrameTransferDetector:
        """Read CCDs from a YAML file; raises LayoutError when it cannot be read, or an entry is wrong."""
        return CcdDetector.read(path, cls._from_tree)

    @classmethod
    def _from_tree(cls, tree: Mapping[str, Any]) -> FrameTransferDetector:
        ccds, times = int(tree["ccds"]), tree["clocks"]
        if not 1 <= ccds <= MOST_CCDS:
            raise ValueError(f"ccds is {ccds}, expected 1 to {MOST_CCDS}")
        clocks = FrameClocks(
            int(tree["masked_rows"]),
            int(times["transfer_ns"]),
            int(times["row_ns"]),
            int(times["skip_ns"]),
            int(times["wipe_us"]),
            {True: int(tree["speeds"]["fast"]["rate"]), False: int(tree["speeds"]["slow"]["rate"])},
        )
        return cls(CcdDetector.from_tree(tree), ccds, clocks)


@dataclass(frozen=True)
class FrameReadoutPlan(FramePlan):
    """The timing of a run, and how its frames are read."""

    readout: FrameReadout

    @property
    def words(self) -> int:
        """Words of a frame in the stream."""
        return HEADER_WORDS + self.pixels


def run_plan(
    detector: FrameTransferDetector, clocks: FrameClocks, request: FrameRequest, fragments: int
) -> FrameReadoutPlan:
    """Return the timing of a run, and how its frames are read.

    Parameters
    ----------
    detector
        the CCDs
    clocks
        what the controller says of its clocks
    request
        what is asked for
    fragments
        how many window fragments the timing board's table can describe

    Raises
    ------
    WindowError
        when no window table describes the windows, or so many drift windows do not fit
    """
    geometry = detector.ccd.geometry
    windows = [Window(x - 1, y - 1, width, height) for x, y, width, height in request.regions]
    if windows:
        planned = WindowPlan.build(windows, geometry, request.xbin, request.ybin, fragments)
    else:
        planned = WindowPlan.full(geometry, request.xbin, request.ybin)
    readout = FrameReadout.of(planned, geometry, clocks, request)
    timings = tuple(readout.timing(clocks, request, skip) for skip in request.nskip[: detector.ccds])
    pixels = planned.pixels * detector.ccds
    return FrameReadoutPlan(request, timings, readout.read_ns * 1e-9, pixels, readout)


@dataclass(frozen=True)
class CameraFrame:
    """One frame as the camera hands it on."""

    number: int
    """from 1; the numbers of lost frames are left out"""
    stamp_ns: int
    """time stamp TSn on the controller's clock: the start of its delay E"""
    images: tuple[NDArray[np.uint16], ...]
    """of each window of the first CCD, then of the second...; row 0 at the bottom"""


class FrameTransferCamera(SdsuCamera[FrameRequest, FrameReadoutPlan]):
    """Takes runs of frames in no-clear, clear and drift mode.

    Parameters
    ----------
    detector
        the CCDs
    controller, start_up
        as in `SdsuCamera`
    fragments
        how many window fragments the timing board's table can describe
    learned
        told of the times of the clocks once the controller has said them
    """

    def __init__(
        self,
        detector: FrameTransferDetector,
        controller: Controller,
        start_up: StartUp,
        fragments: int,
        learned: Callable[[FrameClocks], None] = lambda clocks: None,
    ) -> None:
        super().__init__(controller, start_up)
        self.detector = detector
        self.clocks = detector.clocks
        self._fragments = fragments
        self._learned = learned
        self._board = FrameBoard(controller)

    # --- what a run will be -------------------------------------------------------------------------------

    def regions(self, plan: FrameReadoutPlan) -> tuple[Region | None, ...]:
        """Return the window of each image of a CCD; None for the full frame."""
        return plan.request.regions or (None,)

    @property
    def outputs(self) -> int:
        """Outputs whose pixels come in rotation, of all CCDs."""
        return self.detector.channels

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of a full read: those of one channel, columns times the outputs."""
        geometry = self.detector.ccd.geometry
        return geometry.rows, geometry.columns * self.outputs

    def plan(self, request: FrameRequest) -> FrameReadoutPlan:
        """Plan a run with the clocks as the controller has them."""
        return run_plan(self.detector, self.clocks, request, self._fragments)

    def read_size(self, plan: FrameReadoutPlan) -> ReadSize:
        """Return how much a frame is."""
        return ReadSize(plan.words, 1)

    def keywords(self, request: FrameRequest, plan: FrameReadoutPlan) -> Keywords:
        """Return what the header says of the way a run is taken."""
        return {
            "OBSTYPE": "OBJECT",
            "IMAGETYP": "OBJECT",
            "DETSPEED": "FAST" if request.fast else "SLOW",
            "CCDXBIN": request.xbin,
            "CCDYBIN": request.ybin,
            "NWINDOWS": len(request.regions),
            "RDTIME": plan.read,
            "NAMPS": self.outputs,
        }

    def timing_cards(self, plan: FrameReadoutPlan) -> tuple[Card, ...]:
        """Return what the header says of the timing of a run: keyword, value and comment."""
        # NSKIP is each CCD's own; all else is the same for all of them.
        skips = plan.request.nskip[: self.detector.ccds]
        own = tuple(
            (f"{NSKIP}{ccd}", skip, f"dummy frames before each with data, CCD {ccd}")
            for ccd, skip in enumerate(skips, 1)
            if plan.request.mode is not FrameMode.DRIFT
        )
        mode = ("FTMODE", plan.request.mode.value.upper(), "how the CCDs were clocked")
        return (mode, *cards(plan.timings[0]), *own)

    # --- start --------------------------------------------------------------------------------------------

    def start_up(self, step: Step) -> None:
        """Start the controller up, and learn the times of its clocks."""
        super().start_up(step)
        board = self._board
        board.find()
        self._fragments = board.window_rows.read()
        rates = {}
        for fast in (not self.settings.high_speed, self.settings.high_speed):
            self._select_speed(fast)
            rates[fast] = board.pixel_rate.read()
        self.clocks = FrameClocks(
            board.masked_rows.read(),
            board.transfer_ns.read(),
            board.row_ns.read(),
            board.skip_ns.read(),
            board.wipe_us.read(),
            rates,
        )
        self._learned(self.clocks)

    def _select_speed(self, fast: bool) -> None:
        if fast:
            self.controller.high_speed()
        else:
            self.controller.low_speed()

    def read_test_pattern(self, cancel: threading.Event) -> bool:
        """Read one full frame of test data, whatever was set for the last run."""
        self.controller.set_binning(1, 1)
        self._set_frame()
        return super().read_test_pattern(cancel)

    def identity(self) -> Mapping[str, Scalar]:
        """Return what is known since the start-up, and the time of a full readout."""
        return {**super().identity(), "obs_readTime": self.read_time}

    # --- a run --------------------------------------------------------------------------------------------

    def prepare(self, plan: FrameReadoutPlan) -> None:
        """Tell the timing board speed, windows, mode and delay."""
        self.check()
        request, board = plan.request, self._board
        self._select_speed(request.fast)
        self.controller.set_binning(request.xbin, request.ybin)
        self.controller.write_window_table(plan.readout.table)
        self.controller.set_frame(plan.words, 1)
        milliseconds, rest = divmod(round(request.delay * MICROSECONDS), 1000)
        board.delay_ms.write(milliseconds)
        board.delay_us.write(rest)
        for cell, skip in zip(board.nskip, request.nskip[: self.detector.ccds], strict=False):
            cell.write(skip)
        if plan.readout.drift is not None:
            board.shift_rows.write(plan.readout.drift.shift)
            board.dump_rows.write(plan.readout.drift.dump)
            board.late_dump_rows.write(plan.readout.drift.late_dump)

    def frames(
        self,
        plan: FrameReadoutPlan,
        *,
        cancel: threading.Event,
        stop: threading.Event,
        started: Callable[[], None],
    ) -> Iterator[CameraFrame]:
        """Start a run and yield its frames as they arrive, to its end or until ``stop`` is set.

        Parameters
        ----------
        started
            called when the first pixel is on its way

        Raises
        ------
        Cancelled
            when abort was asked for
        BadHeader
            when pixels were lost on the fibre
        ControllerError
            when the controller does not answer, or frames do not come
        """
        if cancel.is_set():
            raise Cancelled
        asked = plan.request.frames
        block = self.link.progress().block + 1
        self.controller.stop_idle()
        self.controller.command(Board.TIMING, COMMANDS[plan.request.mode].value, asked)
        pixels = PixelStream(self.link, block, (asked or STREAM_WORDS // plan.words) * plan.words, cancel)
        ended = False
        try:
            pixels.wait_for_start(START_SECONDS + plan.frame_period)
            started()
            for header, words in FrameStream(pixels, plan.words).frames():
                yield CameraFrame(header.number, header.stamp_ns, self._images(plan, words))
                ended = header.number == asked
                if stop.is_set():
                    return
        finally:
            if not ended:
                self.controller.abort()

    def _images(self, plan: FrameReadoutPlan, words: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], ...]:
        samples = words.reshape(-1, self.detector.ccds, self.outputs // self.detector.ccds)
        return tuple(
            image
            for ccd in range(self.detector.ccds)
            for image in plan.readout.windows.images_of(samples[:, ccd])
        )

    def finish_early(self) -> None:
        """Do nothing: `frames` ends a run when it finds that a stop was asked for."""


def check_pairs(detector: FrameTransferDetector, request: FrameRequest) -> None:
    """Make sure that windows come in pairs: one on each half of the CCD, of the same size and rows.

    Both halves are clocked at the same time, so that a pair costs no more than its wider window.

    Raises
    ------
    WindowError
        when a window has no partner; the text is short enough for a command's message
    """
    half = detector.ccd.geometry.width // 2
    regions = request.regions
    if len(regions) % 2:
        raise WindowError("windows come in pairs: left and right")
    for number, (left, right) in enumerate(zip(regions[::2], regions[1::2], strict=True)):
        names = f"windows {2 * number + 1}, {2 * number + 2}"
        if left.x + left.width - 1 > half or right.x <= half:
            raise WindowError(f"{names}: left to {half}, right beyond")
        if (left.y, left.width, left.height) != (right.y, right.width, right.height):
            raise WindowError(f"{names}: same rows and size")
