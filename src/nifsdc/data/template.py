"""Header templates: keywords that the detector controller cannot know, and where each comes from.

A YAML file with one entry a keyword (docs/header-templates.md). What it names is fetched by whoever makes a
header (`nifsdc.tasks.template_cards`); here it is read and checked.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import yaml

from nifsdc.data.frame import Card, CardValue, FrameError
from nifsdc.data.header import Kind, keyword_of

LAST_SECONDS = 5.0
"""seconds for which the last value of a channel still counts after its source has gone"""

KeywordFunction = Callable[[Mapping[str, CardValue]], CardValue]
"""makes a value from those of the other keywords of the primary header"""


class TemplateError(ValueError):
    """A header template that cannot be used; the text names the file, the entry and what is expected."""


class Source(Enum):
    """Where a keyword's value comes from."""

    CONSTANT = "constant"
    PARAMETER = "parameter"
    STATUS = "status"
    CHANNEL = "channel"
    """a channel of any server on Channel Access"""
    FUNCTION = "function"
    """Python's: ``package.module:function``"""


class Moment(Enum):
    """When a value is taken."""

    START = "start"
    """of the first exposure"""
    END = "end"
    """of the last one"""


@dataclass(frozen=True)
class Entry:
    """One keyword of a template."""

    keyword: str
    source: Source
    of: CardValue
    """the constant, or the name of parameter, status, channel or function"""
    kind: Kind
    comment: str = ""
    at: Moment = Moment.END
    default: CardValue = None
    """what stands in the header when the source has no value; None for a keyword without one"""
    extension: str = ""
    timeout: float = LAST_SECONDS
    """as `LAST_SECONDS`; of a channel alone"""
    function: KeywordFunction | None = None


@dataclass(frozen=True)
class HeaderTemplate:
    """The entries of a template, in the order in which they stand."""

    entries: tuple[Entry, ...] = ()

    @property
    def channels(self) -> tuple[Entry, ...]:
        """Those that come from a channel."""
        return tuple(entry for entry in self.entries if entry.source is Source.CHANNEL)

    @classmethod
    def load(cls, path: Path) -> HeaderTemplate:
        """Read a template.

        Raises
        ------
        TemplateError
            when it cannot be read, or an entry cannot be what it says
        """
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise TemplateError(f"{path}: cannot be read: {error}") from error
        if not isinstance(tree, Mapping):
            raise TemplateError(f"{path}: expected entries such as 'AIRMASS: {{channel: ...}}'")
        return cls(tuple(_entry(f"{path}: {name}", str(name), spec) for name, spec in tree.items()))


_SOURCES = tuple(source.value for source in Source)
_OPTIONS: Mapping[str, type | tuple[type, ...]] = {
    "type": str,
    "comment": str,
    "at": str,
    "default": (str, int, float, bool, type(None)),
    "extension": str,
    "timeout": (int, float),
}
_TYPES: Mapping[type, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}


def _entry(where: str, name: str, spec: object) -> Entry:
    if not isinstance(spec, Mapping):
        raise TemplateError(f"{where}: expected one of {', '.join(_SOURCES)} with what it is, found {spec!r}")
    named = [source for source in Source if source.value in spec]
    unknown = sorted(set(map(str, spec)) - {*_SOURCES, *_OPTIONS})
    if len(named) != 1 or unknown:
        raise TemplateError(
            f"{where}: has {', '.join(map(str, spec)) or 'nothing'}; "
            f"expected one of {', '.join(_SOURCES)}, and of {', '.join(_OPTIONS)} what is wished"
        )
    for option, expected in _OPTIONS.items():
        if option in spec and not isinstance(spec[option], expected):
            raise TemplateError(f"{where}: {option} is {spec[option]!r}, which it cannot be")
    source, of = named[0], spec[named[0].value]
    if source is not Source.CONSTANT and not (isinstance(of, str) and of.strip()):
        raise TemplateError(f"{where}: {source.value} is {of!r}; expected a name")
    entry = Entry(
        name,
        source,
        of,
        _kind(where, name, spec, of if source is Source.CONSTANT else spec.get("default")),
        str(spec.get("comment", "")),
        _moment(where, spec),
        spec.get("default"),
        str(spec.get("extension", "")),
        float(spec.get("timeout", LAST_SECONDS)),
        _function(where, str(of)) if source is Source.FUNCTION else None,
    )
    _check(where, entry)
    return entry


def _kind(where: str, name: str, spec: Mapping[str, Any], example: CardValue) -> Kind:
    """Return what kind a keyword is of: by the table of keywords, by the template, or by an example."""
    known, stated = keyword_of(name), spec.get("type")
    if stated is not None and stated not in get_args(Kind):
        raise TemplateError(f"{where}: type is {stated!r}; expected {', '.join(get_args(Kind))}")
    if known is not None and stated not in (None, known.kind):
        raise TemplateError(f"{where}: type is {stated}; the keyword is {known.kind} in every header")
    if known is not None:
        return known.kind
    kind: Kind = stated or _TYPES.get(type(example), "text")
    return kind


def _moment(where: str, spec: Mapping[str, Any]) -> Moment:
    try:
        return Moment(spec.get("at", Moment.END.value))
    except ValueError:
        raise TemplateError(f"{where}: at is {spec['at']!r}; expected start or end") from None


def _function(where: str, text: str) -> KeywordFunction:
    module, _, name = text.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise TemplateError(f"{where}: function {text}: {error}; expected package.module:function") from error
    if not callable(found):
        raise TemplateError(f"{where}: function {text} cannot be called")
    function: KeywordFunction = found
    return function


def _check(where: str, entry: Entry) -> None:
    """Make sure that the keyword, its comment and what is known of its value can stand in a header."""
    if entry.timeout < 0:
        raise TemplateError(f"{where}: timeout is {entry.timeout:g}; expected seconds, 0 or more")
    try:
        for value in (entry.default, entry.of if entry.source is Source.CONSTANT else None):
            Card(entry.keyword, converted(entry.kind, value), entry.comment, entry.extension)
    except (FrameError, ValueError) as error:
        raise TemplateError(f"{where}: {error}") from error


def converted(kind: Kind, value: CardValue) -> CardValue:
    """Return a value as one of a kind.

    Raises
    ------
    ValueError
        when it is none
    """
    if value is None:
        return None
    if kind == "text":
        return str(value).strip()
    if kind == "bool":
        return bool(value)
    try:
        return int(value) if kind == "int" else float(value)
    except ValueError:
        raise ValueError(f"{value!r} is no {kind}") from None
