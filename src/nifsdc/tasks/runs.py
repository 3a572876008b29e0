"""Runs of frames: from the camera to a file that grows, each frame with its times.

This is the Readout task of a frame-transfer camera. A frame's time stamp is the controller's; its clock is
held against UTC once, when a run begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nifsdc.camera.accumulator import SCIENCE, Image
from nifsdc.camera.frame_transfer import CameraFrame, FrameReadoutPlan, FrameTransferCamera
from nifsdc.data.cube_layout import CcdExposure, CubeFrame, CubeLayout, CubeWindow, FrameQuality
from nifsdc.data.cube_names import RunNames
from nifsdc.data.cube_run import CubeRun
from nifsdc.data.cube_sender import RunServer
from nifsdc.data.errors import NotDelivered
from nifsdc.data.frame import Card, FrameKind
from nifsdc.data.header import UNKNOWN, cards
from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.displays import Displays
from nifsdc.tasks.exposure import Exposure, Phase
from nifsdc.tasks.header import ObservationHeader
from nifsdc.tasks.leftover_runs import LeftoverRuns
from nifsdc.tasks.messages import NotStored, ReadOut, Reporter, Stored
from nifsdc.tasks.observing import ObservingTask
from nifsdc.timing.frame_transfer import NoClear
from nifsdc.timing.service import TimeService
from nifsdc.timing.utc import night, utc_stamp, utc_time
from nifsdc.timing.utc_moment import SECOND, Moment

SHOW_SECONDS = 0.5
"""real seconds between two looks at how far a run is"""
STORE_SECONDS = 120.0
"""real seconds for the last frames of a run to reach the data server's disk"""
ABORT_SECONDS = 5.0
"""the same for a run that was given up; its frames are sent later otherwise"""
_TRIES = 5


@dataclass(frozen=True)
class Anchor:
    """One moment by two clocks: the controller's, and UTC."""

    controller_ns: int
    moment: Moment

    @classmethod
    def take(cls, controller: Callable[[], float], clock: TimeService) -> Anchor:
        """Read both, as close together as the machine allows.

        Parameters
        ----------
        controller
            its clock, seconds
        clock
            tells UTC
        """
        best: tuple[float, Anchor] | None = None
        for _ in range(_TRIES):
            begun = time.monotonic()
            before = controller()
            moment = clock.now()
            after = controller()
            apart = time.monotonic() - begun
            if best is None or apart < best[0]:
                best = apart, cls(round((before + after) / 2 * SECOND), moment)
        assert best is not None
        return best[1]

    def cards(self) -> tuple[Card, ...]:
        """Return what the header says of it."""
        return (
            Card("HIERARCH NIFSDC ANCHOR CLOCK", self.controller_ns, "[ns] controller's clock at the start"),
            Card("HIERARCH NIFSDC ANCHOR TAI", self.moment.tai_ns, "[ns] since 1970, at that moment"),
        )

    def at(self, controller_ns: int) -> Moment:
        """Return the moment of a reading of the controller's clock."""
        return Moment(self.moment.tai_ns + controller_ns - self.controller_ns, self.moment.table)


@dataclass
class _Progress:
    """How far a run is."""

    frames: int = 0
    """that came"""
    number: int = 0
    """of the latest one"""
    next_look: float = 0.0

    @property
    def lost(self) -> int:
        """Frames that did not come between others."""
        return self.number - self.frames


@dataclass(frozen=True)
class RunDestination:
    """Where frames go, and what tells their time."""

    spool: Path
    """folder where frames are until the data server has them"""
    server: RunServer
    clock: TimeService


