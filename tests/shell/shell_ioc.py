"""The process of the shell tests: ``shell_ioc.py PREFIX``; commands on standard input after READY."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys

from nifsdc.cli.shell import Shell, attach_shell
from nifsdc.records.ca_server import CaServer
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.ioc_stats import Identity, StatsSampler, stats_records

SAMPLE_SECONDS = 0.2


def log_write(write: object) -> None:
    logging.getLogger("putlog").warning("%s", write)


async def serve(prefix: str) -> None:
    stats = prefix + "ioc:"
    records = [
        RecordDef("ao", prefix + "ao", {"VAL": "1.5", "PREC": "3", "EGU": "K"}, (prefix + "alias",)),
        RecordDef("mbbo", prefix + "mode", {"ZRST": "DCS", "ONST": "FOWLER"}),
        RecordDef("sir", prefix + "array", {"FTVL": "LONG", "NELM": "4"}),
    ]
    database = Database([*records, *stats_records(stats)])
    database.init()
    server = CaServer(database)
    task = asyncio.current_task()
    assert task is not None
    sampler = StatsSampler(database, server, stats, identity=Identity("1.2.3", engineer="A. Nobody"))

    shells: list[Shell] = []

    def ready(port: int) -> None:
        sampler.start(SAMPLE_SECONDS)
        print("READY", flush=True)
        shells.append(attach_shell(server, database, stop=task.cancel, put_log=log_write))

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await server.run(ready=ready)
    finally:
        for shell in shells:
            shell.close()


if __name__ == "__main__":
    logging.basicConfig(level="WARNING")
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(serve(sys.argv[1]))
