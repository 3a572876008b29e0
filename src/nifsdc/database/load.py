"""From ``db/`` to a `Definition`; whatever is wrong is found here, all of it at once.

The files of the folder itself are for every camera; a folder below it has those of one kind of camera, which
add to them.
"""

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

NIFS = "nifs"


def load(folder: Path | None = None, camera: str = NIFS) -> Definition:
    """Read the database.

    Parameters
    ----------
    folder
        where the YAML files are; by default those that came with the package
    camera
        kind of camera: the folder below it whose files add to them

    Raises
    ------
    DefinitionError
        with everything that is wrong in them: file, entry, and what to do
    """
    folder = folder or share("db")
    problems: list[str] = []

    def file(name: str) -> Entry:
        return Entry(name, read_yaml(folder, name), problems)

    def both(name: str) -> tuple[Entry, Entry]:
        return file(f"{camera}/{name}"), file(name)

    parameter_files = both("parameters.yaml")
    modes = parameter_files[0].texts("modes")
    parameters = read_parameters(parameter_files[::-1], modes)
    trees = both("commands.yaml")
    applies = read_applies(trees)
    commands = read_commands(trees, applies, {parameter.name: parameter for parameter in parameters})
    cars, combiners, combined = read_cars(both("cars.yaml"), commands, applies)
    status_files = sorted((*folder.glob("status/*.yaml"), *folder.glob(f"{camera}/status/*.yaml")))
    status = tuple(
        each
        for path in status_files
        for each in read_status(file(path.relative_to(folder).as_posix()), modes)
    )
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
