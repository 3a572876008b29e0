"""Start-up of ``nifsdc softioc``: a GNIRS-sized database to READY, and how fast database text is read.

    python benchmarks/softioc_start.py [--json FILE]

The peer is EPICS base's own loader (epicscorelibs); without it the ratios stay empty.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from nifsdc.records.database import Database
from nifsdc.records.db_load import read_files
from nifsdc.records.definition import RecordDef
from rows import Rows, best

TESTS = Path(__file__).parents[1] / "tests" / "softioc"
RECORDS = 15_000
SECONDS = 6.0
START_SECONDS = 30.0
PEER = "EPICS base's loader"
BASE_LOADER = """
import sys, time
from epicscorelibs import ioc
ioc.dbLoadDatabase(b"base.dbd", ioc.DEFAULT_DBD_PATH.encode(), None)
ioc.registerRecordDeviceDriver(ioc.pdbbase)
begin = time.perf_counter()
assert ioc.dbLoadRecords(sys.argv[1].encode(), b"P=x:") == 0
print(time.perf_counter() - begin, flush=True)
import os
os._exit(0)
"""


def start(files: tuple[Path, ...]) -> None:
    """Start the server, wait until clients can connect, end it."""
    arguments = ["softioc", *map(str, files), "-m", "top=nirs:"]
    command = [
        sys.executable,
        "-m",
        "nifsdc",
        *arguments,
        "--subroutines",
        str(TESTS / "gnirs_subroutines.py"),
    ]
    environment = {
        **os.environ,
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_SERVER_PORT": "15064",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_ADDR_LIST": "127.0.0.1",
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        server.terminate()
        server.wait(START_SECONDS)
    if not line.startswith("READY"):
        raise RuntimeError("the server did not start; try the same command by hand")


def write_many(folder: Path) -> Path:
    """A database of many plain records that name each other."""
    file = folder / "many.db"
    with file.open("w", encoding="utf-8") as out:
        for number in range(RECORDS):
            out.write(
                f'record(ao, "$(P)rec{number}") {{\n  field(DESC, "record {number}")\n'
                f'  field(OUT, "$(P)rec{(number + 1) % RECORDS}.VAL NPP NMS")\n  field(PREC, "3")\n'
                '  field(HOPR, 10.5)\n  info(autosaveFields, "VAL")\n}\n'
            )
    return file


def base_seconds(file: Path) -> float | None:
    """Seconds EPICS base takes to read a file; None when it is not installed."""
    if importlib.util.find_spec("epicscorelibs") is None:
        return None
    command = [sys.executable, "-c", BASE_LOADER, str(file)]
    ran = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3)]
    return min(float(each.stdout.split()[-1]) for each in ran)


def build(records: list[RecordDef]) -> None:
    Database(records).init()


def main() -> None:
    rows = Rows(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sys.path.insert(0, str(TESTS))
        gnirs = importlib.import_module("gnirs")
        files = gnirs.write(folder)
        seconds = best({"start": partial(start, files)}, SECONDS)["start"]
        rows.add("softioc, 426 records: start to READY", seconds, "s")
        begin = time.perf_counter()
        read_files(files, {"top": "nirs:"})
        rows.add("  of which reading 13,200 lines of text", time.perf_counter() - begin, "s")
        many = write_many(folder)
        reading = best({"read": lambda: read_files([many], {"P": "x:"})}, 2.0)["read"]
        base = base_seconds(many)
        ratio = None if base is None else reading / base
        rows.add(f"{RECORDS} records read from text", reading, "s", ratio, "" if base is None else PEER)
        records = read_files([many], {"P": "x:"}).definitions()
        rows.add(
            f"{RECORDS} records made and initialised",
            best({"build": partial(build, records)}, 3.0)["build"],
            "s",
        )
    rows.save()


if __name__ == "__main__":
    main()
