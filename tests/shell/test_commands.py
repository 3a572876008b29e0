"""The shell's commands beside what an EPICS 7 C IOC answered for the same records (``data/epics7.txt``)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.shell import COMMANDS, Interpreter

RECORDED = Path(__file__).parent / "data" / "epics7.txt"
CELL = re.compile(r"([A-Z0-9]{2,5}) *:( |$)")
DEFS = [
    RecordDef(
        "ai",
        "t:ai",
        {"DESC": "a number", "PREC": "2", "VAL": "1.5", "HIGH": "3", "HSV": "MINOR", "EGU": "K"}
        | {"INP": "t:lo CPP MS"},
    ),
    RecordDef("longout", "t:lo", {"VAL": "42", "FLNK": "t:txt", "OUT": "t:txt.DESC PP"}),
    RecordDef("mbbo", "t:mbbo", {"ZRST": "zero", "ONST": "one", "VAL": "1"}),
    RecordDef("stringout", "t:txt", {"VAL": "hello there"}, ("t:alias",)),
]
"""the records of data/t.db"""
NOT_OURS = {"AFTC", "AFVL", "BKPT", "LBRK", "OOCH", "OOPT", "PVAL", "SSCN"}
"""fields of the C records that the engine does not have"""
INNER = {"INIT"}
"""a mark of the C code, which the engine does not make"""


def recorded() -> list[tuple[str, list[str]]]:
    """Commands and the lines that answered them, in order."""
    found: list[tuple[str, list[str]]] = []
    for line in RECORDED.read_text().splitlines():
        if line.startswith("epics> "):
            found.append((line.removeprefix("epics> "), []))
        elif found:
            found[-1][1].append(line.rstrip())
    return found


def cells(lines: list[str]) -> dict[str, str]:
    """Fields of a ``dbpr`` answer. Columns begin at multiples of 20."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        for start in range(0, len(line), 20):
            column = line[start : start + 20]
            if match := CELL.match(column):
                name = match[1]
                found[name] = column[match.end() :]
            else:
                found[name] += column
    return {name: value.strip() for name, value in found.items()}


@pytest.fixture
def shell() -> Interpreter:
    return Interpreter(Database(DEFS))


def answers(command: str) -> list[str]:
    return next(lines for given, lines in recorded() if given == command)


@pytest.mark.parametrize(
    "command",
    ["dbpr t:ai", "dbpr t:ai 1", "dbpr t:ai 2", "dbpr t:ai 3", "dbpr t:lo 2", "dbpr t:mbbo 0"],
)
def test_dbpr_shows_what_the_c_ioc_shows_field_for_field(shell: Interpreter, command: str) -> None:
    theirs, ours = cells(answers(command)), cells(shell.execute(command).splitlines())
    assert set(theirs) - set(ours) <= NOT_OURS
    assert set(ours) <= set(theirs)
    assert list(ours) == sorted(ours)
    for name in set(ours) - INNER:
        assert ours[name] == theirs[name], name


