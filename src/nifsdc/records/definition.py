"""What a record is before it lives: its type, its name and its fields as text, as in an EPICS database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Place(NamedTuple):
    """Where something stands in a file."""

    file: str
    line: int
    """counted from 1"""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class RecordDef:
    """One record of a database, fields as the text that stands in an EPICS ``.db`` file."""

    rtyp: str
    """record type: ``cad``, ``apply``, ``car``, ``sir``, ``calc`` ..."""
    name: str
    """full record name, macros expanded"""
    fields: Mapping[str, str] = field(default_factory=dict)
    """initial field values as text, e.g. ``{"OUTA": "nifs:sad:dc:dataLabel.VAL PP MS"}``"""
    aliases: tuple[str, ...] = ()
    """other names of the same record"""
    info: Mapping[str, str] = field(default_factory=dict)
    """``info()`` items, kept for tools"""
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """where each field was read, by its name, and the record itself, by ""; empty when made otherwise"""

    def place(self, field: str = "") -> Place | None:
        """Where a field of it stands, else where the record does; None when it was not read from a file."""
        return self.places.get(field) or self.places.get("")
