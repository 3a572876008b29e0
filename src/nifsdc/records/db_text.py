"""The words of a database file: macros expanded, comments gone, each word with the place where it stands."""

from __future__ import annotations

import enum
import re
from bisect import bisect_right

from .db_macros import Macros
from .definition import Place


class Kind(enum.Enum):
    """What a word is."""

    QUOTED = "quoted text"
    BARE = "bare word"
    SIGN = "sign"
    END = "end of file"


class TextError(ValueError):
    """Text that is no word of a database, or not the word expected; ``place`` tells where."""

    def __init__(self, text: str, place: Place) -> None:
        super().__init__(text)
        self.place = place


class Word:
    """One word."""

    __slots__ = ("at", "kind", "text")

    def __init__(self, kind: Kind, text: str, at: int) -> None:
        self.kind = kind
        self.text = text
        """of a quoted one what stands between the quotes, escapes as written"""
        self.at = at

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return "the end of the file"
        return f'"{self.text}"' if self.kind is Kind.QUOTED else repr(self.text)


_WORD = re.compile(
    r"""(?:\s+|\#[^\n]*)*+(?:
        "(?P<QUOTED>(?:[^"\n\\]|\\[^\n])*+)"
      | '(?P<SINGLE>(?:[^'\n\\]|\\[^\n])*+)'
      | (?P<BARE>[a-zA-Z0-9_\-+:.\[\]<>;/]+)
      | (?P<SIGN>[(){},=])
      | (?P<END>\Z)
    )""",
    re.VERBOSE,
)
_KINDS = {**{kind.name: kind for kind in Kind}, "SINGLE": Kind.QUOTED}
_BLANK = re.compile(r"(?:\s+|\#[^\n]*)*+")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_CONTROL = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_OPEN = {"{": "}", "[": "]"}


def unescape(text: str) -> str:
    """What a quoted value says: backslash sequences as in C (field values and info items only)."""
    if "\\" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        if match[1] or match[2]:
            return chr(int(match[1], 16) if match[1] else int(match[2], 8) & 0xFF)
        return _CONTROL.get(match[3], match[3])

    return _ESCAPE.sub(replace, text)


