"""The panel of one command: what marks, clears and starts it, its inputs, and what became of it."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from nifsdc.database import ArgumentDef, CommandDef, Definition, ParameterDef, StatusDef
from nifsdc.screens.widgets import (
    ROW,
    STRONG,
    TITLE_BACKGROUND,
    Box,
    Screen,
    choice,
    entry,
    label,
    lamp,
    shown,
    write_button,
)

WIDTH = 840
"""of every panel, pixels"""
_COLUMNS = {"input": 10, "set": 290, "unit": 450, "asked": 505, "in force": 670}
_STATUS_LINK = re.compile(r"\$\(sad\)(\w+)\.VAL")


def dc(name: str) -> str:
    """Return the channel of a record of the detector controller."""
    return f"$(P)dc:{name}"


def sad(name: str) -> str:
    """Return the channel of a status record."""
    return f"$(P)sad:dc:{name}"


def panel(command: CommandDef, definition: Definition) -> Screen:
    """Return the panel of a command.

    Its height is that of its lines: name, buttons, response, and one for each argument.
    """
    arguments = command.arguments
    lines = 2 + bool(command.car) + (1 + len(arguments) if arguments else 0)
    screen = Screen(command.name, WIDTH, 36 + lines * (ROW + 2))
    heading = f"{command.name}: {command.doc}"
    screen.add(label(heading, Box(0, 0, WIDTH, ROW + 4), STRONG, TITLE_BACKGROUND))
    y = ROW + 8
    screen.add(*_buttons(command, definition.top_apply, y))
    y += ROW + 10
    if command.car:
        screen.add(*_response(command.car, y))
        y += ROW + 2
    if arguments:
        screen.add(*(label(text, Box(x, y, 160), STRONG) for text, x in _COLUMNS.items() if text != "unit"))
    parameters = {each.name: each for each in definition.parameters}
    status = {each.name: each for each in definition.status}
    for argument in arguments:
        y += ROW + 2
        parameter = parameters.get(argument.parameter or "")
        screen.add(*_argument(command, argument, parameter, y))
        force = _in_force(command, argument, status)
        screen.add(shown(force, Box(_COLUMNS["in force"], y, 160)))
    return screen


def _buttons(command: CommandDef, top_apply: str, y: int) -> list[Element]:
    directive, start = dc(f"{command.name}.DIR"), dc(f"{top_apply}.DIR")
    return [
        lamp(dc(f"{command.name}.MARK"), Box(10, y + 2, ROW - 4, ROW - 4)),
        write_button("Mark", directive, "MARK", Box(40, y, 80, ROW + 2), "Mark it for the next START"),
        write_button("Clear", directive, "CLEAR", Box(125, y, 80, ROW + 2), "Take the mark away"),
        write_button("START", start, "START", Box(210, y, 80, ROW + 2), "Start all that is marked"),
        label("answer", Box(305, y + 2, 60)),
        shown(dc(f"{command.name}.VAL"), Box(365, y + 2, 50)),
        shown(dc(f"{command.name}.MESS"), Box(425, y + 2, WIDTH - 435)),
    ]


def _response(car: str, y: int) -> list[Element]:
    return [
        label(f"response {car}", Box(10, y, 190)),
        shown(dc(car), Box(210, y, 80)),
        label("error", Box(305, y, 60)),
        shown(dc(f"{car}.OERR"), Box(365, y, 50)),
        shown(dc(f"{car}.OMSS"), Box(425, y, WIDTH - 435)),
    ]


def _argument(
    command: CommandDef, argument: ArgumentDef, parameter: ParameterDef | None, y: int
) -> list[Element]:
    channel = dc(f"{command.name}.{argument.letter}")
    what = parameter.doc if parameter else "set by the records themselves"
    made = [label(f"{argument.letter}  {what}", Box(_COLUMNS["input"], y, 278))]
    if parameter is not None:
        made.append(_set(channel, parameter, Box(_COLUMNS["set"], y, 155, ROW)))
        if parameter.unit:
            made.append(label(parameter.unit, Box(_COLUMNS["unit"], y, 50)))
    made.append(shown(channel, Box(_COLUMNS["asked"], y, 160)))
    return made


def _set(channel: str, parameter: ParameterDef, box: Box) -> Element:
    """Return what sets an argument: its set-point if it has one, else the command's input itself."""
    setpoint = parameter.setpoint
    if setpoint is not None and setpoint.rtyp in ("bo", "mbbo"):
        return choice(dc(setpoint.name), box)
    if setpoint is not None:
        return entry(dc(setpoint.name), box)
    return choice(channel, box, parameter.choices) if parameter.choices else entry(channel, box)


def _in_force(command: CommandDef, argument: ArgumentDef, status: dict[str, StatusDef]) -> str:
    """Return the channel that shows what is in force: a status record, else what was verified last."""
    link = _STATUS_LINK.match(argument.out)
    parameter = argument.parameter or ""
    # What was asked for and what came of it are two records where they can differ: exposedRQ and exposed.
    names = (link.group(1),) if link else (f"{parameter}RQ", parameter)
    name = next((each for each in names if each in status), "")
    if not name:
        return dc(f"{command.name}.VAL{argument.letter}")
    source = f"$(sad){name}.VAL"
    labels = (
        each.name
        for each in status.values()
        if each.rtyp == "mbbi" and each.fields.get("INP", "").startswith(source)
    )
    return sad(next(labels, name))