class RunTask(ObservingTask):
    """Takes runs of frames, one at a time.

    Parameters
    ----------
    camera
        the camera
    away
        where its frames go
    header
        makes the header cards of a finished run
    displays
        where a frame is shown now and then
    status
        status records
    report
        where `ReadOut`, `Stored` and `NotStored` go
    """

    def __init__(
        self,
        camera: FrameTransferCamera,
        away: RunDestination,
        header: ObservationHeader,
        displays: Displays,
        status: StatusDictionary,
        report: Reporter,
    ) -> None:
        super().__init__(report)
        self._camera = camera
        self._away = away
        self._leftover = LeftoverRuns(away.spool, away.server, report)
        self._header = header
        self._displays = displays
        self._status = status

    def begin(self) -> None:
        """Have runs stored that are left from before."""
        self._leftover.start()

    def finish(self) -> None:
        """End that."""
        self._leftover.end()

    def take(self, exposure: Exposure) -> None:
        """Take a run to its end; its errors are those of `FrameTransferCamera.frames` and of the spool.

        Whatever ends it, the frames that came are kept.
        """
        plan = exposure.plan
        assert isinstance(plan, FrameReadoutPlan)
        exposure.started = exposure.now()
        exposure.start_utc = datetime.now(UTC)
        exposure.at_start = self._header.begin()
        exposure.measured = [plan.timings[0].regular.seconds]
        self._show_start(exposure)
        exposure.enter(Phase.RESETTING)
        self._leftover.leave(exposure.settings.exposure_id)
        try:
            self._take(exposure, plan)
        finally:
            self._leftover.look_after(exposure.settings.exposure_id)
        self._camera.idle()

    def _take(self, exposure: Exposure, plan: FrameReadoutPlan) -> None:
        anchor = Anchor.take(self._camera.now, self._away.clock)
        run = self._begin(exposure, plan, anchor) if exposure.settings.stored else None
        progress = _Progress()
        try:
            self._follow(exposure, plan, anchor, run, progress)
        finally:
            exposure.enter(Phase.CLOSING)
            exposure.end_utc = datetime.now(UTC)
            self._show(exposure, progress, run)
            self._end(exposure, plan, run, progress)

    def _begin(self, exposure: Exposure, plan: FrameReadoutPlan, anchor: Anchor) -> CubeRun:
        settings = exposure.settings
        names = RunNames(settings.exposure_id, night(exposure.start_utc), settings.label)
        said = {
            "EXPID": settings.exposure_id,
            "OBJECT": settings.title or UNKNOWN,
            "TIMESYS": "UTC",
            "DATE-OBS": utc_stamp(exposure.start_utc),
        }
        of_timing = tuple(
            Card(name if len(name) <= 8 else f"HIERARCH {name}", value, comment)
            for name, value, comment in self._camera.timing_cards(plan)
        )
        given = (*cards(said), *of_timing, *anchor.cards())
        return CubeRun(self._away.spool, self._away.server, names, self._layout(plan), given)

    def _layout(self, plan: FrameReadoutPlan) -> CubeLayout:
        regions = self._camera.regions(plan)
        return CubeLayout(
            tuple(
                CubeWindow(rows, columns, ccd, "" if region is None else str(region))
                for ccd in range(1, len(plan.timings) + 1)
                for (rows, columns), region in zip(plan.readout.windows.shapes, regions, strict=True)
            )
        )

    def _follow(
        self,
        exposure: Exposure,
        plan: FrameReadoutPlan,
        anchor: Anchor,
        run: CubeRun | None,
        progress: _Progress,
    ) -> None:
        def started() -> None:
            exposure.enter(Phase.READING)

        for frame in self._camera.frames(plan, cancel=exposure.cancel, stop=exposure.stop, started=started):
            if run is not None:
                gap = frame.number != progress.number + 1
                run.add(self._dated(plan, frame, anchor.at(frame.stamp_ns), gap=gap))
            progress.frames += 1
            progress.number = frame.number
            exposure.pixels_done += plan.words
            if time.monotonic() >= progress.next_look:
                progress.next_look = time.monotonic() + SHOW_SECONDS
                self._show(exposure, progress, run)
                self._status.set("ftStamp", anchor.at(frame.stamp_ns).text)
                self._preview(exposure, frame)

    def _dated(self, plan: FrameReadoutPlan, frame: CameraFrame, stamp: Moment, *, gap: bool) -> CubeFrame:
        """Return a frame with the times of each CCD."""
        clock = self._away.clock.quality
        common = FrameQuality.GAP if gap else FrameQuality(0)
        if not clock.synchronised:
            common |= FrameQuality.CLOCK
        ccds = []
        for timing in plan.timings:
            first = isinstance(timing, NoClear) and frame.number == timing.nskip + 1
            quality = common | FrameQuality.FIRST if first else common
            ccds.append(CcdExposure.of(stamp, timing.exposed(frame.number), quality))
        return CubeFrame(frame.number, stamp, tuple(ccds), frame.images, clock.error_s)

    def _end(
        self, exposure: Exposure, plan: FrameReadoutPlan, run: CubeRun | None, progress: _Progress
    ) -> None:
        """Close the file and tell what became of it."""
        settings = exposure.settings
        if run is None:
            exposure.frame_number = progress.number
            self._report(ReadOut(settings.exposure_id, stored=False))
            return
        given_up = exposure.cancel.is_set()
        keywords = {**self._camera.keywords(plan.request, plan), "PRODUCT": "FRAMES"}
        last = self._header(exposure, keywords, ())
        if not settings.label:  # the server has given it a name by then
            last = tuple(card for card in last if card.keyword != "DATALAB")
        if not given_up:
            # In this order: what is stored must find the observation read out.
            self._report(ReadOut(settings.exposure_id, stored=True))
        try:
            stored = run.finish(last, ABORT_SECONDS if given_up else STORE_SECONDS)
        except NotDelivered as error:
            self.log.error("%s", error)
            if not given_up:
                self._report(NotStored(settings.exposure_id, "not stored; kept in the spool"))
        else:
            self.log.info("run %s: %d frames in %s", settings.exposure_id, progress.frames, stored.path)
            self._status.set("ftStored", progress.frames)
            if not given_up:
                self._report(Stored(settings.exposure_id, stored.path))
        if not given_up:
            exposure.frame_number = progress.number

    # --- what is shown ------------------------------------------------------------------------------------

    def _show_start(self, exposure: Exposure) -> None:
        self._status.set("dateobs", utc_stamp(exposure.start_utc)[:10])
        self._status.set("utstart", utc_time(exposure.start_utc))
        self._status.set("obs_timeStamp", utc_stamp(exposure.start_utc))
        self._status.set("obs_readTime", self._camera.read_time)
        self._status.set("obs_exposed", exposure.exposure_time)
        for name in ("ftFrame", "ftStored", "ftLost"):
            self._status.set(name, 0)
        self._status.set("runPath", "")

    def _show(self, exposure: Exposure, progress: _Progress, run: CubeRun | None) -> None:
        self._status.set("ftFrame", progress.number)
        self._status.set("ftLost", progress.lost)
        if run is not None:
            self._status.set("ftStored", run.stored)
            self._status.set("runPath", run.path)
        if exposure.phase is Phase.CLOSING:
            self._status.set("utend", utc_time(exposure.end_utc))
            self._status.set("timeLeft", 0.0)

    def _preview(self, exposure: Exposure, frame: CameraFrame) -> None:
        """Show a frame, for which nothing depends on whether it can be shown."""
        names = [SCIENCE, *(f"{SCIENCE}:{number}" for number in range(2, len(frame.images) + 1))]
        try:
            images = tuple(Image(name, pixels) for name, pixels in zip(names, frame.images, strict=True))
            self._displays.show(exposure, FrameKind.PREVIEW, images, frame.number)
        except Exception:
            self.log.exception("a frame for the displays was left out")
