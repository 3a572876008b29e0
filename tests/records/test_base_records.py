"""The simple records of EPICS base: what the EPICS Record Reference says of each."""

from __future__ import annotations

import math

import pytest

from nifsdc.records.errors import PutRefused

from .rig import Rig


@pytest.mark.parametrize("rtyp", ["ai", "ao", "longin", "longout"])
def test_numeric_limits_and_metadata(rtyp: str) -> None:
    fields = {"HIHI": "8", "HIGH": "5", "LOW": "-5", "LOLO": "-8", "HOPR": "10", "LOPR": "-10", "EGU": "K"}
    severities = {"HHSV": "MAJOR", "HSV": "MINOR", "LSV": "MINOR", "LLSV": "MAJOR", "HYST": "1"}
    rig = Rig({f"{rtyp} x": {**fields, **severities}})
    seen = []
    for value in (0, 5, 4, 3, 8, -5, -8):
        rig.put("x", value)
        seen.append(rig.alarm("x")[0])
    assert seen == ["NO_ALARM", "HIGH", "HIGH", "NO_ALARM", "HIHI", "LOW", "LOLO"]
    meta = rig.field("x").metadata
    assert (meta.units, meta.display) == ("K", (-10, 10))
    assert meta.alarm == (-8, -5, 5, 8)
    assert math.isnan(Rig({f"{rtyp} x": fields}).field("x").metadata.alarm.hihi), "no severity, no limit"


@pytest.mark.parametrize(
    ("rtyp", "value", "expected"),
    [
        ("longin", "12", 12),
        ("longout", 2.9, 2),
        ("longin", 2**31, -(2**31)),
        ("ai", "1.5", 1.5),
        ("stringin", 3, "3"),
        ("stringin", 1.5, "1.500000"),
    ],
)
def test_puts_are_converted(rtyp: str, value: object, expected: object) -> None:
    rig = Rig({f"{rtyp} x": {}})
    rig.put("x", value)
    assert rig["x"] == expected
    assert rig["x.UDF"] == 0


@pytest.mark.parametrize(("rtyp", "values"), [("longout", (5, 15, -5)), ("ao", (5.5, 15.0, -5.0))])
def test_drive_limits(rtyp: str, values: tuple[float, float, float]) -> None:
    rig = Rig({f"{rtyp} x": {"DRVL": "0", "DRVH": "10", "OUT": "y"}, f"{rtyp} y": {}})
    got = []
    for value in values:
        rig.put("x", value)
        got.append((rig["x"], rig["y"]))
    assert got == [(values[0], values[0]), (10, 10), (0, 0)]


def test_ao_rate_of_change_and_increments() -> None:
    rig = Rig(
        {
            "ao x": {"OROC": "2", "OUT": "y"},
            "ao y": {},
            "ao inc": {"OIF": "Incremental", "OMSL": "closed_loop", "DOL": "step"},
            "ao step": {"VAL": "1.5"},
        }
    )
    rig.put("x", 5.0)
    assert (rig["x"], rig["x.OVAL"], rig["y"]) == (5.0, 2.0, 2.0)
    rig.db.process("x")
    assert rig["y"] == 4.0
    rig.db.process("inc")
    rig.db.process("inc")
    assert rig["inc"] == 3.0


def test_closed_loop_reads_dol() -> None:
    rig = Rig(
        {
            "stringout s": {"OMSL": "closed_loop", "DOL": "n", "OUT": "t"},
            "longin n": {"VAL": "5"},
            "stringin t": {},
        }
    )
    rig.db.process("s")
    assert (rig["s"], rig["t"], rig["s.UDF"]) == ("5", "5", 0)


@pytest.mark.parametrize(
    ("ivoa", "out"), [("Continue normally", 7), ("Don't drive outputs", 0), ("Set output to IVOV", 99)]
)
def test_invalid_outputs(ivoa: str, out: int) -> None:
    rig = Rig(
        {
            "longout x": {"HIGH": "5", "HSV": "INVALID", "IVOA": ivoa, "IVOV": "99", "OUT": "y"},
            "longout y": {},
        }
    )
    rig.put("x", 7)
    assert rig["y"] == out


def test_undefined_value_is_an_invalid_alarm() -> None:
    rig = Rig({"longout x": {"OMSL": "closed_loop", "DOL": "gone"}}, allow_external=True)
    rig.db.process("x")
    assert rig.alarm("x")[1] == "INVALID"
    rig = Rig({"ao x": {}})
    rig.put("x", math.nan)
    assert rig.alarm("x") == ("UDF", "INVALID")


