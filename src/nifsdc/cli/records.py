"""``nifsdc records``: what records there are, what each is for, and all of them as an EPICS ``.db``."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nifsdc.cli import options
from nifsdc.database import NIFS, Definition, DefinitionError, load
from nifsdc.database.alarm_tree import alarm_xml
from nifsdc.database.archiver import archiver_json
from nifsdc.database.describe import Row, described_text, description, find, forms, row
from nifsdc.database.export import export_db

EXAMPLE = """\
examples:
  nifsdc records list                        every record
  nifsdc records list 'obs_*' --type sir     those of one type whose name matches
  nifsdc records list temperature            a word of a name or a description
  nifsdc records describe obs_exposed        fields, aliases, bounds, the other doors to its parameter
  nifsdc records export --db nifsdc.db       for an IOC in C with Gemini's record types
  nifsdc records export --archiver a.json    for an Archiver Appliance: POST it to mgmt/bpl/archivePV
  nifsdc records export --alarms nifs.xml    for a Phoebus alarm server: import it

exit status: 0 done, 1 no record matches, 2 wrong usage or a definition with mistakes"""


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
    parser.set_defaults(folder=None, top="nifs:", camera=NIFS, archiver=None, alarms=None, alarm_config=None)
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
        help="records for other programs: an EPICS database, archiver, alarm server",
        description="Write files for other programs; - is standard output.",
        epilog="example: nifsdc records export --db nifsdc.db --alarms nifs.xml",
    )
    export.add_argument("--db", metavar="FILE", help="all records as an EPICS database")
    export.add_argument(
        "--archiver", metavar="FILE", help="what an EPICS Archiver Appliance is to keep, JSON"
    )
    export.add_argument("--alarms", metavar="FILE", help="the alarms, XML for a Phoebus alarm server")
    export.add_argument("--alarm-config", metavar="NAME", help="root of the alarms (default: NIFS, CCD ...)")
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
        each
        for each in map(row, definition.records(args.top))
        if _matches(each, args.pattern, args.top) and args.rtyp in (None, each.type)
    ]
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    elif sys.stdout.isatty():
        _table(rows)
    else:
        for each in rows:
            columns = (each.name, each.type, each.value, each.unit, each.description, "|".join(each.choices))
            print("\t".join(columns))
    if not rows:
        print(f"nifsdc records: no record matches {args.pattern!r}", file=sys.stderr)
    return 0 if rows else 1


def _table(rows: Sequence[Row]) -> None:
    table = Table(box=None, pad_edge=False, caption=f"{len(rows)} records", caption_justify="left")
    for heading in ("name", "type", "value", "unit", "description"):
        table.add_column(heading, no_wrap=heading == "name")
    for each in rows:
        text = f"{each.description} ({', '.join(each.choices)})" if each.choices else each.description
        table.add_row(each.name, each.type, each.value, each.unit, text)
    Console().print(table)


def _matches(each: Row, pattern: str, top: str) -> bool:
    names = [form for name in (each.name, *each.aliases) for form in forms(name, top)]
    if any(letter in pattern for letter in "*?["):
        return any(fnmatch.fnmatchcase(name, pattern) for name in names)
    word = pattern.casefold()
    return any(word in text.casefold() for text in (each.name, *each.aliases, each.description))


# --- describe ---------------------------------------------------------------------------------------------


def _describe(definition: Definition, args: argparse.Namespace) -> int:
    records = definition.records(args.top)
    found = find(records, args.name, args.top)
    if not found:
        print(
            f"nifsdc records: no record {args.name!r}; try: nifsdc records list {args.name}", file=sys.stderr
        )
        return 1
    described = [description(record, definition, args.top) for record in found]
    if args.json:
        print(json.dumps(described, indent=1))
    else:
        print("\n\n".join(map(described_text, described)))
    return 0


# --- export -----------------------------------------------------------------------------------------------


def _export(definition: Definition, args: argparse.Namespace) -> int:
    wanted: dict[str, Callable[[], str]] = {}
    if args.db:
        wanted[args.db] = lambda: export_db(definition.records(args.top))
    if args.archiver:
        wanted[args.archiver] = lambda: archiver_json(definition, args.top)
    if args.alarms:
        name = args.alarm_config or args.camera.upper()
        wanted[args.alarms] = lambda: alarm_xml(definition, args.top, name)
    if not wanted:
        print("nifsdc records: say what to export: --db, --archiver or --alarms", file=sys.stderr)
        return 2
    for file, text in wanted.items():
        try:
            _write(file, text())
        except ValueError as error:
            print(f"nifsdc records: --alarm-config {error}", file=sys.stderr)
            return 2
        except OSError as error:
            print(f"nifsdc records: {file} cannot be written: {error}; give another file", file=sys.stderr)
            return 2
    return 0


def _write(file: str, text: str) -> None:
    if file == "-":
        sys.stdout.write(text)
    else:
        Path(file).write_text(text, encoding="utf-8")
