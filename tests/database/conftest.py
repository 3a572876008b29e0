"""The shipped definition, its records, and a database that runs them with commands that accept everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from nifsdc.database import Definition, load
from nifsdc.database.subroutines import SUBROUTINES
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef


class Running:
    """The shipped records at work, with a clock that stands until it is moved."""

    def __init__(self, definition: Definition) -> None:
        self.time = 1000.0
        self.refused: dict[str, str] = {}
        """commands that refuse PRESET, and why"""
        routines: Mapping[str, Callable[[Any], int]] = {
            command.snam: self._routine(command.name) for command in definition.commands
        }
        self.database = Database(definition.records(), {**SUBROUTINES, **routines}, now=lambda: self.time)
        self.database.init()

    def _routine(self, name: str) -> Callable[[Any], int]:
        def routine(cad: Any) -> int:
            if cad.directive == 2 and name in self.refused:
                cad.message = self.refused[name]
                return -1
            for letter, text in cad.args.items():
                if text.strip():
                    cad.outputs[letter] = text
            return 0

        return routine

    def put(self, name: str, value: Any) -> None:
        """As a client does."""
        field = self.database.find(f"nifs:{name}")
        assert field is not None, name
        self.database.put(field, value)

    def set(self, name: str, value: Any) -> None:
        """As our own code does."""
        self.database.set(f"nifs:{name}", value)

    def get(self, name: str) -> Any:
        field = self.database.find(f"nifs:{name}")
        assert field is not None, name
        return field.value

    def text(self, name: str) -> str:
        field = self.database.find(f"nifs:{name}")
        assert field is not None, name
        return field.text

    def watch(self, *names: str) -> list[tuple[str, Any]]:
        """Every value posted of some channels from now on."""
        seen: list[tuple[str, Any]] = []
        for name in names:
            self.database.watch(f"nifs:{name}", partial(_note, seen, name))
        return seen

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        self.database.run_timers(self.time)


def _note(seen: list[tuple[str, Any]], name: str, value: Any) -> None:
    seen.append((name, value))


@pytest.fixture(scope="session")
def definition() -> Definition:
    return load()


@pytest.fixture(scope="session")
def records(definition: Definition) -> Mapping[str, RecordDef]:
    return {record.name: record for record in definition.records()}


@pytest.fixture
def running(definition: Definition) -> Running:
    return Running(definition)


@pytest.fixture(scope="session")
def untouched(definition: Definition) -> Running:
    """The same for tests that only look at it."""
    return Running(definition)
