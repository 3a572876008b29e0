"""The database: construction, names, puts, order of delivery, watches, timers, common fields."""

from __future__ import annotations

from typing import Any

import pytest

from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.errors import DatabaseError, PutRefused
from nifsdc.records.tables import RECORD_TYPES

from .rig import START, Rig


def test_all_problems_are_told_at_once() -> None:
    defs = [
        RecordDef("cadd", "a"),
        RecordDef("cad", "b", {"SNAM": "missing", "INPA": "nowhere", "FOO": "1", "ERSV": "AWFUL"}),
        RecordDef("cad", "b"),
        RecordDef("calc", "c", {"CALC": "A+*B"}),
        RecordDef("cad", "d", {"FTVA": "SHORT"}),
        RecordDef("ai", "e", {"HIHI": "high", "INP": "@device"}, aliases=("b",)),
        RecordDef("ai", "f.g"),
    ]
    with pytest.raises(DatabaseError) as caught:
        Database(defs, {"known": lambda record: 0})
    text = str(caught.value)
    for part in (
        "cadd a: unknown record type; known: ai, ao, apply",
        "cad b.SNAM: no subroutine 'missing'; known: known",
        "cad b.INPA: 'nowhere': nowhere is not in this database",
        "cad b.FOO: a cad has no such field",
        "cad b.ERSV: 'AWFUL' is none of the choices NO_ALARM, MINOR, MAJOR, INVALID",
        "cad b: the name is taken by a cad record",
        "calc c: CALC 'A+*B': a value expected",
        "cad d: FTVA SHORT: a cad has STRING, LONG and DOUBLE outputs",
        "ai e.HIHI: 'high' does not begin with a number",
        "ai e.INP: '@device' is a hardware address",
        "ai e: alias b is a name of cad b",
        "ai 'f.g': a record name has",
    ):
        assert part in text
    assert len(caught.value.problems) == 12


def test_names_fields_and_aliases() -> None:
    db = Database([RecordDef("sir", "nifs:sad:dc:x", {"FTVL": "LONG"}, aliases=("nifsSad:dc:x",))])
    db.init()
    field = db.find("nifs:sad:dc:x")
    assert field is not None
    assert field is db.find("nifs:sad:dc:x.VAL") is db.find("nifsSad:dc:x.VAL") is db.find("nifsSad:dc:x")
    assert field.pvname == "nifs:sad:dc:x.VAL"
    assert list(db.names()) == ["nifs:sad:dc:x", "nifsSad:dc:x"]
    for missing in ("nifs:sad:dc:y", "nifs:sad:dc:x.FOO", "nifs:sad:dc:x.VAL.VAL", ""):
        assert db.find(missing) is None


@pytest.mark.parametrize("rtyp", sorted(RECORD_TYPES))
def test_every_field_of_every_type_answers(rtyp: str) -> None:
    rig = Rig({f"{rtyp} x": {"DESC": "what it is"}})
    for name in RECORD_TYPES[rtyp].fields:
        field = rig.field(f"x.{name}")
        assert field.count >= 1
        assert isinstance(field.text, str)
        assert field.metadata.units == ""
    assert (rig["x.RTYP"], rig["x.NAME"], rig["x.DESC"]) == (rtyp, "x", "what it is")
    assert rig["x.TIME"] == 0.0


# dbCommon of EPICS 7
@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("SCAN", "Passive"), ("PINI", "NO"), ("PHAS", "0"), ("DISV", "1"), ("DISA", "0"), ("PACT", "0")],
        *[
            ("STAT", "UDF"),
            ("SEVR", "INVALID"),
            ("ACKT", "YES"),
            ("UDF", "1"),
            ("UDFS", "INVALID"),
            ("TPRO", "0"),
        ],
        *[("DTYP", "Soft Channel"), ("PRIO", "LOW"), ("TSE", "0"), ("LCNT", "0"), ("NSTA", "NO_ALARM")],
    ],
)
def test_common_defaults(name: str, text: str) -> None:
    assert Rig({"ai x": {}}).field(f"x.{name}").text == text


READ_ONLY = [
    "x.NAME",
    "x.RTYP",
    "x.STAT",
    "x.SEVR",
    "x.PACT",
    "x.VAL",
    "x.SNAM",
    "x.CTYP",
    "x.MFLG",
    "x.STLK",
    "x.INPA",
]


