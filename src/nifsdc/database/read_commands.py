"""``commands.yaml`` and ``cars.yaml``: the apply tree, its commands, their responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nifsdc.database.definition import (
    ApplyDef,
    ArgumentDef,
    CarDef,
    CombinerDef,
    CommandDef,
    ParameterDef,
)
from nifsdc.database.source import GIVEN_TWICE, MODE_MACRO, Entry, with_mode

CAD_LETTERS = "ABCDEFGHIJKLMNOPQRST"
APPLY_LETTERS = "ABCDEFGH"
CONTROL, NOOP = "control", "noop"
NATIVE = {"int": "LONG", "float": "DOUBLE", "text": "STRING", "choice": "LONG", "mnemonic": "LONG"}
"""type of a command's output VALx by type of its parameter"""
ALLOWED = {
    "int": ("LONG", "DOUBLE", "STRING"),
    "float": ("DOUBLE", "STRING"),
    "text": ("STRING",),
    "choice": ("LONG", "STRING"),
    "mnemonic": ("LONG", "STRING"),
}


def _entries(files: Sequence[Entry], section: str, key: str = "") -> Iterator[tuple[str, Entry]]:
    """Yield name and entry of a section of several files; a name that is given twice is a problem.

    With a ``key`` the entries are texts, and become entries that have the text under this key.
    """
    known: set[str] = set()
    for file in files:
        for name, tree in file.take(section, "section", {}).items():
            entry = file.child(name, {key: tree} if key else tree)
            if name in known:
                entry.problem(GIVEN_TWICE)
            known.add(name)
            yield name, entry


def read_applies(files: Sequence[Entry]) -> tuple[ApplyDef, ...]:
    """Return the apply records, the top one first: the first of the first file."""
    applies = []
    for name, entry in _entries(files, "applies"):
        children = entry.take("children", "list")
        if not 1 <= len(children) <= len(APPLY_LETTERS):
            entry.problem(f"has {len(children)} children; expected 1 to {len(APPLY_LETTERS)}")
        names = tuple(None if child is None else str(child) for child in children)
        applies.append(ApplyDef(name, entry.description("doc"), names))
        entry.finish()
    if not applies:
        files[0].problem("has no apply record; the first one is the top")
    return tuple(applies)


def read_commands(
    files: Sequence[Entry], applies: tuple[ApplyDef, ...], parameters: Mapping[str, ParameterDef]
) -> tuple[CommandDef, ...]:
    """Return the commands in the order in which directives reach them."""
    commands = {
        name: _command(entry, name, applies, parameters) for name, entry in _entries(files, "commands")
    }
    for file in files:
        file.finish()
    order = [child for apply in _walk(applies) for child in apply.children if child in commands]
    ordered = {name: commands[name] for name in order}
    return (*ordered.values(), *(each for name, each in commands.items() if name not in ordered))


def _walk(applies: tuple[ApplyDef, ...]) -> list[ApplyDef]:
    """The applies as directives pass through them."""
    by_name = {apply.name: apply for apply in applies}
    order: list[ApplyDef] = []

    def visit(name: str | None) -> None:
        apply = by_name.pop(name, None) if name else None
        if apply is not None:
            order.append(apply)
            for child in apply.children:
                visit(child)

    visit(applies[0].name if applies else None)
    return [*order, *by_name.values()]


def _command(
    entry: Entry, name: str, applies: tuple[ApplyDef, ...], parameters: Mapping[str, ParameterDef]
) -> CommandDef:
    places = [
        (apply.name, APPLY_LETTERS[index])
        for apply in applies
        for index, child in enumerate(apply.children[: len(APPLY_LETTERS)])
        if child == name
    ]
    if len(places) != 1:
        found = "no apply record" if not places else " and ".join(apply for apply, _ in places)
        entry.problem(f"is a child of {found}; name it in the children of exactly one")
    kind = entry.take("kind", "text", CONTROL)
    car = entry.take("car", "text", None)
    id_record = entry.take("id", "text", None)
    if kind not in (CONTROL, NOOP):
        entry.problem(f"kind is {kind!r}; expected {CONTROL} or {NOOP}")
    if kind == NOOP and car is None:
        entry.problem("is a noop without a car; give the car that it toggles")
    if (kind == CONTROL) != (id_record is not None) and (car is not None or id_record is not None):
        entry.problem(
            "a control command with a car needs an id, any other command has none; correct car or id"
        )
    arguments = _arguments(entry, parameters)
    command = CommandDef(
        name=name,
        apply=places[0][0] if places else "",
        letter=places[0][1] if places else "",
        kind=kind,
        doc=entry.description("doc"),
        arguments=arguments,
        car=car,
        id_record=id_record,
    )
    entry.finish()
    return command


