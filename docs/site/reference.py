"""The reference pages, made from the record database, the state tables and the command line's parsers."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum

import diagrams

from nifsdc.cli import main
from nifsdc.control.states import CCD_RULES, FRAME_RULES, RULES, Rule
from nifsdc.database import Definition, load
from nifsdc.database.definition import CommandDef, ParameterDef, StatusDef
from nifsdc.database.describe import described_text, description, row, valid

CAMERAS = {
    "nifs": ("NIFS", "nifs:"),
    "ccd": ("A CCD camera", "ccd:"),
    "ft": ("A frame-transfer camera", "ft:"),
}
"""kinds of camera: title, prefix of their records"""
OWN_PARSERS = {
    "sim": "its options are listed by `nifsdc sim --help`; see the simulator's README",
    "data-server": "its options are listed by `nifsdc data-server --help`",
}
"""commands whose options are not known to the command line's parser"""
RULE_SETS = {"NIFS": RULES, "A CCD camera": CCD_RULES, "A frame-transfer camera": FRAME_RULES}
WIDTH = "100"
"""columns of the command line's help"""


def pages() -> dict[str, str]:
    """Return every page by its path below docs/."""
    made = {"reference/states.md": _states(), "reference/command-line.md": _command_line()}
    for camera, (title, top) in CAMERAS.items():
        definition = load(camera=camera)
        folder = f"reference/{camera}"
        made[f"{folder}/parameters.md"] = _parameters(definition, title, top)
        made[f"{folder}/commands.md"] = _commands(definition, title, top)
        made[f"{folder}/status.md"] = _status(definition, title, top)
        made[f"{folder}/records.md"] = _records(definition, title, top)
    return made


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return (
        "\n".join(f"| {' | '.join(text.replace('|', '&#124;') for text in line)} |" for line in lines) + "\n"
    )


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# --- records ----------------------------------------------------------------------------------------------


def _parameters(definition: Definition, title: str, top: str) -> str:
    def line(parameter: ParameterDef) -> tuple[str, ...]:
        doors = _code(f"{top}dc:{door}" for door in parameter.doors)
        default = f"`{parameter.default}`" if str(parameter.default) else ""
        return f"`{parameter.name}`", parameter.doc, valid(parameter), parameter.unit, default, doors

    rows = map(line, definition.parameters)
    return (
        f"# {title}: parameters\n\nEach can be set by any of its channels. Whichever is written, the command"
        " record's input holds it, and START of the top apply record checks and takes it.\n\n"
        + _table(("parameter", "what it is", "valid", "unit", "default", "set by"), rows)
    )


def _commands(definition: Definition, title: str, top: str) -> str:
    by_apply: dict[str, list[CommandDef]] = {}
    for command in definition.commands:
        by_apply.setdefault(command.apply, []).append(command)
    text = (
        f"# {title}: commands and responses\n\nEach command is a record `{top}dc:NAME` (cad): its inputs are"
        f" its fields A to T, DIR = MARK marks it, and START of `{top}dc:{definition.top_apply}.DIR` checks"
        " and starts all that are marked. Its response is a record (car) that goes BUSY, and then IDLE or"
        f" ERROR; `{top}dc:{definition.combined}` combines them.\n"
    )
    for apply in definition.applies:
        children = _code(child for child in apply.children if child)
        text += f"\n## {apply.name}\n\n{apply.doc}: {children}.\n"
        for command in by_apply.get(apply.name, ()):
            text += f"\n### {command.name}\n\n{command.doc}."
            text += f" Response: `{top}dc:{command.car}`.\n" if command.car else "\n"
            inputs = [
                (f"`{argument.letter}`", f"`{argument.parameter}`", argument.ftv)
                for argument in command.arguments
                if argument.parameter is not None
            ]
            if inputs:
                text += "\n" + _table(("input", "parameter", "type of its output"), inputs)
    text += "\n## Responses\n\n"
    text += _table(
        ("record", "what it answers"), [(f"`{top}dc:{car.name}`", car.doc) for car in definition.cars]
    )
    text += "\n## How they combine\n\nThe greatest of each row's states goes up, at last to"
    text += f" `{definition.combined}`.\n\n"
    text += _table(
        ("combiner", "of"), [(f"`{each.name}`", _code(each.inputs)) for each in definition.combiners]
    )
    return text


