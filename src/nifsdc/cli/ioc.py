"""``nifsdc ioc``: the IOC alone, for a configuration."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from nifsdc import database
from nifsdc.cli import options
from nifsdc.config import ConfigError, IocConfig
from nifsdc.control.ioc import Ioc
from nifsdc.database.locate import share

PARENT_SECONDS = 1.0


def add_parser(subparsers: Any) -> None:
    """Add ``ioc`` to the command line."""
    parser = subparsers.add_parser(
        "ioc",
        help="start the IOC alone",
        description="Start the IOC; it prints READY with its Channel Access port when commands are taken.",
        epilog="example: nifsdc ioc nifs.yaml; a name without a folder is looked up among the shipped ones",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="configuration file")
    parser.add_argument("--parent-pid", type=int, help="end when this process is gone")
    options.add_log_level(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc ioc``."""
    options.start_logging(args.log_level)
    path: Path = args.config
    if not path.is_file() and (share("ioc") / path).is_file():
        path = share("ioc") / path
    try:
        asyncio.run(_serve(IocConfig.load(path), args.parent_pid))
    except ConfigError as error:
        print(f"nifsdc ioc: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(config: IocConfig, parent: int | None) -> None:
    ioc = Ioc(config, database.load())
    serving = asyncio.ensure_future(
        ioc.run(lambda port: print(f"READY {json.dumps({'port': port, 'prefix': config.top})}", flush=True))
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    while not serving.done():
        await asyncio.wait((serving,), timeout=PARENT_SECONDS)
        if parent is not None and os.getppid() != parent:
            serving.cancel()
    if not serving.cancelled():
        serving.result()
