"""Macros in database text, expanded as EPICS base's macLib does it.

``$(name)`` or ``${name}``, with a default (``$(name=text)``) and with macros for this reference only
(``$(name,a=1)``); names, defaults and values may hold references themselves. Quotes and backslashes of the
text stay, those of values and defaults go; nothing is expanded between single quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_SIMPLE = re.compile(r"\$[({]([A-Za-z0-9_]+)[)}]")
_DEPTH = 100
"""references within references; more than any text has that ends"""
UNDEFINED = "undefined"
RECURSIVE = "recursive"


class MacroError(ValueError):
    """Macro definitions that cannot be read."""


class Expanded(NamedTuple):
    """A text with its macros replaced."""

    text: str
    """what could not be replaced stands as ``$(name,undefined)`` or ``$(name,recursive)``"""
    failed: tuple[str, ...]
    """those, in their order"""


class Macros:
    """A set of macros.

    Args:
        values: by name, as they were given: they may be quoted and refer to each other.
        environ: where names are looked up that are neither defined nor have a default. (The C loader leaves
            those unexpanded, so a text that it loads means the same here.)
    """

    def __init__(
        self, values: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.values = dict(values or {})
        self.environ: Mapping[str, str] = environ or {}
        self._known: dict[str, str] = {}

    def plus(self, values: Mapping[str, str]) -> Macros:
        """These macros and others, which win."""
        return Macros({**self.values, **values}, self.environ)

    def expand(self, text: str) -> Expanded:
        """Replace the macros of a line of text."""
        if "$" not in text:
            return Expanded(text, ())
        if "'" not in text and "\\" not in text:
            plain = _SIMPLE.sub(self._simple, text)
            if "$(" not in plain and "${" not in plain:
                return Expanded(plain, ())
        expansion = _Expansion(self)
        return Expanded(expansion.translate(text), tuple(expansion.failed))

    def _simple(self, match: re.Match[str]) -> str:
        """The value of a plain reference, or the reference itself for ``_Expansion`` to deal with."""
        name = match[1]
        known = self._known.get(name)
        if known is None:
            expansion = _Expansion(self)
            known = expansion.translate(match[0])
            if expansion.failed or "$" in known:
                return match[0]
            self._known[name] = known
        return known


class _Expansion:
    """The expansion of one text."""

    def __init__(self, macros: Macros) -> None:
        self._scopes: list[Mapping[str, str]] = [macros.values]
        self._environ = macros.environ
        self._visited: list[str] = []
        self.failed: list[str] = []

    def translate(self, text: str) -> str:
        return self._translate(text, 0, "", level=0)[0]

    def _translate(self, text: str, at: int, ends: str, *, level: int) -> tuple[str, int]:
        """Expand from ``at`` to a character of ``ends`` or the end; the result and where it stopped."""
        if level > _DEPTH:
            raise MacroError(f"{text!r}: references nested more than {_DEPTH} deep")
        keep = level == 0
        out: list[str] = []
        quote = ""
        while at < len(text) and text[at] not in ends:
            char = text[at]
            at += 1
            if quote and char == quote:
                quote = ""
                if not keep:
                    continue
            elif not quote and char in "\"'":
                quote = char
                if not keep:
                    continue
            if char == "$" and text[at : at + 1] in ("(", "{") and quote != "'":
                value, at = self._refer(text, at, level)
                out.append(value)
            elif char == "\\" and at < len(text):
                out.append(text[at - 1 : at + 1] if keep else text[at])
                at += 1
            else:
                out.append(char)
        return "".join(out), at

    def _refer(self, text: str, at: int, level: int) -> tuple[str, int]:
        """Value of the reference whose bracket is at ``at``, and where the text goes on."""
        close = ")" if text[at] == "(" else "}"
        name, at = self._translate(text, at + 1, "=," + close, level=level + 1)
        default: tuple[str, int] | None = None
        if text[at : at + 1] == "=":
            default = (text, at + 1)
            at = _skip(text, at + 1, "," + close)
        scope: dict[str, str] = {}
        self._scopes.append(scope)  # what one of its macros says holds for the next one already
        while text[at : at + 1] == ",":
            key, at = self._translate(text, at + 1, "=," + close, level=level + 1)
            if text[at : at + 1] == "=":
                scope[key], at = self._translate(text, at + 1, "," + close, level=level + 1)
        value = self._value(name, default, close, level)
        self._scopes.pop()
        return value, at + 1

    def _value(self, name: str, default: tuple[str, int] | None, close: str, level: int) -> str:
        raw = next((scope[name] for scope in reversed(self._scopes) if name in scope), None)
        if raw is None and default is not None:
            return self._translate(*default, "," + close, level=level + 1)[0]
        if raw is None:
            raw = self._environ.get(name)
        if raw is None:
            return self._fail(name, UNDEFINED)
        if name in self._visited:
            return self._fail(name, RECURSIVE)
        self._visited.append(name)
        value = self._translate(raw, 0, "", level=level + 1)[0]
        self._visited.pop()
        return value

    def _fail(self, name: str, reason: str) -> str:
        text = f"$({name},{reason})"
        self.failed.append(text)
        return text


def _skip(text: str, at: int, ends: str) -> int:
    """Where a default ends, without expanding it."""
    quote = ""
    while at < len(text) and text[at] not in ends:
        char = text[at]
        at += 1
        if quote and char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        if char == "$" and text[at : at + 1] in ("(", "{") and quote != "'":
            at = _skip(text, at + 1, ")" if text[at] == "(" else "}") + 1
        elif char == "\\":
            at += 1
    return at


def parse_definitions(text: str) -> dict[str, str]:
    """Read ``name=value,other="va,lue"`` as it stands on a command line.

    Returns:
        The values by name as they were written, quotes included: Macros takes those away.

    Raises:
        MacroError: a part has no ``=`` or no name.
    """
    values: dict[str, str] = {}
    for part in _split(text):
        name, equals, value = part.partition("=")
        name = name.strip().strip("\"'")
        if not equals or not name:
            raise MacroError(f"{part.strip()!r} is no macro definition; expected name=value,name=value")
        values[name] = value.strip()
    return values


def _split(text: str) -> list[str]:
    """Split at the commas outside quotes, brackets of references and escapes; empty parts are left out."""
    parts = [""]
    quote, depth, escaped = "", 0, False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "({":
            depth += 1
        elif char in ")}":
            depth -= 1
        elif char == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += char
    return [part for part in parts if part.strip()]
