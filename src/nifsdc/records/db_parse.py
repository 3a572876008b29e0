"""EPICS database text (``.db``, ``.vdb``, ``.template``) into record definitions.

The language is that of EPICS base 7 (dbStatic): records, fields, aliases, info items, includes and search
paths. Definitions that belong to ``.dbd`` files (record types, menus, devices ...) are passed over: this
engine brings its own. Everything that is wrong is collected with file and line; reading goes on behind it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from .db_macros import Macros
from .db_text import Kind, TextError, Word, Words
from .definition import Place, RecordDef
from .errors import Problem

SEARCH_PATH = "EPICS_DB_INCLUDE_PATH"
ANY_TYPE = "*"
"""record type with which a record that exists is opened again"""
DELETE = "#"
"""record type with which a record that exists is taken away"""

_WITH_ARGUMENTS = {"device": 4, "driver": 1, "link": 2, "registrar": 1, "function": 1, "variable": 2}
_WITH_BLOCK = frozenset({"menu", "recordtype", "breaktable"})
_STATEMENTS = r"(?!field\b|info\b|alias\b|choice\b)[a-z]+\s*\(|alias\s*\([^,()\n]*,|(?:add)?path\b"
"""beginnings of lines at which reading goes on after a mistake between records"""
_IN_RECORD = r"(?:field|info|alias|include|record|grecord)\b|\}"


class _Draft:
    """A record while its definition may still grow."""

    def __init__(self, rtyp: str, name: str, place: Place) -> None:
        self.rtyp = rtyp
        self.name = name
        self.fields: dict[str, str] = {}
        self.aliases: list[str] = []
        self.info: dict[str, str] = {}
        self.places: dict[str, Place] = {"": place}

    def definition(self) -> RecordDef:
        return RecordDef(self.rtyp, self.name, self.fields, tuple(self.aliases), self.info, self.places)


class DatabaseText:
    """Records read from any number of files, in the order of their first definition.

    Args:
        path: folders in which files are looked for; by default those of EPICS_DB_INCLUDE_PATH, else the
            present one. A file that is included is looked for beside the file that includes it, too.

    Attributes:
        problems: what was wrong so far.
    """

    def __init__(self, path: Sequence[str | Path] | None = None) -> None:
        given = os.environ.get(SEARCH_PATH, ".").split(os.pathsep) if path is None else path
        self._start_path = [Path(folder or ".") for folder in given]
        self._path = self._start_path
        self._drafts: dict[str, _Draft] = {}
        self._aliases: dict[str, _Draft] = {}
        self._open: list[Path] = []
        self.problems: list[Problem] = []

    def definitions(self) -> list[RecordDef]:
        """The records as they are now."""
        return [draft.definition() for draft in self._drafts.values()]

    # --- files
    def load(self, file: str | Path, macros: Macros | None = None, *, asked: Place | None = None) -> None:
        """Read a file; what is wrong, if only that there is no such file, is added to ``problems``.

        Args:
            file: looked for in the folders of the path unless it is absolute.
            macros: of this file; without any, ``$`` stands for itself only where it is no reference.
            asked: where the file is asked for, if in another file.
        """
        self._path = list(self._start_path)
        words = self._words(str(file), macros or Macros(), asked)
        if words is not None:
            self._statements(words, macros or Macros())
            self._open.pop()

    def load_text(self, text: str, macros: Macros | None = None, *, file: str = "text") -> None:
        """Read text as if it were a file of that name."""
        self._path = list(self._start_path)
        self._statements(Words(text, file, macros or Macros()), macros or Macros())

    def _words(self, file: str, macros: Macros, asked: Place | None) -> Words | None:
        """The words of a file, which is now open; None (and a problem) when it cannot be had."""
        beside = [Path(asked.file).parent] if asked is not None else []
        places = [folder / file for folder in [*self._path, *beside, Path()]]
        found = next((path for path in places if path.is_file()), None)
        if found is None:
            looked = ", ".join(dict.fromkeys(str(path.parent) for path in places))
            self._problem(f"there is no file {file}; looked in {looked}", asked)
            return None
        if found.resolve() in self._open:
            self._problem(f"{file} includes itself", asked)
            return None
        try:
            text = found.read_bytes().decode("utf-8", "surrogateescape").replace("\r\n", "\n")
        except OSError as error:
            self._problem(f"{found} cannot be read: {error.strerror}", asked)
            return None
        self._open.append(found.resolve())
        return Words(text, str(found), macros)

    def _problem(self, text: str, place: Place | None) -> None:
        self.problems.append(Problem(text, place))

    # --- statements
    def _statements(self, words: Words, macros: Macros) -> None:
        while True:
            try:
                word = words.next()
                if word.kind is Kind.END:
                    return
                self._statement(word, words, macros)
            except TextError as error:
                self._problem(str(error), error.place)
                words.skip_to(_STATEMENTS)

    def _statement(self, word: Word, words: Words, macros: Macros) -> None:
        keyword = word.text if word.kind is Kind.BARE else ""
        if keyword in ("record", "grecord"):
            self._record(words, macros)
        elif keyword == "alias":
            names = self._arguments(words, 2, "a name")
            self._alias(names[0], names[1], words)
        elif keyword == "include":
            self._include(words, macros, None)
        elif keyword in ("path", "addpath"):
            folders = [Path(each or ".") for each in words.string("folders").text.split(os.pathsep)]
            self._path = folders if keyword == "path" else self._path + folders
        elif keyword in _WITH_ARGUMENTS:
            self._arguments(words, _WITH_ARGUMENTS[keyword], "a name", at_least=1)
        elif keyword in _WITH_BLOCK:
            self._arguments(words, 1, "a name")
            words.skip_block()
        else:
            raise words.error(f"expected record, alias or include instead of {word}", word)

    def _arguments(self, words: Words, count: int, what: str, at_least: int | None = None) -> list[Word]:
        words.expect("(")
        found = [words.string(what)]
        while len(found) < count and not (len(found) >= (at_least or count) and words.peek().text == ")"):
            words.expect(",")
            found.append(words.string(what))
        words.expect(")")
        return found

    def _include(self, words: Words, macros: Macros, draft: _Draft | None) -> None:
        name = words.string("a file name")
        inner = self._words(name.text, macros, words.place(name))
        if inner is None:
            return
        if draft is None:
            self._statements(inner, macros)
        else:
            self._body(inner, macros, draft, included=True)
        self._open.pop()

    # --- records
    def _record(self, words: Words, macros: Macros) -> None:
        first, second = self._arguments(words, 2, "a type and a name")
        rtyp, name, place = first.text, second.text, words.place(second)
        found = self._drafts.get(name) or self._aliases.get(name)
        draft = found or _Draft(rtyp, name, place)
        if rtyp == DELETE:
            self._delete(found, name, place)
        elif found is None and rtyp == ANY_TYPE:
            self._problem(f"there is no record {name} that could be opened again", place)
        elif found is None:
            self._drafts[name] = draft
        elif rtyp not in (ANY_TYPE, found.rtyp):
            self._problem(
                f"{rtyp} {name}: there is a {found.rtyp} record of that name, from {found.places['']}", place
            )
            draft = _Draft(rtyp, name, place)  # its fields are read for their own mistakes only
        if words.peek().text == "{" and words.peek().kind is Kind.SIGN:
            words.next()
            self._body(words, macros, draft, included=False)

    def _delete(self, draft: _Draft | None, name: str, place: Place) -> None:
        if draft is None:
            self._problem(f"there is no record {name} that could be deleted", place)
            return
        del self._drafts[draft.name]
        for alias in draft.aliases:
            del self._aliases[alias]

    def _body(self, words: Words, macros: Macros, draft: _Draft, *, included: bool) -> None:
        """Read what stands between the braces of a record (or in a file included there)."""
        while True:
            try:
                word = words.peek()
                if word.kind is Kind.BARE and word.text in ("record", "grecord"):
                    raise words.error(
                        f"the record {draft.name} is not closed; expected '}}' before {word}", word
                    )
                words.next()
                if included and word.kind is Kind.END:
                    return
                if not included and word.kind is Kind.SIGN and word.text == "}":
                    return
                self._item(word, words, macros, draft)
            except TextError as error:
                self._problem(str(error), error.place)
                words.skip_to(_IN_RECORD)
                after = words.peek()
                if after.kind is Kind.END or after.text in ("record", "grecord"):
                    return

    def _item(self, word: Word, words: Words, macros: Macros, draft: _Draft) -> None:
        keyword = word.text if word.kind is Kind.BARE else ""
        if keyword in ("field", "info"):
            words.expect("(")
            name = words.string("a name").text
            words.expect(",")
            value, _ = words.value("a value")
            words.expect(")")
            if keyword == "info":
                draft.info[name] = value
            else:
                draft.fields[name] = value
                draft.places[name] = words.place(word)
        elif keyword == "alias":
            self._alias(draft, self._arguments(words, 1, "a name")[0], words)
        elif keyword == "include":
            self._include(words, macros, draft)
        else:
            raise words.error(f"expected field, info, alias or '}}' in {draft.name} instead of {word}", word)

    def _alias(self, of: Word | _Draft, alias: Word, words: Words) -> None:
        place = words.place(alias)
        name = of.text if isinstance(of, Word) else of.name
        draft = self._drafts.get(name) or self._aliases.get(name)
        if draft is None:
            self._problem(f"alias {alias.text}: there is no record {name}", place)
            return
        other = self._drafts.get(alias.text) or self._aliases.get(alias.text)
        if other is None:
            draft.aliases.append(alias.text)
            self._aliases[alias.text] = draft
        elif other is not draft or alias.text == draft.name:
            self._problem(f"alias {alias.text} of {name}: it is a name of {other.rtyp} {other.name}", place)
