from __future__ import annotations

from enum import Enum, auto

import pytest

from nifsdc.control.machine import IllegalEvent, Machine


class Light(Enum):
    RED = auto()
    GREEN = auto()


class Press(Enum):
    GO = auto()
    HALT = auto()


TABLE = {
    (Light.RED, Press.GO): Light.GREEN,
    (Light.GREEN, Press.HALT): Light.RED,
    (Light.RED, Press.HALT): Light.RED,
}


def test_follows_its_table_and_tells_of_changes_only() -> None:
    seen: list[Light] = []
    machine = Machine("light", TABLE, Light.RED, seen.append)
    machine.fire(Press.HALT)
    machine.fire(Press.GO)
    machine.fire(Press.HALT)
    assert seen == [Light.GREEN, Light.RED]


def test_an_event_without_a_row_names_machine_state_and_event_and_changes_nothing() -> None:
    machine = Machine("light", TABLE, Light.GREEN)
    with pytest.raises(IllegalEvent, match="light: event GO is not expected in state GREEN"):
        machine.fire(Press.GO)
    assert machine.state is Light.GREEN
    assert not machine.accepts(Press.GO)
