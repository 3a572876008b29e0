"""What no single entry can tell: names that clash, doors that lead nowhere, links to nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nifsdc.database.build import build_records
from nifsdc.database.definition import DEFAULT_TOP, Definition
from nifsdc.database.subroutines import SUBROUTINES
from nifsdc.records.definition import RecordDef
from nifsdc.records.links import LinkTextError, parse_link
from nifsdc.records.tables import RECORD_TYPES

NAME_LENGTH = 60
"""characters of a record name (EPICS 7)"""


def check(definition: Definition, *, entries_are_right: bool = True) -> list[str]:
    """Return everything that is wrong with a definition as a whole, each with entry and remedy.

    Parameters
    ----------
    definition
        as it was read
    entries_are_right
        whether nothing was wrong with its entries one by one; records can only be made of those that are
    """
    problems = [*_doors(definition), *_tree(definition), *_responses(definition)]
    return problems if problems or not entries_are_right else list(_records(definition))


def _doors(definition: Definition) -> Iterator[str]:
    inputs = Counter(
        argument.parameter
        for command in definition.commands
        for argument in command.arguments
        if argument.parameter is not None
    )
    for parameter in definition.parameters:
        if inputs[parameter.name] != 1:
            yield (
                f"parameters.yaml: {parameter.name}: is set by {inputs[parameter.name]} command inputs; "
                "name it in exactly one argument of commands.yaml"
            )


def _tree(definition: Definition) -> Iterator[str]:
    applies = {apply.name: apply for apply in definition.applies}
    commands = {command.name for command in definition.commands}
    parents = Counter(child for apply in definition.applies for child in apply.children if child)
    for apply in definition.applies:
        for child in apply.children:
            if child is not None and child not in applies and child not in commands:
                yield f"commands.yaml: {apply.name}: child {child!r} is no apply and no command; define it"
        expected = 0 if apply.name == definition.top_apply else 1
        if parents[apply.name] != expected:
            yield (
                f"commands.yaml: {apply.name}: is a child of {parents[apply.name]} applies; "
                f"expected {expected} (the first apply is the top)"
            )
    reached: set[str] = set()
    waiting = [definition.top_apply]
    while waiting:
        name = waiting.pop()
        if name in applies and name not in reached:
            reached.add(name)
            waiting += [child for child in applies[name].children if child]
    for name in applies.keys() - reached:
        yield f"commands.yaml: {name}: no directive reaches it from {definition.top_apply}; correct children"


def _responses(definition: Definition) -> Iterator[str]:
    cars = {car.name for car in definition.cars}
    combiners = {combiner.name: combiner for combiner in definition.combiners}
    for command in definition.commands:
        if command.car is not None and command.car not in cars:
            yield f"commands.yaml: {command.name}: car {command.car!r} is not in cars.yaml; add it there"
    if definition.combined not in cars:
        yield f"cars.yaml: combined is {definition.combined!r}, which is none of the cars; name one"
    used = Counter(each for combiner in definition.combiners for each in combiner.inputs)
    for combiner in definition.combiners:
        for each in combiner.inputs:
            if each not in cars and each not in combiners:
                yield f"cars.yaml: {combiner.name}: input {each!r} is neither a car nor a combiner; define it"
            elif each == definition.combined or used[each] > 1:
                yield f"cars.yaml: {combiner.name}: input {each!r} would be combined twice; remove one"
    roots = [name for name in combiners if not used[name]]
    if combiners and len(roots) != 1:
        names = ", ".join(roots) or "(a ring)"
        yield f"cars.yaml: combiners {names} have none above them; expected exactly one"


def _records(definition: Definition) -> Iterator[str]:
    records = build_records(definition, DEFAULT_TOP)
    yield from _names(records)
    known = {name: record for record in records for name in (record.name, *record.aliases)}
    routines = {*SUBROUTINES, *(command.snam for command in definition.commands)}
    for record in records:
        fields = RECORD_TYPES[record.rtyp].fields
        for field, text in record.fields.items():
            spec = fields.get(field)
            if spec is None:
                yield f"{record.name}: a {record.rtyp} has no field {field}; correct or remove it"
            elif spec.link is not None:
                yield from _link(record, field, text, known)
            elif field in ("SNAM", "INAM") and text not in routines:
                listed = ", ".join(sorted(SUBROUTINES))
                yield f"{record.name}.{field}: no subroutine {text!r}; known are {listed}"


def _names(records: list[RecordDef]) -> Iterator[str]:
    taken: dict[str, RecordDef] = {}
    for record in records:
        for name in (record.name, *record.aliases):
            if name in taken:
                yield f"{name}: is the name of a {taken[name].rtyp} and of a {record.rtyp} record; rename one"
            taken[name] = record
            if len(name) > NAME_LENGTH or not name.replace(":", "").replace("_", "").isalnum():
                yield (
                    f"{name}: not a record name; expected at most {NAME_LENGTH} letters, digits, : and _ "
                    f"(it has {len(name)} characters)"
                )


def _link(record: RecordDef, field: str, text: str, known: dict[str, RecordDef]) -> Iterator[str]:
    where = f"{record.name}.{field}"
    try:
        link = parse_link(text)
    except LinkTextError as error:
        yield f"{where}: {error}; write $(dc)NAME.FIELD or $(sad)NAME.FIELD and modifiers"
        return
    if link.constant is not None:
        return
    name, _, target = link.target.partition(".")
    if name not in known:
        yield f"{where}: there is no record {name}; define it, or begin the link with $(dc) or $(sad)"
    elif (target or "VAL") not in RECORD_TYPES[known[name].rtyp].fields:
        yield f"{where}: {name} is a {known[name].rtyp}, which has no field {target}"
