"""What the command records call: check at PRESET, commit at START (SDN 11.03 sections 4.4 and 5.1.5).

One routine serves every command; what differs stands in the database's definition. At PRESET the inputs
are checked against the dictionary and the command against the present states, and nothing is stored; at
START they are stored. So a command that another record of the same apply rejects has changed nothing.
CLEAR puts inputs that were never accepted back to what they were: no refused value lies in wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from enum import IntEnum
from typing import Any, Protocol

from nifsdc.database import ArgumentDef, CommandDef
from nifsdc.dictionary import InvalidValue, ParameterDictionary

ACCEPT, REJECT = 0, -1
MESSAGE_LENGTH = 39

Scalar = int | float | str
Refusal = Callable[[str, Mapping[str, Scalar]], str | None]
"""says why a command with these checked parameters cannot be taken, or None"""


class Directive(IntEnum):
    """menuDirective."""

    MARK = 0
    CLEAR = 1
    PRESET = 2
    START = 3
    STOP = 4


class Cad(Protocol):
    """What a routine sees of its record."""

    @property
    def directive(self) -> int:
        """The directive that is being carried out."""

    @property
    def args(self) -> MutableMapping[str, Any]:
        """Inputs by letter, as text."""

    @property
    def outputs(self) -> MutableMapping[str, Any]:
        """VALx by letter."""

    message: str


class CommandRoutine:
    """SNAM of one command record.

    Parameters
    ----------
    command
        its definition: which input feeds which parameter
    parameters
        the dictionary that checks and keeps them
    refusal
        the control tasks' say on whether it can be taken now
    accepted
        called at START, before the record's start link fires
    show
        called with the names of parameters whose other doors should show the present value
    """

    def __init__(
        self,
        command: CommandDef,
        parameters: ParameterDictionary,
        refusal: Refusal,
        accepted: Callable[[str], None],
        show: Callable[[Iterable[str]], None],
    ) -> None:
        self._command = command
        self._parameters = parameters
        self._refusal = refusal
        self._accepted = accepted
        self._show = show
        self._checked: dict[str, Scalar] = {}
        self._looked_at: dict[str, str] = {}
        """inputs as they were when last checked"""
        self._taken: dict[str, str] = {}
        """inputs as they were when last accepted"""

    def __call__(self, cad: Cad) -> int:
        """Carry out one directive; the return code is the record's VAL."""
        match Directive(cad.directive):
            case Directive.PRESET:
                return self._preset(cad)
            case Directive.START:
                return self._start(cad)
            case Directive.CLEAR:
                return self._clear(cad)
            case _:
                return ACCEPT

    def _start(self, cad: Cad) -> int:
        for name, value in self._checked.items():
            self._parameters.set(name, value)
        self._taken = self._inputs(cad)
        self._show(self._checked)
        self._accepted(self._command.name)
        return ACCEPT

    def _clear(self, cad: Cad) -> int:
        for letter, text in self._inputs(cad).items():
            if text != self._taken.get(letter, ""):
                cad.args[letter] = self._taken.get(letter, "")
        self._show([argument.parameter for argument in self._command.arguments if argument.parameter])
        return ACCEPT

    def _inputs(self, cad: Cad) -> dict[str, str]:
        return {argument.letter: str(cad.args[argument.letter]) for argument in self._command.arguments}

    def _newest_first(self, cad: Cad) -> list[ArgumentDef]:
        """Return the inputs, those first that changed since the last look: they are what the user means."""
        inputs, before = self._inputs(cad), self._looked_at
        self._looked_at = inputs
        return sorted(
            self._command.arguments,
            key=lambda argument: inputs[argument.letter] == before.get(argument.letter, ""),
        )

    def _preset(self, cad: Cad) -> int:
        self._checked = {}
        checked: dict[str, Scalar] = {}
        outputs: dict[str, Scalar] = {}
        try:
            for argument in self._newest_first(cad):
                text = str(cad.args[argument.letter])
                if argument.parameter is None or (not text.strip() and not argument.clearable):
                    continue
                value = self._parameters.check(argument.parameter, text)
                checked[argument.parameter] = value
                outputs[argument.letter] = self._output(argument.parameter, value, argument.ftv)
        except InvalidValue as error:
            return self._reject(cad, error.short)
        reason = self._refusal(self._command.name, checked)
        if reason is not None:
            return self._reject(cad, reason)
        self._checked = checked
        for letter, output in outputs.items():
            cad.outputs[letter] = output
        return ACCEPT

    def _output(self, name: str, value: Scalar, ftv: str) -> Scalar:
        """Return what VALx shows: the ordinal of a choice where the output is a number."""
        if isinstance(value, str) and ftv != "STRING":
            return self._parameters.ordinal(name, value)
        return value

    def _reject(self, cad: Cad, reason: str) -> int:
        cad.message = reason[:MESSAGE_LENGTH]
        return REJECT
