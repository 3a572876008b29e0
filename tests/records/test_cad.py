"""CAD: every row of icd/gemini_records.md, table of directives, times the outcomes of the subroutine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nifsdc.records.cad import CadRecord
from nifsdc.records.menus import Directive

from .rig import Rig

LINKS = {"MLNK": "m", "CLNK": "c", "PLNK": "p", "STLK": "s", "SPLK": "t", "FLNK": "f"}


class Subroutine:
    """Accepts, or rejects chosen directives; remembers what it was called with."""

    def __init__(self, *rejected: str) -> None:
        self.rejected = rejected
        self.calls: list[str] = []

    def __call__(self, cad: CadRecord) -> int:
        self.calls.append(cad.directive.name)
        if cad.directive.name in self.rejected:
            cad.message = f"no {cad.directive.name}"
            return -1
        if cad.directive is Directive.PRESET:
            cad.outputs["A"] = cad.args["A"]
        return 0


def make(subroutine: Callable[[CadRecord], int], **fields: str) -> Rig:
    counters = {f"calc x:{letter}": {"INPA": f"x:{letter}", "CALC": "A+1"} for letter in LINKS.values()}
    links = {link: f"x:{letter}" for link, letter in LINKS.items()}
    return Rig(
        {"cad x": {"SNAM": "sub", "OUTA": "x:out PP", **links, **fields}, "stringout x:out": {}, **counters},
        {"sub": subroutine},
    )


def fired(rig: Rig) -> str:
    """Letters of the links that fired, how often each, in the order of LINKS."""
    return "".join(letter * int(rig[f"x:{letter}"]) for letter in LINKS.values())


# directive, MARK before, subroutine rejects, calls, MARK after, links fired, outputs written, VAL
TABLE = [
    ("MARK", 0, (), ["MARK"], 1, "mf", True, 0),
    ("MARK", 1, (), ["MARK"], 1, "mf", True, 0),
    ("MARK", 2, (), ["MARK"], 1, "mf", True, 0),
    ("MARK", 0, ("MARK",), ["MARK"], 0, "f", False, -1),
    ("MARK", 2, ("MARK",), ["MARK"], 2, "f", False, -1),
    ("CLEAR", 0, (), ["CLEAR"], 0, "cf", False, 0),
    ("CLEAR", 1, (), ["CLEAR"], 0, "cf", False, 0),
    ("CLEAR", 2, (), ["CLEAR"], 0, "cf", False, 0),
    ("CLEAR", 1, ("CLEAR",), ["CLEAR"], 1, "f", False, -1),
    ("PRESET", 0, (), [], 0, "f", False, 0),
    ("PRESET", 1, (), ["PRESET"], 2, "pf", True, 0),
    ("PRESET", 2, (), ["PRESET"], 2, "pf", True, 0),
    ("PRESET", 1, ("PRESET",), ["PRESET"], 1, "f", False, -1),
    ("PRESET", 2, ("PRESET",), ["PRESET"], 2, "f", False, -1),
    ("START", 0, (), [], 0, "f", False, 0),
    ("START", 1, (), ["PRESET", "START"], 0, "psf", True, 0),
    ("START", 1, ("PRESET",), ["PRESET"], 0, "f", False, -1),
    ("START", 1, ("START",), ["PRESET", "START"], 0, "pf", True, -1),
    ("START", 2, (), ["START"], 0, "sf", True, 0),
    ("START", 2, ("START",), ["START"], 0, "f", False, -1),
    ("STOP", 0, (), [], 0, "f", False, 0),
    ("STOP", 1, (), ["STOP"], 0, "tf", True, 0),
    ("STOP", 2, (), ["STOP"], 0, "tf", True, 0),
    ("STOP", 1, ("STOP",), ["STOP"], 1, "f", False, -1),
    ("STOP", 2, ("STOP",), ["STOP"], 2, "f", False, -1),
]


@pytest.mark.parametrize(("directive", "mark", "rejects", "calls", "after", "links", "written", "val"), TABLE)
def test_directive(
    directive: str,
    mark: int,
    rejects: tuple[str, ...],
    calls: list[str],
    after: int,
    links: str,
    written: bool,
    val: int,
) -> None:
    subroutine = Subroutine(*rejects)
    rig = make(subroutine)
    rig.db.set("x:out", "untouched")
    rig.put("x.A", "value")
    rig.put("x.MARK", mark)
    rig.put("x.DIR", directive)
    assert subroutine.calls == calls
    assert rig["x.MARK"] == after
    assert fired(rig) == links
    assert (rig["x:out"] != "untouched") == written
    assert rig["x.VAL"] == val
    assert rig["x.MESS"] == (f"no {rejects[0]}" if val else "")


@pytest.mark.parametrize("directive", ["MARK", "CLEAR", "PRESET", "START", "STOP"])
def test_two_states_rest_at_mark_1(directive: str) -> None:
    subroutine = Subroutine()
    rig = make(subroutine, MFLG="TWO STATES")
    assert rig["x.BASE"] == rig["x.MARK"] == 1
    rig.put("x.DIR", directive)
    assert subroutine.calls, "a two-state cad is never unmarked, so its subroutine always runs"
    assert rig["x.MARK"] == (2 if directive == "PRESET" else 1)


@pytest.mark.parametrize("letter", "ABCDEFGHIJKLMNOPQRST")
def test_any_argument_marks_and_runs_nothing(letter: str) -> None:
    subroutine = Subroutine()
    rig = make(subroutine)
    assert rig.put(f"x.{letter}", "text") == [("x.MARK", 1), (f"x.{letter}", "text")]
    assert subroutine.calls == []
    assert fired(rig) == ""


def test_start_posts_preset_half_then_start_half() -> None:
    rig = make(Subroutine())
    rig.put("x.A", "new")
    rig.put("x.ICID", 7)
    rig.put("x.DIR", "START")
    assert rig.posted_of("x") == [
        ("DIR", 3),
        *[("VAL", 0), ("OSIM", 0), ("OCID", 7), ("MARK", 2), ("VALA", "new"), ("ODIR", 2)],
        *[("VAL", 0), ("OSIM", 0), ("OCID", 7), ("MARK", 0), ("ODIR", 3)],
    ]


def test_rejection_posts_message_first_and_no_odir() -> None:
    rig = make(Subroutine("PRESET"))
    rig.put("x.MARK", 1)
    rig.put("x.DIR", "PRESET")
    assert rig.posted_of("x") == [
        ("DIR", 2),
        *[("MESS", "no PRESET"), ("VAL", -1), ("OSIM", 0), ("OCID", 0), ("MARK", 1)],
    ]


def test_unmarked_cad_answers_with_its_old_result() -> None:
    rig = make(Subroutine("START"))
    rig.put("x.MARK", 1)
    rig.put("x.DIR", "START")
    assert (rig["x.VAL"], rig["x.MARK"]) == (-1, 0)
    rig.put("x.DIR", "START")
    assert rig.posted_of("x") == [("DIR", 3), ("VAL", -1)]
    assert rig["x.MESS"] == "no START"
    rig.put("x.DIR", "CLEAR")
    assert (rig["x.VAL"], rig["x.MESS"]) == (0, "")


def test_errors_alarm_as_ersv_says() -> None:
    rig = make(Subroutine("MARK"), ERSV="MAJOR")
    rig.put("x.DIR", "MARK")
    assert rig.alarm("x") == ("SOFT", "MAJOR")
    rig.put("x.DIR", "CLEAR")
    assert rig.alarm("x") == ("NO_ALARM", "NO_ALARM")


def test_simulation_replaces_the_result() -> None:
    subroutine = Subroutine("MARK")
    rig = make(subroutine, SIMS="MINOR", ERSV="MAJOR")
    rig.put("x.SIMM", "FAST")
    rig.put("x.SVAL", -4)
    rig.put("x.DIR", "CLEAR")
    assert (rig["x.VAL"], rig["x.OSIM"], rig.alarm("x")) == (-4, 2, ("SIMM", "MINOR"))
    rig.put("x.SVAL", 0)
    rig.put("x.DIR", "MARK")
    assert (rig["x.VAL"], rig["x.MARK"], rig.alarm("x")) == (0, 1, ("SIMM", "MINOR"))
    assert subroutine.calls == ["CLEAR", "MARK"]


def test_inputs_are_read_without_marking() -> None:
    seen: list[object] = []

    def keep(cad: CadRecord) -> int:
        seen.append(cad.args["A"])
        return 0

    rig = Rig({"cad x": {"SNAM": "keep", "INPA": "in"}, "longout in": {"VAL": "12"}}, {"keep": keep})
    rig.put("x.DIR", "CLEAR")
    assert seen == ["12"]
    assert rig["x.MARK"] == 0


def test_failing_last_input_runs_nothing_and_posts_no_val() -> None:
    subroutine = Subroutine()
    rig = Rig(
        {"cad x": {"SNAM": "sub", "CTYP": "2", "INPB": "elsewhere:value"}},
        {"sub": subroutine},
        allow_external=True,
    )
    rig.put("x.DIR", "CLEAR")
    assert subroutine.calls == []
    assert rig.posted_of("x") == [("DIR", 1)]
    rig.db.links.external_event(rig.db.links.external()[0], "text")
    rig.put("x.DIR", "CLEAR")
    assert subroutine.calls == ["CLEAR"]
    assert rig["x.B"] == "text"


def test_constants_and_inam_at_start() -> None:
    calls: list[str] = []
    rig = Rig(
        {"cad x": {"INPA": "5", "INPB": "0.0", "INAM": "start", "SNAM": "sub"}},
        {"start": lambda cad: calls.append(cad.args["A"]), "sub": Subroutine()},
    )
    assert (rig["x.A"], rig["x.B"], calls) == ("5", " ", ["5"])
    assert (rig["x.DIR"], rig["x.MARK"]) == (Directive.CLEAR, 0)


def test_outputs_have_their_types_and_end_at_ctyp() -> None:
    rig = Rig({"cad x": {"FTVA": "LONG", "FTVB": "DOUBLE", "CTYP": "3"}})
    assert [rig.field(f"x.VAL{letter}").dbr.value for letter in "ABC"] == ["LONG", "DOUBLE", "STRING"]
    assert [rig[f"x.VAL{letter}"] for letter in "ABC"] == [0, 0.0, ""]
    assert rig.db.find("x.VALD") is None
    assert rig["x.D"] == ""


def test_subroutine_that_raises_is_a_rejection(caplog: pytest.LogCaptureFixture) -> None:
    def broken(cad: CadRecord) -> int:
        raise RuntimeError("a bug")

    rig = make(broken)
    rig.put("x.DIR", "MARK")
    assert rig["x.VAL"] < 0
    assert rig["x.MARK"] == 0
    assert "a bug" in caplog.text
    assert rig["x.PACT"] == 0
