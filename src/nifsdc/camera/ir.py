"""A camera with an infrared array behind an SDSU controller (SDN 11.03 section 4.6, class SDSU2_IR)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from nifsdc.camera.accumulator import FowlerAccumulator, Keywords
from nifsdc.camera.camera import Measured, ReadSize
from nifsdc.camera.layout import Layout
from nifsdc.camera.sdsu import START_SECONDS, Scalar, SdsuCamera, StartUp
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.pixels import Cancelled, Chunk, PixelStream
from nifsdc.timing.infrared import ExposurePlan, IrRequest


class SdsuIrCamera(SdsuCamera[IrRequest, ExposurePlan]):
    """Takes exposures by multiple non-destructive reads, timed by the controller.

    Two sets of reads are one MRA command (INS-DAS-18 Annex D). A single read has no reads to subtract: the
    array is cleared, the host waits on the detector clock, and RDC reads it (as in Annex C, "Dark").

    Parameters
    ----------
    layout
        how the detector is read
    controller, start_up
        as in `SdsuCamera`
    """

    def __init__(self, layout: Layout, controller: Controller, start_up: StartUp) -> None:
        super().__init__(controller, start_up)
        self.layout = layout

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
        return ExposurePlan(
            mode=request.read_mode,
            requested=request.exposure,
            nreads=request.nreads,
            coadds=request.coadds,
            resets=request.resets,
            reset_delay=request.reset_delay,
            read_time=self.read_time,
        )

    def read_size(self, plan: ExposurePlan) -> ReadSize:
        """Return how much one read is: the whole array."""
        return ReadSize(self.pixels_per_read, self.layout.rows)

    def accumulator(self, plan: ExposurePlan) -> FowlerAccumulator:
        """Return what subtracts, averages and adds the reads."""
        return FowlerAccumulator(self.layout, plan)

    def keywords(self, request: IrRequest, plan: ExposurePlan) -> Keywords:
        """Return what the header says of read mode and array."""
        return {
            "READMODE": request.read_mode.name,
            "EXPMODE": request.read_mode.name,
            "TIMEMODE": request.time_mode,
            "LNRS": plan.nreads,
            "NRESETS": request.resets,
            "RSTDELAY": request.reset_delay,
            "PERIOD": request.period,
            "NPERIODS": request.nperiods,
            "RDTIME": plan.read_time,
            "BIASPWR": self.settings.bias,
            "NAMPS": len(self.layout.amplifiers),
            "REFSAMP": self.layout.reference_shape[2],
        }

    def identity(self) -> Mapping[str, Scalar]:
        """Return what is known since the start-up, the bias and the time of a read included."""
        return {
            **super().identity(),
            "VBIASPWR": self.settings.bias,
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
        if plan.sets == 1:
            self._clear_for_single_read(plan, cancel)
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

    def _clear_for_single_read(self, plan: ExposurePlan, cancel: threading.Event) -> None:
        for _ in range(max(1, plan.resets)):
            self.controller.clear()
        if self.link.clock.sleep(plan.reset_delay, cancel):
            raise Cancelled
        self.controller.stop_idle()
        self._opened = self.link.clock.now()

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
        self._block += 1
        if plan.sets == 1:
            self._read_single(plan, cancel, stop)
            due = 0.0
        else:
            due = plan.gap if number else plan.resets * plan.reset_time + plan.reset_delay
        pixels = PixelStream(self.link, self._block, plan.nreads * self.pixels_per_read, cancel)
        pixels.wait_for_start(due + START_SECONDS)
        started()
        for chunk in pixels.chunks():
            take(chunk)

    def _read_single(self, plan: ExposurePlan, cancel: threading.Event, stop: threading.Event) -> None:
        end = self._opened + plan.gap
        while (left := end - self.link.clock.now()) > 0 and not stop.is_set():
            if self.link.clock.sleep(min(left, 1.0), cancel):
                raise Cancelled
        self._closed = self.link.clock.now()
        self.controller.read_out()
        self._heed(cancel)

    def end_exposure(self, plan: ExposurePlan) -> Measured:
        """Return the exposure: the controller's own measurement, or the host's for a single read."""
        if plan.sets == 1:
            return Measured(self._closed - self._opened, "HOST")
        return Measured(self.controller.utility_board.current_exposure_ms.read() / 1000.0, "CONTROLLER")

    def finish_early(self) -> None:
        """Retime the running exposure to nothing: the controller ends it within 10 ms (INS-DAS-18)."""
        self.controller.utility_board.demanded_exposure_ms.write(0)

    _block = 0
    _opened = 0.0
    _closed = 0.0
