"""A living record: its field values and how it is processed."""

from __future__ import annotations


class Record:
    """One record of a database."""

    name: str
    rtyp: str
