"""Access rules as EPICS base writes them: the text of an access security file, read into frozen tables.

The language is that of ``asLib`` in EPICS base (Application Developer's Guide, "Access Security"), so that a
site can go on using its file: UAG, HAG and ASG; RULE with a level, NONE, READ or WRITE, TRAPWRITE or
NOTRAPWRITE, and UAG, HAG and CALC as conditions; INPA to INPL. What ``ca_access`` cannot honour (METHOD,
AUTHORITY, PROTOCOL, RPC, macros) is an error, because a rule that is not understood must not be guessed.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .expression import LETTERS, ExpressionError, compile_expression

DEFAULT_GROUP = "DEFAULT"
"""the ASG of records whose ASG field names none that is defined"""
_TOKEN = re.compile(
    r"(?P<blank>[ \t\r]+|#[^\n]*)|(?P<line>\n)|(?P<word>[A-Za-z0-9_\-+:.\[\]<>;/]+)"
    r'|"(?P<quoted>(?:[^"\n\\]|\\.)*)"|(?P<sign>[(){},])'
)


class AccessFileError(ValueError):
    """An access rules file that cannot be used; the text names file and line and says what is expected."""


class Access(enum.IntEnum):
    """What a client may do with a channel."""

    NONE = 0
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Rule:
    """One RULE of a group."""

    level: int
    """fields of this access level and lower ones are meant: 0 for those of operation, 1 for all"""
    access: Access
    users: frozenset[str] = frozenset()
    """names of UAGs, of which the user has to be in one; empty: every user"""
    hosts: frozenset[str] = frozenset()
    """names of HAGs, of which the host has to be in one; empty: every host"""
    calc: str = ""
    """expression that has to be 1; empty: none"""


@dataclass(frozen=True)
class Input:
    """A channel whose value decides about a CALC."""

    pvname: str
    line: int


@dataclass
class Group:
    """An ASG: its rules and the inputs of their expressions, by letter."""

    rules: list[Rule] = field(default_factory=list)
    inputs: dict[str, Input] = field(default_factory=dict)


@dataclass(frozen=True)
class AccessFile:
    """A whole file."""

    name: str
    users: Mapping[str, frozenset[str]]
    """users by UAG"""
    hosts: Mapping[str, frozenset[str]]
    """host names, addresses and networks by HAG, in lower case"""
    groups: Mapping[str, Group]
    """ASGs by name; DEFAULT is always there"""

    @classmethod
    def load(cls, path: Path) -> AccessFile:
        """Read a file.

        Raises:
            AccessFileError: it cannot be read or is wrong.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise AccessFileError(f"{path}: the access rules cannot be read: {problem}") from problem
        return parse(text, str(path))


class _Token(NamedTuple):
    text: str
    line: int
    quoted: bool


