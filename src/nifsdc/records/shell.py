"""The commands of an IOC's shell: a line in, text out. No terminal, thread or socket in here.

Names, arguments and output are those of the EPICS shell, parentheses and commas between arguments included.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Protocol

from .database import Database
from .errors import PutRefused
from .fields import Field
from .ioc_stats import ProcessMeter, Usage
from .links import Link
from .record import Record
from .shell_reports import ServerView, process_lines, server_lines
from .shell_text import field_text, link_lines, record_lines, value_lines
from .types import PutSource

TRACE_LEVEL = 3
"""level of interest that ``dbtr`` shows"""


class Switch(Protocol):
    """Something that can be switched on and off: a put log."""

    enabled: bool


class Wrong(Exception):
    """A command that could not be done; the text says why, for whoever typed it."""


@dataclass(frozen=True)
class Command:
    """One command of the shell."""

    usage: str
    help: str
    run: Callable[[Interpreter, list[str]], list[str]]
    least: int
    """arguments it needs"""
    most: int
    """arguments it takes"""


class Interpreter:
    """Carries out commands on a database.

    Args:
        database: used on the thread that owns it only: call ``execute`` there.
        server: for ``casr``; None when there is none.
        put_log: for ``putlog``; None when there is none.
        meter: what the process uses, for ``iocstats``.

    Attributes:
        ended: True once ``exit`` was given.
    """

    def __init__(
        self,
        database: Database,
        *,
        server: ServerView | None = None,
        put_log: Switch | None = None,
        meter: Callable[[], Usage] | None = None,
    ) -> None:
        self.database = database
        self.server = server
        self.put_log = put_log
        self.meter = meter or ProcessMeter().read
        self.ended = False

    def execute(self, line: str) -> str:
        """Carry out one line.

        Args:
            line: a command with its arguments; a line that is empty or begins with ``#`` does nothing.

        Returns:
            What to show, without a closing newline; what is wrong with the line is said in a sentence.
        """
        try:
            words = split(line)
            return "\n".join(self._run(words)) if words else ""
        except Wrong as exc:
            return str(exc)

    def _run(self, words: list[str]) -> list[str]:
        name, *arguments = words
        command = COMMANDS.get(name)
        if command is None:
            raise Wrong(f"There is no command {name!r}; 'help' lists those there are.")
        if not command.least <= len(arguments) <= command.most:
            raise Wrong(f"Expected: {command.usage}")
        return command.run(self, arguments)

    # --- finding things
    def record(self, name: str) -> Record:
        """Record by its name, an alias, or the name of one of its fields. Raises Wrong."""
        base = name.partition(".")[0]
        record = self.database.records.get(base) or self.database.by_alias.get(base)
        if record is None:
            raise Wrong(f"There is no record {base!r}; 'dbgrep *{base.rpartition(':')[2]}*' may find it.")
        return record

    def field(self, name: str) -> Field:
        """Field by its channel name. Raises Wrong."""
        field = self.database.find(name)
        if field is None:
            record = self.record(name)
            unknown = name.partition(".")[2]
            raise Wrong(f"{record.name} is of type {record.rtyp} and has no field {unknown!r}.")
        return field


def split(line: str) -> list[str]:
    """Words of a line: blanks, commas and parentheses part them outside quotes. Raises Wrong."""
    if line.lstrip().startswith("#"):
        return []
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace += ",()"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError as exc:
        raise Wrong(f"The line cannot be read: {str(exc).lower()}.") from exc


def _number(text: str, what: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise Wrong(f"{text!r} is no {what}; expected a number from 0 to {most}.")
    return int(text)


# --- listing records


def _dbl(shell: Interpreter, words: list[str]) -> list[str]:
    rtyp = words[0] if words and words[0] not in ("", "*") else None
    fields = [name for word in words[1:] for name in word.split()]
    known = {record.rtyp for record in shell.database.records.values()}
    if rtyp is not None and rtyp not in known:
        raise Wrong(f"There is no record of type {rtyp!r}; there are {', '.join(sorted(known)) or 'none'}.")
    return [
        ", ".join([name, *(_listed(record, field) for field in fields)])
        for name, record in _named(shell.database)
        if rtyp is None or record.rtyp == rtyp
    ]


def _listed(record: Record, name: str) -> str:
    field = record.field(name)
    return "<no such field>" if field is None else f'"{field_text(field)}"'


def _named(database: Database) -> Iterable[tuple[str, Record]]:
    yield from database.records.items()
    yield from database.by_alias.items()


def _dbla(shell: Interpreter, words: list[str]) -> list[str]:
    pattern = words[0] if words else "*"
    aliases = shell.database.by_alias.items()
    return [f"{alias} -> {record.name}" for alias, record in aliases if fnmatchcase(alias, pattern)]


def _dbgrep(shell: Interpreter, words: list[str]) -> list[str]:
    return [name for name in shell.database.names() if fnmatchcase(name, words[0])]


# --- looking at and changing fields


def _dbpr(shell: Interpreter, words: list[str]) -> list[str]:
    level = _number(words[1], "level of interest", 4) if len(words) > 1 else 0
    return record_lines(shell.record(words[0]), level)


def _dbgf(shell: Interpreter, words: list[str]) -> list[str]:
    name = words[0]
    return value_lines(shell.field(name.removesuffix("$")), long_string=name.endswith("$"))


def _dbpf(shell: Interpreter, words: list[str]) -> list[str]:
    name = words[0]
    field = shell.field(name.removesuffix("$"))
    values = words[1:]
    value: object = values[0]
    if field.count > 1:
        value = tuple(_array(values))
    elif len(values) > 1:
        raise Wrong(f"{field.pvname} takes one value; put quotes around one with blanks or commas.")
    said = []
    try:
        shell.database.put(field, value, source=PutSource.CLIENT)
    except PutRefused as exc:
        said.append(f"{exc}; it keeps its value.")
    return [*said, *value_lines(field, long_string=name.endswith("$"))]


def _array(words: list[str]) -> list[object]:
    if len(words) == 1 and words[0].startswith("["):
        try:
            values = json.loads(words[0])
        except json.JSONDecodeError as exc:
            raise Wrong(f"{words[0]} is no JSON array: {exc}.") from exc
        assert isinstance(values, list)  # what begins with a bracket and is JSON
        return values
    return list(words)


def _dbtr(shell: Interpreter, words: list[str]) -> list[str]:
    record = shell.record(words[0])
    if record.v["PACT"]:
        raise Wrong(f"{record.name} is at work (PACT is 1) and cannot be processed now.")
    shell.database.later(lambda: shell.database.processing.process(record))
    return record_lines(record, TRACE_LEVEL)


# --- links


def _links(shell: Interpreter, words: list[str]) -> tuple[list[Link], str]:
    everything = not words or words[0] in ("", "*")
    records = list(shell.database.records.values()) if everything else [shell.record(words[0])]
    where = "all records" if everything else f"record {records[0].name}"
    return [link for record in records for link in record.links.values() if not link.is_constant], where


def _dblinks(shell: Interpreter, words: list[str]) -> list[str]:
    links, where = _links(shell, words)
    return [*link_lines(links), f"{len(links)} link{'' if len(links) == 1 else 's'} in {where}"]


def _dbcar(shell: Interpreter, words: list[str]) -> list[str]:
    level = _number(words[1], "level", 9) if len(words) > 1 else 0
    every, where = _links(shell, words)
    links = [link for link in every if link.channel]
    lost = [link for link in links if not link.connected and link.external]
    shown = links if level > 1 else lost if level == 1 else []
    total = f"Total {len(links)} CA link{'' if len(links) == 1 else 's'}"
    return [
        f"CA links in {where}",
        *link_lines(shown),
        f"{total}; {len(links) - len(lost)} connected, {len(lost)} not connected.",
    ]


# --- the server and the process


def _casr(shell: Interpreter, words: list[str]) -> list[str]:
    level = _number(words[0], "level", 9) if words else 0
    if shell.server is None:
        raise Wrong("This database is not served on Channel Access.")
    return server_lines(shell.server, level)


def _iocstats(shell: Interpreter, words: list[str]) -> list[str]:
    return process_lines(shell.database, shell.server, shell.meter())


def _putlog(shell: Interpreter, words: list[str]) -> list[str]:
    if shell.put_log is None:
        raise Wrong("This IOC was started without a put log.")
    if words:
        if words[0] not in ("on", "off"):
            raise Wrong(f"{words[0]!r} is neither 'on' nor 'off'.")
        shell.put_log.enabled = words[0] == "on"
    return [f"put log {'on' if shell.put_log.enabled else 'off'}"]


# --- the shell itself


def _echo(shell: Interpreter, words: list[str]) -> list[str]:
    return [" ".join(words)]


def _help(shell: Interpreter, words: list[str]) -> list[str]:
    if not words:
        width = max(len(command.usage) for command in COMMANDS.values())
        return [f"{each.usage:<{width}}  {each.help.partition('. ')[0]}" for each in COMMANDS.values()]
    found = [command for name, command in COMMANDS.items() if fnmatchcase(name, words[0])]
    if not found:
        raise Wrong(f"There is no command {words[0]!r}; 'help' lists those there are.")
    return [line for command in found for line in (command.usage, f"    {command.help}")]


def _exit(shell: Interpreter, words: list[str]) -> list[str]:
    shell.ended = True
    return []


_MANY = 1_000_000

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "dbl": Command(
            "dbl [TYPE [FIELD...]]", "List records and aliases, of one type, with fields", _dbl, 0, _MANY
        ),
        "dbgrep": Command("dbgrep PATTERN", "List names that match a pattern with * and ?", _dbgrep, 1, 1),
        "dbla": Command("dbla [PATTERN]", "List aliases", _dbla, 0, 1),
        "dbpr": Command(
            "dbpr RECORD [LEVEL]",
            "Print a record. Level 0: what matters to everybody; 1: set-up too; 2 and 3: for developers",
            _dbpr,
            1,
            2,
        ),
        "dbgf": Command("dbgf CHANNEL", "Get a field", _dbgf, 1, 1),
        "dbpf": Command(
            "dbpf CHANNEL VALUE...",
            'Put a field, as a client does. Arrays: several values, or one JSON array: "[1, 2]"',
            _dbpf,
            2,
            _MANY,
        ),
        "dbtr": Command("dbtr RECORD", "Process a record and print it", _dbtr, 1, 1),
        "dblinks": Command("dblinks [RECORD]", "List links that are no constants", _dblinks, 0, 1),
        "dbcar": Command(
            "dbcar [RECORD [LEVEL]]",
            "Count links through Channel Access. Level 1: list those not connected; 2: list all",
            _dbcar,
            0,
            2,
        ),
        "casr": Command(
            "casr [LEVEL]", "Report on the server. Level 1: its clients; 2: their channels too", _casr, 0, 1
        ),
        "iocstats": Command("iocstats", "Report on the process and the database", _iocstats, 0, 0),
        "dbstat": Command("dbstat", "The same as iocstats", _iocstats, 0, 0),
        "putlog": Command("putlog [on|off]", "Show or switch the log of writes", _putlog, 0, 1),
        "echo": Command("echo WORD...", "Show words", _echo, 0, _MANY),
        "help": Command("help [COMMAND]", "List commands, or explain one", _help, 0, 1),
        "exit": Command("exit", "End the IOC", _exit, 0, 0),
    }
)
"""Commands by name."""
