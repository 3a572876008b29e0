"""The Slave task: owns the camera, carries out one message at a time (SDN 11.03 section 5.1.2).

While an observation runs it stays in its monitoring loop: it looks at the queue for stop and abort, has
the time records kept moving, and leaves the pixels to the Readout task.
"""

from __future__ import annotations

import time
from collections import deque
from enum import IntEnum
from typing import Any

from nifsdc.camera.sdsu import SdsuCamera
from nifsdc.dictionary import StatusDictionary
from nifsdc.sdsu.errors import Busy, ControllerError, NotNow
from nifsdc.sdsu.pixels import Cancelled
from nifsdc.tasks.displays import Displays
from nifsdc.tasks.engineering import Engineering
from nifsdc.tasks.exposure import READING, Exposure, Phase
from nifsdc.tasks.idle_views import END_SECONDS, IdleViews
from nifsdc.tasks.messages import (
    Aborted,
    AbortExposure,
    ControllerCommand,
    ControllerLost,
    Done,
    ExposureAsked,
    ExposureBegun,
    ExposureStarted,
    Failed,
    Held,
    Initialise,
    Look,
    Observe,
    Park,
    PauseExposure,
    Reporter,
    Request,
    ResumeExposure,
    RetimeExposure,
    Shutdown,
    StopExposure,
)
from nifsdc.tasks.observing import ObservingTask
from nifsdc.tasks.progress import Progress
from nifsdc.tasks.reasons import brief
from nifsdc.tasks.task import Task

MONITOR_SECONDS = 0.05
"""real seconds between two looks of the monitoring loop"""
TELEMETRY_SECONDS = 5.0
"""real seconds between two readings of temperatures and states while nothing is exposed"""
STOP_MARGIN = 1.0
"""detector seconds before the last reads in which a stop is not sent: it would meet the readout"""


class SlaveState(IntEnum):
    """States of the task (SDN 11.03 figure 10); the number is what ``slaveState`` shows."""

    DOWN = 0
    READY = 1
    INITIALISING = 2
    PREPARING = 3
    MONITORING = 4
    READING = 5
    COMMANDING = 6
    PARKED = 7
    FAULT = 8


