"""A camera with an infrared array behind an SDSU controller (SDN 11.03 section 4.6, class SDSU2_IR)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.accumulator import Accumulator, FowlerAccumulator, Keywords, Noise
from nifsdc.camera.calibration import Calibration, CalibrationError, CalibrationFiles
from nifsdc.camera.camera import ExposingCamera, Measured, ReadSize, Step, Stopped
from nifsdc.camera.corrections import Corrections
from nifsdc.camera.layout import Layout
from nifsdc.camera.ramp import LinearAccumulator
from nifsdc.camera.reads import ReadCutter
from nifsdc.camera.sdsu import START_SECONDS, Scalar, SdsuCamera, StartUp
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.errors import ControllerError
from nifsdc.sdsu.pixels import Cancelled, Chunk, PixelStream
from nifsdc.sdsu.words import Board
from nifsdc.timing.infrared import ExposurePlan, IrRequest, RampTimes, ReadMode, possible_times

DEMAND_SECONDS = 1.0
"""detector seconds before a read of a ramp at which the controller is told its time (Annex B)"""
NEAR_SECONDS = 4.0
"""detector seconds to the next read from which it is told at once: what becomes of the last may take long"""
ENOUGH_READS = 2
"""reads of a ramp that a stop leaves at least: a line needs two points"""


class CalibrationMissing(ControllerError):
    """A calibration file cannot be used; the text says which and why."""


class SdsuIrCamera(SdsuCamera[IrRequest, ExposurePlan], ExposingCamera[IrRequest, ExposurePlan]):
    """Takes exposures by multiple non-destructive reads, timed by the controller.

    Two sets of reads are one MRA command (INS-DAS-18 Annex D). A single read has no reads to subtract: the
    array is cleared, the host waits on the detector clock, and RDC reads it (as in Annex C, "Dark"). A ramp
    is RDT and a demanded time for every read after the first (Annex B).

    Parameters
    ----------
    layout
        how the detector is read
    controller, start_up
        as in `SdsuCamera`
    noise
        of the detector
    files
        of its bad pixels and its linearity
    """

    def __init__(
        self,
        layout: Layout,
        controller: Controller,
        start_up: StartUp,
        noise: Noise,
        files: CalibrationFiles,
    ) -> None:
        super().__init__(controller, start_up)
        self.layout = layout
        self.noise = noise
        self._files = files
        self._calibration = Calibration()
        self._bad: NDArray[np.bool_] | None = None
        self._read_ms: list[int] = []
        """times of the present ramp's reads, by the controller's timer"""

    @property
    def pixels_per_read(self) -> int:
        """Pixels of one full read, reference samples included."""
        return self.layout.pixels_per_read

    @property
    def outputs(self) -> int:
        """Outputs whose pixels come in rotation."""
        return len(self.layout.amplifiers)

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of a read as the timing board is told: reference samples are columns."""
        return self.layout.rows, self.pixels_per_read // self.layout.rows

    def plan(self, request: IrRequest) -> ExposurePlan:
        """Plan an observation at the present readout speed."""
        asked = RampTimes(request.exposure, request.period, request.nperiods)
        ramp = possible_times(request.works_out, asked, self.read_time, request.store_time)
        return ExposurePlan(
            mode=request.read_mode,
            requested=request.exposure,
            nreads=request.nreads,
            coadds=request.coadds,
            resets=request.resets,
            reset_delay=request.reset_delay,
            read_time=self.read_time,
            period=ramp.period,
            nperiods=ramp.nperiods,
            products=request.products,
            store_time=request.store_time,
        )

    def read_size(self, plan: ExposurePlan) -> ReadSize:
        """Return how much one read is: the whole array."""
        return ReadSize(self.pixels_per_read, self.layout.rows)

    def accumulator(self, plan: ExposurePlan) -> Accumulator:
        """Return what subtracts, averages and adds the reads, or fits lines through them."""
        # The level of a single read above its bias is not known, so that it cannot be made linear.
        linearity = None if plan.mode is ReadMode.SINGLE else self._calibration.linearity
        corrections = Corrections(self.layout, plan.products, linearity)
        kind = LinearAccumulator if plan.mode is ReadMode.LINEAR else FowlerAccumulator
        return kind(self.layout, plan, self.noise, corrections, self._bad)

    def reads(self, plan: ExposurePlan) -> ReadCutter | None:
        """Return what cuts the stream into reads, if each is stored."""
        return ReadCutter(self.layout) if plan.products.reads else None

    def keywords(self, request: IrRequest, plan: ExposurePlan) -> Keywords:
        """Return what the header says of read mode and array."""
        return {
            "READMODE": request.read_mode.name,
            "EXPMODE": request.read_mode.name,
            "TIMEMODE": request.time_mode,
            "LNRS": plan.nreads,
            "NRESETS": request.resets,
            "RSTDELAY": request.reset_delay,
            "PERIOD": plan.period if plan.mode is ReadMode.LINEAR else request.period,
            "NPERIODS": plan.nperiods if plan.mode is ReadMode.LINEAR else request.nperiods,
            "RDTIME": plan.read_time,
            **_cosmic_keywords(plan),
            "LINCORR": plan.products.linearise and plan.mode is not ReadMode.SINGLE,
            "REFCORR": plan.products.reference.name,
            "BPMFILE": "" if self._files.bad_pixels is None else self._files.bad_pixels.name,
            "BIASPWR": self.settings.bias,
            "NAMPS": len(self.layout.amplifiers),
            "REFSAMP": self.layout.reference_shape[2],
        }

    def start_up(self, step: Step) -> None:
        """Read the calibrations, and start the controller up; raises ControllerError."""
        step("calibrations")
        try:
            self._calibration = self._files.load(self.layout.shape)
        except CalibrationError as error:
            raise CalibrationMissing(str(error)) from error
        bad = self._calibration.bad
        self._bad = None if bad is None else self._in_stream_order(bad)
        super().start_up(step)

    def _in_stream_order(self, image: NDArray[np.bool_]) -> NDArray[np.bool_]:
        reference = np.zeros(self.layout.reference_shape, np.bool_)
        return self.layout.unraveller.ravel(image, reference)

    def identity(self) -> Mapping[str, Scalar]:
        """Return what is known since the start-up, the bias and the time of a read included."""
        return {
            **super().identity(),
            "VBIASPWR": self.settings.bias,
            "nbadPix": self._calibration.bad_pixels,
            "obs_readTime": self.read_time,
            "view_readTime": self.read_time,
        }

    def prepare(self, plan: ExposurePlan) -> None:
        """Make sure the programs are there, and tell the timing board how to reset before an exposure."""
        self.check()
        board = self.controller.timing_board
        board.resets.write(plan.resets)
        board.reset_delay_ms.write(round(plan.reset_delay * 1000))

    def begin_exposure(self, plan: ExposurePlan, cancel: threading.Event) -> None:
        """Stop idling, clear the array, and start the reads; for a single read, only clear it."""
        if cancel.is_set():
            raise Cancelled
        self.controller.stop_idle()
        self._block = self.link.progress().block
        self._ramp = plan.mode is ReadMode.LINEAR
        if self._ramp or plan.sets == 1:
            self._clear(plan, cancel)
            if self._ramp:
                self._begin_ramp(cancel)
            return
        self.controller.clear()
        self.controller.utility_board.demanded_exposure_ms.write(round(plan.gap * 1000))
        self.controller.multiple_read(plan.nreads)
        self._heed(cancel)

    def _heed(self, cancel: threading.Event) -> None:
        """Give up a readout that was started in the moment in which abort was asked for."""
        if cancel.is_set():
            self.controller.abort()
            raise Cancelled

    def _clear(self, plan: ExposurePlan, cancel: threading.Event) -> None:
        for _ in range(max(1, plan.resets)):
            self.controller.clear()
        if self.link.clock.sleep(plan.reset_delay, cancel):
            raise Cancelled
        self.controller.stop_idle()
        self._opened = self.link.clock.now()

    def _begin_ramp(self, cancel: threading.Event) -> None:
        self._read_ms.clear()
        self._demanded = 0
        # Not after the answer: pixels may be here by then, and each read would be asked for too late.
        self._opened = self.link.clock.now()
        self.controller.command(Board.TIMING, "RDT", 1)
        self._heed(cancel)

    def read_set(
        self,
        plan: ExposurePlan,
        number: int,
        take: Callable[[Chunk], None],
        *,
        cancel: threading.Event,
        stop: threading.Event,
        started: Callable[[], None],
    ) -> None:
        """Take one set of reads as its pixels arrive."""
        if self._ramp and number:
            self._demand(plan, number, cancel, stop)
        self._block += 1
        if plan.sets == 1:
            self._read_single(plan, cancel, stop)
            due = 0.0
        elif self._ramp:
            due = self._left(plan, number)
        else:
            due = plan.gap if number else plan.resets * plan.reset_time + plan.reset_delay
        pixels = PixelStream(self.link, self._block, plan.nreads * self.pixels_per_read, cancel)
        pixels.wait_for_start(due + START_SECONDS)
        started()
        for chunk in pixels.chunks():
            take(chunk)
        if self._ramp:
            self._read_ms.append(self.controller.utility_board.current_exposure_ms.read())
            if number + 1 < plan.sets and self._left(plan, number + 1) < NEAR_SECONDS:
                self._demand(plan, number + 1, cancel, stop, at_once=True)

    def _left(self, plan: ExposurePlan, number: int) -> float:
        """Return the detector seconds until a read of a ramp."""
        return max(0.0, self._until(self._opened + number * plan.period))

    def _until(self, moment: float) -> float:
        """Return the detector seconds until a moment in whole microseconds: less could not be waited for."""
        return round(moment - self.link.clock.now(), 6)

    def _demand(
        self,
        plan: ExposurePlan,
        number: int,
        cancel: threading.Event,
        stop: threading.Event,
        *,
        at_once: bool = False,
    ) -> None:
        """Tell the controller the time of a read of a ramp, about a second before; once for each."""
        if self._demanded >= number:
            return
        due = self._opened + number * plan.period - DEMAND_SECONDS
        while not (at_once or stop.is_set()) and (left := self._until(due)) > 0:
            if self.link.clock.sleep(min(left, 1.0), cancel):
                raise Cancelled
        if cancel.is_set():
            raise Cancelled
        if stop.is_set() and number >= ENOUGH_READS:
            if at_once:
                return
            raise Stopped
        # A time that is past already makes the controller read now.
        seconds = 0.0 if stop.is_set() else number * plan.period
        self.controller.utility_board.demanded_exposure_ms.write(round(seconds * 1000))
        self._demanded = number
        self._heed(cancel)

    def _read_single(self, plan: ExposurePlan, cancel: threading.Event, stop: threading.Event) -> None:
        end = self._opened + plan.gap
        while (left := self._until(end)) > 0 and not stop.is_set():
            if self.link.clock.sleep(min(left, 1.0), cancel):
                raise Cancelled
        self._closed = self.link.clock.now()
        self.controller.read_out()
        self._heed(cancel)

    def end_exposure(self, plan: ExposurePlan) -> Measured:
        """Return the exposure: the controller's own measurement, or the host's for a single read."""
        if plan.sets == 1:
            return Measured(self._closed - self._opened, "HOST")
        if self._ramp:
            self.controller.abort()
            return Measured((self._read_ms[-1] - self._read_ms[0]) / 1000.0, "CONTROLLER")
        return Measured(self.controller.utility_board.current_exposure_ms.read() / 1000.0, "CONTROLLER")

    def finish_early(self) -> None:
        """Retime the running exposure to nothing: the controller ends it within 10 ms (INS-DAS-18).

        A ramp ends without that: `read_set` sees to it when it finds that a stop was asked for.
        """
        if self._ramp:
            return
        self.controller.utility_board.demanded_exposure_ms.write(0)

    _block = 0
    _opened = 0.0
    _closed = 0.0
    _ramp = False
    _demanded = 0
    """the last read of the present ramp whose time the controller knows"""


def _cosmic_keywords(plan: ExposurePlan) -> Keywords:
    """Return what the header says of the search for cosmic rays: a ramp alone can be searched."""
    if plan.mode is not ReadMode.LINEAR:
        return {}
    products = plan.products
    if not products.reject_cosmic_rays:
        return {"COSMREJ": False}
    return {"COSMREJ": True, "COSMTHR": products.cosmic_threshold, "COSMMIN": products.cosmic_minimum}
