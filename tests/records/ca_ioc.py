"""An IOC for the tests of the Channel Access server, as its own process.

Prints a line of JSON with its port when ready. Each line of JSON on stdin is done on the server's loop and
answered by a line: ``{"set": [[name, value], ...]}``, ``{"statistics": 1}``, ``{"memory": 1}`` (resident kB),
``{"access": rules}`` ("" for those without a file), ``{"image": number}`` (a new image, all of that value).
Ends with its stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from nifsdc.records.ca_access import AccessRules, local_writes
from nifsdc.records.ca_acf import parse
from nifsdc.records.ca_server import CaServer
from nifsdc.records.cad import CadRecord
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef

IMAGE = 1 << 22
"""elements of the image: 16 MB"""
SIRS = ("STRING", "CHAR", "UCHAR", "SHORT", "USHORT", "ULONG", "FLOAT", "DOUBLE", "ENUM")


def copy_arguments(cad: CadRecord) -> int:
    """Accept everything; on PRESET the arguments become the outputs."""
    if cad.directive.name == "PRESET":
        for letter in "ABCD":
            cad.outputs[letter] = cad.args[letter]
    return 0


def records(p: str) -> list[RecordDef]:
    limits = {"PREC": "3", "EGU": "K", "HOPR": "10", "LOPR": "-10", "DRVH": "9", "DRVL": "-9"}
    alarms = {"HIHI": "8", "HIGH": "7", "LOW": "-7", "LOLO": "-8", "HHSV": "MAJOR", "HSV": "MINOR"}
    return [
        RecordDef("ao", p + "ao", {**limits, **alarms, "VAL": "1.5", "PINI": "YES"}, (p + "alias",)),
        RecordDef("ai", p + "slow", {"MDEL": "5", "ADEL": "1"}),
        RecordDef("longout", p + "long", {"VAL": "7", "EGU": "count"}),
        RecordDef("stringout", p + "text", {"VAL": "hello", "DESC": "x" * 40}),
        RecordDef("bo", p + "bo", {"ZNAM": "Off", "ONAM": "On"}),
        RecordDef("mbbo", p + "mbbo", {"ZRST": "zero", "ONST": "one", "TWST": "two"}),
        RecordDef("cad", p + "cad", {"SNAM": "copy", "CTYP": "4"}),
        RecordDef("car", p + "car", {"ICID": p + "cad.OCID NPP NMS"}),
        RecordDef("apply", p + "apply", {"OUTA": p + "cad.DIR PP NMS", "INPA": p + "cad.VAL CP NMS"}),
        RecordDef("sir", p + "array", {"FTVL": "DOUBLE", "NELM": "5", "PREC": "2"}),
        RecordDef("sir", p + "big", {"FTVL": "DOUBLE", "NELM": "100000"}),
        RecordDef("waveform", p + "image", {"FTVL": "FLOAT", "NELM": str(IMAGE)}),
        RecordDef("waveform", p + "wave", {"FTVL": "SHORT", "NELM": "10", "EGU": "ADU", "PREC": "2"}),
        RecordDef(
            "calc",
            p + "ticks",
            {"SCAN": ".1 second", "INPA": p + "ticks.VAL NPP NMS", "CALC": "A+1"},
        ),
        RecordDef("ao", p + "guarded", {"ASG": "guarded"}),
        *(RecordDef("sir", p + name.lower(), {"FTVL": name}) for name in SIRS),
        *(RecordDef("ao", f"{p}m{i}") for i in range(300)),
    ]


def resident_kilobytes() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def answer(server: CaServer, request: dict[str, Any]) -> object:
    for name, value in request.get("set", []):
        server.database.set(name, tuple(value) if isinstance(value, list) else value)
    if "access" in request:
        text = request["access"]
        server.use_access(AccessRules(parse(text, "rules")) if text else local_writes)
    if "image" in request:
        image = np.full(IMAGE, request["image"], np.float32)
        image.flags.writeable = False
        server.database.set(f"{sys.argv[1]}image", image)
    if "statistics" in request:
        return vars(server.statistics)
    return resident_kilobytes()


def obey(server: CaServer, stop: Any) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        server.call(lambda request=request: print(json.dumps(answer(server, request)), flush=True))
    server.call(stop)


async def serve(prefix: str) -> None:
    database = Database(records(prefix), {"copy": copy_arguments})
    database.init()
    server = CaServer(database)
    task = asyncio.current_task()
    assert task is not None
    threading.Thread(target=obey, args=(server, task.cancel), daemon=True).start()
    await server.run(ready=lambda port: print(json.dumps(port), flush=True))


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("LOG", "WARNING"), format="%(levelname)s %(name)s %(message)s")
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(serve(sys.argv[1]))
