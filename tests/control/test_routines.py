"""The command routine on the real records: check at PRESET, commit at START, forget at CLEAR."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nifsdc import database
from nifsdc.control.checks import first_problem
from nifsdc.control.routines import CommandRoutine
from nifsdc.database.subroutines import SUBROUTINES
from nifsdc.records.database import Database


class Bench:
    """The whole database with its routines, and control tasks that only note what they are told."""

    def __init__(self) -> None:
        definition = database.load()
        self.parameters = definition.parameter_dictionary()
        self.accepted: list[str] = []
        self.shown: list[set[str]] = []
        self.busy: str | None = None
        routines: dict[str, Callable[..., int]] = {
            command.snam: CommandRoutine(
                command,
                self.parameters,
                refusal=self._refusal,
                accepted=self.accepted.append,
                show=lambda names: self.shown.append(set(names)),
            )
            for command in definition.commands
        }
        self.database = Database(definition.records(), {**SUBROUTINES, **routines})
        self.database.init()
        self.shown.clear()

    def _refusal(self, command: str, checked: dict[str, object]) -> str | None:
        return self.busy or first_problem(command, {**self.parameters.snapshot(), **checked})

    def put(self, name: str, value: object) -> None:
        field = self.database.find(f"nifs:dc:{name}")
        assert field is not None, name
        self.database.put(field, value)

    def get(self, name: str) -> object:
        field = self.database.find(f"nifs:dc:{name}")
        assert field is not None, name
        return field.value


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_preset_checks_and_stores_nothing(bench: Bench) -> None:
    before = bench.parameters.get("obs_exposed")
    bench.put("obs_exposed", 42.0)
    bench.put("nifsApply.DIR", "PRESET")
    assert bench.get("seqObserve.MARK") == 2
    assert bench.parameters.get("obs_exposed") == before
    assert bench.accepted == []
    bench.put("nifsApply.DIR", "START")
    assert bench.parameters.get("obs_exposed") == 42.0
    assert bench.accepted == ["seqObserve"]


def test_both_doors_reach_the_same_parameter_and_are_shown_after_start(bench: Bench) -> None:
    bench.put("seqObserve.B", "17.5")
    bench.put("nifsApply.DIR", "START")
    assert bench.parameters.get("obs_exposed") == 17.5
    assert any("obs_exposed" in names for names in bench.shown)


def test_a_command_rejected_by_another_changes_nothing(bench: Bench) -> None:
    before = bench.parameters.snapshot()
    bench.put("obs_exposed", 42.0)
    bench.put("dataObs.A", "TAPE")
    bench.put("nifsApply.DIR", "START")
    assert bench.get("nifsApply.VAL") == -1
    assert "TAPE" in str(bench.get("nifsApply.MESS"))
    assert bench.parameters.snapshot() == before
    assert bench.accepted == []


def test_clear_forgets_a_refused_input_and_the_next_command_is_not_troubled_by_it(bench: Bench) -> None:
    bench.put("seqObserve.B", "5")
    bench.put("nifsApply.DIR", "START")
    bench.put("seqObserve.B", "minus one")
    bench.put("nifsApply.DIR", "START")
    assert "minus one" in str(bench.get("nifsApply.MESS"))
    bench.put("nifsApply.DIR", "CLEAR")
    assert bench.get("seqObserve.B") == "5"
    bench.put("obs_ncoadds", 3)
    bench.put("nifsApply.DIR", "START")
    assert int(str(bench.get("nifsApply.VAL"))) > 0
    assert bench.parameters.get("obs_ncoadds") == 3


def test_of_two_wrong_inputs_the_newest_is_named(bench: Bench) -> None:
    bench.put("seqObserve.B", "wrong")
    bench.put("nifsApply.DIR", "START")
    bench.put("seqObserve.G", "many")
    bench.put("nifsApply.DIR", "START")
    assert "many" in str(bench.get("nifsApply.MESS"))


def test_a_command_that_cannot_be_taken_says_why_and_keeps_its_mark(bench: Bench) -> None:
    bench.busy = "seqObserve: observation is EXPOSING"
    bench.put("obs_exposed", 42.0)
    bench.put("nifsApply.DIR", "START")
    assert bench.get("nifsApply.MESS") == bench.busy
    assert bench.get("seqObserve.MARK") == 1
    bench.busy = None
    bench.put("nifsApply.DIR", "START")
    assert bench.parameters.get("obs_exposed") == 42.0


def test_every_parameter_refuses_what_is_out_of_its_bounds_in_39_characters(bench: Bench) -> None:
    definition = database.load()
    for command in definition.commands:
        for argument in command.arguments:
            parameter = next((p for p in definition.parameters if p.name == argument.parameter), None)
            if parameter is None or parameter.type not in ("int", "float"):
                continue
            for value in (parameter.low - 1, parameter.high + 1):
                bench.put(f"{command.name}.{argument.letter}", f"{value:.10g}")
                bench.put("nifsApply.DIR", "START")
                message = str(bench.get("nifsApply.MESS"))
                assert bench.get("nifsApply.VAL") == -1, parameter.name
                assert message.startswith(parameter.name[:20])
                assert f"{value:.10g}"[:4] in message
                assert len(message) <= 39
            bench.put("nifsApply.DIR", "CLEAR")
    assert bench.accepted == []