def _tokens(text: str, name: str) -> Iterator[_Token]:
    line, start = 1, 0
    while start < len(text):
        match = _TOKEN.match(text, start)
        if match is None:
            what = "a quote that is not closed" if text[start] == '"' else f"the character {text[start]!r}"
            raise AccessFileError(f"{name}, line {line}: {what} cannot be read here")
        start = match.end()
        if match["line"]:
            line += 1
        elif not match["blank"]:
            quoted = match["quoted"]
            yield _Token(match[0] if quoted is None else quoted, line, quoted is not None)


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._tokens = list(_tokens(text, name))
        self._at = 0
        self.users: dict[str, frozenset[str]] = {}
        self.hosts: dict[str, frozenset[str]] = {}
        self.groups: dict[str, Group] = {DEFAULT_GROUP: Group()}
        self._begun: set[str] = set()

    # --- words

    @property
    def line(self) -> int:
        return self._tokens[self._at - 1].line if self._at else 1

    def wrong(self, problem: str) -> AccessFileError:
        return AccessFileError(f"{self._name}, line {self.line}: {problem}")

    def peek(self) -> str:
        """The next token, "" at the end and for a quoted text."""
        token = self._tokens[self._at] if self._at < len(self._tokens) else _Token("", 0, True)
        return "" if token.quoted else token.text

    def take(self) -> _Token:
        if self._at == len(self._tokens):
            raise self.wrong("the file ends in the middle of a definition; a closing ) or } is missing")
        self._at += 1
        return self._tokens[self._at - 1]

    def sign(self, wanted: str) -> None:
        token = self.take()
        if token.quoted or token.text != wanted:
            raise self.wrong(f"expected {wanted}, found {token.text!r}")

    def word(self, what: str) -> str:
        token = self.take()
        if not token.quoted and token.text in ("(", ")", "{", "}", ","):
            raise self.wrong(f"expected {what}, found {token.text!r}")
        return token.text

    def words(self, opening: str, closing: str, what: str) -> list[str]:
        """A list in brackets."""
        self.sign(opening)
        found = [self.word(what)]
        while self.peek() == ",":
            self.take()
            found.append(self.word(what))
        self.sign(closing)
        return found

    def argument(self, what: str) -> str:
        self.sign("(")
        found = self.word(what)
        self.sign(")")
        return found

    # --- the file

    def file(self) -> None:
        while self._at < len(self._tokens):
            keyword = self.word("UAG, HAG or ASG")
            if keyword == "UAG":
                self.members(keyword, self.users, "a user name")
            elif keyword == "HAG":
                self.members(keyword, self.hosts, "a host name or address")
            elif keyword == "ASG":
                self.group()
            else:
                raise self.wrong(f"{keyword!r} is not known; expected UAG, HAG or ASG")

    def new_name(self, keyword: str, what: str) -> str:
        name = self.argument(what)
        if (known := f"{keyword}({name})") in self._begun:
            raise self.wrong(f"{known} is defined twice")
        self._begun.add(known)
        return name

    def members(self, keyword: str, table: dict[str, frozenset[str]], what: str) -> None:
        name = self.new_name(keyword, "the name of the group")
        found = self.words("{", "}", what) if self.peek() == "{" else []
        table[name] = frozenset(each.lower() for each in found) if keyword == "HAG" else frozenset(found)

    def group(self) -> None:
        group = self.groups[self.new_name("ASG", "the name of the group")] = Group()
        if self.peek() != "{":
            return
        self.sign("{")
        while self.peek() != "}":
            keyword = self.word("RULE or INPA to INPL")
            if keyword == "RULE":
                group.rules.append(self.rule())
            elif len(keyword) == 4 and keyword.startswith("INP") and keyword[3] in LETTERS:
                line = self.line
                group.inputs[keyword[3]] = Input(self.argument("the name of a channel"), line)
            else:
                raise self.wrong(f"{keyword!r} is not known in an ASG; expected RULE or INPA to INPL")
        self.sign("}")

    def rule(self) -> Rule:
        head = self.words("(", ")", "the rule's level, access and log option")
        if len(head) not in (2, 3) or not head[0].isdecimal():
            raise self.wrong(
                "expected RULE(level, NONE|READ|WRITE[, TRAPWRITE|NOTRAPWRITE]), e.g. RULE(1, READ)"
            )
        if head[1] not in Access.__members__:
            raise self.wrong(f"{head[1]!r} is no access; expected NONE, READ or WRITE")
        if head[2:] and head[2] not in ("TRAPWRITE", "NOTRAPWRITE"):
            raise self.wrong(f"{head[2]!r} is no log option; expected TRAPWRITE or NOTRAPWRITE")
        users: set[str] = set()
        hosts: set[str] = set()
        calc = ""
        if self.peek() == "{":
            self.sign("{")
            while self.peek() != "}":
                keyword = self.word("UAG, HAG or CALC")
                if keyword == "UAG":
                    users.update(self.known(keyword, self.users))
                elif keyword == "HAG":
                    hosts.update(self.known(keyword, self.hosts))
                elif keyword == "CALC":
                    calc = self.expression()
                else:
                    raise self.wrong(f"{keyword!r} is not known in a RULE; expected UAG, HAG or CALC")
            self.sign("}")
        return Rule(int(head[0]), Access[head[1]], frozenset(users), frozenset(hosts), calc)

    def known(self, keyword: str, table: Mapping[str, frozenset[str]]) -> list[str]:
        names = self.words("(", ")", f"the name of a {keyword}")
        for name in names:
            if name not in table:
                raise self.wrong(
                    f"{keyword}({name}) is not defined; it has to come before the rule that names it"
                )
        return names

    def expression(self) -> str:
        text = self.argument('an expression such as "A=1"')
        try:
            compile_expression(text)
        except ExpressionError as problem:
            raise self.wrong(f"CALC {text!r}: {problem}") from problem
        return text


def parse(text: str, name: str) -> AccessFile:
    """Read the text of an access rules file.

    Args:
        text: the whole of it.
        name: what messages call it.

    Raises:
        AccessFileError: with the line and what was expected there.
    """
    parser = _Parser(text, name)
    parser.file()
    return AccessFile(name, parser.users, parser.hosts, parser.groups)
