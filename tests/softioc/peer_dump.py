"""Loads database files as a C IOC does (dbLoadRecords, dbLoadTemplate) and prints them as JSON.

``python peer_dump.py MACROS FILE...``: ``[[type, name, {field: text}, {info: text}, [alias]], ...]``, only
fields that are not the default; ``null`` where a file was refused. Needs epicscorelibs.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

from epicscorelibs import ioc

LINKS = (14, 15, 16)
"""DBF_INLINK, DBF_OUTLINK, DBF_FWDLINK: their text is not compared with a default before iocInit"""

core = ioc.dbCore


def text(pointer: bytes | None) -> str:
    return (pointer or b"").decode("utf-8", "surrogateescape")


def dump(base: ctypes.c_void_p) -> list[Any]:
    for name in ("dbGetRecordName", "dbGetRecordTypeName", "dbGetFieldName", "dbGetString", "dbGetInfoName"):
        getattr(core, name).restype = ctypes.c_char_p
    core.dbGetInfoString.restype = ctypes.c_char_p
    core.dbAllocEntry.restype = ctypes.c_void_p
    entry = ctypes.c_void_p(core.dbAllocEntry(base))
    records: dict[str, Any] = {}
    aliases: list[tuple[str, str]] = []
    more = core.dbFirstRecordType(entry)
    while more == 0:
        found = core.dbFirstRecord(entry)
        while found == 0:
            name = text(core.dbGetRecordName(entry))
            if core.dbIsAlias(entry):
                core.dbFindField(entry, b"NAME")
                aliases.append((name, text(core.dbGetString(entry))))
            else:
                records[name] = [
                    text(core.dbGetRecordTypeName(entry)),
                    name,
                    fields(entry),
                    infos(entry),
                    [],
                ]
            found = core.dbNextRecord(entry)
        more = core.dbNextRecordType(entry)
    for alias, name in aliases:
        records[name][4].append(alias)
    return list(records.values())


def fields(entry: ctypes.c_void_p) -> dict[str, str]:
    found = {}
    status = core.dbFirstField(entry, 0)
    while status == 0:
        link = core.dbGetFieldDbfType(entry) in LINKS
        if link or not core.dbIsDefaultValue(entry):
            found[text(core.dbGetFieldName(entry))] = text(core.dbGetString(entry))
        status = core.dbNextField(entry, 0)
    return found


def infos(entry: ctypes.c_void_p) -> dict[str, str]:
    found = {}
    status = core.dbFirstInfo(entry)
    while status == 0:
        found[text(core.dbGetInfoName(entry))] = text(core.dbGetInfoString(entry))
        status = core.dbNextInfo(entry)
    return found


def main() -> None:
    macros, files = sys.argv[1], sys.argv[2:]
    assert ioc.dbLoadDatabase(b"base.dbd", os.fsencode(ioc.DEFAULT_DBD_PATH), None) == 0
    ioc.registerRecordDeviceDriver(ioc.pdbbase)
    loaded = True
    for file in files:
        if file.endswith(".substitutions"):
            loaded &= core.dbLoadTemplate(os.fsencode(file), macros.encode()) == 0
        else:
            loaded &= core.dbLoadRecords(os.fsencode(file), macros.encode()) == 0
    print(json.dumps(dump(ioc.pdbbase) if loaded else None))
    sys.stdout.flush()
    ioc.Com.errlogFlush()
    os._exit(0)


if __name__ == "__main__":
    main()
