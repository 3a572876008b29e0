"""Options of the commands that serve records: access rules and put log."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path

from nifsdc.records.ca_access import AccessRules
from nifsdc.records.ca_acf import AccessFileError
from nifsdc.records.ca_putlog import PutLog
from nifsdc.records.ca_server import CaServer

_log = logging.getLogger("nifsdc.ioc")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--access`` and ``--put-log`` to a command."""
    parser.add_argument(
        "--access",
        type=Path,
        metavar="FILE",
        help="access rules (EPICS access security file); read again on SIGHUP; without them clients on the "
        "loopback write and all others only read",
    )
    parser.add_argument(
        "--put-log",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="log every write of a client (logger nifsdc.putlog)",
    )


def guard(server: CaServer, access: Path | None, put_log: bool) -> Callable[[], None]:
    """Give a server its rules and its put log; SIGHUP reads the rules again. On the loop.

    Returns:
        A function that ends the listening for SIGHUP.

    Raises:
        AccessFileError: the rules cannot be used.
    """
    if put_log:
        server.put_log = PutLog()
    if access is None:
        return lambda: None
    server.use_access(AccessRules.load(access))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload_rules, server, access)

    def end() -> None:
        loop.remove_signal_handler(signal.SIGHUP)

    return end


def reload_rules(server: CaServer, access: Path) -> None:
    """Take the rules as the file has them now; a file that is wrong changes nothing. On the server's loop."""
    try:
        server.use_access(AccessRules.load(access))
    except AccessFileError as error:
        _log.error("%s; the access rules stay as they were", error)
    else:
        _log.info("the access rules of %s are in force", access)
