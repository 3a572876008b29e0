"""``nifsdc records``: what records there are, what each is for, and all of them as an EPICS ``.db``."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nifsdc.cli import options
from nifsdc.database import NIFS, Definition, DefinitionError, ParameterDef, load
from nifsdc.database.export import export_db
from nifsdc.records.definition import RecordDef

EXAMPLE = """\
examples:
  nifsdc records list                        every record
  nifsdc records list 'obs_*' --type sir     those of one type whose name matches
  nifsdc records list temperature            a word of a name or a description
  nifsdc records describe obs_exposed        fields, aliases, bounds, the other doors to its parameter
  nifsdc records export --db nifsdc.db       for an IOC in C with Gemini's record types

exit status: 0 done, 1 no record matches, 2 wrong usage or a definition with mistakes"""

NATIVE = {
    "apply": "LONG",
    "ao": "DOUBLE",
    "bo": "ENUM",
    "cad": "LONG",
    "calc": "DOUBLE",
    "car": "ENUM",
    "genSub": "LONG",
    "longin": "LONG",
    "longout": "LONG",
    "mbbi": "ENUM",
    "mbbo": "ENUM",
    "stringin": "STRING",
    "stringout": "STRING",
}
"""native type of VAL by record type; a sir's stands in its FTVL"""
LABEL_FIELDS = ("ZNAM", "ONAM")


@dataclass(frozen=True)
class Row:
    """What the list shows of one record."""

    name: str
    type: str
    value: str
    """native type of VAL"""
    unit: str
    description: str
    choices: tuple[str, ...]
    aliases: tuple[str, ...]


