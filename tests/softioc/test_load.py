"""From files to a database: every mistake at once, leniency, subroutines by name, our export read back."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nifsdc.database import load
from nifsdc.database.export import export_db
from nifsdc.database.subroutines import SUBROUTINES
from nifsdc.records.database import Database
from nifsdc.records.db_load import Loaded, build_database, read_files
from nifsdc.records.definition import RecordDef
from nifsdc.records.errors import DatabaseError
from nifsdc.records.subroutines import REGISTRY, Registry, SubroutineError, cad_subroutine, load_module

WRONG = """\
record(cad, "x:c") {
  field(SNAM, "missing")
  field(FOO, "1")
  field(OUTA, "x:a.NONE PP")
  field(OUTB, "@device")
  field(ICID, "abc")
}
record(nonesuch, "x:n") {
  field(VAL, "1")
}
record(ao, "x:a") {
  field(OMSL, "sometimes")
  field(FLNK, "x:n")
  field(PREC 3)
  alias("x:c")
}
record(sir, "x:s") {
  field(FTVL, "LONG")
  field(SNAM, "forCads")
}
"""


def registry() -> Registry:
    known = Registry()
    known.add("cad", "forCads", lambda cad: 0)
    return known


def build(file: Path, *, lenient: bool = False, allow_external: bool = True) -> Loaded:
    known = registry()
    builder = partial(Database, subroutines=known.subroutines, allow_external=allow_external)
    return build_database(read_files([file]), known, builder, lenient=lenient)


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    file = tmp_path / "wrong.db"
    file.write_text(WRONG)
    return file


EXPECTED = [
    (2, "cad x:c.SNAM: no subroutine 'missing'"),
    (3, "cad x:c.FOO: a cad has no such field"),
    (4, "cad x:c.OUTA: 'x:a.NONE': x:a has no such field"),
    (5, "cad x:c.OUTB: '@device' is a hardware address"),
    (6, "cad x:c.ICID: 'abc' does not begin with an integer"),
    (8, "nonesuch x:n: unknown record type"),
    (12, "ao x:a.OMSL: 'sometimes' is none of the choices supervisory, closed_loop"),
    (14, "expected ',' before '3'"),
    (15, "alias x:c of x:a: it is a name of cad x:c"),
    (19, "sir x:s.SNAM: forCads is a subroutine for cad records"),
]


def told(problems: Any, file: Path) -> list[tuple[int, str]]:
    assert all(problem.place.file == str(file) for problem in problems)
    return [(problem.place.line, problem.text) for problem in problems]


def assert_expected(problems: Any, file: Path) -> None:
    found = told(problems, file)
    assert [line for line, _ in found] == [line for line, _ in EXPECTED]
    assert all(have.startswith(want) for (_, have), (_, want) in zip(found, EXPECTED, strict=True)), found


def test_every_mistake_has_file_and_line(wrong: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        build(wrong)
    assert_expected(caught.value.found, wrong)


def test_lenient_leaves_out_what_is_wrong(wrong: Path) -> None:
    loaded = build(wrong, lenient=True)
    assert_expected(loaded.left_out, wrong)
    database = loaded.database
    database.init()
    assert list(database.names()) == ["x:c", "x:a", "x:s"]
    fields = {
        name: database.find(name) for name in ("x:c.SNAM", "x:c.OUTA", "x:a.OMSL", "x:a.FLNK", "x:s.FTVL")
    }
    shown = {name: field and field.text for name, field in fields.items()}
    assert shown == {
        "x:c.SNAM": "",
        "x:c.OUTA": "",
        "x:a.OMSL": "supervisory",
        "x:a.FLNK": "x:n",
        "x:s.FTVL": "LONG",
    }


def test_links_to_nowhere_are_other_servers_unless_local(tmp_path: Path) -> None:
    file = tmp_path / "links.db"
    file.write_text('record(ai, a) {\n field(INP, "other:b CP MS")\n}\n')
    assert [link.text.target for link in build(file).database.links.external()] == ["other:b"]
    with pytest.raises(
        DatabaseError, match=r"links\.db:2: ai a\.INP: 'other:b': other:b is not in this database"
    ):
        build(file, allow_external=False)


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        ("cad", {"SIML": "0.000000000000000e+00", "SIOL": "0.0"}),
        ("bo", {"DOL": "1", "SIML": "0.0"}),
        ("mbbo", {"DOL": "2.9"}),
        ("bi", {"INP": "1"}),
        ("longin", {"INP": "7.9"}),
        ("longin", {"INP": "inf"}),
    ],
)
def test_constants_of_links_are_numbers(tmp_path: Path, record: str, fields: dict[str, str]) -> None:
    """As schematic editors write "no link", and as dbConstLoadScalar reads numbers for menus."""
    file = tmp_path / "constants.db"
    file.write_text(
        f"record({record}, a) {{ " + " ".join(f'field({k},"{v}")' for k, v in fields.items()) + " }\n"
    )
    database = build(file).database
    database.init()
    value = database.find("a")
    expected = {"7.9": 7, "2.9": 2, "1": 1}
    assert value is not None
    assert value.value == next((expected[v] for v in fields.values() if v in expected), 0)


# --- subroutines


def test_modules_of_subroutines(tmp_path: Path) -> None:
    (tmp_path / "helper_of_subroutines.py").write_text("ANSWER = 42\n")
    module = tmp_path / "routines.py"
    module.write_text(
        textwrap.dedent(
            """
            from helper_of_subroutines import ANSWER
            from nifsdc.records.subroutines import gensub_subroutine, program, sir_subroutine

            @gensub_subroutine("testAnswer")
            def answer(record):
                record.outputs["A"] = ANSWER
                return 0

            @sir_subroutine("testDouble")
            def double(record):
                record.value = record.value * 2

            @program
            def start(ioc):
                pass
            """
        )
    )
    load_module(module)
    assert (REGISTRY.types["testAnswer"], REGISTRY.types["testDouble"]) == ("genSub", "sir")
    assert REGISTRY.programs[-1].__name__ == "start"
    file = tmp_path / "x.db"
    file.write_text(
        'record(genSub, g) { field(SNAM, "testAnswer") field(FTVA, "LONG") field(OUTA, "s PP") }\n'
        'record(sir, s) { field(FTVL, "LONG") field(SNAM, "testDouble") }\n'
    )
    builder = partial(Database, subroutines=REGISTRY.subroutines)
    database = build_database(read_files([file]), REGISTRY, builder).database
    database.init()
    database.process("g")
    value = database.find("s")
    assert value is not None
    assert value.value == 84


def test_modules_that_fail(tmp_path: Path) -> None:
    with pytest.raises(SubroutineError, match="there is no file"):
        load_module(tmp_path / "none.py")
    bad = tmp_path / "bad.py"
    bad.write_text("import nonesuch_module\n")
    with pytest.raises(SubroutineError, match=r"bad\.py failed: ModuleNotFoundError"):
        load_module(bad)


@pytest.mark.parametrize(("name", "why"), [("", "1 to 39 bytes"), ("a b", "no blank"), ("x" * 40, "1 to 39")])
def test_names_of_subroutines(name: str, why: str) -> None:
    with pytest.raises(SubroutineError, match=why):
        cad_subroutine(name)(lambda cad: 0)


def test_a_name_is_taken_once() -> None:
    known = registry()
    with pytest.raises(SubroutineError, match="forCads: there is a cad subroutine of that name"):
        known.add("sir", "forCads", lambda sir: 0)


# --- our own database


def test_our_export_is_read_back_as_it_was(tmp_path: Path) -> None:
    """Every record, alias, field, link and first value."""
    definition = load()
    records = definition.records("nifs:")
    file = tmp_path / "nifsdc.db"
    file.write_text(export_db(records), encoding="utf-8")
    routines = {**SUBROUTINES, **{command.snam: lambda cad: 0 for command in definition.commands}}
    known = Registry(dict(routines))
    read: list[RecordDef] = []

    def builder(defs: Iterable[RecordDef]) -> Database:
        read[:] = defs
        return Database(read, routines)

    again = build_database(read_files([file]), known, builder).database
    assert [(r.rtyp, r.name, r.aliases, dict(r.fields), dict(r.info)) for r in read] == [
        (r.rtyp, r.name, r.aliases, dict(r.fields), dict(r.info)) for r in records
    ]
    made = Database(records, routines)
    for database in (made, again):
        database.init()
    assert list(made.names()) == list(again.names())
    for name, record in made.records.items():
        back = again.records[name]
        assert {link.name: link.shown for link in record.links.values()} == {
            link.name: link.shown for link in back.links.values()
        }
        differing = {field for field in record.v if record.v[field] != back.v[field]}
        assert differing <= {"TIME"}, name