class SlaveTask(Task[Request]):
    """Drives the camera.

    Parameters
    ----------
    camera
        the camera it owns from now on
    readout
        the task that takes the pixels
    displays
        what is shown
    status
        status records
    report
        where `Done`, `Failed` and the rest go
    """

    def __init__(
        self,
        camera: SdsuCamera[Any, Any],
        readout: ObservingTask,
        displays: Displays,
        status: StatusDictionary,
        report: Reporter,
    ) -> None:
        super().__init__("Slave", report)
        self._camera = camera
        self._readout = readout
        self._displays = displays
        self._status = status
        self._engineering = Engineering(camera, status)
        self._views = IdleViews(camera, readout, status)
        self._progress = Progress(status)
        self._state = SlaveState.DOWN
        self._next_telemetry = 0.0
        self._kept: deque[Request] = deque()

    @property
    def state(self) -> SlaveState:
        """What it is doing."""
        return self._state

    @property
    def read_time(self) -> float:
        """Detector seconds of one full read."""
        return self._camera.read_time

    def cancel_engineering(self) -> None:
        """End a long engineering command after the step it is at; from any thread."""
        self._engineering.cancel.set()

    def post(self, message: Request) -> None:
        """Put a request into the queue without waiting, an observation once it is noted; raises TaskBusy."""
        if isinstance(message, Observe):
            self._report(ExposureAsked(message.settings))
        super().post(message)

    def begin(self) -> None:
        """Show the state it starts in."""
        self._enter(SlaveState.DOWN)
        self._progress.nothing()

    def handle(self, message: Request) -> None:
        """Carry out one request and report how it ended, and then those that came while it was ending."""
        self._handle(message)
        while self._kept and not self._ending.is_set():
            self._handle(self._kept.popleft())

    def _handle(self, message: Request) -> None:
        match message:
            case Observe():
                self._observe(message)
            case StopExposure() | AbortExposure():
                self.log.info("%s came when nothing was exposed", type(message).__name__)
            case PauseExposure() | ResumeExposure() | RetimeExposure():
                self._report(Failed(message, "nothing is exposed"))
            case Shutdown():
                self.end()
            case Initialise():
                self._attempt(message, SlaveState.INITIALISING, SlaveState.READY)
            case Park():
                self._attempt(message, SlaveState.COMMANDING, SlaveState.PARKED)
            case ControllerCommand():
                self._attempt(message, SlaveState.COMMANDING, SlaveState.READY)
            case Look():
                self._look(message)

    def _look(self, request: Look) -> None:
        """Show something else beside what is observed from now on."""
        self._views.wanted = request.views
        skies, problem = self._displays.choose_skies(request)
        for record, name in skies.items():
            self._status.set(record, name)
        self._report(Failed(request, brief(problem)) if problem else Done(request))

    def idle(self) -> None:
        """Read temperatures and states now and then, and take a view if those are wanted while idle."""
        if self._state is not SlaveState.READY:
            return
        try:
            if time.monotonic() >= self._next_telemetry:
                self._next_telemetry = time.monotonic() + TELEMETRY_SECONDS
                self._engineering.show_telemetry()
            self._views.take(self.next_message, self._kept.append, self._ending)
        except ControllerError as error:
            self._lost(error)
        if self._kept:
            self.handle(self._kept.popleft())

    def _lost(self, error: Exception) -> None:
        """Report that the controller needs an init; nobody had asked it anything."""
        self.log.error("controller lost: %s", error)
        self._enter(SlaveState.FAULT)
        self._report(ControllerLost(brief(error)))

    def finish(self) -> None:
        """Let go of the camera and show that nobody drives it any more."""
        self._camera.close()
        self._enter(SlaveState.DOWN)

    # --- everything but observations ---------------------------------------------------------------------

    def _attempt(self, request: Request, during: SlaveState, after: SlaveState) -> None:
        self._enter(during)
        try:
            self._carry_out(request)
        except (ControllerError, Cancelled) as error:
            self.log.error("%s failed: %s", type(request).__name__, error)
            lost = self._engineering.is_lost(request, error)
            self._enter(SlaveState.FAULT if lost else SlaveState.READY)
            self._report(Failed(request, brief(error), controller_lost=lost))
        else:
            self._enter(after)
            self._next_telemetry = 0.0
            self._report(Done(request))

    def _carry_out(self, request: Request) -> None:
        match request:
            case Initialise():
                self._engineering.start_up()
            case Park():
                self._camera.shut_down()
            case ControllerCommand(name, arguments):
                self._engineering.carry_out(name, arguments)

    # --- observations -------------------------------------------------------------------------------------

    def _observe(self, request: Observe) -> None:
        settings = request.settings
        self._report(ExposureBegun(settings))
        self._enter(SlaveState.PREPARING)
        self._progress.preparing()
        try:
            plan = self._camera.plan(settings.request)
        except ValueError as error:
            self._enter(SlaveState.READY)
            self._report(Failed(request, brief(error)))
            return
        exposure = Exposure(settings, plan, self._camera.read_size(plan), self._camera.now)
        try:
            self._camera.prepare(plan)
        except ControllerError as error:
            exposure.error = error
        else:
            # In this order: what the Readout task reports must find the observation started.
            self._report(ExposureStarted(settings.exposure_id))
            self._readout.post(exposure)
            self._monitor(exposure)
        finally:
            self._progress.nothing()
        self._conclude(request, exposure)

    def _monitor(self, exposure: Exposure) -> None:
        asked_to_finish = False
        while not exposure.finished.is_set():
            match self.next_message(MONITOR_SECONDS):
                case StopExposure():
                    exposure.stop.set()
                case AbortExposure():
                    self._cancel(exposure)
                case Shutdown():
                    self._cancel(exposure)
                    self.end()
                case PauseExposure() | ResumeExposure() | RetimeExposure() as held:
                    self._hold(exposure, held)
                case None:
                    pass
                case other if exposure.phase is Phase.CLOSING:
                    # Its file may be stored already, so that this is asked for in good faith.
                    self._kept.append(other)
                case other:
                    self._report(Failed(other, "an exposure is under way"))
            if self._ending.is_set() and not exposure.cancel.is_set():
                self._cancel(exposure)
            self._enter(SlaveState.READING if exposure.phase in READING else SlaveState.MONITORING)
            self._progress.show(exposure)
            if exposure.stop.is_set() and not asked_to_finish:
                asked_to_finish = self._finish_early(exposure)
            if exposure.cancel.is_set() and not exposure.finished.wait(END_SECONDS):
                exposure.error = exposure.error or TimeoutError("Readout did not let go of the exposure")
                return
        self._progress.show_at_once(exposure)

    def _hold(self, exposure: Exposure, request: Held) -> None:
        """Pause, resume or retime the integration, or say why that cannot be."""
        try:
            if exposure.phase is not Phase.INTEGRATING:
                raise NotNow(f"exposure is {exposure.phase.name.lower().replace('_', ' ')}")
            match request:
                case PauseExposure():
                    self._camera.pause()
                    exposure.pause()
                case ResumeExposure():
                    self._camera.resume()
                    exposure.resume()
                case RetimeExposure(seconds):
                    self._camera.retime(seconds)
                    exposure.retimed = seconds - exposure.plan.gap
        except NotNow as error:
            self._report(Failed(request, brief(error)))
        except Busy as error:
            self.log.info("%s met the readout: %s", type(request).__name__, error)
            self._report(Failed(request, "the readout has just begun"))
        except ControllerError as error:
            exposure.error = error
            self._cancel(exposure)
            self._report(Failed(request, brief(error)))
        else:
            self._report(Done(request))

    def _cancel(self, exposure: Exposure) -> None:
        exposure.cancel.set()
        try:
            self._camera.abort()
        except ControllerError as error:
            self.log.warning("abort: %s", error)

    def _finish_early(self, exposure: Exposure) -> bool:
        """Cut the integration short if there is one to cut; tell whether this coadd is settled."""
        if exposure.phase is not Phase.INTEGRATING or exposure.plan.sets == 1:
            return False
        due = exposure.phase_since + exposure.plan.gap - exposure.now()
        if due > STOP_MARGIN:
            try:
                self._camera.finish_early()
            except Busy:
                self.log.info("stop met the readout, which ends the exposure anyway")
            except ControllerError as error:
                # Without the controller's word the exposure would go on to its end: give it up as failed.
                exposure.error = error
                self._cancel(exposure)
        return True

    def _conclude(self, request: Observe, exposure: Exposure) -> None:
        exposure_id = request.settings.exposure_id
        self._status.set("timeLeft", 0.0)
        if exposure.frame_number is not None:
            # The data are safe; what the controller failed at afterwards is the next observation's affair.
            if exposure.error is None:
                self._enter(SlaveState.READY)
            else:
                self._lost(exposure.error)
        elif exposure.cancel.is_set() and exposure.error is None:
            self._settle()
            self._report(Aborted(exposure_id))
        else:
            self.log.error("exposure failed: %s", exposure.error, exc_info=exposure.error)
            lost = isinstance(exposure.error, ControllerError)
            self._give_up(lost=lost)
            self._enter(SlaveState.FAULT if lost else SlaveState.READY)
            reason = brief(exposure.error) if exposure.error else "ended without a frame"
            self._report(Failed(request, reason, controller_lost=lost))

    def _settle(self) -> None:
        """After an abort: back to idle clocks, or to a fault if the controller does not answer."""
        try:
            self._camera.abort()  # again: the first may have come before the readout that it was meant for
            self._camera.idle()
        except ControllerError as error:
            self._lost(error)
        else:
            self._enter(SlaveState.READY)

    def _give_up(self, *, lost: bool) -> None:
        """After a failure: stop whatever the controller may still be doing, as far as it listens."""
        try:
            self._camera.abort()
            if not lost:
                self._camera.idle()
        except ControllerError as error:
            self.log.info("abort after the failure: %s", error)

    # --- status -------------------------------------------------------------------------------------------

    def _enter(self, state: SlaveState) -> None:
        if state is not self._state:
            self._state = state
            self.log.debug("state %s", state.name)
        self._status.set("slaveState", int(state))
