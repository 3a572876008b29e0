"""From database files to a running database: all problems at once, or what is wrong left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .database import Database
from .db_macros import Macros
from .db_parse import DatabaseText
from .db_substitutions import SUFFIXES, load_substitutions
from .definition import RecordDef
from .errors import DatabaseError, Problem
from .subroutines import Registry

Builder = Callable[[Iterable[RecordDef]], Database]
"""makes a Database of definitions"""


@dataclass(frozen=True)
class Loaded:
    """A database, and what was left out of it."""

    database: Database
    left_out: tuple[Problem, ...]
    """empty unless it was loaded leniently"""


def read_files(
    files: Sequence[str | Path],
    macros: Mapping[str, str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    path: Sequence[str | Path] | None = None,
) -> DatabaseText:
    """Read database and substitution files, told apart by their names, in their order.

    Args:
        files: ``.substitutions``, ``.subs`` and ``.sub`` name templates and macros; all others hold records.
        macros: for all of them, as written (``parse_definitions``).
        environ: where macros are looked up last.
        path: folders for files, see ``DatabaseText``.
    """
    text = DatabaseText(path)
    for file in files:
        known = Macros(macros, environ)
        if Path(file).suffix in SUFFIXES:
            load_substitutions(text, file, known)
        else:
            text.load(file, known)
    return text


def build_database(
    text: DatabaseText, registry: Registry, builder: Builder, *, lenient: bool = False
) -> Loaded:
    """Make the database of what was read.

    Args:
        text: the files.
        registry: the subroutines the builder uses, asked whether each is one for the records that name it.
        builder: usually a ``partial`` of Database with its options.
        lenient: leave out the fields, aliases and records that cannot be used instead of refusing all.

    Raises:
        DatabaseError: all that is wrong in the files and in the records, in the order of the files.
    """
    records = {record.name: _with_first_text(record) for record in text.definitions()}
    wrong = registry.problems(records.values())
    problems = [*text.problems, *wrong]
    if lenient:
        _leave_out(records, wrong)
    while True:
        try:
            database = builder(records.values())
        except DatabaseError as error:
            problems += error.found
            if lenient and _leave_out(records, error.found):
                continue
            raise DatabaseError(sorted(problems, key=_order)) from error
        if problems and not lenient:
            raise DatabaseError(sorted(problems, key=_order))
        return Loaded(database, tuple(sorted(problems, key=_order)))


def _with_first_text(record: RecordDef) -> RecordDef:
    """Give a sir the VAL that ``info(VAL)`` says, as the C record takes none from a file (DBF_NOACCESS)."""
    if record.rtyp != "sir" or "VAL" not in record.info or "VAL" in record.fields:
        return record
    info = dict(record.info)
    return replace(record, fields={**record.fields, "VAL": info.pop("VAL")}, info=info)


def _order(problem: Problem) -> tuple[bool, str, int]:
    place = problem.place
    return (place is None, place.file if place else "", place.line if place else 0)


def _leave_out(records: dict[str, RecordDef], problems: Iterable[Problem]) -> bool:
    """Take away what problems name. False when there was nothing of it."""
    before = dict(records)
    for problem in problems:
        record = records.get(problem.record)
        if record is None:
            continue
        if problem.alias:
            rest = tuple(alias for alias in record.aliases if alias != problem.alias)
            records[record.name] = replace(record, aliases=rest)
        elif problem.field:
            fields = {name: text for name, text in record.fields.items() if name != problem.field}
            records[record.name] = replace(record, fields=fields)
        else:
            del records[record.name]
    return records != before
