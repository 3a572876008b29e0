"""A camera with a CCD behind an SDSU controller (SDN 11.03 section 4.6; INS-DAS-18 Annex C)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import dropwhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.accumulator import SATURATION, SCIENCE, Image, Keywords, image_keywords
from nifsdc.camera.camera import ExposingCamera, Measured, ReadSize, Step
from nifsdc.camera.ccd_detector import CcdDetector
from nifsdc.camera.sdsu import START_SECONDS, Scalar, SdsuCamera, StartUp
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.pixels import Cancelled, Chunk, PixelStream
from nifsdc.sdsu.sequences.annexes import SHORTEST_MS, ccd_bias, ccd_dark, ccd_flash, ccd_run
from nifsdc.sdsu.sequences.integrating import Integrating
from nifsdc.sdsu.sequences.steps import Integrate, Send, Sequence, TimedBy
from nifsdc.sdsu.sequences.steps import Step as SequenceStep
from nifsdc.sdsu.windows import Window, WindowPlan
from nifsdc.sdsu.words import Board
from nifsdc.timing.ccd import CcdPlan, CcdRequest, ExposureType, Region


@dataclass(frozen=True)
class CcdReadoutPlan(CcdPlan):
    """The timing of one exposure, and how the CCD is read out."""

    readout: WindowPlan


def readout_plan(detector: CcdDetector, request: CcdRequest, fragments: int) -> WindowPlan:
    """Return how the windows of a request are read; all of the detector when there are none.

    Parameters
    ----------
    detector
        the CCD
    request
        windows and binning
    fragments
        how many window fragments the timing board's table can describe

    Raises
    ------
    WindowError
        when no window table describes them
    """
    geometry = detector.geometry
    if not request.regions:
        return WindowPlan.full(geometry, request.xbin, request.ybin)
    windows = [Window(x - 1, y - 1, width, height) for x, y, width, height in request.regions]
    return WindowPlan.build(windows, geometry, request.xbin, request.ybin, fragments)


def annex_c(request: CcdRequest) -> Sequence:
    """Return the run sequence of INS-DAS-18 Annex C that takes an exposure; none is shorter than 1 ms."""
    milliseconds = max(SHORTEST_MS, round(request.exposing * 1000))
    match request.type:
        case ExposureType.BIAS:
            return ccd_bias()
        case ExposureType.FLASH:
            return ccd_flash(milliseconds)
        case ExposureType.DARK:
            return ccd_dark(milliseconds)
        case _:
            return ccd_run(milliseconds)


def _commands(steps: Iterable[SequenceStep]) -> Iterator[Send]:
    """Yield the commands up to the first wait, or to the readout."""
    for step in steps:
        if not isinstance(step, Send) or step.label == "RDC":
            return
        yield step


class CcdAccumulator:
    """Keeps the pixels of one readout and sorts them into an image for each window."""

    def __init__(self, detector: CcdDetector, plan: CcdReadoutPlan) -> None:
        self._detector = detector
        self._plan = plan
        self._stream = np.zeros(plan.readout.pixels, np.uint16)

    def clear(self) -> None:
        """Begin an exposure."""
        self._stream[:] = 0

    def take(self, pixels: NDArray[np.uint16], offset: int, number: int) -> None:
        """Keep pixels that arrived."""
        self._stream[offset : offset + pixels.size] = pixels

    def finish(self, seconds: float) -> None:
        """End the exposure: nothing is left to do."""

    def images(self) -> tuple[Image, ...]:
        """Return the image of each window, the full frame with prescan and overscan when there are none."""
        images = self._plan.readout.images(self._stream)
        regions: tuple[Region | None, ...] = self._plan.request.regions or (None,)
        return tuple(
            self._image(number, image, region)
            for number, (image, region) in enumerate(zip(images, regions, strict=True), 1)
        )

    def _image(self, number: int, image: NDArray[Any], region: Region | None) -> Image:
        request = self._plan.request
        speed = self._detector.fast if request.fast else self._detector.slow
        keywords: dict[str, Any] = {
            **image_keywords(image, image >= SATURATION),
            "GAIN": speed.gain,
            "RDNOISE": speed.read_noise,
            "CCDSUM": f"{request.xbin} {request.ybin}",
        }
        if region is not None:
            keywords |= {"WINDOW": number, "DETSEC": str(region)}
        return Image(SCIENCE if number == 1 else f"{SCIENCE}:{number}", image, keywords)


class SdsuCcdCamera(SdsuCamera[CcdRequest, CcdReadoutPlan], ExposingCamera[CcdRequest, CcdReadoutPlan]):
    """Takes exposures with a shutter or lamps, and reads the CCD out by windows.

    Parameters
    ----------
    detector
        the CCD
    controller, start_up
        as in `SdsuCamera`
    """

    def __init__(self, detector: CcdDetector, controller: Controller, start_up: StartUp) -> None:
        super().__init__(controller, start_up)
        self.detector = detector
        self._integrating = Integrating(controller)
        self._measured = Measured(0.0, "HOST")
        self._fragments = 0
        self._rates: dict[bool, int] = {}
        """pixels a second of each output, by whether the speed is high"""
        self._set: tuple[Any, ...] = ()
        """what the timing board was last told of windows and binning"""
        self._fast = start_up.high_speed
        self._block = 0

    # --- what an observation will be ----------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """Outputs whose pixels come in rotation."""
        return len(self.detector.geometry.outputs)

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of a full read: those of one channel, columns times the outputs."""
        geometry = self.detector.geometry
        return geometry.rows, geometry.columns * self.outputs

    def plan(self, request: CcdRequest) -> CcdReadoutPlan:
        """Plan an exposure."""
        readout = readout_plan(self.detector, request, self._fragments)
        rate = self._rates.get(request.fast, 0) * self.outputs
        return CcdReadoutPlan(request, readout.pixels / rate if rate else 0.0, readout)

    def read_size(self, plan: CcdReadoutPlan) -> ReadSize:
        """Return how much the readout is, and the rows of its images together."""
        table = plan.readout.table
        geometry = self.detector.geometry
        rows = geometry.rows // plan.request.ybin if table is None else sum(row.pread for row in table.rows)
        return ReadSize(plan.readout.pixels, rows)

    def accumulator(self, plan: CcdReadoutPlan) -> CcdAccumulator:
        """Return what keeps the pixels."""
        return CcdAccumulator(self.detector, plan)

    def keywords(self, request: CcdRequest, plan: CcdReadoutPlan) -> Keywords:
        """Return what the header says of exposure and readout."""
        return {
            "OBSTYPE": request.type.name,
            "IMAGETYP": request.type.name,
            "SHUTTER": "OPEN" if request.type.opens_shutter else "CLOSED",
            "PREFLASH": request.flash,
            "DETSPEED": "FAST" if request.fast else "SLOW",
            "CCDXBIN": request.xbin,
            "CCDYBIN": request.ybin,
            "NWINDOWS": len(request.regions),
            "RDTIME": plan.read_time,
            "NAMPS": self.outputs,
        }

    # --- start, telemetry, engineering --------------------------------------------------------------------

    def start_up(self, step: Step) -> None:
        """Start the controller up, and learn its rates and how many window fragments it can describe."""
        super().start_up(step)
        board = self.controller.timing_board
        self._set = ()
        self._fragments = board.window_rows.read()
        for fast in (not self.settings.high_speed, self.settings.high_speed):
            self._select_speed(fast)
            self._rates[fast] = board.pixel_rate.read()

    def read_test_pattern(self, cancel: threading.Event) -> bool:
        """Read one full frame of test data, whatever windows are set."""
        self._set = ()
        self.controller.timing_board.x_binning.write(1)
        self.controller.timing_board.y_binning.write(1)
        self._set_frame()
        return super().read_test_pattern(cancel)

    def _select_speed(self, fast: bool) -> None:
        if fast:
            self.controller.high_speed()
        else:
            self.controller.low_speed()
        self._fast = fast

    @property
    def engineering(self) -> Mapping[str, Callable[[Mapping[str, Scalar]], None]]:
        """Commands of a CCD camera alone."""
        return {"clear": lambda _: self.controller.clear(), "shutter": self._move_shutter}

    def _move_shutter(self, parameters: Mapping[str, Scalar]) -> None:
        self._utility("OSH" if parameters["shutterDemand"] == "OPEN" else "CSH")

    def _utility(self, label: str) -> None:
        self.controller.command(Board.UTILITY, label)

    def identity(self) -> Mapping[str, Scalar]:
        """Return what is known since the start-up, and the time of a full readout."""
        return {**super().identity(), "obs_readTime": self.read_time}

    def telemetry(self) -> Mapping[str, float]:
        """Read temperatures, pressure, flow, cooler and shutter."""
        board = self.controller.utility_board
        return {
            **super().telemetry(),
            "shutter": board.shutter.read(),
            "flow": board.flow_adu.read(),
            "peltier": board.peltier.read(),
        }

    # --- an exposure --------------------------------------------------------------------------------------

    def prepare(self, plan: CcdReadoutPlan) -> None:
        """Tell the timing board speed, binning and windows, as far as they have changed."""
        self.check()
        request = plan.request
        if request.fast != self._fast:
            self._select_speed(request.fast)
        wanted = (request.xbin, request.ybin, request.regions)
        if wanted == self._set:
            return
        self._set = ()
        self.controller.set_binning(request.xbin, request.ybin)
        self.controller.write_window_table(plan.readout.table)
        self.controller.set_frame(plan.readout.pixels, 1)
        self._set = wanted

    def begin_exposure(self, plan: CcdReadoutPlan, cancel: threading.Event) -> datetime | None:
        """Clear the detector, then open the shutter or light the lamps, as the annex's tables have it."""
        if cancel.is_set():
            raise Cancelled
        request = plan.request
        self._block = self.link.progress().block
        self._measured = Measured(0.0, "CONTROLLER" if request.type.opens_shutter else "HOST")
        *clearing, last = _commands(annex_c(request).steps)
        for step in clearing:
            self.controller.send(step)
        begun = datetime.now(UTC)
        self.controller.send(last)
        if request.type.exposes:
            timed_by = TimedBy.UTILITY if request.type.opens_shutter else TimedBy.HOST
            self._integrating.begin(timed_by, request.exposure)
        return begun

    def read_set(
        self,
        plan: CcdReadoutPlan,
        number: int,
        take: Callable[[Chunk], None],
        *,
        cancel: threading.Event,
        stop: threading.Event,
        started: Callable[[], None],
    ) -> None:
        """Wait for the end of the exposure, read out, and take the pixels as they arrive."""
        if plan.request.type.exposes:
            self._measured = self._integrate(plan.request, cancel, stop)
        self._block += 1
        if cancel.is_set():
            raise Cancelled
        self.controller.read_out()
        if cancel.is_set():
            self.controller.abort()
            raise Cancelled
        pixels = PixelStream(self.link, self._block, plan.readout.pixels, cancel)
        pixels.wait_for_start(START_SECONDS)
        started()
        for chunk in pixels.chunks():
            take(chunk)

    def _integrate(self, request: CcdRequest, cancel: threading.Event, stop: threading.Event) -> Measured:
        following = dropwhile(lambda step: not isinstance(step, Integrate), annex_c(request).steps)
        wait = next(following)
        margin = wait.before / 1000 if isinstance(wait, Integrate) else 0.0
        waited = self._integrating.wait(cancel, stop.is_set, margin)
        if not request.type.opens_shutter:
            return Measured(waited.seconds, "HOST")
        if waited.early:
            self._integrating.cut_short()
        milliseconds = 0
        for step in _commands(following):
            milliseconds = self.controller.send(step) or 0
        return Measured(milliseconds / 1000.0, "CONTROLLER")

    def end_exposure(self, plan: CcdReadoutPlan) -> Measured:
        """Return how long was exposed: by the controller's timer where it has a shutter open."""
        return self._measured

    def finish_early(self) -> None:
        """End the exposure now: `read_set` sees to it when it finds that a stop was asked for."""

    def pause(self) -> None:
        """Close the shutter and halt the timer (PEX); a dark is the host's to halt."""
        self._integrating.pause()

    def resume(self) -> None:
        """Open the shutter and let the timer go on (REX)."""
        self._integrating.resume()

    def retime(self, seconds: float) -> None:
        """Give the exposure another length through the noticeboard, which the timer looks at all the time."""
        self._integrating.retime(seconds)