def test_two_states() -> None:
    rig = Rig({"bo x": {"ZNAM": "Yes", "ONAM": "No", "OSV": "MINOR", "OUT": "y"}, "longout y": {}})
    assert rig.field("x").menu == ("Yes", "No")
    rig.put("x", "No")
    assert (rig["x"], rig.field("x").text, rig["y"], rig.alarm("x")) == (1, "No", 1, ("STATE", "MINOR"))
    for bad in ("Maybe", 2, "2"):
        with pytest.raises(PutRefused):
            rig.put("x", bad)
    rig.put("x", "0")
    assert rig.field("x").text == "Yes"


@pytest.mark.parametrize("rtyp", ["bi", "bo"])
def test_alarm_of_change(rtyp: str) -> None:
    rig = Rig({f"{rtyp} x": {"COSV": "MINOR"}})
    seen = []
    for value in (1, 1, 0):
        rig.put("x", value)
        seen.append(rig.alarm("x")[0])
    assert seen == ["COS", "NO_ALARM", "COS"]


def test_momentary_output_falls_back() -> None:
    rig = Rig({"bo x": {"HIGH": "2", "OUT": "y"}, "longout y": {}})
    rig.put("x", 1)
    rig.wait(1.9)
    assert rig["y"] == 1
    rig.wait(0.2)
    assert (rig["x"], rig["y"]) == (0, 0)
    with pytest.raises(PutRefused, match="states 0 to 1"):
        rig.put("x", 2)


READ_MODES = {"ZRST": "DCS", "ONST": "FOWLER", "TWST": "LINEAR", "THST": "SINGLE"}


@pytest.mark.parametrize("rtyp", ["mbbi", "mbbo"])
def test_sixteen_states(rtyp: str) -> None:
    rig = Rig({f"{rtyp} x": {**READ_MODES, "TWSV": "MAJOR", "COSV": "MINOR"}})
    assert rig.field("x").menu == ("DCS", "FOWLER", "LINEAR", "SINGLE")
    rig.put("x", "LINEAR")
    assert (rig["x"], rig.alarm("x")) == (2, ("STATE", "MAJOR"))
    rig.put("x", 3)
    assert (rig.field("x").text, rig.alarm("x")) == ("SINGLE", ("COS", "MINOR"))
    rig.db.process("x")
    assert rig.alarm("x") == ("COS", "MINOR"), "stays (seen on a C IOC) until the value is as before"
    rig.put("x", 2)
    assert rig.alarm("x") == ("STATE", "MAJOR")
    rig.put("x", 3)
    for bad in (4, -1, "fowler", "4", 1.5):
        with pytest.raises(PutRefused):
            rig.put("x", bad)
    assert rig["x"] == 3
    rig.put("x.FRST", "NEW")
    rig.put("x", "NEW")
    assert rig["x"] == 4


def test_raw_values_of_labelled_records() -> None:
    rig = Rig(
        {
            "mbbo out": {"DTYP": "Raw Soft Channel", "ONVL": "8", "ONST": "on", "SHFT": "1", "OUT": "raw PP"},
            "longout raw": {},
            "mbbi in": {"DTYP": "Raw Soft Channel", "ONVL": "8", "ONST": "on", "SHFT": "1", "INP": "raw"},
            "bi bit": {"DTYP": "Raw Soft Channel", "INP": "raw"},
        }
    )
    rig.put("out", 1)
    assert rig["raw"] == 16
    rig.db.process("in")
    rig.db.process("bit")
    assert (rig["in"], rig["bit"]) == (1, 1)


def test_raw_conversion_of_analogue_records() -> None:
    linear = {"DTYP": "Raw Soft Channel", "LINR": "SLOPE", "ESLO": "0.5", "EOFF": "10"}
    rig = Rig({"ao out": {**linear, "OUT": "raw PP"}, "longout raw": {}, "ai in": {**linear, "INP": "raw"}})
    rig.put("out", 12.5)
    assert rig["raw"] == 5
    rig.db.process("in")
    assert rig["in"] == 12.5


def test_text_posts_on_change_or_always() -> None:
    rig = Rig({"stringout a": {}, "stringout b": {"MPST": "Always"}})
    counts = [
        len([each for each in rig.put(name, "x") if each[0] == f"{name}.VAL"])
        for name in ("a", "a", "b", "b")
    ]
    assert counts == [1, 0, 1, 1]


