"""Links between records: their text, read and written as EPICS does it, and what the text says.

A link is a constant (a number, or nothing), or the name of a field with modifiers: NPP, PP, CA, CP, CPP and
NMS, MS, MSI, MSS. What a link does when it is used is the database's business (``database``).
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .spec import LinkKind

if TYPE_CHECKING:
    from .fields import Field
    from .record import Record
    from .types import Value


class Process(enum.Enum):
    """What using the link does to the record at its other end (CP and CPP: what that one does to ours)."""

    NPP = "NPP"
    """nothing"""
    PP = "PP"
    """process it when it is passive"""
    CA = "CA"
    """go through Channel Access: later, and as a client"""
    CP = "CP"
    """through Channel Access; process our record whenever the field changes"""
    CPP = "CPP"
    """as CP when our record is passive"""


class Maximize(enum.Enum):
    """Whether the alarm of the record the value comes from is passed on."""

    NMS = "NMS"
    MS = "MS"
    """its severity, as LINK_ALARM"""
    MSI = "MSI"
    """as MS, INVALID only"""
    MSS = "MSS"
    """its status and severity"""


class LinkTextError(ValueError):
    """Link text that is neither a constant nor a field with modifiers."""


@dataclass(frozen=True, slots=True)
class LinkText:
    """What a link's text says."""

    constant: str | None
    """the constant's text ("" for an empty link); None for a link to a field"""
    target: str = ""
    """``record`` or ``record.FIELD``"""
    process: Process = Process.NPP
    maximize: Maximize = Maximize.NMS


_MODIFIERS: dict[str, Process | Maximize] = {
    **{choice.value: choice for choice in Process},
    **{choice.value: choice for choice in Maximize},
}
_PV = re.compile(r"[A-Za-z0-9_\-+:;\[\]<>/{}$()]+(\.[A-Za-z][A-Za-z0-9]{0,3}\$?)?")
_NUMBER = re.compile(
    r"[+-]?(0[xX][0-9a-fA-F]+|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|inf(inity)?|nan)", re.IGNORECASE
)


def parse_link(text: str) -> LinkText:
    """Read a link's text. Raises LinkTextError that tells what is wrong with it."""
    text = text.strip()
    if not text or _NUMBER.fullmatch(text):
        return LinkText(constant=text)
    if text[0] in "@#":
        raise LinkTextError(
            f"{text!r} is a hardware address; only links to fields and constants are known here"
        )
    if text[0] == "{":
        raise LinkTextError(f"{text!r} is a JSON link, which this engine does not know")
    target, *modifiers = text.split()
    if not _PV.fullmatch(target):
        raise LinkTextError(f"{target!r} is no record name, with or without .FIELD")
    process, maximize = Process.NPP, Maximize.NMS
    for word in modifiers:
        choice = _MODIFIERS.get(word)
        if isinstance(choice, Process):
            process = choice
        elif isinstance(choice, Maximize):
            maximize = choice
        else:
            raise LinkTextError(f"{word!r} in {text!r} is none of the modifiers {' '.join(_MODIFIERS)}")
    return LinkText(None, target, process, maximize)


def format_link(link: LinkText, kind: LinkKind) -> str:
    """Text of a link as a C IOC gives it to a client who asks."""
    if link.constant is not None:
        return link.constant
    if kind is LinkKind.FORWARD:
        return link.target if link.process in (Process.NPP, Process.PP) else f"{link.target} CA"
    return f"{link.target} {link.process.value} {link.maximize.value}"


class Link:
    """A link field of a living record.

    ``target`` is the field at its other end once the database has found it; None for constants and for
    fields of other servers. Links through Channel Access (CA, CP, CPP) read ``cached``, the value of the
    last event, and write later.
    """

    __slots__ = (
        "cached",
        "cached_sevr",
        "cached_stat",
        "cached_text",
        "channel",
        "connected",
        "external",
        "kind",
        "maximize",
        "name",
        "process",
        "record",
        "target",
        "text",
        "triggers",
    )

    def __init__(self, record: Record, name: str, kind: LinkKind, text: LinkText) -> None:
        self.record = record
        self.name = name
        self.kind = kind
        self.text = text
        self.process = text.process
        self.maximize = text.maximize
        self.target: Field | None = None
        self.external = False
        """the field is not in this database"""
        self.connected = False
        self.channel = text.process in (Process.CA, Process.CP, Process.CPP)
        self.triggers = False
        """CP or CPP on an input: events of the target process our record"""
        self.cached: Value | None = None
        self.cached_stat = 0
        self.cached_sevr = 0
        self.cached_text: str | None = None
        """label of ``cached`` when it came from an ENUM of another server"""

    @property
    def constant(self) -> str | None:
        """Text of a constant link, "" when empty; None for a link to a field."""
        return self.text.constant

    @property
    def is_constant(self) -> bool:
        """True for a constant or empty link."""
        return self.text.constant is not None

    @property
    def shown(self) -> str:
        """Text a client reads."""
        return format_link(
            LinkText(self.text.constant, self.text.target, self.process, self.maximize), self.kind
        )