@pytest.mark.parametrize("pv", READ_ONLY)
def test_read_only_fields_refuse_clients(pv: str) -> None:
    rig = Rig({"cad x": {}})
    before = rig[pv]
    assert not rig.field(pv).writable
    with pytest.raises(PutRefused, match="read-only") as caught:
        rig.put(pv, 1)
    assert caught.value.read_only
    assert rig[pv] == before
    assert rig.events == []


def test_internal_writers_may_write_read_only_fields() -> None:
    rig = Rig({"car x": {}})
    rig.db.set("x.CLID", 5)
    assert rig.posted() == [("x.CLID", 5)]
    with pytest.raises(KeyError, match="nowhere"):
        rig.db.set("nowhere", 1)


def test_set_posts_and_processes() -> None:
    rig = Rig({"sir x": {"FTVL": "DOUBLE", "FLNK": "n"}, "calc n": {"INPA": "n", "CALC": "A+1"}})
    rig.db.set("x", 3.2)
    assert (rig["x"], rig["n"], rig.field("x").timestamp) == (3.2, 1, START)


@pytest.mark.parametrize(
    ("pv", "value"),
    [("x.DIR", "BOGUS"), ("x.DIR", 5), ("x.DIR", -1), ("x.DIR", 2.5), ("x.ICID", "twelve"), ("x.DIR", [])],
)
def test_refused_puts_change_nothing(pv: str, value: object) -> None:
    calls: list[str] = []
    rig = Rig({"cad x": {"SNAM": "sub"}}, {"sub": lambda cad: calls.append(cad.directive.name)})
    before = dict(rig.field("x").record.v)
    done: list[int] = []
    with pytest.raises(PutRefused) as caught:
        rig.db.put(rig.field(pv), value)
    assert pv in str(caught.value)
    with pytest.raises(PutRefused):
        rig.db.put_notify(rig.field(pv), value, lambda: done.append(1))
    assert rig.field("x").record.v == before
    assert (rig.events, calls, done) == ([], [], [])


def test_refusal_of_a_waiting_put_can_be_told_later() -> None:
    rig = Rig({"cad x": {}})
    told: list[str] = []
    rig.db.put_notify(
        rig.field("x.DIR"), "BOGUS", lambda: told.append("done"), lambda why: told.append(why.reason)
    )
    assert len(told) == 1
    assert "BOGUS" in told[0]


def test_put_log_of_strings_is_cut() -> None:
    rig = Rig({"stringout x": {}})
    rig.put("x", "s" * 60)
    assert rig["x"] == "s" * 39
    rig.put("x.DESC", "d" * 60)
    assert rig["x.DESC"] == "d" * 40


def test_watch_sees_values_after_the_chain_in_order() -> None:
    rig = Rig({"longout a": {"OUT": "b PP"}, "longout b": {}})
    seen: list[tuple[str, Any, int, int]] = []
    rig.db.watch("a", lambda value: seen.append(("a", value, rig["a.PACT"], rig["b.PACT"])))
    end = rig.db.watch("b", lambda value: seen.append(("b", value, rig["a.PACT"], rig["b.PACT"])))
    rig.put("a", 5)
    assert seen == [("b", 5, 0, 0), ("a", 5, 0, 0)]
    end()
    rig.put("a", 6)
    assert [each[0] for each in seen] == ["b", "a", "a"]


def test_watch_may_write() -> None:
    rig = Rig({"longout a": {}, "longout b": {}})
    rig.db.watch("a", lambda value: rig.db.set("b", value))
    rig.put("a", 5)
    assert rig.posted_of("a") + rig.posted_of("b") == [("VAL", 5), ("VAL", 5)]
    assert [each.field.record.name for each in rig.events if each.field.name == "VAL"] == ["a", "b"]


def test_failing_watcher_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig({"longout a": {}})
    seen: list[object] = []

    def broken(value: object) -> None:
        raise RuntimeError("a bug")

    rig.db.watch("a", broken)
    rig.db.watch("a", seen.append)
    rig.put("a", 5)
    assert seen == [5]
    assert "a bug" in caplog.text


def test_subscription_ends() -> None:
    rig = Rig({"longout a": {}})
    seen: list[Any] = []
    end = rig.db.subscribe(seen.append)
    rig.put("a", 1)
    count = len(seen)
    end()
    rig.put("a", 2)
    assert count == len(seen) > 0


