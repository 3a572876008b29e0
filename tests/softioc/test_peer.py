"""Database text beside EPICS base's own loader (epicscorelibs, which the dev extra brings)."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nifsdc.records.db_load import read_files
from nifsdc.records.db_macros import parse_definitions
from nifsdc.records.tables import RECORD_TYPES

from . import gnirs

PEER = Path(__file__).parent / "peer_dump.py"
OWN = frozenset({"cad", "apply", "car", "sir", "genSub"})
"""record types that EPICS base does not have"""
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("epicscorelibs") is None,
    reason="EPICS base's own loader is not installed: pip install epicscorelibs",
)

SYNTAX = r"""
# a comment with $(UNDEFINED) and "quotes
path "."
record(ao, "$(P)a") { # comment
  field(DESC, "say \"hi\" \\ \x41 \t.")
  field(PREC, "3") field(HOPR, 10.5)   field(LOPR,-1e3)
  field(OUT, "$(P)b.VAL PP MS") field(SCAN, "1 second")
  info(autosave, "VAL DESC") info("x y", "")
  alias("$(P)alias")
}
grecord(bo,"$(P)b"){field(ZNAM,"Off")field(ONAM,"$(ON=On, really)")field(DOL,"1")}
record(calc, "$(P)c:1[2]<3>;x")
record("calc", "${P}$(N=n$(M=m))") {field("CALC","A#B") field(DESC, "it's # no comment")
  field(INPA,"$(P)a  CP   NMS") field(FLNK,"$(P)b")}
alias("$(P)b", "$(P)b2")
record("*", "$(P)b2") { field(ONAM, "again") }
record(ao, "$(P)a") { field(PREC, 2) field(EGU, "") field(VAL, "0x10") info(autosave, "VAL") }
record(longin, "$(P)gone") { alias("$(P)gone2") }
record("#", "$(P)gone")
record(stringin, "$(P)gone2") { field(VAL, "two  words ") field(PINI, "YES") field(PHAS, "0x2") }
"""


def loads(files: list[Path], macros: str) -> Any:
    ended = subprocess.run(
        [sys.executable, str(PEER), macros, *map(str, files)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=90,
        check=False,
    )
    if ended.returncode < 0:  # it does not survive a record that is not closed
        return None
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.strip().splitlines()[-1])


def default(rtyp: str, field: str) -> str:
    """What a field of ours holds when nothing is said, as text."""
    spec = RECORD_TYPES[rtyp].fields[field]
    value = RECORD_TYPES[rtyp].defaults[field]
    return spec.menu[value] if spec.menu is not None and isinstance(value, int) else str(value)


def same_text(ours: str, theirs: str) -> bool:
    """Equal as text, or as the number both are; an empty text is a zero."""
    if ours == theirs:
        return True
    try:
        return float(int(ours, 0) if ours.startswith("0x") else ours or 0) == float(theirs or 0)
    except ValueError:
        return False


def compare(files: list[Path], macros: str) -> int:
    """Every record of both loaders is the same; returns how many."""
    text = read_files(files, parse_definitions(macros))
    assert text.problems == []
    ours = {record.name: record for record in text.definitions()}
    theirs = {each[1]: each for each in loads(files, macros)}
    assert ours.keys() == theirs.keys()
    for name, record in ours.items():
        rtyp, _, fields, info, aliases = theirs[name]
        assert (record.rtyp, dict(record.info), sorted(record.aliases)) == (rtyp, info, sorted(aliases))
        for field in fields.keys() - {"NAME", "DTYP"} | record.fields.keys():
            given = record.fields.get(field, "")
            # C leaves out what is the default
            assert same_text(given, fields.get(field, default(rtyp, field))), (name, field)
    return len(ours)


def test_syntax(tmp_path: Path) -> None:
    file = tmp_path / "syntax.db"
    file.write_text(SYNTAX)
    assert compare([file], "P=x:,M=mm") == 5


def test_include_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "top.db").write_text(
        'addpath "sub"\ninclude "one.db"\nrecord(ao,"$(P)x") {\n include "fields.db"\n field(PREC,"1")\n}\n'
    )
    (tmp_path / "sub" / "one.db").write_text('record(ai,"$(P)one") {field(HOPR,"5")}\n')
    (tmp_path / "sub" / "fields.db").write_text('field(DESC,"from $(P)")\nfield(PREC,"7")\n')
    assert compare([Path("top.db")], "P=x:") == 2


SUBSTITUTIONS = """
# macros for two templates
global { P=x:, D="glo, bal" }
file "one.db" {
  pattern { N, V }
  { 1, "a b" }
  { "2" $(V0=c) }
  { 3 }
}
file one.db {
  { N=4, V="two words" }
  { N="$(BASE)5" V=plain,}
  global { D=later }
  { N=6 }
}
file "two.db" { pattern {A B} {ai,"x:y"} }
"""


def test_substitutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.db").write_text(
        'record(stringin,"$(P)$(N)") {field(VAL,"$(V=none)") field(DESC,"$(D)")}\n'
    )
    (tmp_path / "two.db").write_text('record($(A),"$(B)") { }\n')
    file = tmp_path / "all.substitutions"
    file.write_text(SUBSTITUTIONS.replace("$(V0=c)", "c"))
    assert compare([Path(file.name)], "BASE=b") == 7


def test_a_large_database(tmp_path: Path) -> None:
    """The records of base types of a database as big as GNIRS'."""
    rows = [row for row in gnirs.rows() if row[0] not in OWN]
    file = tmp_path / "base.db"
    file.write_text("\n".join(gnirs.record_text(*row) for row in rows))
    assert compare([file], "top=nirs:") == len(rows)


@pytest.mark.parametrize(
    "text",
    [
        'record(ao,"a") { field(VAL 1) }',
        'record(ao,"a") { field(NONE,"1") }',
        'record(none,"a") { }',
        'record(ao,"a") { field(SCAN,"3 second") }',
        'record(ao,"a") { field(PREC,"x") }',
        'record(ao,"a") { field(DESC,"x) }',
        'record(ao,"a") { }\nrecord(ai,"a") { }',
        'record("*","a") { field(VAL,"1") }',
        'record(ao,"a.b") { }',
        'record(ao,"a b") { }',
        'record(ao,"") { }',
        'alias("a","b")',
        'record(ao,"a") { }\nrecord(ao,"b") { alias("a") }',
        'include "none.db"',
        'record(ao,"a") { field(VAL,"1")',
        "recrd(ao,a) { }",
    ],
)
def test_what_is_wrong_is_refused_by_both(tmp_path: Path, text: str) -> None:
    from nifsdc.records.database import Database
    from nifsdc.records.db_load import build_database
    from nifsdc.records.errors import DatabaseError
    from nifsdc.records.subroutines import Registry

    file = tmp_path / "wrong.db"
    file.write_text(text + "\n")
    assert loads([file], "") is None
    with pytest.raises(DatabaseError) as caught:
        build_database(read_files([file]), Registry(), Database)
    assert all(str(problem).startswith(f"{file}:") for problem in caught.value.found)
