"""APPLY: cycles with acceptances, rejections and time-outs (icd/gemini_records.md)."""

from __future__ import annotations

from typing import Any

import pytest

from nifsdc.records.cad import CadRecord

from .rig import Rig

TIMED_OUT = "Subsystem timed out"


class Children:
    """A subroutine for several cads; what each rejects, and who was called for what."""

    def __init__(self) -> None:
        self.rejects: dict[str, tuple[str, int]] = {}
        self.calls: list[tuple[str, str]] = []

    def __call__(self, cad: CadRecord) -> int:
        self.calls.append((cad.name, cad.directive.name))
        directive, code = self.rejects.get(cad.name, ("", 0))
        if directive == cad.directive.name:
            cad.message = f"{cad.name} says no"
            return code
        return 0


def make() -> tuple[Rig, Children]:
    """top -> (group -> (a, b), c)."""
    children = Children()

    def child(letter: str, name: str, clid: str) -> dict[str, str]:
        return {
            f"OUT{letter}": f"{name}.DIR PP NMS",
            f"OCL{letter}": f"{name}.{clid} NPP NMS",
            f"INP{letter}": f"{name}.VAL NPP NMS",
            f"INM{letter}": f"{name}.MESS NPP NMS",
        }

    records = {
        "apply top": {**child("A", "group", "CLID"), **child("B", "c", "ICID")},
        "apply group": {**child("A", "a", "ICID"), **child("B", "b", "ICID")},
        "cad a": {"SNAM": "sub"},
        "cad b": {"SNAM": "sub"},
        "cad c": {"SNAM": "sub"},
    }
    return Rig(records, {"sub": children}), children


def mark(rig: Rig, *names: str) -> None:
    for name in names:
        rig.put(f"{name}.MARK", 1)


def test_start_presets_everyone_before_it_starts_anyone() -> None:
    rig, children = make()
    mark(rig, "a", "b", "c")
    rig.put("top.DIR", "START")
    assert children.calls == [
        *[("a", "PRESET"), ("b", "PRESET"), ("c", "PRESET")],
        *[("a", "START"), ("b", "START"), ("c", "START")],
    ]
    assert rig["top.VAL"] == rig["top.CLID"] == rig["group.CLID"] == rig["a.OCID"] == rig["c.OCID"] == 1


def test_start_posts_val_twice_last_of_each_cycle() -> None:
    rig, _ = make()
    rig.put("top.DIR", "START")
    assert rig.posted_of("top") == [("DIR", 3), ("CLID", 1), ("VAL", 1), ("CLID", 1), ("VAL", 1)]


def test_preset_then_start_keeps_the_client_id() -> None:
    rig, children = make()
    mark(rig, "a")
    rig.put("top.DIR", "PRESET")
    assert (rig["top.VAL"], children.calls) == (1, [("a", "PRESET")])
    rig.put("top.DIR", "START")
    assert (rig["top.VAL"], children.calls) == (1, [("a", "PRESET"), ("a", "START")])
    rig.put("top.DIR", "START")
    assert rig["top.VAL"] == 2


@pytest.mark.parametrize(("who", "where"), [("a", "group"), ("c", "top")])
def test_one_rejection_stops_the_command(who: str, where: str) -> None:
    rig, children = make()
    children.rejects[who] = ("PRESET", -7)
    mark(rig, "a", "b", "c")
    rig.put("top.DIR", "START")
    assert rig["top.VAL"] == -7
    assert rig["top.MESS"] == f"{who} says no"
    assert rig[f"{where}.MESS"] == f"{who} says no"
    assert not [call for call in children.calls if call[1] == "START"]
    assert rig.posted_of("top") == [("DIR", 3), ("CLID", 1), ("MESS", f"{who} says no"), ("VAL", -7)]


def test_first_negative_answer_wins() -> None:
    rig, children = make()
    children.rejects.update(b=("PRESET", -2), c=("PRESET", -3))
    mark(rig, "b", "c")
    rig.put("top.DIR", "PRESET")
    assert (rig["top.VAL"], rig["top.MESS"]) == (-2, "b says no")


def test_a_rejected_command_can_be_repaired() -> None:
    rig, children = make()
    children.rejects["a"] = ("PRESET", -1)
    mark(rig, "a")
    rig.put("top.DIR", "START")
    children.rejects.clear()
    rig.put("top.DIR", "START")
    assert (rig["top.VAL"], rig["top.MESS"]) == (2, "")
    assert children.calls[-1] == ("a", "START")


def test_positive_codes_are_no_errors() -> None:
    rig, children = make()
    children.rejects["a"] = ("PRESET", 5)
    mark(rig, "a")
    rig.put("top.DIR", "PRESET")
    assert rig["top.VAL"] == rig["top.CLID"] == 1