def test_pini_and_phase() -> None:
    order: list[str] = []

    def note(record: Any) -> int:
        order.append(record.name)
        return 0

    Rig(
        {
            "genSub late": {"SNAM": "note", "PINI": "YES", "PHAS": "2"},
            "genSub early": {"SNAM": "note", "PINI": "YES", "PHAS": "1"},
            "genSub never": {"SNAM": "note"},
        },
        {"note": note},
    )
    assert order == ["early", "late"]


def test_periodic_scan() -> None:
    rig = Rig({"calc a": {"INPA": "a", "CALC": "A+1", "SCAN": "1 second"}})
    rig.wait(3.5)
    assert rig["a"] == 3
    rig.put("a.SCAN", "Passive")
    rig.wait(5.0)
    assert rig["a"] == 3
    rig.put("a.SCAN", ".5 second")
    rig.wait(1.1)
    assert rig["a"] == 5


def test_missed_scans_are_left_out() -> None:
    rig = Rig({"calc a": {"INPA": "a", "CALC": "A+1", "SCAN": "1 second"}})
    rig.now += 7.5
    rig.db.run_timers(rig.now)
    assert rig["a"] == 1
    assert rig.db.next_timer() == START + 8.0


def test_disable() -> None:
    rig = Rig(
        {"longout a": {"SDIS": "off", "DISS": "MINOR", "OUT": "b PP"}, "longout off": {}, "longout b": {}}
    )
    rig.put("off", 1)
    rig.put("a", 5)
    assert (rig["b"], rig.alarm("a")) == (0, ("DISABLE", "MINOR"))
    rig.put("off", 0)
    rig.db.process("a")
    assert (rig["b"], rig.alarm("a")) == (5, ("NO_ALARM", "NO_ALARM"))


def test_disp_refuses_clients_but_itself() -> None:
    rig = Rig({"longout a": {}})
    rig.put("a.DISP", 1)
    with pytest.raises(PutRefused, match="DISP"):
        rig.put("a", 5)
    rig.put("a.DISP", 0)
    rig.put("a", 5)
    assert rig["a"] == 5


def test_alarm_acknowledgement() -> None:
    rig = Rig({"longout a": {"HIGH": "10", "HSV": "MAJOR"}})
    rig.put("a", 20)
    rig.put("a", 0)
    assert rig.field("a.ACKS").text == "MAJOR", "a transient alarm waits for its acknowledgement"
    rig.db.acknowledge("a", 1)
    assert rig.field("a.ACKS").text == "MAJOR"
    rig.db.acknowledge("a", 2)
    assert rig.field("a.ACKS").text == "NO_ALARM"


def test_alarm_changes_post_sevr_stat_and_the_value_in_order() -> None:
    rig = Rig({"longout a": {"HIGH": "10", "HSV": "MINOR"}})
    rig.put("a", 1)
    rig.put("a", 20)
    assert [(each.field.name, each.value, each.mask) for each in rig.events] == [
        ("SEVR", 1, 1),
        ("STAT", 4, 5),
        ("ACKS", 1, 1),
        ("VAL", 20, 7),
    ]
    assert all((each.stat, each.sevr) == (4, 1) for each in rig.events if each.field.name == "VAL")


def test_time_stamp_is_that_of_the_processing() -> None:
    rig = Rig({"longout a": {}})
    rig.wait(5.0)
    rig.put("a", 1)
    assert rig.field("a").timestamp == START + 5.0
    rig.wait(1.0)
    rig.put("a.DESC", "later")
    assert rig.events[-1].time == START + 5.0, "a put that does not process keeps the time"


def test_proc_processes_whatever_scan_says() -> None:
    rig = Rig({"calc a": {"INPA": "a", "CALC": "A+1", "SCAN": "10 second"}})
    rig.put("a.PROC", 1)
    assert rig["a"] == 1


def test_15000_handles_are_cheap_and_the_same_each_time() -> None:
    db = Database([RecordDef("cad", f"c{index}") for index in range(90)])
    names = [f"c{index}.{name}" for index in range(90) for name in RECORD_TYPES["cad"].fields]
    assert len(names) > 15_000
    assert [db.find(name) for name in names] == [db.find(name) for name in names]
