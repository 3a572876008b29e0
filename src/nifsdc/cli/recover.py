"""``nifsdc recover``: what an IOC that is no more left behind, to the data server without the IOC."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from nifsdc import logs
from nifsdc.cli import options
from nifsdc.config import ConfigError, IocConfig
from nifsdc.data.client import DataClient
from nifsdc.data.cube_sender import deliver
from nifsdc.data.cube_spool import spooled
from nifsdc.data.delivery import Delivery
from nifsdc.data.errors import DataError, SpoolError
from nifsdc.data.ledger import Ledger
from nifsdc.data.packing import Packing
from nifsdc.data.recover import recover
from nifsdc.data.ring import RingError
from nifsdc.data.spool import Spool

CONNECT_SECONDS = 10.0
STORE_SECONDS = 60.0
RUN_SECONDS = 3600.0
"""for a run of frames, which may be long"""


def add_parser(subparsers: Any) -> None:
    """Add ``recover`` to the command line."""
    parser = subparsers.add_parser(
        "recover",
        help="store what an IOC that was killed left behind",
        description="Take frames out of the memory and the spool that an IOC left, and have them stored. "
        "An IOC that is started does the same by itself.",
        epilog="exit status: 0 nothing is left, 1 something is lost or waits still, 2 it could not be tried",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="configuration file of the IOC")
    logs.add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc recover``."""
    logs.start(args.log_level)
    try:
        config = IocConfig.load(options.configuration(args.config))
        spool = Spool(Path(config.data.spool))
        ledger = Ledger(spool.folder, config.ring)
        recovery = recover(config.ring, spool, ledger, (config.read_ring,))
    except RingError as error:
        print(f"nifsdc recover: the IOC runs, and recovers by itself ({error})", file=sys.stderr)
        return 2
    except (ConfigError, SpoolError) as error:
        print(f"nifsdc recover: {error}", file=sys.stderr)
        return 2
    for begun in recovery.interrupted:
        print(f"LOST {begun.exposure_id} {begun.command} {begun.label or '-'} {begun.started}")
        ledger.end(begun.exposure_id)
    waiting = _stored(config, spool, ledger) if spool.pending() else 0
    waiting += _runs_stored(config, spool.folder) if spooled(spool.folder) else 0
    return 1 if recovery.interrupted or waiting else 0


def _runs_stored(config: IocConfig, spool: Path) -> int:
    """Have runs of frames sent that wait, say which, and return how many wait still."""
    waiting = 0
    with DataClient(config.data.server_host, config.data.server_port, name=config.top) as client:
        client.wait_connected(CONNECT_SECONDS)
        for run in spooled(spool):
            try:
                print(f"STORED {run.names.exposure_id} {deliver(run, client, RUN_SECONDS).path}")
            except (DataError, OSError) as error:
                waiting += 1
                print(f"nifsdc recover: run {run.names.exposure_id}: {error}", file=sys.stderr)
    return waiting


def _stored(config: IocConfig, spool: Spool, ledger: Ledger) -> int:
    """Have what waits stored, say what was, and return how many frames wait still."""
    server = f"{config.data.server_host}:{config.data.server_port}"
    packing = Packing(config.data.compression)
    with DataClient(
        config.data.server_host, config.data.server_port, name=config.top, packing=packing
    ) as client:
        if client.wait_connected(CONNECT_SECONDS):
            for frame, stored in Delivery(client, spool).retry_pending(STORE_SECONDS):
                print(f"STORED {frame.header.exposure_id} {stored.path}")
                ledger.end(frame.header.exposure_id)
    waiting = len(spool.pending())
    if waiting:
        print(
            f"nifsdc recover: {waiting} frames wait in {spool.folder}: is the data server at {server} up?",
            file=sys.stderr,
        )
    return waiting
