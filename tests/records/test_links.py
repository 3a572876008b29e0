"""Links: what their text says, and what using them does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.records.errors import DatabaseError, PutRefused
from nifsdc.records.links import LinkTextError, Maximize, Process, format_link, parse_link
from nifsdc.records.spec import LinkKind

from .rig import Rig


@pytest.mark.parametrize(
    ("text", "target", "process", "maximize"),
    [
        ("rec", "rec", "NPP", "NMS"),
        ("rec.VAL PP", "rec.VAL", "PP", "NMS"),
        ("a:b.A MS", "a:b.A", "NPP", "MS"),
        ("  rec.DIR   PP MSI ", "rec.DIR", "PP", "MSI"),
        ("rec CP MSS", "rec", "CP", "MSS"),
        ("rec CPP NMS", "rec", "CPP", "NMS"),
        ("rec.PROC CA", "rec.PROC", "CA", "NMS"),
    ],
)
def test_text_of_a_link(text: str, target: str, process: str, maximize: str) -> None:
    link = parse_link(text)
    assert (link.constant, link.target) == (None, target)
    assert (link.process, link.maximize) == (Process(process), Maximize(maximize))


@pytest.mark.parametrize("text", ["", "5", "-1.5e3", "0x1F", "0.0", ".5", "inf"])
def test_constants(text: str) -> None:
    assert parse_link(f" {text} ").constant == text


@pytest.mark.parametrize("text", ["@asyn(x)", "#C0 S0", "{calc:{}}", "rec XX", "rec.VAL.VAL", "a,b"])
def test_bad_text(text: str) -> None:
    with pytest.raises(LinkTextError):
        parse_link(text)


@given(
    st.sampled_from(list(Process)), st.sampled_from(list(Maximize)), st.sampled_from(["r", "a:b.VAL", "x1.A"])
)
def test_text_survives(process: Process, maximize: Maximize, target: str) -> None:
    link = parse_link(f"{target} {maximize.value} {process.value}")
    assert parse_link(format_link(link, LinkKind.INPUT)) == link


def test_clients_read_links_as_a_c_ioc_writes_them() -> None:
    rig = Rig({"ao a": {"OUT": "b", "FLNK": "b", "DOL": "3"}, "longout b": {}})
    assert (rig["a.OUT"], rig["a.FLNK"], rig["a.DOL"]) == ("b NPP NMS", "b", "3")


@pytest.mark.parametrize(("modifier", "processed"), [("NPP", 0), ("PP", 1)])
def test_output_processes_with_pp_only(modifier: str, processed: int) -> None:
    rig = Rig({"longout a": {"OUT": f"c.A {modifier}"}, "calc c": {"CALC": "B:=B+1;A"}})
    rig.put("a", 7)
    assert (rig["c.A"], rig["c.B"]) == (7, processed)


def test_channel_access_output_is_a_client_put() -> None:
    """CA writes like a client: a process-passive field processes its record."""
    rig = Rig({"longout a": {"OUT": "x.DIR CA"}, "cad x": {}})
    rig.put("a", 0)
    assert (rig["x.DIR"], rig["x.MARK"]) == (0, 1)


@pytest.mark.parametrize(("modifier", "processed"), [("NPP", 0), ("PP", 1)])
def test_input_processes_its_source_with_pp_only(modifier: str, processed: int) -> None:
    rig = Rig({"calc a": {"INPA": f"c {modifier}", "CALC": "A"}, "calc c": {"INPA": "c", "CALC": "A+1"}})
    rig.db.process("a")
    assert rig["a"] == rig["c"] == processed


@pytest.mark.parametrize(
    ("scan", "modifier", "value"), [("Passive", "CP", 6), ("Passive", "CPP", 6), ("1 second", "CPP", 0)]
)
def test_cp_links_follow_their_source(scan: str, modifier: str, value: float) -> None:
    rig = Rig({"calc a": {"INPA": f"b {modifier}", "CALC": "A*2", "SCAN": scan}, "longout b": {}})
    rig.put("b", 3)
    assert rig["a"] == value


def test_cp_chain_comes_after_the_put_in_order() -> None:
    rig = Rig(
        {
            "longout src": {"FLNK": "fast"},
            "calc one": {"INPA": "src CP", "CALC": "A"},
            "calc two": {"INPA": "one CP", "CALC": "A"},
            "calc fast": {"INPA": "src", "CALC": "A"},
        }
    )
    rig.put("src", 5)
    order = [each.field.record.name for each in rig.events if each.field.name == "VAL"]
    assert order == ["src", "fast", "one", "two"]


@pytest.mark.parametrize(
    ("modifier", "severity", "expected"),
    [
        ("NMS", "MAJOR", ("NO_ALARM", "NO_ALARM")),
        ("MS", "MAJOR", ("LINK", "MAJOR")),
        ("MSI", "MAJOR", ("NO_ALARM", "NO_ALARM")),
        ("MSI", "INVALID", ("LINK", "INVALID")),
        ("MSS", "MAJOR", ("HIHI", "MAJOR")),
    ],
)
def test_alarms_travel_as_the_modifier_says(modifier: str, severity: str, expected: tuple[str, str]) -> None:
    rig = Rig(
        {
            "longout src": {"HIHI": "10", "HHSV": severity},
            "calc in": {"INPA": f"src {modifier}", "CALC": "A"},
            "longin out": {},
        }
    )
    rig.put("src", 20)
    rig.db.process("in")
    assert rig.alarm("in") == expected


def test_alarms_travel_with_outputs() -> None:
    rig = Rig({"longout src": {"HIHI": "10", "HHSV": "MAJOR", "OUT": "dst PP MS"}, "longin dst": {}})
    rig.put("src", 20)
    assert rig.alarm("dst") == ("LINK", "MAJOR")


def test_failed_output_is_a_link_alarm() -> None:
    rig = Rig({"stringout a": {"OUT": "b PP"}, "longin b": {}})
    rig.put("a", "no number")
    assert (rig.alarm("a"), rig["b"]) == (("LINK", "INVALID"), 0)
    rig.put("a", "12")
    assert (rig.alarm("a"), rig["b"]) == (("NO_ALARM", "NO_ALARM"), 12)


def test_links_cannot_write_read_only_fields() -> None:
    rig = Rig({"longout a": {"OUT": "x.VAL"}, "cad x": {}})
    rig.put("a", 5)
    assert (rig["x.VAL"], rig.alarm("a")) == (0, ("LINK", "INVALID"))


@pytest.mark.parametrize("target", ["b", "b.VAL", "b.PROC", "b.DESC"])
def test_forward_link_to_any_field_processes(target: str) -> None:
    rig = Rig({"longout a": {"FLNK": target}, "calc b": {"INPA": "b", "CALC": "A+1"}})
    rig.put("a", 1)
    assert rig["b"] == 1


def test_forward_link_leaves_scanned_records_alone() -> None:
    rig = Rig({"longout a": {"FLNK": "b"}, "calc b": {"INPA": "b", "CALC": "A+1", "SCAN": "10 second"}})
    rig.put("a", 1)
    assert rig["b"] == 0


def test_circles_end() -> None:
    rig = Rig(
        {
            "calc a": {"INPA": "a", "CALC": "A+1", "FLNK": "b"},
            "calc b": {"INPA": "b", "CALC": "A+1", "FLNK": "a"},
        }
    )
    rig.db.process("a")
    assert (rig["a"], rig["b"], rig["a.PACT"], rig["b.PACT"]) == (1, 1, 0, 0)


def test_endless_cp_circle_leaves_room_for_others() -> None:
    rig = Rig({"calc a": {"INPA": "b CP", "CALC": "A+1"}, "calc b": {"INPA": "a CP", "CALC": "A+1"}})
    assert rig.db.next_timer() == rig.now, "the rest of the work waits for the next turn"
    before = rig["a"]
    rig.db.run_timers(rig.now)
    assert rig["a"] > before


def test_link_can_be_changed_or_refused() -> None:
    rig = Rig({"ai a": {"INP": "b"}, "ao b": {"VAL": "1"}, "ao c": {"VAL": "2"}, "cad x": {}})
    rig.put("a.INP", "c.VAL")
    rig.db.process("a")
    assert (rig["a"], rig["a.INP"]) == (2.0, "c.VAL NPP NMS")
    with pytest.raises(PutRefused, match="nowhere"):
        rig.put("a.INP", "nowhere")
    with pytest.raises(PutRefused, match="read-only"):
        rig.put("x.INPA", "b")
    assert rig["a.INP"] == "c.VAL NPP NMS"


def test_unknown_targets_are_problems_unless_external_links_are_allowed() -> None:
    with pytest.raises(DatabaseError, match=r"ai a\.INP.*nowhere is not in this database"):
        Rig({"ai a": {"INP": "nowhere"}})
    with pytest.raises(DatabaseError, match="has no such field"):
        Rig({"ai a": {"INP": "b.XYZ"}, "ao b": {}}, allow_external=True)
    rig = Rig({"ai a": {"INP": "nowhere CP"}, "ao b": {"OUT": "there.VAL"}}, allow_external=True)
    rig.db.process("a")
    assert rig.alarm("a") == ("LINK", "INVALID")
    links = {link.name: link for link in rig.db.links.external()}
    rig.db.links.external_event(links["INP"], 4.5)
    assert (rig["a"], rig.alarm("a")) == (4.5, ("NO_ALARM", "NO_ALARM"))
    sent: list[object] = []
    rig.db.links.on_external_put(lambda link, value: sent.append(value) is None)
    links["OUT"].connected = True
    rig.put("b", 2.5)
    assert sent == [2.5]
    rig.db.links.external_event(links["INP"], None)
    rig.db.process("a")
    assert rig.alarm("a") == ("LINK", "INVALID")


@pytest.mark.parametrize(("value", "prec", "text"), [(1.5, "3", "1.500"), (1.5, "0", "2"), (2.0, "1", "2.0")])
def test_number_read_as_text_has_the_sources_precision(value: float, prec: str, text: str) -> None:
    rig = Rig({"stringin s": {"INP": "a"}, "ao a": {"PREC": prec}})
    rig.put("a", value)
    rig.db.process("s")
    assert rig["s"] == text


def test_label_is_read_as_text_and_index_is_written() -> None:
    """dc_records.md section 0: mbbo -> OUT writes the ordinal, stringout <- DOL reads the label."""
    rig = Rig(
        {
            "mbbo m": {"ZRST": "FITS", "ONST": "NONE", "OUT": "x.A"},
            "stringout s": {"OMSL": "closed_loop", "DOL": "m", "OUT": "x.B"},
            "cad x": {},
        }
    )
    rig.put("m", "NONE")
    rig.db.process("s")
    assert (rig["x.A"], rig["x.B"]) == ("1", "NONE")