def test_dbtr_processes_and_prints_the_inner_fields_too(shell: Interpreter) -> None:
    shell.database.init()
    shell.execute("dbpf t:lo 7")
    theirs, ours = cells(answers("dbtr t:lo")), cells(shell.execute("dbtr t:lo").splitlines())
    assert set(theirs) - set(ours) <= NOT_OURS
    assert {name: ours[name] for name in ours if name != "TIME"} == {
        name: theirs[name] for name in ours if name != "TIME"
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", ours["TIME"])


@pytest.mark.parametrize(
    "command",
    [
        "dbl",
        'dbl ai "DESC VAL"',
        "dbla",
        "dbgrep t:*o",
        "dbgf t:ai",
        "dbgf t:txt",
        "dbgf t:lo",
        "dbgf t:mbbo",
        "dbgf t:ai.SCAN",
        "dbgf t:txt.VAL$",
        "dbpf t:lo 7",
    ],
)
def test_lists_and_values_are_those_of_the_c_ioc_to_the_letter(shell: Interpreter, command: str) -> None:
    assert shell.execute(command).splitlines() == answers(command)


@pytest.mark.parametrize("command", ["dbpf t:lo seven", "dbpf t:mbbo two", "dbpf t:ai.STAT 1"])
def test_a_refused_put_says_why_in_a_sentence_and_shows_the_value_kept(
    shell: Interpreter, command: str
) -> None:
    if "t:lo" in command:
        shell.execute("dbpf t:lo 7")
    reason, value = shell.execute(command).splitlines()
    assert reason.endswith("; it keeps its value.")
    assert value == next(line for line in answers(command) if line.startswith("DBF_"))


def test_parentheses_commas_and_quotes_part_words_as_in_the_epics_shell(shell: Interpreter) -> None:
    plain = shell.execute("dbpf t:txt 'two words'")
    assert plain.split(maxsplit=1)[1] == '"two words"'
    assert shell.execute('dbpf("t:txt","two words")') == plain
    assert shell.execute("dbgf(t:txt)") == plain
    assert shell.execute("") == shell.execute("   ") == shell.execute("# dbl") == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dbpr", "Expected: dbpr RECORD"),
        ("dbpr t:nothing", "no record 't:nothing'"),
        ("dbpr t:ai 7", "from 0 to 4"),
        ("dbpr t:ai much", "from 0 to 4"),
        ("dbgf t:ai.NONE", "of type ai and has no field 'NONE'"),
        ("dbl nosuch", "no record of type 'nosuch'; there are ai, longout, mbbo, stringout"),
        ("nosuch", "no command 'nosuch'"),
        ("help nosuch", "no command 'nosuch'"),
        ("dbgf 'x", "no closing quotation"),
        ("dbpf t:lo 1 2", "takes one value"),
        ("casr", "not served"),
        ("putlog on", "without a put log"),
    ],
)
def test_mistakes_are_told_in_a_sentence(shell: Interpreter, line: str, words: str) -> None:
    assert words in shell.execute(line)


def test_arrays_are_written_as_words_or_as_json() -> None:
    shell = Interpreter(Database([RecordDef("sir", "t:array", {"FTVL": "DOUBLE", "NELM": "3"})]))
    assert shell.execute("dbpf t:array 1 2.5").split()[1:] == ["1", "2.5"]
    assert shell.execute("dbpf t:array '[3, 4, 5, 6]'").split()[1:] == ["3", "4", "5"]
    for bad, reason in (("'[1'", "no JSON"), ("'[]'", "no value"), ("'[[1]]'", "neither text nor a number")):
        assert reason in shell.execute(f"dbpf t:array {bad}")
        assert shell.execute("dbgf t:array").split()[1:] == ["3", "4", "5"]
    assert "VAL : [3] 3 4 5" in shell.execute("dbpr t:array 1")


def test_links_are_listed_with_the_way_they_take(shell: Interpreter) -> None:
    shell.database.init()
    lines = shell.execute("dblinks").splitlines()
    assert [line.split(maxsplit=1)[0] for line in lines[:-1]] == ["t:ai.INP", "t:lo.FLNK", "t:lo.OUT"]
    assert lines[0].endswith("CA_LINK t:lo CPP MS  connected")
    assert lines[-1] == "3 links in all records"
    theirs = [line for line in answers("dbcar") if line.startswith("Total")]
    assert shell.execute("dbcar").splitlines()[-1:] == theirs
    assert "t:ai.INP" in shell.execute("dbcar t:ai 2")
    assert "Total 0 CA links" in shell.execute("dbcar t:lo")


def test_links_to_other_servers_are_counted_while_they_are_not_connected() -> None:
    database = Database([RecordDef("ai", "t:far", {"INP": "other:rec CP"})], allow_external=True)
    database.init()
    assert "1 CA link; 0 connected, 1 not connected" in Interpreter(database).execute("dbcar")
    assert "t:far.INP" in Interpreter(database).execute('dbcar "" 1')


def test_text_that_would_disturb_a_terminal_is_written_out(shell: Interpreter) -> None:
    shell.database.put(shell.field("t:txt"), b"a\x1b[2J\xff")
    assert shell.execute("dbgf t:txt").split(maxsplit=1)[1] == '"a\\x1b[2J\\xff"'
    assert "\x1b" not in shell.execute("dbpr t:txt 2") + shell.execute("dbl stringout VAL")


def test_every_command_is_explained(shell: Interpreter) -> None:
    listed = [line.split()[0] for line in shell.execute("help").splitlines()]
    assert listed == list(COMMANDS)
    for name in COMMANDS:
        assert shell.execute(f"help {name}").startswith(COMMANDS[name].usage)


def test_exit_ends_the_shell(shell: Interpreter) -> None:
    assert not shell.ended
    assert shell.execute("exit now") == "Expected: exit"
    assert not shell.ended
    assert shell.execute("exit") == ""
    assert shell.ended