def test_failed_start_haunts_later_commands_until_cleared() -> None:
    rig, children = make()
    children.rejects["a"] = ("START", -1)
    mark(rig, "a")
    rig.put("top.DIR", "START")
    assert rig["top.VAL"] == -1
    children.rejects.clear()
    rig.put("top.DIR", "START")
    assert (rig["top.VAL"], rig["top.MESS"]) == (-1, "a says no")
    rig.put("top.DIR", "CLEAR")
    rig.put("top.DIR", "START")
    assert rig["top.VAL"] == rig["top.CLID"]


@pytest.mark.parametrize(
    ("directive", "clid", "val", "pushed"),
    [("MARK", 0, 0, None), ("CLEAR", 0, 0, 1), ("PRESET", 1, 1, 2), ("START", 1, 1, 3), ("STOP", 0, 0, 4)],
)
def test_directives_of_a_fresh_tree(directive: str, clid: int, val: int, pushed: int | None) -> None:
    rig, children = make()
    rig.put("top.DIR", directive)
    assert (rig["top.CLID"], rig["top.VAL"]) == (clid, val)
    if pushed is None:
        assert rig["a.DIR"] == 1
        assert not children.calls
        assert rig.posted_of("top") == [("DIR", 0), ("CLID", 0), ("VAL", 0)]
    else:
        assert rig["a.DIR"] == rig["c.DIR"] == pushed


def test_children_are_not_top_once_their_parent_wrote_clid() -> None:
    rig, _ = make()
    assert rig["group.TOP"] == 1
    rig.put("top.DIR", "PRESET")
    assert (rig["top.TOP"], rig["group.TOP"]) == (1, 0)
    rig.put("group.DIR", "PRESET")
    assert rig["group.CLID"] == 1, "no longer counts by itself"


def dead_end(tout: str = "") -> Rig:
    fields = {"OUTA": "sink", "INPA": "answer", "INMA": "why"}
    if tout:
        fields["TOUT"] = tout
    return Rig(
        {"apply x": fields, "longout sink": {}, "longin answer": {}, "stringin why": {"VAL": "because"}}
    )


@pytest.mark.parametrize(("tout", "seconds"), [("", 3.0), ("0", 3.0), ("1.5", 1.5)])
def test_watchdog(tout: str, seconds: float) -> None:
    rig = dead_end(tout)
    rig.put("x.DIR", "START")
    rig.wait(seconds - 0.01)
    assert rig["x.VAL"] == 0
    rig.events.clear()
    rig.wait(0.02)
    assert rig.posted_of("x") == [("CLID", 1), ("MESS", TIMED_OUT), ("VAL", -1)]
    assert rig["x.DIR"] == 2, "it never came to START"
    assert rig.db.next_timer() is None


@pytest.mark.parametrize(("answer", "val", "message"), [(5, 1, ""), (-5, -5, "because")])
def test_answer_in_time_ends_the_cycle(answer: int, val: int, message: str) -> None:
    rig = dead_end()
    rig.put("x.DIR", "PRESET")
    rig.wait(1.0)
    rig.put("answer", answer)
    assert (rig["x.VAL"], rig["x.MESS"]) == (val, message)
    rig.wait(10.0)
    assert (rig["x.VAL"], rig["x.MESS"]) == (val, message)


def test_unasked_answers_do_nothing() -> None:
    rig = dead_end()
    assert rig.put("answer", 9) == [("answer.SEVR", 0), ("answer.STAT", 0), ("answer.VAL", 9)]


def test_no_connected_children_do_nothing() -> None:
    rig = Rig({"apply x": {"OUTA": "c.DIR"}, "cad c": {}})
    assert rig.put("x.DIR", "START") == [("x.DIR", 3)]
    assert rig["c.DIR"] == 1
    assert rig.db.next_timer() is None


def test_put_with_completion_ends_when_all_answered() -> None:
    rig = dead_end()
    done: list[Any] = []
    rig.db.put_notify(rig.field("x.DIR"), "PRESET", lambda: done.append(rig.now))
    assert done == []
    rig.wait(1.0)
    rig.put("answer", 1)
    assert done == [rig.now]


def test_put_with_completion_waits_for_the_one_before() -> None:
    rig = dead_end()
    done: list[str] = []
    rig.db.put_notify(rig.field("x.DIR"), "PRESET", lambda: done.append("first"))
    rig.db.put_notify(rig.field("x.DIR"), "STOP", lambda: done.append("second"))
    rig.wait(3.0)
    assert done == ["first"]
    assert rig["sink"] == 4
    rig.wait(3.0)
    assert done == ["first", "second"]
