"""The life of an observation: from its command over each of its exposures to the response."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Callable

from nifsdc.control.answers import Answers
from nifsdc.control.machine import Machine
from nifsdc.control.pending import Pending
from nifsdc.control.show import Show
from nifsdc.control.states import OBS_TABLE, ObsEvent, ObsState
from nifsdc.tasks import messages as m

OBSERVE_MARGIN_SECONDS = 120.0
"""real seconds beyond its own time that an observation has to end"""
PAUSED_SECONDS = 86400.0
"""real seconds that a paused exposure may stand still"""

_log = logging.getLogger("nifsdc.control")


class Observation:
    """The observation under way, if there is one; on the loop.

    Parameters
    ----------
    show
        the status records
    answers, pending
        how its command is answered, and until when
    ask
        asks the Slave for something on behalf of a command, to be answered within real seconds
    imageless
        told of an exposure that will have no image, and whether what was stored beside it is to be removed
    read_time
        seconds that the present readout takes
    """

    def __init__(
        self,
        show: Show,
        answers: Answers,
        pending: Pending,
        ask: Callable[[str, m.Request, float], None],
        imageless: Callable[[m.Imageless], None],
        read_time: Callable[[], float],
    ) -> None:
        self._show = show
        self._answers = answers
        self._pending = pending
        self._ask = ask
        self._imageless = imageless
        self._read_time = read_time
        self._machine = Machine("obs", OBS_TABLE, ObsState.IDLE, show.obs_state)
        self._settings: m.ObservationSettings | None = None
        """of the present exposure"""
        self._to_come = 0
        """exposures after this one"""

    @property
    def state(self) -> ObsState:
        """Where it is."""
        return self._machine.state

    def begin(self, command: str, settings: Callable[[], m.ObservationSettings]) -> None:
        """Begin an observation for a command; a ValueError of its settings is the command's error."""
        self._machine.fire(ObsEvent.OBSERVE)
        try:
            first = settings()
        except ValueError as error:
            self._machine.fire(ObsEvent.FAILED)
            self._answers.error(command, str(error))
            return
        self._to_come = first.exposures
        self._show.exposures_done(0)
        self._expose(first)

    def _expose(self, settings: m.ObservationSettings) -> None:
        self._to_come -= 1
        self._settings = settings
        self._show.observation_started(settings)
        self._ask(settings.command, m.Observe(settings), self._longest(settings))

    def _longest(self, settings: m.ObservationSettings) -> float:
        return settings.request.longest(self._read_time()) + OBSERVE_MARGIN_SECONDS

    # --- what its exposure is asked for meanwhile ---------------------------------------------------------

    def stopping(self) -> None:
        """Note that the exposure ends early and is the last one."""
        self._to_come = 0
        self._machine.fire(ObsEvent.STOP)

    def aborting(self) -> None:
        """Note that the exposure is being given up and is the last one."""
        self._to_come = 0
        self._machine.fire(ObsEvent.ABORT)

    def held(self, request: m.Held) -> None:
        """Show what has become of the exposure, and give it the time that it now needs."""
        settings = self._settings
        if settings is None:
            return
        seconds = self._longest(settings)
        match request:
            case m.PauseExposure() if self._machine.accepts(ObsEvent.PAUSE):
                self._machine.fire(ObsEvent.PAUSE)
                self._answers.paused(settings.command)
                seconds = PAUSED_SECONDS
            case m.ResumeExposure() if self._machine.accepts(ObsEvent.CONTINUE):
                self._machine.fire(ObsEvent.CONTINUE)
                self._answers.resumed(settings.command)
            case m.RetimeExposure(exposure):
                seconds += 1.5 * exposure
                if self.state is ObsState.PAUSED:
                    seconds = PAUSED_SECONDS
            case _:
                return
        self._pending.expect(settings.command, seconds)

    # --- reports of the tasks -----------------------------------------------------------------------------

    def report(self, report: m.ExposureReport) -> None:
        """Take a report on an exposure, of this observation or of one that has ended."""
        match report:
            case m.ExposureAsked() | m.ExposureBegun():
                pass  # it was BUSY already when it was asked for
            case m.ExposureStarted(exposure_id) if self._is_present(exposure_id):
                self._machine.fire(ObsEvent.EXPOSURE_STARTED)
            case m.ReadOut(exposure_id, stored) if self._is_present(exposure_id):
                self._machine.fire(ObsEvent.READ_OUT)
                if not stored:
                    self._saved()
            case m.Stored(exposure_id, path, scratch, problem):
                self._show.stored(path, scratch)
                if self._is_present(exposure_id) and problem:
                    self._end(ObsEvent.FAILED, problem)
                elif self._is_present(exposure_id):
                    self._saved()
            case m.NotStored(exposure_id, reason) if self._is_present(exposure_id):
                self._end(ObsEvent.FAILED, reason)
            case m.Aborted(exposure_id) if self._is_present(exposure_id):
                self._imageless(m.Imageless(exposure_id, discard=True))
                self._end(ObsEvent.ABORTED, None)
            case _:
                _log.info("late report %s", report)

    def _is_present(self, exposure_id: str) -> bool:
        return self._settings is not None and self._settings.exposure_id == exposure_id

    def _saved(self) -> None:
        """End the observation, or begin its next exposure."""
        settings = self._settings
        if settings is not None:
            self._show.exposures_done(settings.exposures - self._to_come)
        if settings is None or not self._to_come:
            self._end(ObsEvent.STORED, None)
            return
        self._machine.fire(ObsEvent.NEXT)
        self._expose(dataclasses.replace(settings, exposure_id=uuid.uuid4().hex))

    # --- its end ------------------------------------------------------------------------------------------

    def fail(self, reason: str) -> None:
        """End the observation, if there is one, as failed."""
        if self._settings is not None:
            self._imageless(m.Imageless(self._settings.exposure_id, discard=False))
        self._end(ObsEvent.FAILED, reason)

    def _end(self, event: ObsEvent, reason: str | None) -> None:
        """Close the observation: records first, then the machine, then the response."""
        settings = self._settings
        if settings is None:
            return
        self._show.observation_ended()
        self._machine.fire(event if self._machine.accepts(event) else ObsEvent.FAILED)
        self._settings = None
        self._answers.settle(settings.command, reason)