def add_parser(subparsers: Any) -> None:
    """Add ``records`` to the command line."""
    parser = subparsers.add_parser(
        "records",
        help="list, describe and export the records",
        description="The records of the detector controller, as they are defined.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("--export-db", dest="db", metavar="FILE", help="the same as `export --db FILE`")
    parser.set_defaults(folder=None, top="nifs:", camera=NIFS)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser(
        "list", help="records as a table", epilog="example: nifsdc records list 'obs_*'"
    )
    listing.add_argument(
        "pattern", nargs="?", default="*", help="name with * and ?, or a word of name or text"
    )
    listing.add_argument("--type", dest="rtyp", help="record type: cad, sir, ao ...")
    describe = actions.add_parser(
        "describe", help="everything of one record", epilog="example: nifsdc records describe obs_nfowler"
    )
    describe.add_argument("name", help="with or without its prefix")
    export = actions.add_parser(
        "export",
        help="all records as an EPICS database",
        epilog="example: nifsdc records export --db nifsdc.db",
    )
    export.add_argument("--db", required=True, metavar="FILE", help="file to write, - for standard output")
    for each in (listing, describe, export):
        options.add_top(each)
        each.add_argument(
            "--camera", default=NIFS, help="kind of camera: nifs, ccd or ft (default: %(default)s)"
        )
        each.add_argument("--folder", type=Path, help="folder of the definition (default: the one shipped)")
    for each in (listing, describe):
        each.add_argument("--json", action="store_true", help="for scripts")


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc records``."""
    try:
        definition = load(args.folder, args.camera)
    except DefinitionError as error:
        print(f"nifsdc records: the definition has mistakes:\n{error}", file=sys.stderr)
        return 2
    if args.action is None and args.db is None:
        print("nifsdc records: say what to do: list, describe or export; see --help", file=sys.stderr)
        return 2
    action = {"list": _list, "describe": _describe, "export": _export}[args.action or "export"]
    try:
        status = action(definition, args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


# --- list -------------------------------------------------------------------------------------------------


def _list(definition: Definition, args: argparse.Namespace) -> int:
    rows = [
        row
        for row in map(_row, definition.records(args.top))
        if _matches(row, args.pattern, args.top) and args.rtyp in (None, row.type)
    ]
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    elif sys.stdout.isatty():
        _table(rows)
    else:
        for row in rows:
            print(
                "\t".join((row.name, row.type, row.value, row.unit, row.description, "|".join(row.choices)))
            )
    if not rows:
        print(f"nifsdc records: no record matches {args.pattern!r}", file=sys.stderr)
    return 0 if rows else 1


def _table(rows: Sequence[Row]) -> None:
    table = Table(box=None, pad_edge=False, caption=f"{len(rows)} records", caption_justify="left")
    for heading in ("name", "type", "value", "unit", "description"):
        table.add_column(heading, no_wrap=heading == "name")
    for row in rows:
        text = f"{row.description} ({', '.join(row.choices)})" if row.choices else row.description
        table.add_row(row.name, row.type, row.value, row.unit, text)
    Console().print(table)


def _row(record: RecordDef) -> Row:
    fields = record.fields
    labels = tuple(text for name, text in fields.items() if name in LABEL_FIELDS or name.endswith("ST"))
    return Row(
        name=record.name,
        type=record.rtyp,
        value=fields.get("FTVL") or NATIVE.get(record.rtyp, ""),
        unit=fields.get("EGU", ""),
        description=fields.get("DESC", ""),
        choices=labels if record.rtyp in ("bo", "mbbo", "mbbi") else (),
        aliases=record.aliases,
    )


def _matches(row: Row, pattern: str, top: str) -> bool:
    names = [form for name in (row.name, *row.aliases) for form in _forms(name, top)]
    if any(letter in pattern for letter in "*?["):
        return any(fnmatch.fnmatchcase(name, pattern) for name in names)
    word = pattern.casefold()
    return any(word in text.casefold() for text in (row.name, *row.aliases, row.description))


def _forms(name: str, top: str) -> tuple[str, ...]:
    """A name as people write it: whole, without the top, without any prefix."""
    short = name.removeprefix(top)
    return name, short, short.removeprefix("sad:").removeprefix("dc:")


# --- describe ---------------------------------------------------------------------------------------------


def _describe(definition: Definition, args: argparse.Namespace) -> int:
    records = definition.records(args.top)
    found = _find(records, args.name, args.top)
    if not found:
        print(
            f"nifsdc records: no record {args.name!r}; try: nifsdc records list {args.name}", file=sys.stderr
        )
        return 1
    described = [_description(record, definition, args.top) for record in found]
    if args.json:
        print(json.dumps(described, indent=1))
    else:
        print("\n\n".join(map(_text, described)))
    return 0


def _find(records: Iterable[RecordDef], name: str, top: str) -> list[RecordDef]:
    """Records of a name: the whole name or alias wins over forms without a prefix."""
    forms = [(record, (record.name, *record.aliases)) for record in records]
    exact = [record for record, names in forms if name in names]
    return exact or [record for record, names in forms if any(name in _forms(each, top) for each in names)]


def _description(record: RecordDef, definition: Definition, top: str) -> dict[str, Any]:
    short = record.name.removeprefix(f"{top}dc:")
    described: dict[str, Any] = {
        "name": record.name,
        "type": record.rtyp,
        "aliases": list(record.aliases),
        "fields": dict(record.fields),
    }
    parameters = [
        parameter
        for parameter in definition.parameters
        if any(short in (door, door.partition(".")[0]) for door in parameter.doors)
    ]
    if parameters:
        described["parameters"] = [_parameter(parameter, top) for parameter in parameters]
    return described


def _parameter(parameter: ParameterDef, top: str) -> dict[str, Any]:
    if parameter.type in ("int", "float"):
        valid = f"{parameter.low:.10g} to {parameter.high:.10g}"
    elif parameter.type == "choice":
        valid = ", ".join(parameter.choices)
    else:
        valid = (
            "three letters" if parameter.type == "mnemonic" else f"at most {parameter.max_length} characters"
        )
    return {
        "name": parameter.name,
        "doc": parameter.doc,
        "type": parameter.type,
        "valid": valid,
        "unit": parameter.unit,
        "default": parameter.default,
        "doors": [f"{top}dc:{door}" for door in parameter.doors],
    }


def _text(described: dict[str, Any]) -> str:
    lines = [f"{described['name']}  ({described['type']})"]
    lines += [f"  also {alias}" for alias in described["aliases"]]
    width = max(map(len, described["fields"]), default=0)
    lines += [f"  {name:{width}}  {text}" for name, text in described["fields"].items()]
    for parameter in described.get("parameters", ()):
        unit = f" {parameter['unit']}" if parameter["unit"] else ""
        lines.append(f"  parameter {parameter['name']}: {parameter['doc']}")
        lines.append(f"    {parameter['type']}, {parameter['valid']}{unit}, default {parameter['default']!r}")
        lines.append(f"    set by {', '.join(parameter['doors'])}")
    return "\n".join(lines)


# --- export -----------------------------------------------------------------------------------------------


def _export(definition: Definition, args: argparse.Namespace) -> int:
    text = export_db(definition.records(args.top))
    if args.db == "-":
        sys.stdout.write(text)
        return 0
    try:
        Path(args.db).write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"nifsdc records: {args.db} cannot be written: {error}; give another file", file=sys.stderr)
        return 2
    return 0
