"""Tables of fields: one line of text per field (or row of lettered fields), read once into frozen specs.

A line is ``NAME TYPE [=initial] [flags]``; ``INP{A-T}`` stands for INPA to INPT. TYPE is a native type, with
the string size (``STRING:29``) or the menu (``MENU:menuScan``) behind a colon, or one of INLINK, OUTLINK,
FWDLINK and DEVICE.

Flags: ``nomod`` no client may write it (SPC_NOMOD); ``pp`` a put processes the record; ``special`` the record
looks at each put; ``dynamic`` the type follows another field (SPC_DBADDR); ``scan`` changes scanning;
``prop`` metadata of the record.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .menus import MENUS
from .types import STRING_SIZE, FieldType, Value

LINK_TEXT_SIZE = 1024
"""Room for the text of a link (C record support has no fixed limit either)."""


class LinkKind(enum.Enum):
    """Which way a link field points."""

    INPUT = "INLINK"
    OUTPUT = "OUTLINK"
    FORWARD = "FWDLINK"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a record type."""

    name: str
    dbf: FieldType
    """native type; of a ``dynamic`` field the type it has when nothing says otherwise"""
    size: int = STRING_SIZE
    """bytes of a string, the closing NUL included"""
    menu: tuple[str, ...] | None = None
    link: LinkKind | None = None
    initial: Value = 0
    nomod: bool = False
    pp: bool = False
    special: bool = False
    dynamic: bool = False
    scan: bool = False
    prop: bool = False


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type: its fields by name, and the values a fresh record starts with."""

    name: str
    fields: Mapping[str, FieldSpec]
    defaults: Mapping[str, Value] = field(default_factory=dict)


_LINKS = {kind.value: kind for kind in LinkKind}
_FLAGS = frozenset({"nomod", "pp", "special", "dynamic", "scan", "prop"})
_ROW = re.compile(r"(?P<stem>[A-Z0-9]*)\{(?P<first>[A-Z0-9])-(?P<last>[A-Z0-9])\}(?P<tail>[A-Z0-9]*)$")
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def expand(name: str) -> list[str]:
    """``INP{A-C}`` to its field names; a plain name to itself."""
    match = _ROW.match(name)
    if match is None:
        return [name]
    first, last = _LETTERS.index(match["first"]), _LETTERS.index(match["last"])
    return [match["stem"] + letter + match["tail"] for letter in _LETTERS[first : last + 1]]


def _initial(dbf: FieldType, menu: tuple[str, ...] | None, text: str | None) -> Value:
    if dbf is FieldType.STRING:
        return text or ""
    if text is None:
        return 0.0 if dbf.is_float else 0
    if menu is not None:
        return menu.index(text)
    return float(text) if dbf.is_float else int(text)


def parse_table(text: str) -> dict[str, FieldSpec]:
    """Read a table of fields (see the module's docstring). Raises ValueError for a line it cannot read."""
    specs: dict[str, FieldSpec] = {}
    for line in text.strip().splitlines():
        words = line.split()
        if not words:
            continue
        if len(words) < 2:
            raise ValueError(f"field table: {line!r} has no type")
        base, _, argument = words[1].partition(":")
        initial = next((word[1:].replace("_", " ") for word in words[2:] if word.startswith("=")), None)
        flags = {word for word in words[2:] if not word.startswith("=")}
        if flags - _FLAGS:
            raise ValueError(f"field table: {line!r} has unknown flags {sorted(flags - _FLAGS)}")
        kind = _LINKS.get(base)
        menu: tuple[str, ...] | None = None
        size = STRING_SIZE
        if kind is not None:
            dbf, size = FieldType.STRING, LINK_TEXT_SIZE
        elif base == "DEVICE":
            dbf, menu = FieldType.MENU, MENUS["device"]
        else:
            dbf = FieldType(base)
            if dbf is FieldType.MENU:
                menu = MENUS[argument]
            elif argument:
                size = int(argument)
        for name in expand(words[0]):
            specs[name] = FieldSpec(
                name, dbf, size, menu, kind, _initial(dbf, menu, initial), **dict.fromkeys(flags, True)
            )
    return specs


def record_type(name: str, common: Mapping[str, FieldSpec], text: str) -> RecordType:
    """A record type of the common fields and a table of its own (which may redefine a common one)."""
    fields = {**common, **parse_table(text)}
    defaults = {spec.name: spec.initial for spec in fields.values()}
    defaults["RTYP"] = name
    return RecordType(name, MappingProxyType(fields), MappingProxyType(defaults))
