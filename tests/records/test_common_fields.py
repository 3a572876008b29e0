"""Fields all records have: events to wait for, and whose time stamp is taken."""

from __future__ import annotations

import pytest

from .rig import Rig


@pytest.mark.parametrize(
    ("evnt", "event", "processed"),
    [
        ("go", "go", 1),
        (" go ", "go", 1),
        ("go", "stop", 0),
        ("7", 7, 1),
        ("7.9", "7", 1),
        ("0", "0", 0),
        ("", "", 0),
    ],
)
def test_event_scan(evnt: str, event: str | int, processed: int) -> None:
    rig = Rig({"calc a": {"INPA": "a", "CALC": "A+1", "SCAN": "Event", "EVNT": evnt}})
    rig.db.post_event(event)
    assert rig["a"] == processed


def test_events_process_by_phase() -> None:
    rig = Rig(
        {
            "calc late": {"INPA": "early", "CALC": "A+1", "SCAN": "Event", "EVNT": "go", "PHAS": "1"},
            "calc early": {"CALC": "41", "SCAN": "Event", "EVNT": "go"},
        }
    )
    rig.db.post_event("go")
    assert rig["late"] == 42


def test_time_stamp_of_another_record() -> None:
    rig = Rig({"ao a": {}, "ao b": {"TSEL": "a.TIME"}, "ao c": {"TSEL": "d"}, "longout d": {"VAL": "-2"}})
    rig.now = 2000.0
    rig.put("a", 1)
    rig.now = 3000.0
    for name in "bc":
        rig.put(name, 1)
    stamps = [rig.db.records[name].v["TIME"] for name in "abc"]
    assert stamps == [2000.0, 2000.0, 0.0]