def _status(definition: Definition, title: str, top: str) -> str:
    def limits(status: StatusDef) -> str:
        told = [f"{name} {limit.value:.10g} {limit.severity}" for name, limit in status.limits.items()]
        told += [f"{label} {severity}" for label, severity in status.severities.items()]
        return ", ".join(told)

    def line(status: StatusDef) -> tuple[str, ...]:
        kind = f"{status.rtyp} {status.ftvl}".strip()
        text = f"{status.description} ({', '.join(status.choices)})" if status.choices else status.description
        return f"`{status.name}`", kind, text, status.unit, limits(status)

    text = (
        f"# {title}: status\n\nStatus records are `{top}sad:dc:NAME`, and answer as"
        f" `{top.removesuffix(':')}Sad:dc:NAME` too.\n"
    )
    for group in dict.fromkeys(status.group for status in definition.status):
        members = [status for status in definition.status if status.group == group and not status.dc]
        heading = ("record", "type", "what it shows", "unit", "alarms")
        text += f"\n## {group.capitalize()}\n\n{_table(heading, map(line, members))}"
    return text


def _records(definition: Definition, title: str, top: str) -> str:
    records = definition.records(top)
    rows = []
    for record in records:
        shown = row(record)
        choices = f" ({', '.join(shown.choices)})" if shown.choices else ""
        rows.append((f"`{shown.name}`", shown.type, shown.value, shown.unit, shown.description + choices))
    text = f"# {title}: every record\n\n{len(records)} records, as `nifsdc records` lists and describes them."
    text += "\n\n"
    text += _table(("record", "type", "value", "unit", "what it is"), rows)
    text += "\n## Field by field\n\nFields that are not named have the record type's own default.\n\n"
    listing = "\n\n".join(described_text(description(record, definition, top)) for record in records)
    return text + textwrap.indent(listing, "    ") + "\n"


# --- states -----------------------------------------------------------------------------------------------


def _states() -> str:
    text = (
        "# States\n\nThree state machines run in the controller (SDN 11.03 section 5.1.1). They are tables in"
        " `control/states.py`; what has no row cannot happen, and is told as a mistake when it does.\n"
    )
    for machine in diagrams.MACHINES:
        text += f"\n## {machine.name}\n\n{machine.doc}\n\n![{machine.name}: states](../{machine.picture})\n\n"
        rows = [(f"{state.name}", event.name, after.name) for (state, event), after in machine.table.items()]
        text += _table(("state", "event", "next state"), rows)
    text += "\n## What each command needs\n\nIn any other state it is refused, with the state and the remedy."
    for title, rules in RULE_SETS.items():
        rows = [(f"`{name}`", *_needs(rule)) for name, rule in rules.items()]
        text += f"\n\n### {title}\n\n{_table(('command', 'controller', 'electronics', 'observation'), rows)}"
    return text


def _needs(rule: Rule) -> Iterator[str]:
    for states in (rule.dc, rule.sdsu, rule.obs):
        every: Sequence[Enum] = list(type(next(iter(states))))
        missing = [state.name for state in every if state not in states]
        if not missing:
            yield "any"
        elif len(missing) < len(states):
            yield f"any but {', '.join(missing)}"
        else:
            yield ", ".join(state.name for state in every if state in states)


# --- command line -----------------------------------------------------------------------------------------


def _command_line() -> str:
    os.environ["COLUMNS"] = WIDTH
    parser, commands = main.commands()
    text = "# Command line\n\nWhat `--help` says of each command.\n"
    for name, command in {"nifsdc": parser, **commands}.items():
        title = name if name == "nifsdc" else f"nifsdc {name}"
        text += f"\n## {title}\n\n"
        text += f"{OWN_PARSERS[name]}\n" if name in OWN_PARSERS else _help(command)
        for action, inner in _inner(command).items() if name != "nifsdc" else ():
            text += f"\n### {title} {action}\n\n{_help(inner)}"
    return text


def _help(parser: argparse.ArgumentParser) -> str:
    return f"```text\n{parser.format_help()}```\n"


def _inner(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the parsers of a command's own commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}
