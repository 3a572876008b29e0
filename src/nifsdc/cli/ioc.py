"""``nifsdc ioc``: the IOC alone, for a configuration."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from nifsdc import __version__, database, logs, service
from nifsdc.camera.layout import LayoutError
from nifsdc.cli import access, options
from nifsdc.cli.shell import attach_shell
from nifsdc.config import ConfigError, IocConfig
from nifsdc.control.ioc import Ioc
from nifsdc.data.errors import SpoolError
from nifsdc.data.ring import RingError
from nifsdc.records.autosave import Autosave
from nifsdc.records.ca_acf import AccessFileError
from nifsdc.records.ca_putlog import PutLog
from nifsdc.records.ioc_stats import Identity, StatsSampler, stats_records

PARENT_SECONDS = 1.0
AUTOSAVE_SECONDS = 30.0

_log = logging.getLogger("nifsdc.ioc")


def add_parser(subparsers: Any) -> None:
    """Add ``ioc`` to the command line."""
    parser = subparsers.add_parser(
        "ioc",
        help="start the IOC alone",
        description="Start the IOC; it prints READY with its Channel Access port when commands are taken.",
        epilog="example: nifsdc ioc nifs.yaml; a name without a folder is looked up among the shipped ones",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="configuration file")
    parser.add_argument("--shell", action="store_true", help="take commands such as dbl and dbpr from here")
    parser.add_argument(
        "--stats",
        action="store_true",
        help="records that tell how the IOC is, <top>dc:ioc:HEARTBEAT and others",
    )
    parser.add_argument(
        "--autosave",
        type=Path,
        metavar="FILE.req",
        help="file of channels, one a line ($(top) is the prefix): values kept in FILE.sav over a restart",
    )
    parser.add_argument("--parent-pid", type=int, help="end when this process is gone")
    access.add_options(parser)
    logs.add_options(parser, file=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out ``nifsdc ioc``."""
    path = options.configuration(args.config)
    logs.start(args.log_level, args.log_file)
    try:
        config = IocConfig.load(path)
        if args.access is None and config.access:
            args.access = Path(config.access)
        if args.put_log is None:
            args.put_log = config.put_log
        asyncio.run(_serve(config, args))
    except RingError as error:
        print(
            f"nifsdc ioc: an IOC with the prefix {config.top} runs on this host already ({error}); "
            "end it, or choose another --top",
            file=sys.stderr,
        )
        return 2
    except (ConfigError, AccessFileError, LayoutError, SpoolError) as error:
        print(f"nifsdc ioc: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(config: IocConfig, args: argparse.Namespace) -> None:
    prefix = f"{config.top}dc:ioc:"
    ioc = Ioc(config, database.load(camera=config.camera), stats_records(prefix) if args.stats else ())
    unguard = access.guard(ioc.server, args.access, args.put_log)
    saving = None
    if args.autosave is not None:
        autosave = _restore(ioc, config.top, args.autosave)
        saving = asyncio.ensure_future(autosave.keep(AUTOSAVE_SECONDS))

    def ready(port: int) -> None:
        print(f"READY {json.dumps({'port': port, 'prefix': config.top})}", flush=True)
        service.notify(service.READY)

    serving = asyncio.ensure_future(ioc.run(ready))
    if args.stats:
        ioc.server.call(StatsSampler(ioc.database, ioc.server, prefix, identity=Identity(__version__)).start)
    shell = None
    if args.shell:
        shell = attach_shell(ioc.server, ioc.database, stop=serving.cancel, put_log=PutLog())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        while not serving.done():
            await asyncio.wait((serving,), timeout=PARENT_SECONDS)
            # From the loop itself: one that stands still is not alive.
            service.notify(service.ALIVE)
            if args.parent_pid is not None and os.getppid() != args.parent_pid:
                serving.cancel()
    finally:
        service.notify(service.STOPPING)
        unguard()
        if shell is not None:
            shell.close()
        if saving is not None:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
    if not serving.cancelled():
        serving.result()


def _restore(ioc: Ioc, top: str, request: Path) -> Autosave:
    """Put saved values into the records, which have not started yet, and say what could not be."""
    try:
        lines = request.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--autosave {request}: cannot be read: {error}") from error
    names = [line.strip().replace("$(top)", top) for line in lines]
    autosave = Autosave(
        ioc.database, request.with_suffix(".sav"), [name for name in names if name and name[0] != "#"]
    )
    restored = autosave.restore()
    for problem in restored.problems:
        _log.warning("autosave: %s", problem)
    _log.info(
        "%d channels restored from %s", len(restored.channels), restored.path or "nowhere: no such file"
    )
    return autosave