def test_simulated_input_and_output() -> None:
    rig = Rig(
        {
            "longin i": {"INP": "real", "SIOL": "sim", "SIMS": "MINOR"},
            "longout o": {"OUT": "real", "SIOL": "sim", "SIMS": "MINOR"},
            "longout real": {"VAL": "1"},
            "longout sim": {"VAL": "2"},
        }
    )
    rig.put("i.SIMM", "YES")
    rig.db.process("i")
    assert (rig["i"], rig.alarm("i")) == (2, ("SIMM", "MINOR"))
    rig.put("o.SIMM", 1)
    rig.put("o", 7)
    assert (rig["real"], rig["sim"], rig.alarm("o")) == (1, 7, ("SIMM", "MINOR"))


def counters(*names: str) -> dict[str, dict[str, str]]:
    return {f"calc {name}": {"INPA": name, "CALC": "A+1"} for name in names}


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, (1, 1, 1)),
        ({"SELM": "Specified", "SELN": "1"}, (0, 1, 0)),
        ({"SELM": "Specified", "SELN": "1", "OFFS": "1"}, (0, 0, 1)),
        ({"SELM": "Mask", "SELN": "3"}, (0, 1, 1)),
        ({"SELM": "Mask", "SELN": "5", "SHFT": "0"}, (1, 0, 1)),
        ({"SELM": "Specified", "SELN": "40"}, (0, 0, 0)),
    ],
)
def test_fanout(fields: dict[str, str], counts: tuple[int, int, int]) -> None:
    links = {"LNK0": "a", "LNK1": "b", "LNK2": "c", "FLNK": "f"}
    rig = Rig({"fanout x": {**links, **fields}, **counters("a", "b", "c", "f")})
    rig.db.process("x")
    assert (rig["a"], rig["b"], rig["c"], rig["f"]) == (*counts, 1)
    if "40" in fields.values():
        assert rig.alarm("x") == ("SOFT", "INVALID")


def test_seq_writes_in_order_with_delays() -> None:
    rig = Rig(
        {
            "seq x": {
                "DO1": "5",
                "LNK1": "a PP",
                "DLY2": "1.5",
                "DOL2": "src",
                "LNK2": "b PP",
                "DO3": "7",
                "LNK3": "c PP",
                "FLNK": "f",
            },
            "longout src": {"VAL": "6"},
            **{f"longout {name}": {} for name in "abc"},
            **counters("f"),
        }
    )
    done: list[float] = []
    rig.db.put_notify(rig.field("x.PROC"), 1, lambda: done.append(rig.now))
    assert (rig["a"], rig["b"], rig["c"], rig["x.PACT"], done) == (5, 0, 0, 1, [])
    rig.wait(1.4)
    assert rig["b"] == 0
    rig.wait(0.2)
    assert (rig["b"], rig["c"], rig["f"], rig["x.PACT"]) == (6, 7, 1, 0)
    assert done == [rig.now - 0.1]


def test_seq_asked_again_while_busy_runs_again_afterwards() -> None:
    rig = Rig(
        {
            "seq x": {"DLY1": "1", "DO1": "1", "LNK1": "n.A", "FLNK": "n"},
            "calc n": {"INPB": "n", "CALC": "B+1"},
        }
    )
    rig.db.process("x")
    rig.put("x.PROC", 1)
    rig.wait(1.1)
    assert rig["n"] == 1
    rig.wait(1.0)
    assert rig["n"] == 2


def test_seq_drives_a_car_as_the_dc_database_does() -> None:
    """dc_records.md section 6: BUSY, then IDLE after a moment, by numbers written to IVAL."""
    rig = Rig(
        {
            "seq x": {"DO1": "2", "LNK1": "c.IVAL PP", "DLY2": "0.5", "DO2": "0", "LNK2": "c.IVAL PP"},
            "car c": {},
        }
    )
    rig.db.process("x")
    assert rig.field("c").text == "BUSY"
    rig.wait(0.6)
    assert rig.field("c").text == "IDLE"


def test_calc_posts_its_inputs_on_change_and_refuses_nonsense() -> None:
    rig = Rig({"calc x": {"CALC": "A+B", "INPA": "3", "INPB": "src"}, "ao src": {}})
    rig.put("src", 4.0)
    rig.db.process("x")
    assert rig["x"] == 7.0
    assert ("B", 4.0) in rig.posted_of("x")
    with pytest.raises(PutRefused, match="a value expected"):
        rig.put("x.CALC", "A+")
    rig.put("x.CALC", "A*B")
    assert rig["x"] == 12.0


def test_monitor_deadband_of_analogue_records() -> None:
    rig = Rig({"ao x": {"MDEL": "1", "ADEL": "3"}})
    rig.put("x", 0.0)
    masks = []
    for value in (0.5, 1.5, 2.0, 4.0):
        rig.put("x", value)
        masks.append([each.mask for each in rig.events if each.field.name == "VAL"])
    assert masks == [[], [1], [], [3]]
