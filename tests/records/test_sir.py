"""SIR: posting on change, deadband, limits with hysteresis (icd/gemini_records.md; EPICS alarm limits)."""

from __future__ import annotations

import numpy
import pytest

from nifsdc.records.sir import SirRecord

from .rig import Rig

LIMITS = {"HIHI": "100", "HIGH": "50", "LOW": "-50", "LOLO": "-100"}
SEVERITIES = {"HHSV": "MAJOR", "HSV": "MINOR", "LSV": "MINOR", "LLSV": "MAJOR"}


def make(ftvl: str = "DOUBLE", *, exact: bool = False, **fields: str) -> Rig:
    return Rig({"sir x": {"FTVL": ftvl, **fields}}, exact=exact)


@pytest.mark.parametrize(
    ("ftvl", "first", "second"), [("STRING", "a", "b"), ("LONG", 1, 2), ("DOUBLE", 1.5, 2.5), ("SHORT", 3, 4)]
)
def test_posts_on_change_only(ftvl: str, first: object, second: object) -> None:
    rig = make(ftvl)
    assert ("x.VAL", first) in rig.put("x", first)
    assert rig.put("x", first) == []
    assert rig.put("x", second) == [("x.VAL", second)]


def test_message_follows_imss_and_posts_on_change() -> None:
    rig = make("LONG")
    assert rig.put("x.IMSS", "note") == [("x.IMSS", "note")]
    rig.put("x", 1)
    assert rig.posted_of("x") == [("VAL", 1), ("OMSS", "note")]
    rig.put("x", 2)
    assert rig.posted_of("x") == [("VAL", 2)]


@pytest.mark.parametrize("ftvl", ["DOUBLE", "LONG"])
@pytest.mark.parametrize(
    ("value", "alarm"),
    [
        (0, ("NO_ALARM", "NO_ALARM")),
        (49, ("NO_ALARM", "NO_ALARM")),
        (50, ("HIGH", "MINOR")),
        (100, ("HIHI", "MAJOR")),
        (-50, ("LOW", "MINOR")),
        (-100, ("LOLO", "MAJOR")),
        (-101, ("LOLO", "MAJOR")),
    ],
)
def test_limits(ftvl: str, value: float, alarm: tuple[str, str]) -> None:
    rig = make(ftvl, **LIMITS, **SEVERITIES)
    rig.put("x", value)
    assert rig.alarm("x") == alarm
    event = next(each for each in rig.events if each.field.name == "VAL")
    assert event.mask & 4, "the alarm changed (from UDF)"


def test_exact_mode_reads_negative_longs_as_the_c_code_does() -> None:
    rig = make("LONG", exact=True, **LIMITS, **SEVERITIES)
    rig.put("x", -60)
    assert rig.alarm("x") == ("HIHI", "MAJOR")


def test_limits_without_severity_do_nothing() -> None:
    rig = make(**LIMITS)
    rig.put("x", 500.0)
    assert rig.alarm("x") == ("NO_ALARM", "NO_ALARM")


def test_hysteresis_keeps_the_alarm() -> None:
    rig = make(**LIMITS, **SEVERITIES, HYST="5")
    seen = []
    for value in (44.0, 51.0, 46.0, 44.0, 46.0):
        rig.put("x", value)
        seen.append(rig.alarm("x")[0])
    assert seen == ["NO_ALARM", "HIGH", "HIGH", "NO_ALARM", "NO_ALARM"]


def test_deadband() -> None:
    rig = make(MDEL="1")
    rig.put("x", 0.5)
    assert [rig.put("x", value) for value in (1.0, 1.1, 0.2)] == [[], [("x.VAL", 1.1)], []]


def test_archive_deadband_has_its_own_mask() -> None:
    rig = make(MDEL="10", ADEL="1")
    rig.put("x", 0.0)
    rig.put("x", 2.0)
    assert [each.mask for each in rig.events if each.field.name == "VAL"] == [2]


def test_value_from_a_link() -> None:
    rig = Rig({"sir x": {"FTVL": "DOUBLE", "INP": "src"}, "ao src": {"VAL": "2.5"}})
    rig.db.process("x")
    assert rig["x"] == 2.5


def test_subroutine_and_its_failure() -> None:
    def double(sir: SirRecord) -> int:
        value = sir.value
        assert isinstance(value, float)
        sir.value = value * 2
        return 0 if value >= 0 else -1

    rig = Rig({"sir x": {"FTVL": "DOUBLE", "SNAM": "double", "BRSV": "MINOR"}}, {"double": double})
    rig.put("x", 4.0)
    assert (rig["x"], rig["x.RVAL"], rig.alarm("x")) == (8.0, 4.0, ("NO_ALARM", "NO_ALARM"))
    rig.put("x", -1.0)
    assert rig.alarm("x") == ("SOFT", "MINOR")


def test_simulation() -> None:
    rig = Rig({"sir x": {"FTVL": "LONG", "SIOL": "src", "SIMS": "MINOR"}, "longout src": {"VAL": "9"}})
    rig.put("x.SIMM", "VSM")
    rig.put("x", 2)
    assert (rig["x"], rig.alarm("x")) == (9, ("SIMM", "MINOR"))


def test_array() -> None:
    rig = make(NELM="3")
    field = rig.field("x")
    assert (field.count, field.value) == (3, (0.0, 0.0, 0.0))
    rig.put("x", [1, 2, 3, 4])
    assert (rig["x"], rig["x.NORD"]) == ((1.0, 2.0, 3.0), 3)
    rig.put("x", numpy.array([4, 5], dtype=numpy.int16))
    assert rig["x"] == (4.0, 5.0)
    rig.put("x", [7])
    assert (rig["x"], field.count) == ((7.0,), 3)
    rig.put("x", [1, 2, 3])
    assert rig["x"] == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    "ftvl", ["STRING", "CHAR", "UCHAR", "SHORT", "USHORT", "LONG", "ULONG", "FLOAT", "DOUBLE", "ENUM"]
)
def test_native_types(ftvl: str) -> None:
    rig = make(ftvl)
    assert rig.field("x").dbr.value == rig.field("x.RVAL").dbr.value == ftvl
