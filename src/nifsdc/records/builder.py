"""From definitions to living records: everything that is wrong is found, and told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .convert import ConversionError
from .definition import RecordDef
from .errors import DatabaseError, Problem
from .links import LinkText, LinkTextError, parse_link
from .record import Record
from .tables import RECORD_TYPES

if TYPE_CHECKING:
    from .database import Database

_EMPTY = LinkText(constant="")


def _good_name(name: str) -> bool:
    return 0 < len(name) <= 60 and "." not in name and name.split() == [name]


class _Problems:
    """Collects what is wrong, each with its place."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, rdef: RecordDef, text: str, *, field: str = "", alias: str = "") -> None:
        """Add a problem of a record or of one of its fields."""
        name = rdef.name if _good_name(rdef.name) else repr(rdef.name)
        where = f"{rdef.rtyp} {name}{'.' if field else ''}{field}"
        self.found.append(Problem(f"{where}: {text}", rdef.place(field), rdef.name, field, alias))


def build(db: Database, defs: Iterable[RecordDef], classes: Mapping[str, type[Record]]) -> None:
    """Make all records of a database, their fields' values and their links.

    Raises:
        DatabaseError: with every problem found, each naming record and field and what is known.
    """
    problems = _Problems()
    made: list[tuple[Record, RecordDef]] = []
    for rdef in defs:
        record = _make(db, rdef, classes, problems)
        if record is not None:
            made.append((record, rdef))
    for record, rdef in made:
        _name_aliases(db, record, rdef, problems)
    for record, rdef in made:
        _set_values(record, rdef, problems)
    for record, rdef in made:
        _make_links(db, record, rdef, problems)
        _check_subroutines(db, record, rdef, problems)
        for problem in record.problems():
            problems.add(rdef, problem)
    if problems.found:
        raise DatabaseError(problems.found)


def _make(
    db: Database, rdef: RecordDef, classes: Mapping[str, type[Record]], problems: _Problems
) -> Record | None:
    rtype = RECORD_TYPES.get(rdef.rtyp)
    if rtype is None:
        problems.add(rdef, f"unknown record type; known: {', '.join(sorted(RECORD_TYPES))}")
        return None
    if not _good_name(rdef.name):
        problems.add(rdef, "a record name has 1 to 60 characters, no dot and no blank")
        return None
    if rdef.name in db.records:
        other = db.records[rdef.name]
        problems.add(rdef, f"the name is taken by a {other.rtyp} record defined before")
        return None
    record = classes[rdef.rtyp](db, rtype, rdef.name)
    record.info = dict(rdef.info)
    record.aliases = tuple(rdef.aliases)
    db.records[rdef.name] = record
    return record


def _name_aliases(db: Database, record: Record, rdef: RecordDef, problems: _Problems) -> None:
    for alias in rdef.aliases:
        taken = db.records.get(alias) or db.by_alias.get(alias)
        if taken is not None:
            problems.add(rdef, f"alias {alias} is a name of {taken.rtyp} {taken.name}", alias=alias)
        else:
            db.by_alias[alias] = record


def _set_values(record: Record, rdef: RecordDef, problems: _Problems) -> None:
    fields = record.type.fields
    given: list[tuple[str, str]] = []
    for name, text in rdef.fields.items():
        if name not in fields or name in ("NAME", "RTYP", "TIME"):
            problems.add(rdef, f"a {record.rtyp} has no such field{_nearest(name, fields)}", field=name)
        elif fields[name].link is None:
            given.append((name, text))
    # fields that tell other fields' types and sizes come before those
    for name, text in sorted(given, key=lambda item: fields[item[0]].dynamic):
        if not record.accessible(name):
            problems.add(rdef, "this record has no such field (see CTYP)", field=name)
            continue
        try:
            record.assign(name, text)
        except ConversionError as exc:
            problems.add(rdef, str(exc), field=name)
        if name == "VAL":
            record.v["UDF"] = 0
    if not record.problems():
        record.prepare()


def _nearest(name: str, fields: Iterable[str]) -> str:
    """The fields somebody may have meant, for the end of a message."""
    near = difflib.get_close_matches(name, fields, 3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _make_links(db: Database, record: Record, rdef: RecordDef, problems: _Problems) -> None:
    for name, spec in record.type.fields.items():
        if spec.link is None:
            continue
        text = rdef.fields.get(name, "")
        try:
            db.links.make(record, name, spec.link, parse_link(text) if text else _EMPTY)
        except LinkTextError as exc:
            problems.add(rdef, str(exc), field=name)


def _check_subroutines(db: Database, record: Record, rdef: RecordDef, problems: _Problems) -> None:
    for name in ("SNAM", "INAM"):
        subroutine = record.v.get(name)
        if subroutine and subroutine not in db.subroutines:
            known = ", ".join(sorted(db.subroutines)) or "(none)"
            problems.add(rdef, f"no subroutine {subroutine!r}; known: {known}", field=name)
