"""What a record is before it lives: its type, its name and its fields as text, as in an EPICS database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
