"""Reading YAML without surprises, and entries that tell what is wrong with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

DESC_LENGTH = 40
"""characters that a record's DESC can hold"""
MODE_MACRO = "$(mode)"
GIVEN_TWICE = "is in another file too; remove or rename one of them"


class DefinitionError(ValueError):
    """The database's definition cannot be used; every problem names file, entry and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class _StrictLoader(yaml.SafeLoader):
    """YAML as people read it: Yes, No, on and 010 are text, and no key can be given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: {name!r} is given twice; remove or rename one of them")
            seen.add(name)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|", ("~", "n", "")),
    ("bool", r"true|false", ("t", "f")),
    ("int", r"[-+]?(0|[1-9][0-9]*|0x[0-9a-fA-F]+)", "-+0123456789"),
    ("float", r"[-+]?(0|[1-9][0-9]*)\.[0-9]*([eE][-+]?[0-9]+)?", "-+0123456789"),
    ("merge", r"<<", ("<",)),
):
    _StrictLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )


def read_yaml(folder: Path, name: str) -> Any:
    """Return what a YAML file holds.

    Parameters
    ----------
    folder, name
        where it is, and how messages call it: ``status/data.yaml``

    Raises
    ------
    DefinitionError
        when it cannot be read
    """
    try:
        with (folder / name).open(encoding="utf-8") as file:
            return yaml.load(file, _StrictLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DefinitionError([f"{name}: cannot be read: {error}"]) from error


_MISSING = object()
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "number": (int, float),
    "whole number": int,
    "list": list,
    "section": dict,
    "true or false": bool,
}


@dataclass
class Entry:
    """One entry of a file: hands out its values, and notes what is wrong instead of stopping at the first.

    Parameters
    ----------
    where
        file and entry, as a message begins
    tree
        the entry as it was read
    problems
        where messages go
    """

    where: str
    tree: Any
    problems: list[str]
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not isinstance(self.tree, dict):
            self.problem(f"is {self.tree!r}; expected a section with entries of its own")
            self.tree = {}

    def problem(self, text: str) -> None:
        """Note that something is wrong with this entry."""
        self.problems.append(f"{self.where}: {text}")

    def has(self, key: str) -> bool:
        """Tell whether a value is given."""
        return key in self.tree

    def take(self, key: str, kind: str, default: Any = _MISSING) -> Any:
        """Return a value, of a kind (text, number, whole number, list, section, true or false).

        One that is missing without a default, or of another kind, is a problem; then an empty value of the
        kind is returned.
        """
        self._taken.add(key)
        value = self.tree.get(key, default)
        expected = _KINDS[kind]
        if value is not _MISSING and (value is default or self._is(value, expected)):
            return value
        if value is _MISSING:
            self.problem(f"{key} is missing; expected {kind}")
        else:
            self.problem(f"{key} is {value!r}; expected {kind}")
        first = expected if isinstance(expected, type) else expected[0]
        return first() if default is _MISSING else default

    @staticmethod
    def _is(value: object, expected: type | tuple[type, ...]) -> bool:
        return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, empty when it is missing."""
        values = self.take(key, "list", [])
        if any(not isinstance(value, str) for value in values):
            self.problem(f"{key} is {values!r}; expected texts (put numbers in quotes)")
        return tuple(str(value) for value in values)

    def description(self, key: str) -> str:
        """Return a text that a DESC field can hold."""
        text = str(self.take(key, "text"))
        if len(text) > DESC_LENGTH:
            self.problem(
                f"{key} has {len(text)} characters; a DESC holds {DESC_LENGTH}: {text[:DESC_LENGTH]!r}"
            )
        return text

    def rest(self, pattern: str) -> dict[str, str]:
        """Return the values not taken yet whose keys match, as text."""
        found: dict[str, str] = {}
        for key, value in self.tree.items():
            if key not in self._taken and re.fullmatch(pattern, str(key)):
                self._taken.add(key)
                if isinstance(value, (dict, list)) or value is None:
                    self.problem(f"{key} is {value!r}; expected text")
                else:
                    found[str(key)] = str(value)
        return found

    def child(self, name: str, tree: Any) -> Entry:
        """Return an entry below this one."""
        return Entry(f"{self.where}: {name}", tree, self.problems)

    def finish(self, known: Sequence[str] = ()) -> None:
        """Note every key that nobody asked for."""
        names = sorted({*known, *self._taken})
        for key in self.tree:
            if key not in self._taken:
                close = difflib.get_close_matches(str(key), names, 1)
                hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(names)}"
                self.problem(f"unknown entry {key!r}{hint}")


def expand_modes(section: Mapping[str, Any], modes: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield names and entries, one for each mode where the name has ``$(mode)``.

    Parameters
    ----------
    section
        entries by name
    modes
        what ``$(mode)`` stands for
    """
    for name, entry in section.items():
        if MODE_MACRO not in str(name):
            yield str(name), entry
            continue
        for mode in modes:
            yield str(name).replace(MODE_MACRO, mode), with_mode(entry, mode)


def with_mode(entry: Any, mode: str) -> Any:
    """Return an entry with every ``$(mode)`` in its texts replaced."""
    if isinstance(entry, str):
        return entry.replace(MODE_MACRO, mode)
    if isinstance(entry, list):
        return [with_mode(each, mode) for each in entry]
    if isinstance(entry, dict):
        return {key: with_mode(each, mode) for key, each in entry.items()}
    return entry
