"""The Readout task: runs an observation's exposures and turns pixels into a frame (SDN 11.03 section 5.1.3).

It has the controller from the first reset to the last pixel. Pixels are added up in the order of the stream
as they arrive; only what leaves is unravelled. It never waits for the Data task.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nifsdc.camera.accumulator import Accumulator, Image, Progressive
from nifsdc.camera.camera import ExposingCamera, Measured, Stopped
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ring import FrameRing
from nifsdc.dictionary import StatusDictionary
from nifsdc.sdsu.errors import ControllerError
from nifsdc.sdsu.pixels import Cancelled, Chunk
from nifsdc.tasks.beside import Beside
from nifsdc.tasks.displays import Displays
from nifsdc.tasks.exposure import Exposure, Phase
from nifsdc.tasks.header import ObservationHeader
from nifsdc.tasks.messages import ReadOut, Reporter
from nifsdc.tasks.observing import ObservingTask
from nifsdc.timing.utc import night, utc_stamp, utc_time


class ReadoutTask(ObservingTask):
    """Runs one observation at a time.

    Parameters
    ----------
    camera
        the camera, while an observation runs
    ring
        where frames go that are stored
    displays
        where images go that are not
    header
        makes the header cards of a finished observation
    status
        status records
    reads
        where single reads go that are stored; None for a camera that gives out none
    report
        where `ReadOut` goes; how an observation failed stands in its `Exposure`
    """

    def __init__(
        self,
        camera: ExposingCamera[Any, Any],
        ring: FrameRing,
        displays: Displays,
        header: ObservationHeader,
        status: StatusDictionary,
        reads: FrameRing | None,
        report: Reporter,
    ) -> None:
        super().__init__(report)
        self._reads = reads
        self._camera = camera
        self._ring = ring
        self._displays = displays
        self._header = header
        self._status = status

    def take(self, exposure: Exposure) -> None:
        """Run the exposures of an observation and hand its frame on."""
        plan = exposure.plan
        pixels = self._camera.accumulator(plan)
        cutter = self._camera.reads(plan) if exposure.settings.stored else None
        keywords = self._camera.keywords(exposure.settings.request, plan)
        beside = Beside(exposure, cutter, self._header, keywords, self._reads, self._ring)
        exposure.started = exposure.now()
        exposure.start_utc = datetime.now(UTC)
        exposure.at_start = self._header.begin()
        self._show_start(exposure)
        for _ in range(plan.coadds):
            pixels.clear()
            self._expose(exposure, pixels, beside)
            pixels.finish(exposure.measured[-1])
            if exposure.settings.stored:
                beside.coadd(pixels)
            exposure.coadds_done += 1
            if exposure.stop.is_set() or exposure.error is not None:
                break
        exposure.enter(Phase.CLOSING)
        exposure.end_utc = datetime.now(UTC)
        if exposure.cancel.is_set():
            raise Cancelled
        self._hand_on(exposure, pixels.images(), beside)
        self._camera.idle()

    def _expose(self, exposure: Exposure, pixels: Accumulator, beside: Beside) -> None:
        plan = exposure.plan
        exposure.enter(Phase.RESETTING)
        opened = self._camera.begin_exposure(plan, exposure.cancel)
        if opened is not None and not exposure.coadds_done:
            exposure.start_utc = opened
            self._show_start(exposure)
        sets: list[float] = []
        first_is_last = plan.sets == 1
        if first_is_last:
            exposure.enter(Phase.INTEGRATING)
        for number in range(plan.sets):
            last = number == plan.sets - 1
            reading = Phase.READING_LAST if last else Phase.READING if number else Phase.READING_FIRST

            def take(chunk: Chunk, number: int = number) -> None:
                pixels.take(chunk.pixels, chunk.offset, number)
                beside.take(chunk, number)
                exposure.pixels_done += len(chunk.pixels)

            def started(reading: Phase = reading, number: int = number) -> None:
                sets.append(exposure.now())
                beside.begin_set(number)
                exposure.enter(reading)

            try:
                self._camera.read_set(
                    plan,
                    number,
                    take,
                    cancel=exposure.cancel,
                    stop=exposure.stop,
                    started=started,
                )
            except Stopped:
                break
            if not last:
                exposure.enter(Phase.INTEGRATING)
            if isinstance(pixels, Progressive):
                self._show_so_far(exposure, pixels, number, last=last)
        exposure.enter(Phase.CLOSING)
        try:
            measured = self._camera.end_exposure(plan)
        except ControllerError as error:
            # The pixels are here: keep them, with the exposure as the host saw it, and go no further.
            exposure.error = error
            measured = Measured(sets[-1] - sets[0] if plan.sets > 1 else plan.gap, "HOST")
        exposure.measured.append(measured.seconds)
        exposure.measured_by = measured.by

    def _show_so_far(self, exposure: Exposure, pixels: Progressive, number: int, *, last: bool) -> None:
        """Show what the reads so far make: counts for the clients, an image for the displays."""
        for name, value in () if exposure.settings.idle else pixels.tally().items():
            self._status.set(name, value)
        images = () if last else pixels.so_far()
        if images:
            self._preview(exposure, images, number + exposure.coadds_done * exposure.plan.sets)

    def _preview(self, exposure: Exposure, images: tuple[Image, ...], number: int) -> None:
        """Show an image of a run for which nothing depends on whether it can be shown."""
        try:
            self._displays.show(exposure, FrameKind.PREVIEW, images, number)
        except Exception:
            self.log.exception("an image for the displays was left out")

    def _hand_on(self, exposure: Exposure, images: tuple[Image, ...], beside: Beside) -> None:
        settings, plan = exposure.settings, exposure.plan
        self._show_end(exposure)
        if not settings.stored:
            kind = FrameKind.IDLE if settings.idle else FrameKind.VIEW
            exposure.frame_number = self._displays.show(exposure, kind, images)
            if not settings.idle:
                self._report(ReadOut(settings.exposure_id, stored=False))
            return
        keywords = {**self._camera.keywords(settings.request, plan), **beside.keywords}
        frame = Frame.build(
            settings.exposure_id,
            FrameKind.SCIENCE,
            {image.name: image.pixels for image in images},
            night=night(exposure.start_utc),
            label=settings.label,
            cards=self._header(exposure, keywords, images),
            scratch=settings.scratch,
            stream=settings.stream,
            reads=beside.reads,
            coadds=beside.coadds,
        )
        # In this order: the Data task's report must find the observation read out.
        self._report(ReadOut(settings.exposure_id, stored=True))
        exposure.frame_number = self._ring.write(frame)
        if self._displays.changes(settings.kind):
            # The file keeps its sky; whoever looks sees the image without it last.
            self._preview(exposure, images[:1], exposure.coadds_done * plan.sets)

    def _show_start(self, exposure: Exposure) -> None:
        if not exposure.settings.idle:
            self._status.set("dateobs", utc_stamp(exposure.start_utc)[:10])
            self._status.set("utstart", utc_time(exposure.start_utc))
        self._status.set(f"{exposure.settings.kind.value}_readTime", self._camera.read_time)

    def _show_end(self, exposure: Exposure) -> None:
        prefix = exposure.settings.kind.value
        self._status.set(f"{prefix}_exposed", exposure.exposure_time)
        self._status.set(f"{prefix}_timeStamp", utc_stamp(exposure.start_utc))
        if not exposure.settings.idle:
            self._status.set("utend", utc_time(exposure.end_utc))
            self._status.set("timeLeft", 0.0)