def _arguments(entry: Entry, parameters: Mapping[str, ParameterDef]) -> tuple[ArgumentDef, ...]:
    tree = entry.take("arguments", "section", {})
    mode = entry.take("mode", "text", None)
    if mode is not None:
        tree = with_mode(tree, mode)
    elif MODE_MACRO in str(tree):
        entry.problem(f"{MODE_MACRO} stands in its arguments; say which with mode: obs or mode: view")
    arguments = []
    for letter, each in tree.items():
        below = entry.child(f"argument {letter}", {"parameter": each} if isinstance(each, str) else each)
        if letter not in CAD_LETTERS or len(letter) != 1:
            below.problem(f"there is no such input; expected a letter from A to {CAD_LETTERS[-1]}")
        else:
            arguments.append(_argument(below, letter, parameters))
    return tuple(sorted(arguments, key=lambda argument: argument.letter))


def _argument(entry: Entry, letter: str, parameters: Mapping[str, ParameterDef]) -> ArgumentDef:
    name = entry.take("parameter", "text", None)
    inp = entry.take("inp", "text", "")
    parameter = parameters.get(name)
    if name is not None and parameter is None:
        entry.problem(f"sets {name!r}, which is no parameter; add it to parameters.yaml or correct the name")
    if name is None and not inp:
        entry.problem("has neither a parameter nor an inp; give one")
    native = NATIVE[parameter.type] if parameter else "STRING"
    ftv = entry.take("ftv", "text", native)
    allowed = ALLOWED[parameter.type] if parameter else ("STRING", "LONG", "DOUBLE")
    if ftv not in allowed:
        entry.problem(f"ftv is {ftv!r}; expected {' or '.join(allowed)}")
    clearable = entry.take("clearable", "true or false", False)
    if clearable and (parameter is None or parameter.type != "text"):
        entry.problem("clearable is for parameters of type text; remove it")
    argument = ArgumentDef(
        letter=letter,
        parameter=name,
        ftv=ftv,
        default=_default_text(parameter, ftv),
        inp=inp,
        out=entry.take("out", "text", ""),
        clearable=clearable,
    )
    entry.finish()
    return argument


def _default_text(parameter: ParameterDef | None, ftv: str) -> str:
    """The input that sets a parameter to its default, in the form that the set-point would write."""
    if parameter is None:
        return ""
    if parameter.type in ("choice", "mnemonic") and ftv != "STRING":
        try:
            return str(parameter.validity.ordinal(parameter.default))
        except ValueError:
            return ""
    return str(parameter.default)


def read_cars(
    files: Sequence[Entry], commands: tuple[CommandDef, ...], applies: tuple[ApplyDef, ...]
) -> tuple[tuple[CarDef, ...], tuple[CombinerDef, ...], str]:
    """Return the cars of all files, and of the first one the combiners and the name of the combined car."""
    first = files[0]
    combined = first.take("combined", "text")
    combiners = tuple(
        _combiner(first.child(name, {"inputs": tree}), name)
        for name, tree in first.take("combiners", "section").items()
    )
    cars: dict[str, CarDef] = {}
    for name, entry in _entries(files, "cars", "doc"):
        icids = _client_ids(name, commands, combined, applies)
        if len(icids) != 1:
            entry.problem(
                f"has {len(icids)} sources of its client id ({', '.join(icids)}); expected one command or id"
            )
        cars[name] = CarDef(name, entry.description("doc"), icids[0] if icids else "")
    for file in files:
        file.finish()
    return tuple(cars.values()), combiners, combined


def _client_ids(
    car: str, commands: tuple[CommandDef, ...], combined: str, applies: tuple[ApplyDef, ...]
) -> list[str]:
    if car == combined:
        return [f"{applies[0].name}.CLID"] if applies else []
    sources: dict[str, Any] = {}
    for command in commands:
        if command.car == car:
            sources[command.id_record + ".VAL" if command.id_record else command.name + ".OCID"] = None
    return list(sources)


def _combiner(entry: Entry, name: str) -> CombinerDef:
    inputs = entry.texts("inputs")
    if not 1 <= len(inputs) <= 3:
        entry.problem(f"has {len(inputs)} inputs; expected 1 to 3")
    return CombinerDef(name, inputs[:3])
