"""The control tasks: commands in, messages to the worker tasks, responses and states out.

This is what the three SNL state sets of the design note do (SDN 11.03 section 5.1.1). All of it runs on the
loop that owns the records and never waits; what takes time is asked of the Slave task, whose reports come
back here.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping

from nifsdc.control.admission import Admission
from nifsdc.control.answers import Answers
from nifsdc.control.kinds import CameraKind
from nifsdc.control.machine import E, Machine, S
from nifsdc.control.observation import Observation
from nifsdc.control.pending import Later, Pending, commands_of
from nifsdc.control.responses import Responses
from nifsdc.control.settings import look, observation_settings
from nifsdc.control.show import Show
from nifsdc.control.states import (
    DC_TABLE,
    SDSU_TABLE,
    DcEvent,
    DcState,
    ObsState,
    SdsuEvent,
    SdsuState,
    refusal,
)
from nifsdc.control.workers import Workers
from nifsdc.dictionary import ParameterDictionary
from nifsdc.tasks import messages as m
from nifsdc.tasks.task import TaskBusy

Scalar = int | float | str

COMMAND_SECONDS = 120.0
"""real seconds after which a command that the Slave was asked for counts as failed"""
READING_SKIES = ("dataObs", "dataView")
"""commands that read the files named in their inputs, whatever they read before"""
OBSERVING = ("observe", "view", "glance")
"""commands that take an observation"""

_log = logging.getLogger("nifsdc.control")


class Control:
    """Takes commands and reports; owns the three state machines.

    Parameters
    ----------
    parameters
        the parameter dictionary
    choices
        the labels of every parameter that is a choice
    responses
        the CARs
    show
        the status records
    workers
        the worker tasks
    later
        schedules a call on the loop after some real seconds
    on_loop
        hands a call to the loop from another thread
    link_kind
        ``sim`` or a hardware link: what `simulate` can truthfully be
    kind
        what is particular to this camera
    """

    def __init__(
        self,
        parameters: ParameterDictionary,
        choices: Mapping[str, tuple[str, ...]],
        responses: Responses,
        show: Show,
        workers: Callable[[m.Reporter], Workers],
        later: Later,
        on_loop: Callable[[Callable[[], None]], None],
        link_kind: str,
        kind: CameraKind,
    ) -> None:
        self._parameters = parameters
        self._choices = choices
        self._responses = responses
        self._show = show
        self._on_loop = on_loop
        self._kind = kind
        self.dc = Machine("dc", DC_TABLE, DcState.DOWN, show.dc_state)
        self.sdsu = Machine("sdsu", SDSU_TABLE, SdsuState.OFF, show.sdsu_state)
        self.workers = workers(lambda report: on_loop(lambda: self.report(report)))
        self._admission = Admission(
            parameters, kind, link_kind, lambda beside: self.workers.tasks.data.store_refusal(beside)
        )
        self._pending = Pending(later, self._expired)
        self._answers = Answers(responses, self._pending, on_loop)
        self._observation = Observation(
            show,
            self._answers,
            self._pending,
            self._ask,
            self._tell_imageless,
            lambda: self.workers.tasks.slave.read_time,
        )
        self._look = m.Look()
        """what the Slave was asked to show beside what is observed"""
        self._look_stands = True
        """whether it could"""
        self._on_settled: list[Callable[[], None]] = []
        self._starters: Mapping[str, Callable[[str], None]] = {
            "reboot": self._reboot,
            "init": self._init,
            "park": self._park,
            "initSDSU": self._init_sdsu,
            "resetSDSU": self._reset_sdsu,
            "shutdownSDSU": self._shut_down_sdsu,
            "cancelSDSU": self._cancel_sdsu,
            "debug": self._debug,
            "debugSDSU": self._debug,
            **dict.fromkeys(OBSERVING, self._observe),
            "stop": self._stop,
            "abort": self._abort,
            "pause": self._hold,
            "continue": self._hold,
            "retime": self._hold,
            "promote": self._promote,
            **dict.fromkeys(kind.controller_commands, self._controller_command),
            **dict.fromkeys(kind.configuring, self._configure),
        }

    # --- at PRESET and START, from the command records ----------------------------------------------------

    def refusal(self, command: str, checked: Mapping[str, Scalar]) -> str | None:
        """Say why a command with these checked parameters cannot be taken now, or None."""
        return self._wrong_state(command) or self._admission.refusal(command, checked)

    def _wrong_state(self, command: str) -> str | None:
        return refusal(command, self.dc.state, self.sdsu.state, self._observation.state, self._kind.rules)

    def accepted(self, command: str) -> None:
        """Note that a command record was started: failures of the past have been seen."""
        _log.info("%s accepted, client id %d", command, self._responses.client_id(command))
        self._responses.acknowledge_errors()

    def start(self, command: str) -> None:
        """Carry out a command whose start link has fired."""
        starter = self._starters.get(command)
        if starter is None:
            raise KeyError(f"no control task carries out {command!r}")
        # Another command of the same START may have changed the states since this one was checked.
        reason = self._wrong_state(command)
        if reason is not None:
            _log.warning("%s was started and cannot be carried out any more: %s", command, reason)
            if not self._answers.car_is_awaited(command):
                self._responses.busy(command)
                self._responses.error(command, reason)
            return
        self._responses.busy(command)
        starter(command)

    # --- commands -----------------------------------------------------------------------------------------

    def _configure(self, command: str) -> None:
        values, ordinals = self._parameters.snapshot(), self._ordinals()
        self._show.parameters(values, ordinals)
        try:
            wanted = look(command, values, ordinals, self._kind.request)
        except ValueError as error:
            self._answers.error(command, str(error))
            return
        # A file may be another one under its name; one that is being read may turn out not to be a sky.
        named = bool(wanted.view_sky or wanted.run_sky) and command in READING_SKIES
        unanswered = any(each in self._pending for each in self._kind.configuring if each != command)
        if wanted == self._look and self._look_stands and not named and not unanswered:
            self._answers.idle(command)
        else:
            self._look, self._look_stands = wanted, True
            self._ask(command, wanted)

    def _init(self, command: str) -> None:
        self.dc.fire(DcEvent.INIT)
        self.sdsu.fire(SdsuEvent.START)
        self._ask(command, m.Initialise())

    def _init_sdsu(self, command: str) -> None:
        self.sdsu.fire(SdsuEvent.START)
        self._ask(command, m.Initialise())

    def _park(self, command: str) -> None:
        self.dc.fire(DcEvent.PARK)
        self._ask(command, m.Park())

    def _reset_sdsu(self, command: str) -> None:
        self.sdsu.fire(SdsuEvent.LOST)
        self._ask(command, m.ControllerCommand(command))

    def _shut_down_sdsu(self, command: str) -> None:
        self.sdsu.fire(SdsuEvent.SHUT_DOWN)
        self._ask(command, m.ControllerCommand(command))

    def _controller_command(self, command: str) -> None:
        self.sdsu.fire(SdsuEvent.COMMAND)
        self._ask(command, m.ControllerCommand(command, self._parameters.snapshot()))

    def _cancel_sdsu(self, command: str) -> None:
        self.workers.tasks.slave.cancel_engineering()
        self._answers.idle(command)

    def _debug(self, command: str) -> None:
        self._show.debugging(self._parameters.snapshot())
        self._answers.idle(command)

    def _reboot(self, command: str) -> None:
        self._observation.fail("rebooted")
        for pending in self._pending:
            if pending != command:
                self._answers.settle(pending, "rebooted")
        self._responses.release(command, "rebooted")
        self.dc.fire(DcEvent.REBOOT)
        self.sdsu.fire(SdsuEvent.START)
        self._pending.expect(command, COMMAND_SECONDS)

        def restarted(problem: str | None) -> None:
            if self.workers.tasks.dead():
                self._on_loop(lambda: self._failed(command, problem or "tasks ended", controller_lost=True))
            else:
                self._on_loop(initialise)

        def initialise() -> None:
            self._post(command, m.Initialise())

        self.workers.restart(restarted)

    def _observe(self, command: str) -> None:
        self._observation.begin(
            command,
            lambda: observation_settings(
                command, self._parameters.snapshot(), self._ordinals(), self._kind.request
            ),
        )

    def _stop(self, command: str) -> None:
        if self._post(command, m.StopExposure()):
            self._observation.stopping()

    def _abort(self, command: str) -> None:
        if self._post(command, m.AbortExposure()):
            self._observation.aborting()

    def _hold(self, command: str) -> None:
        """Have the running exposure paused, continued or given another length."""
        requests: Mapping[str, m.Held] = {"pause": m.PauseExposure(), "continue": m.ResumeExposure()}
        request = requests.get(command) or m.RetimeExposure(float(self._parameters.get("newExposed")))
        self._ask(command, request)

    def _promote(self, command: str) -> None:
        self._pending.expect(command, COMMAND_SECONDS)
        try:
            self.workers.tasks.data.post(m.Promote(str(self._parameters.get("promoteName")), command))
        except TaskBusy as error:
            self._answers.settle(command, f"Data is overloaded ({error})")

    def _tell_imageless(self, message: m.Imageless) -> None:
        try:
            self.workers.tasks.data.post(message)
        except TaskBusy as error:
            _log.error("what was stored of exposure %s stays as it is: %s", message.exposure_id, error)

    # --- asking the Slave ---------------------------------------------------------------------------------

    def _ask(self, command: str, request: m.Request, seconds: float = COMMAND_SECONDS) -> None:
        self._pending.expect(command, seconds)
        self._post(command, request)

    def _expired(self, command: str, seconds: float) -> None:
        lost = self._observation.state is not ObsState.SAVING
        self._failed(command, f"{command}: no answer in {seconds:.0f} s; reboot", controller_lost=lost)

    def _post(self, command: str, request: m.Request) -> bool:
        try:
            self.workers.tasks.slave.post(request)
        except TaskBusy as error:
            self._failed(command, f"Slave is overloaded; reboot ({error})", controller_lost=False)
            return False
        return True

    # --- reports of the tasks -----------------------------------------------------------------------------

    def report(self, report: m.Report) -> None:
        """Take a report of a worker task; on the loop."""
        match report:
            case m.Done(request):
                self._done(request)
            case m.Failed(request, reason, lost):
                self._request_failed(request, reason, lost)
            case m.ControllerLost(reason):
                self._controller_lost(reason)
            case m.TaskDied(task, reason):
                self._task_died(task, reason)
            case _:
                self._observation.report(report)

    def _done(self, request: m.Request | m.Promote) -> None:
        match request:
            case m.PauseExposure() | m.ResumeExposure() | m.RetimeExposure():
                self._observation.held(request)
            case m.Initialise():
                _advance(self.sdsu, SdsuEvent.DONE)
                if self.dc.state in (DcState.INITIALISING, DcState.REBOOTING):
                    self.dc.fire(DcEvent.DONE)
                self._show.parameters(self._parameters.snapshot(), self._ordinals())
                if self._look != m.Look():
                    self._post("", dataclasses.replace(self._look, command=""))
            case m.Park():
                if self.dc.state is DcState.PARKING:
                    self.dc.fire(DcEvent.DONE)
                self.sdsu.fire(SdsuEvent.SHUT_DOWN)
            case m.ControllerCommand():
                _advance(self.sdsu, SdsuEvent.DONE)
        for command in commands_of(request):
            self._answers.settle(command)
        self._show.health(self)
        self._tell_settled()

    def _request_failed(self, request: m.Request | m.Promote, reason: str, lost: bool) -> None:
        pending = [command for command in commands_of(request) if command in self._pending]
        if not pending and lost:
            self._controller_lost(reason)
        elif not pending and isinstance(request, m.Look):
            self._look_stands = False
            _log.error("what was shown before the start-up cannot be shown again: %s", reason)
        for command in pending:
            self._failed(command, reason, lost)

    def _failed(self, command: str, reason: str, controller_lost: bool) -> None:
        if command in OBSERVING:
            self._observation.fail(reason)
        elif command in self._kind.configuring:
            self._look_stands = False
        elif command not in ("pause", "continue", "retime", "promote"):
            _advance(self.sdsu, SdsuEvent.FAILED)
        if command in ("init", "reboot", "park"):
            _advance(self.dc, DcEvent.FAILED)
        if controller_lost:
            self._controller_lost(reason)
        self._answers.settle(command, reason)
        self._show.health(self)
        self._tell_settled()

    def _controller_lost(self, reason: str) -> None:
        if self.sdsu.state is not SdsuState.OFF:
            self.sdsu.fire(SdsuEvent.LOST)
        self._show.controller_problem(reason)
        self._show.health(self)

    def _task_died(self, task: str, reason: str) -> None:
        text = f"{task} died; reboot ({reason})"
        _log.error("%s", text)
        self._observation.fail(text)
        for command in self._pending:
            self._answers.settle(command, text)
        _advance(self.dc, DcEvent.FAILED)
        self._show.health(self)
        self._tell_settled()

    # --- life ---------------------------------------------------------------------------------------------

    def initialise(self, settled: Callable[[], None]) -> None:
        """Start the controller up unasked, and call ``settled`` when that has ended, well or not."""
        self._on_settled.append(settled)
        self.start("init")

    def _tell_settled(self) -> None:
        waiting, self._on_settled = self._on_settled, []
        for settled in waiting:
            settled()

    def heartbeat(self) -> None:
        """Look after the sub-tasks and show that we live; once a second."""
        dead = self.workers.tasks.dead()
        if dead and self.dc.state not in (DcState.FAULT, DcState.REBOOTING):
            self._task_died(", ".join(dead), "ended")
        self._show.heartbeat(self)

    def _ordinals(self) -> dict[str, int]:
        return {name: labels.index(str(self._parameters.get(name))) for name, labels in self._choices.items()}


def _advance(machine: Machine[S, E], event: E) -> None:
    """Take a transition if the table has it: an answer may come when the machine has moved on."""
    if machine.accepts(event):
        machine.fire(event)
