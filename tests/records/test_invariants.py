"""What must hold whatever clients do, in whatever order."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nifsdc.records.cad import CadRecord
from nifsdc.records.car import TRANSITIONS
from nifsdc.records.errors import PutRefused
from nifsdc.records.menus import CarState, Directive
from nifsdc.records.tables import RECORD_TYPES

from .rig import Rig

DIRECTIVES = st.sampled_from([each.name for each in Directive])
CAD_PUTS = st.one_of(
    st.tuples(st.just("x.DIR"), DIRECTIVES),
    st.tuples(st.sampled_from(["x.A", "x.B"]), st.sampled_from(["good", "MARK", "PRESET", "START", "STOP"])),
    st.tuples(st.just("x.MARK"), st.integers(0, 2)),
)


@settings(deadline=None)
@given(st.lists(CAD_PUTS, max_size=30), st.booleans())
def test_cad(puts: list[tuple[str, Any]], two_states: bool) -> None:
    """Unmarked: PRESET, START, STOP never run the subroutine. START unmarks. MESS only with an error."""
    calls: list[str] = []

    def sub(cad: CadRecord) -> int:
        """Rejects the directive that argument A names."""
        calls.append(cad.directive.name)
        if cad.args["A"] == cad.directive.name:
            cad.message = "no"
            return -1
        return 0

    rig = Rig(
        {"cad x": {"SNAM": "sub", "MFLG": "TWO STATES" if two_states else "THREE STATES"}}, {"sub": sub}
    )
    for pv, value in puts:
        calls.clear()
        mark = rig["x.MARK"]
        rig.put(pv, value)
        if pv != "x.DIR":
            assert not calls
            assert rig["x.MARK"] == (value if pv == "x.MARK" else 1)
            continue
        if mark == 0 and value in ("PRESET", "START", "STOP"):
            assert not calls
            assert rig["x.MARK"] == 0
        if value == "START":
            assert rig["x.MARK"] == rig["x.BASE"] or (mark == 0 and two_states)
        assert ("VAL", rig["x.VAL"]) in rig.posted_of("x"), "every directive is answered"
        assert (rig["x.MESS"] == "") == (rig["x.VAL"] == 0)
        assert rig["x.PACT"] == 0


@given(st.lists(st.sampled_from(list(CarState)), max_size=30))
def test_car(inputs: list[CarState]) -> None:
    """VAL moves along the table only, and OMSS is empty unless ERROR came in."""
    rig = Rig({"car x": {}})
    rig.put("x.IMSS", "why")
    for given_state in inputs:
        before = CarState(rig["x"])
        rig.put("x.IVAL", given_state)
        after = CarState(rig["x"])
        assert after == before or after in TRANSITIONS[before]
        assert (rig["x.OMSS"] == "why") == (given_state is CarState.ERROR)


@settings(deadline=None)
@given(
    st.lists(st.one_of(DIRECTIVES, st.sampled_from(["mark a", "mark b", "answer", "wait"])), max_size=20),
)
def test_apply_always_comes_to_rest(steps: list[str]) -> None:
    """Whatever happened: within its time-out an apply is back at OUT, and the next START gets through."""
    rig = Rig(
        {
            "apply x": {
                "OUTA": "a.DIR",
                "OCLA": "a.ICID",
                "INPA": "a.VAL",
                "INMA": "a.MESS",
                "OUTB": "s",
                "INPB": "d",
            },
            "cad a": {},
            "longout s": {},
            "longin d": {},
        }
    )
    for number, step in enumerate(steps):
        if step.startswith("mark"):
            rig.put("a.A", "x")
        elif step == "answer":
            rig.put("d", number)
        elif step == "wait":
            rig.wait(1.0)
        else:
            rig.put("x.DIR", step)
        assert rig["x.NPRC"] >= 0
    for _ in range(4):
        rig.wait(3.5)
    if rig.field("x.STTE").text == "OUT":
        before = rig["x.CLID"]
        rig.put("x.DIR", "CLEAR")
        rig.put("d", 1)
        rig.wait(3.5)
        rig.put("x.DIR", "PRESET")
        rig.put("d", 2)
        assert rig["x.CLID"] > before
    assert rig["x.PACT"] == 0


ANYTHING = st.one_of(
    st.text(max_size=50),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.binary(max_size=50),
    st.lists(st.floats(), max_size=4),
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(RECORD_TYPES)), st.data())
def test_any_put_to_any_field_is_done_or_refused_whole(rtyp: str, data: st.DataObject) -> None:
    """A refused put leaves every field as it was; one that is done leaves each value of its field's type."""
    rig = Rig({f"{rtyp} x": {}})
    name = data.draw(st.sampled_from(sorted(RECORD_TYPES[rtyp].fields)))
    value = data.draw(ANYTHING)
    record = rig.field("x").record
    before = dict(record.v)
    refusal: PutRefused | None = None
    try:
        rig.db.put(rig.field(f"x.{name}"), value)
    except PutRefused as exc:
        refusal = exc
    if refusal is not None:
        assert (refusal.field.name, bool(refusal.reason)) == (name, True)
        assert record.v == before
        assert rig.events == []
    for each, spec in record.type.fields.items():
        field = rig.field(f"x.{each}")
        elements = field.value if isinstance(field.value, tuple) else (field.value,)
        kind = str if field.dbr.value == "STRING" else float if field.dbr.is_float else int
        assert all(type(element) is kind for element in elements), (each, spec, field.value)
    assert record.v["PACT"] == 0 or rig.db.next_timer() is not None