class Words:
    """The words of one file.

    Args:
        text: the file.
        file: its name, in places.
        macros: replaced line by line, before anything else is read; None leaves the text as it is.
    """

    def __init__(self, text: str, file: str, macros: Macros | None) -> None:
        self.file = file
        self._failed: dict[str, None] = {}
        """references to macros that could not be replaced"""
        self.text = text if macros is None else self._expand(text, macros)
        self._at = 0
        self._lines: list[int] | None = None
        self._ahead: Word | None = None

    def _expand(self, text: str, macros: Macros) -> str:
        if "$" not in text:
            return text
        expand, lines = macros.expand, text.split("\n")
        for number, line in enumerate(lines):
            if "$" in line:
                lines[number], failed = expand(line)
                self._failed.update(dict.fromkeys(failed))
        return "\n".join(lines)

    def place(self, word: Word) -> Place:
        """Where a word stands. (Values of macros that hold line ends would shift it.)"""
        if self._lines is None:
            self._lines = [match.end() for match in re.finditer("\n", self.text)]
        return Place(self.file, bisect_right(self._lines, word.at) + 1)

    def error(self, text: str, word: Word) -> TextError:
        """An error at a word."""
        return TextError(text, self.place(word))

    def peek(self) -> Word:
        """The next word, which stays the next. Raises TextError where no word begins."""
        if self._ahead is None:
            match = _WORD.match(self.text, self._at)
            if match is None:
                raise self._no_word()
            group = match.lastgroup
            assert group is not None
            self._ahead = Word(_KINDS[group], match[group], match.start(group))
            self._at = match.end()
        return self._ahead

    def next(self) -> Word:
        """Take the next word. Raises TextError where no word begins, or one holds an undefined macro."""
        word = self.peek()
        self._ahead = None
        if self._failed and word.kind is Kind.QUOTED:
            self._check_macros(word)
        return word

    def _check_macros(self, word: Word) -> None:
        for reference in self._failed:
            if reference in word.text:
                raise self.error(_macro_problem(reference), word)

    def _no_word(self) -> TextError:
        """The error of text that begins no word; reading goes on behind it."""
        match = _BLANK.match(self.text, self._at)
        assert match is not None
        at = match.end()
        bad = Word(Kind.SIGN, self.text[at], at)
        for reference in self._failed:
            if self.text.startswith(reference, at):
                self._at = at + len(reference)
                return self.error(_macro_problem(reference), bad)
        if bad.text == '"':
            end = self.text.find("\n", at)
            self._at = len(self.text) if end < 0 else end
            return self.error("a quoted text does not end on its line; expected a closing quote", bad)
        self._at = at + 1
        return self.error(f"{bad.text!r} cannot stand here outside of quotes", bad)

    def expect(self, sign: str) -> Word:
        """Take a sign. Raises TextError, with the sign's place left to the next word, for any other word."""
        word = self.peek()
        if word.kind is not Kind.SIGN or word.text != sign:
            raise self.error(f"expected {sign!r} before {word}", word)
        return self.next()

    def string(self, what: str) -> Word:
        """Take a quoted or bare word. Raises TextError naming ``what`` was expected."""
        word = self.peek()
        if word.kind not in (Kind.QUOTED, Kind.BARE):
            raise self.error(f"expected {what} before {word}", word)
        return self.next()

    def value(self, what: str) -> tuple[str, Word]:
        """Take a value: quoted text (escapes resolved), a bare word, or JSON as it is written."""
        word = self.peek()
        if word.text in _OPEN or (word.kind is Kind.BARE and word.text[0] == "["):
            return self._json(word), word
        self.string(what)
        return unescape(word.text) if word.kind is Kind.QUOTED else word.text, word

    def _json(self, first: Word) -> str:
        """Text of a JSON object or array, up to the bracket that closes it."""
        self._ahead = None
        waiting: list[str] = []
        for match in re.finditer(r'"(?:[^"\n\\]|\\.)*"|[{}\[\]]', self.text[first.at :]):
            sign = match[0]
            if sign in _OPEN:
                waiting.append(_OPEN[sign])
            elif sign[0] != '"' and sign != (waiting.pop() if waiting else ""):
                break
            if not waiting:
                self._at = first.at + match.end()
                return self.text[first.at : self._at]
        raise self.error(f"a JSON value begins with {first} and does not end", first)

    def skip_to(self, starts: str) -> None:
        """After an error: go on at the next line that begins with ``starts`` (a pattern), or at the end."""
        at = self._at
        if self._ahead is not None:
            at = self._ahead.at
            line = self.text.rfind("\n", 0, at) + 1
            at = at if self.text[line:at].strip() else line
            self._ahead = None
        match = re.compile(rf"^[ \t]*(?:{starts})", re.MULTILINE).search(self.text, at)
        self._at = len(self.text) if match is None else match.start()

    def skip_block(self) -> None:
        """Take what stands between braces, whatever it is (definitions of record types hold C code)."""
        first = self.expect("{")
        depth = 0
        for match in re.finditer(
            r'^[ \t]*%.*$|"(?:[^"\n\\]|\\.)*"|#.*$|[{}]', self.text[first.at :], re.MULTILINE
        ):
            depth += {"{": 1, "}": -1}.get(match[0], 0)
            if depth == 0:
                self._at = first.at + match.end()
                return
        raise self.error("a block begins with '{' and does not end", first)


def _macro_problem(reference: str) -> str:
    name, _, reason = reference[2:-1].rpartition(",")
    if reason == "recursive":
        return f"macro {name} refers to itself"
    return f"macro {name} is not defined; give it with -m {name}=..."
