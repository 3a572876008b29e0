"""Substitution files: which template is to be read with which macros, in the two forms of dbLoadTemplate."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .db_macros import Macros
from .db_parse import DatabaseText
from .db_text import Kind, TextError, Word, Words
from .definition import Place
from .errors import Problem

SUFFIXES = frozenset({".substitutions", ".subs", ".sub"})
"""names of files that are substitution files"""
_RESUME = r"(?:file|global)\b"


@dataclass(frozen=True)
class Use:
    """One use of a template."""

    template: str
    values: dict[str, str]
    """macros as written, quotes included"""
    place: Place


@dataclass
class _Reader:
    """Reads one substitution file."""

    words: Words
    uses: list[Use] = field(default_factory=list)
    common: dict[str, str] = field(default_factory=dict)

    def statement(self) -> bool:
        """Read ``file`` or ``global``. False at the end of the file."""
        word = self.words.next()
        if word.kind is Kind.END:
            return False
        if word.text == "global":
            self.common.update(self._pairs())
        elif word.text == "file":
            self._file(self.words.string("the name of a template").text)
        else:
            raise self.words.error(f"expected file or global instead of {word}", word)
        return True

    def _file(self, template: str) -> None:
        words = self.words
        words.expect("{")
        names: list[str] | None = None
        if words.peek().text == "pattern":
            words.next()
            names = [word.text for word in self._list()]
        while not self._at("}"):
            word = words.peek()
            if word.text == "global" and word.kind is Kind.BARE:
                words.next()
                self.common.update(self._pairs())
                continue
            if word.kind is Kind.BARE:
                words.next()  # a word before the brace: an old form, without a meaning
            place = words.place(words.peek())
            values = self._pairs() if names is None else self._values(names)
            self.uses.append(Use(template, {**self.common, **values}, place))
        words.next()

    def _at(self, sign: str) -> bool:
        word = self.words.peek()
        return word.kind is Kind.SIGN and word.text == sign

    def _list(self) -> list[Word]:
        """Words between braces, commas between them or not."""
        words = self.words
        words.expect("{")
        found: list[Word] = []
        while not self._at("}"):
            if self._at(","):
                words.next()
            else:
                found.append(words.string("a value or '}'"))
        words.next()
        return found

    def _values(self, names: list[str]) -> dict[str, str]:
        first = self.words.peek()
        found = self._list()
        if len(found) > len(names):
            raise self.words.error(f"{len(found)} values for a pattern of {len(names)}", first)
        return {name: _raw(word) for name, word in zip(names, found, strict=False)}

    def _pairs(self) -> dict[str, str]:
        """``name=value`` between braces."""
        words = self.words
        words.expect("{")
        found: dict[str, str] = {}
        while not self._at("}"):
            if self._at(","):
                words.next()
                continue
            name = words.string("name=value or '}'").text
            words.expect("=")
            found[name] = _raw(words.string("a value"))
        words.next()
        return found


def _raw(word: Word) -> str:
    """A value as macro expansion wants it: quoted text keeps its quotes."""
    return f'"{word.text}"' if word.kind is Kind.QUOTED else word.text


def read_substitutions(text: str, file: str) -> tuple[list[Use], list[Problem]]:
    """Read a substitution file.

    Returns:
        The uses of templates in their order, and what was wrong.
    """
    reader = _Reader(Words(text, file, None))
    problems: list[Problem] = []
    more = True
    while more:
        try:
            more = reader.statement()
        except TextError as error:
            problems.append(Problem(str(error), error.place))
            reader.words.skip_to(_RESUME)
    return reader.uses, problems


def load_substitutions(into: DatabaseText, file: str | Path, macros: Macros | None = None) -> None:
    """Read a substitution file and every template it names (dbLoadTemplate).

    Args:
        into: takes the records, and what was wrong.
        file: the substitution file.
        macros: for every template; those of the file win.
    """
    macros = macros or Macros()
    try:
        text = Path(file).read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        into.problems.append(Problem(f"{file} cannot be read: {error.strerror}"))
        return
    uses, problems = read_substitutions(text, str(file))
    into.problems += problems
    for use in uses:
        values = macros.plus(use.values)
        template, failed = values.expand(use.template)
        if failed:
            into.problems.append(Problem(f"file {use.template}: {failed[0]}", use.place))
        else:
            into.load(template, values, asked=use.place)
