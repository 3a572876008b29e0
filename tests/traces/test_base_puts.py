"""Conversions and processing of EPICS base's record types equal those of a C IOC, write for write."""

from __future__ import annotations

from typing import Any

from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.errors import PutRefused
from nifsdc.records.fields import Field
from nifsdc.records.types import FieldType

from . import oracle

CLOCK = 1000.0
BEYOND_ULONG = {("m.ONVL", text) for text in ("1e400", "inf", "nan", "1e10")}
"""Text beyond a ULONG: C keeps what it read before it found out, and calls that success; ours refuses it."""


def shown(field: Field) -> list[str]:
    """A field's value as the recording client wrote it."""
    value = field.value
    return [
        repr(float(value) if field.dbr is FieldType.ULONG and isinstance(value, int) else value),
        field.text,
    ]


def write(db: Database, field: Field, value: Any) -> str:
    """A write with completion; the delays of a seq pass at once."""
    outcome: list[str] = []
    try:
        db.put_notify(field, value, lambda: outcome.append("ok"), lambda refusal: outcome.append("server"))
    except PutRefused:
        return "client"
    while not outcome and (due := db.next_timer()) is not None:
        db.run_timers(due)
    return outcome[0]


def test_base_record_types_equal_a_c_ioc() -> None:
    data = oracle.load("base_puts.json.gz")
    defs = [RecordDef(each["type"], each["name"], each["fields"]) for each in data["records"]]
    db = Database(defs, now=lambda: CLOCK, exact=True)
    db.init()
    fields = {pv: db.find(pv) for pv in data["watch"]}
    now: dict[str, list[str]] = {}
    different: list[str] = []
    for pv, given, kind, result, changed in data["steps"]:
        field = db.find(pv)
        assert field is not None
        got = write(db, field, float(given) if kind == "double" else given)
        now.update(changed)
        if (pv, given) in BEYOND_ULONG:
            # from here on as the C server has it
            field.record.v[field.name] = int(float(now[pv][0]))
        elif got != result:
            different.append(f"{kind} {given!r} to {pv}: C {result}, ours {got}")
        for name, watched in fields.items():
            assert watched is not None
            if shown(watched) != now[name]:
                different.append(
                    f"{name} after {kind} {given!r} to {pv}: C {now[name]}, ours {shown(watched)}"
                )
    assert len(data["steps"]) == 2995
    assert not different, "\n".join(different[:20])
