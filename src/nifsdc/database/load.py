"""From ``db/*.yaml`` to a `Definition`; whatever is wrong is found here, all of it at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from nifsdc.database.check import check
from nifsdc.database.definition import CommandDef, Definition, ParameterDef
from nifsdc.database.locate import share
from nifsdc.database.read_commands import read_applies, read_cars, read_commands
from nifsdc.database.read_parameters import read_parameters
from nifsdc.database.read_status import read_status
from nifsdc.database.source import DefinitionError, Entry, read_yaml


def load(folder: Path | None = None) -> Definition:
    """Read the database.

    Parameters
    ----------
    folder
        where the YAML files are; by default those that came with the package

    Raises
    ------
    DefinitionError
        with everything that is wrong in them: file, entry, and what to do
    """
    folder = folder or share("db")
    problems: list[str] = []

    def file(name: str) -> Entry:
        return Entry(name, read_yaml(folder, name), problems)

    parameters = read_parameters(file("parameters.yaml"))
    tree = file("commands.yaml")
    applies = read_applies(tree)
    commands = read_commands(tree, applies, {parameter.name: parameter for parameter in parameters})
    cars, combiners, combined = read_cars(file("cars.yaml"), commands, applies)
    status_files = sorted((folder / "status").glob("*.yaml"))
    status = tuple(each for path in status_files for each in read_status(file(f"status/{path.name}")))
    definition = Definition(
        parameters=_with_doors(parameters, commands),
        commands=commands,
        applies=applies,
        cars=cars,
        combiners=combiners,
        status=status,
        combined=combined,
    )
    problems += check(definition, entries_are_right=not problems)
    if problems:
        raise DefinitionError(problems)
    return definition


def _with_doors(
    parameters: tuple[ParameterDef, ...], commands: tuple[CommandDef, ...]
) -> tuple[ParameterDef, ...]:
    doors: dict[str, list[str]] = {}
    for command in commands:
        for argument in command.arguments:
            if argument.parameter is not None:
                doors.setdefault(argument.parameter, []).append(f"{command.name}.{argument.letter}")
    for parameter in parameters:
        if parameter.setpoint is not None:
            names = (parameter.setpoint.name, *parameter.setpoint.also)
            doors.setdefault(parameter.name, []).extend(names)
    return tuple(
        dataclasses.replace(parameter, doors=tuple(doors.get(parameter.name, ()))) for parameter in parameters
    )
