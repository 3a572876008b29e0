"""A camera with an infrared array behind an SDSU controller (SDN 11.03 section 4.6, class SDSU2_IR)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nifsdc.camera.sdsu import START_SECONDS, SdsuCamera
from nifsdc.camera.stream import Cancelled, Chunk, PixelStream
from nifsdc.timing.infrared import ExposurePlan


class SdsuIrCamera(SdsuCamera):
    """Takes exposures by multiple non-destructive reads, timed by the controller.

    Two sets of reads are one MRA command (INS-DAS-18 Annex D). A single read has no reads to subtract: the
    array is cleared, the host waits on the detector clock, and RDC reads it (as in Annex C, "Dark").
    """

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

    def end_exposure(self, plan: ExposurePlan) -> float:
        """Return the exposure: the controller's own measurement, or the host's for a single read."""
        if plan.sets == 1:
            return self._closed - self._opened
        return self.controller.utility_board.current_exposure_ms.read() / 1000.0

    def finish_early(self) -> None:
        """Retime the running exposure to nothing: the controller ends it within 10 ms (INS-DAS-18)."""
        self.controller.utility_board.demanded_exposure_ms.write(0)

    _block = 0
    _opened = 0.0
    _closed = 0.0
