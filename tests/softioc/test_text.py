"""Database and substitution text: what it means, and what is said about mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nifsdc.records.db_load import read_files
from nifsdc.records.db_macros import Macros
from nifsdc.records.db_parse import DatabaseText
from nifsdc.records.definition import Place, RecordDef

TRACES = Path(__file__).parents[1] / "traces" / "data"


def read(text: str, **macros: str) -> list[RecordDef]:
    source = DatabaseText()
    source.load_text(text, Macros(macros))
    assert source.problems == []
    return source.definitions()


def problems(text: str, **macros: str) -> list[str]:
    source = DatabaseText()
    source.load_text(text, Macros(macros), file="x.db")
    return [str(problem) for problem in source.problems]


def test_a_record_has_everything() -> None:
    (record,) = read(
        'record(cad, "$(top)dc:observe") { # observe\n'
        '  field(CTYP, 4)\n  field("SNAM", "dcCADobserve")\n'
        '  info(note, "one, \\"two\\"")\n  alias($(top)o)\n}',
        top="nifs:",
    )
    assert record == RecordDef(
        "cad",
        "nifs:dc:observe",
        {"CTYP": "4", "SNAM": "dcCADobserve"},
        ("nifs:o",),
        {"note": 'one, "two"'},
    )
    assert record.place() == Place("text", 1)
    assert record.place("SNAM") == Place("text", 3)


def test_later_definitions_add_to_earlier_ones() -> None:
    text = """
        record(ao, a) { field(PREC, 1) field(EGU, "K") }
        record(ao, b)
        alias(a, c)
        record("*", "c") { field(PREC, 2) }
        record(ao, a) { field(HOPR, 5) alias(a2) }
        record("#", b)
    """
    (record,) = read(text)
    assert record.fields == {"PREC": "2", "EGU": "K", "HOPR": "5"}
    assert record.aliases == ("c", "a2")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a b"', "a b"),
        ("'a b'", "a b"),
        ("1.5e-3", "1.5e-3"),
        ("x:y.VAL", "x:y.VAL"),
        (r'"\"\\\t\n"', '"\\\t\n'),
        (r'"\x41\101"', "AA"),
        ('"# no comment"', "# no comment"),
        ('{pva:{pv:"a}"}}', '{pva:{pv:"a}"}}'),
        ("[1, 2]", "[1, 2]"),
        ('""', ""),
    ],
)
def test_values(written: str, meant: str) -> None:
    assert read(f"record(ao, a) {{ field(DESC, {written}) }}")[0].fields["DESC"] == meant


def test_a_macro_may_be_more_than_a_value() -> None:
    text = '$(off=#) record(ao, a)\n$(also=)\nrecord(ao, "b") { field(DESC, "$(d=it is, here)") }'
    assert [record.name for record in read(text)] == ["b"]
    assert [record.name for record in read(text, off="", also="record(ao, c)")] == ["a", "c", "b"]


def test_definitions_of_types_are_passed_over() -> None:
    text = """
        menu(m) { choice(a, "}") }
        recordtype(x) {
        %#include "it's }"
          field(NAME, DBF_STRING) { prompt("Name }") }
        }
        device(x, CONSTANT, devX, "Soft Channel")
        driver(d) registrar(r) function(f) variable(v) variable(w, int) link(l, lsetL)
        breaktable(b) { 0 0 1, 1 }
        record(ao, a)
    """
    assert [record.name for record in read(text)] == ["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("record(ao, a) {\n field(VAL 1)\n}", ["x.db:2: expected ',' before '1'"]),
        (
            "record(ao, a) {\n fild(VAL, 1)\n}",
            ["x.db:2: expected field, info, alias or '}' in a instead of 'fild'"],
        ),
        (
            "record(ao, a) {\n field(VAL, 1)\nrecord(ao, b)",
            ["x.db:3: the record a is not closed; expected '}' before 'record'"],
        ),
        ("recrd(ao, a)", ["x.db:1: expected record, alias or include instead of 'recrd'"]),
        ('record(ao, "a) {\n}', ["x.db:1: a quoted text does not end on its line; expected a closing quote"]),
        ("record(ao, a) {\n field(VAL, @1)\n}", ["x.db:2: '@' cannot stand here outside of quotes"]),
        ("record(ao, a\n", ["x.db:2: expected ')' before the end of the file"]),
        (
            'alias(a, b)\ninclude "none.db"',
            ["x.db:1: alias b: there is no record a", "x.db:2: there is no file none.db"],
        ),
        ("record(ao, a)\nrecord(ai, a)", ["x.db:2: ai a: there is a ao record of that name, from x.db:1"]),
        ('\n# $(A)\nrecord(ao, "$(A)")', ["x.db:3: macro A is not defined; give it with -m A=..."]),
        ("record(ao, $(A))", ["x.db:1: macro A is not defined; give it with -m A=..."]),
        ("record(ao, a) { field(INP, {a:1)", ["x.db:1: a JSON value begins with '{' and does not end"]),
        ("menu(m) {", ["x.db:1: a block begins with '{' and does not end"]),
    ],
)
def test_mistakes_say_where_and_what(text: str, expected: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(expected)
    assert all(have.startswith(want) for have, want in zip(found, expected, strict=True)), found


def test_all_mistakes_are_told_and_the_rest_is_read() -> None:
    source = DatabaseText()
    source.load_text(
        "record(ao, a) {\n field(VAL 1)\n field(PREC, 1)\n fild(X, 1)\n field(EGU, K)\n}\n"
        'record(ao, "$(X)b") {\n field(VAL, 1)\n}\nrecord(ai, c)\nrecod(ai, d)\nalias(c, e)\nalias(x, y)\n'
    )
    assert [problem.place and problem.place.line for problem in source.problems] == [2, 4, 7, 11, 13]
    first, second = source.definitions()
    assert (first.fields, second.aliases) == ({"PREC": "1", "EGU": "K"}, ("e",))


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text('record(ao, a)\ninclude "b.db"\n')
    (tmp_path / "b.db").write_text('record(ao, b)\ninclude "a.db"\n')
    text = read_files([tmp_path / "a.db"])
    assert [str(each) for each in text.problems] == [f"{tmp_path / 'b.db'}:2: a.db includes itself"]
    assert [record.name for record in text.definitions()] == ["a", "b"]


def test_files_are_found_on_the_path_and_beside(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.db").write_text(f'record(ao, "$(P){folder}")\n')
    (tmp_path / "two" / "all.substitutions").write_text(
        'global { P=x: }\nfile "one.db" { {} }\nfile two.db { pattern {P} {"y:"} {z:} }\n'
        "file none.db { { P=a } }\n"
    )
    text = read_files([tmp_path / "two" / "all.substitutions"], path=[tmp_path / "one"])
    assert [record.name for record in text.definitions()] == ["x:one", "y:two", "z:two"]
    (problem,) = text.problems
    assert str(problem).startswith(f"{tmp_path / 'two' / 'all.substitutions'}:4: there is no file none.db")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file a.db { pattern {A} {1, 2} }", "1: 2 values for a pattern of 1"),
        ("file a.db {\n { A 1 } }", "2: expected '=' before '1'"),
        ("files a.db { }", "1: expected file or global instead of 'files'"),
        ("file a.db {\n", "2: expected '{' before the end of the file"),
    ],
)
def test_mistakes_in_substitutions(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "x.substitutions"
    file.write_text(text)
    assert [str(each) for each in read_files([file]).problems] == [f"{file}:{expected}"]


def test_the_tree_of_the_traces() -> None:
    """The same tree exists as EPICS text and as data; both came with the recordings of the C records."""
    text = read_files([TRACES / "tree.db"], {"P": "x:"})
    assert text.problems == []
    data = json.loads((TRACES / "topology.json").read_text())
    expected = {
        "x:" + each["name"]: (each["type"], {k: v.replace("$(P)", "x:") for k, v in each["fields"].items()})
        for each in data
    }
    assert {record.name: (record.rtyp, dict(record.fields)) for record in text.definitions()} == expected


def test_any_text_is_read_to_its_end() -> None:
    """Cut anywhere, a real file gives problems, never an exception and never a loop."""
    whole = (TRACES / "tree.db").read_text()[:6000]
    for end in range(0, len(whole), 37):
        for begin in (0, end // 2):
            source = DatabaseText()
            source.load_text(whole[begin:end], Macros({"P": ""}))
