"""``nifsdc softioc``: serve EPICS database files, Gemini's records included, with subroutines in Python."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nifsdc import __version__, logs
from nifsdc.cli import access
from nifsdc.cli.shell import attach_shell
from nifsdc.records.ca_acf import AccessFileError
from nifsdc.records.ca_links import ExternalLinks
from nifsdc.records.ca_putlog import PutLog
from nifsdc.records.ca_server import CaServer
from nifsdc.records.database import Database
from nifsdc.records.db_load import Loaded, build_database, read_files
from nifsdc.records.db_macros import MacroError, parse_definitions
from nifsdc.records.definition import RecordDef
from nifsdc.records.errors import DatabaseError, Problem
from nifsdc.records.ioc_stats import Identity, StatsSampler, stats_records
from nifsdc.records.subroutines import REGISTRY, Ioc, SubroutineError, load_module

EXAMPLE = """\
examples:
  nifsdc softioc dcTop.db dcSadTop.db -m top=nifs: --subroutines dc.py
  nifsdc softioc motors.substitutions --check     only tell what is wrong with it
  nifsdc softioc old.db --lenient                 leave out what is not known here

Prints READY with its Channel Access port when clients can connect; ends with SIGTERM or Ctrl-C. Ports and
interfaces come from EPICS_CAS_SERVER_PORT, EPICS_CAS_INTF_ADDR_LIST and the rest of EPICS' environment.

exit status: 0 ended as asked, 1 it could not serve, 2 wrong usage or a database with mistakes"""
SHOWN_LINKS = 10

_log = logging.getLogger("nifsdc.softioc")


def add_parser(subparsers: Any) -> None:
    """Add ``softioc`` to the command line."""
    parser = subparsers.add_parser(
        "softioc",
        help="serve EPICS database files",
        description="Serve EPICS database files on Channel Access: the record types of Gemini's instruments "
        "(cad, apply, car, sir, genSub) and those of EPICS base that go with them.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="database (.db) or substitution (.substitutions) file",
    )
    parser.add_argument(
        "-m", "--macros", action="append", default=[], metavar="NAME=VALUE,...", help="macros for all files"
    )
    parser.add_argument(
        "--subroutines",
        action="append",
        default=[],
        type=Path,
        metavar="MODULE.py",
        help="SNAM, INAM, programs",
    )
    parser.add_argument(
        "-I",
        "--include",
        action="append",
        metavar="DIR",
        help="folder for files (else EPICS_DB_INCLUDE_PATH)",
    )
    parser.add_argument("--lenient", action="store_true", help="list what cannot be used and leave it out")
    parser.add_argument(
        "--stubs", action="store_true", help="subroutines that no module brings accept everything"
    )
    parser.add_argument("--check", action="store_true", help="load and initialise, do not serve")
    parser.add_argument(
        "--local",
        action="store_true",
        help="a link to a record that no file defines is a mistake, not another server's",
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="do also what the C records do by mistake (see the documentation)",
    )
    parser.add_argument("--shell", action="store_true", help="take commands such as dbl and dbpr from here")
    parser.add_argument(
        "--stats", metavar="PREFIX", help="add records that tell how the IOC is, PREFIXHEARTBEAT and others"
    )
    access.add_options(parser)
    logs.add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc softioc``."""
    logs.start(args.log_level)
    try:
        macros = _macros(args.macros)
        for module in args.subroutines:
            load_module(module)
        loaded = _load(args, macros)
    except (MacroError, SubroutineError) as error:
        cause = error.__cause__
        if cause is not None:
            _log.error("in a module of subroutines", exc_info=cause)
        print(f"nifsdc softioc: {error}", file=sys.stderr)
        return 2
    except DatabaseError as error:
        _tell(error.found)
        print(
            f"nifsdc softioc: {len(error.found)} mistakes, nothing is served; "
            "--lenient leaves out what is wrong",
            file=sys.stderr,
        )
        return 2
    if loaded.left_out:
        _tell(loaded.left_out)
        print(f"nifsdc softioc: {len(loaded.left_out)} mistakes left out", file=sys.stderr)
    database = loaded.database
    if args.check:
        database.init()
        print(f"{len(database.records)} records, {len(database.links.external())} links to other servers")
        return 0
    try:
        asyncio.run(_serve(database, macros, args))
    except AccessFileError as error:
        print(f"nifsdc softioc: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"nifsdc softioc: cannot serve: {error}; see EPICS_CAS_INTF_ADDR_LIST", file=sys.stderr)
        return 1
    return 0


def _macros(given: Sequence[str]) -> dict[str, str]:
    return {name: value for text in given for name, value in parse_definitions(text).items()}


def _load(args: argparse.Namespace, macros: Mapping[str, str]) -> Loaded:
    text = read_files(args.files, macros, environ=os.environ, path=args.include)
    if args.stubs:
        stubs = REGISTRY.add_stubs(text.definitions())
        if stubs:
            _log.warning("nothing is behind %s", ", ".join(stubs))
    builder = partial(
        _build,
        stats_records(args.stats) if args.stats else (),
        subroutines=REGISTRY.subroutines,
        exact=args.exact,
        allow_external=not args.local,
    )
    return build_database(text, REGISTRY, builder, lenient=args.lenient)


def _build(more: Sequence[RecordDef], records: Iterable[RecordDef], **options: Any) -> Database:
    return Database([*records, *more], **options)


def _tell(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)


async def _serve(database: Database, macros: Mapping[str, str], args: argparse.Namespace) -> None:
    server = CaServer(database)
    unguard = access.guard(server, args.access, bool(args.put_log))
    database.init()
    for program in REGISTRY.programs:
        program(Ioc(database, macros, server.call))
    links = ExternalLinks(database, server.call)
    _tell_links(database)
    serving = asyncio.ensure_future(server.run(ready=partial(_ready, len(database.records))))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    links.start()
    if args.stats:
        server.call(StatsSampler(database, server, args.stats, identity=Identity(__version__)).start)
    shell = None
    if args.shell:
        shell = attach_shell(server, database, stop=serving.cancel, put_log=PutLog())
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    finally:
        unguard()
        if shell is not None:
            shell.close()
        links.close()


def _ready(records: int, port: int) -> None:
    print(f"READY {json.dumps({'port': port, 'records': records})}", flush=True)


def _tell_links(database: Database) -> None:
    """Log what no file defines: meant for another server, or misspelt."""
    external = database.links.external()
    for link in external[:SHOWN_LINKS]:
        _log.info("%s.%s leads to another server: %s", link.record.name, link.name, link.text.target)
    if len(external) > SHOWN_LINKS:
        _log.info("and %d more links to other servers", len(external) - SHOWN_LINKS)
