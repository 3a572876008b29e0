"""CAR: the transition table of icd/gemini_records.md."""

from __future__ import annotations

import pytest

from .rig import Rig

STATES = ("IDLE", "PAUSED", "BUSY", "ERROR")
WAY = {"IDLE": [], "PAUSED": ["BUSY", "PAUSED"], "BUSY": ["BUSY"], "ERROR": ["BUSY", "ERROR"]}
# from: IVALs that lead there; all others leave VAL
ALLOWED = {
    "IDLE": ["BUSY"],
    "BUSY": ["IDLE", "BUSY", "PAUSED", "ERROR"],
    "PAUSED": ["BUSY", "IDLE", "ERROR"],
    "ERROR": ["BUSY", "IDLE"],
}


def make(**fields: str) -> Rig:
    return Rig(
        {
            "car x": {"ICID": "id", "FLNK": "n", **fields},
            "longout id": {},
            "calc n": {"INPA": "n", "CALC": "A+1"},
        }
    )


@pytest.mark.parametrize("ival", STATES)
@pytest.mark.parametrize("state", STATES)
def test_transition(state: str, ival: str) -> None:
    rig = make()
    for step in WAY[state]:
        rig.put("x.IVAL", step)
    assert rig.field("x").text == state
    count = rig["n"]
    rig.put("x.IMSS", "reason")
    rig.put("x.IERR", 5)
    rig.put("x.IVAL", ival)
    after = ival if ival in ALLOWED[state] else state
    assert rig.field("x").text == after
    assert rig["x.OMSS"] == ("reason" if ival == "ERROR" else "")
    assert rig["x.OERR"] == 5
    assert rig["n"] == count + 1, "FLNK always"
    posted = rig.posted_of("x")
    if after == state:
        assert posted == [("IVAL", STATES.index(ival))]
    else:
        message = [("OMSS", "reason")] if ival == "ERROR" else []
        left_error = [("OMSS", "")] if state == "ERROR" and ival != "ERROR" and rig["x.MMSS"] == "" else []
        assert [each for each in posted if each[0] != "OMSS"] == [
            ("IVAL", STATES.index(ival)),
            *[("CLID", 0), ("OERR", 5), ("VAL", STATES.index(after))],
        ]
        assert [each for each in posted if each[0] == "OMSS"] in (message, left_error)


def test_client_id_comes_with_the_state_and_posts_by_itself() -> None:
    rig = make()
    rig.put("id", 3)
    rig.put("x.IVAL", "BUSY")
    assert rig.posted_of("x") == [("IVAL", 2), ("CLID", 3), ("OERR", 0), ("VAL", 2)]
    rig.put("x.IVAL", "BUSY")
    assert rig.posted_of("x") == [("IVAL", 2)]
    rig.put("id", 4)
    rig.put("x.IVAL", "BUSY")
    assert rig.posted_of("x") == [("IVAL", 2), ("CLID", 4), ("OERR", 0), ("VAL", 2)]


def test_error_alarms_as_ersv_says() -> None:
    rig = make(ERSV="MAJOR")
    rig.put("x.IVAL", "BUSY")
    rig.put("x.IVAL", "ERROR")
    assert rig.alarm("x") == ("SOFT", "MAJOR")
    rig.put("x.IVAL", "IDLE")
    assert rig.alarm("x") == ("NO_ALARM", "NO_ALARM")


def test_simulation_gives_the_error_code() -> None:
    rig = make(ERSV="MAJOR", SIMS="MINOR", SIOL="9")
    rig.put("x.SIMM", "FULL")
    rig.put("x.IVAL", "BUSY")
    rig.put("x.IVAL", "ERROR")
    assert (rig["x.OERR"], rig.alarm("x")) == (9, ("SIMM", "MINOR"))


def test_invalid_input() -> None:
    rig = Rig({"car x": {}}, exact=True)
    rig.put("x.IVAL", 7)
    assert (rig["x.OMSS"], rig["x.OERR"], rig.field("x").text) == ("INVALID INPUT", 1, "IDLE")


def test_failed_client_id_link_stops_processing() -> None:
    rig = Rig({"car x": {"ICID": "elsewhere"}}, allow_external=True)
    assert rig.put("x.IVAL", "BUSY") == [("x.IVAL", 2)]
    assert rig.field("x").text == "IDLE"
