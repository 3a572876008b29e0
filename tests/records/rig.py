"""A database with a clock of its own and a memory of its events, for the record tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.fields import Event, Field

START = 1000.0


class Rig:
    """Records given as ``{"type name": fields}``."""

    def __init__(
        self,
        records: Mapping[str, Mapping[str, str]],
        subroutines: Mapping[str, Callable[[Any], int | None]] | None = None,
        **options: Any,
    ) -> None:
        self.now = START
        self.events: list[Event] = []
        defs = [RecordDef(*name.split(), fields) for name, fields in records.items()]
        self.db = Database(defs, subroutines, now=lambda: self.now, **options)
        self.db.subscribe(self.events.append)
        self.db.init()
        self.events.clear()

    def field(self, pv: str) -> Field:
        found = self.db.find(pv)
        assert found is not None, pv
        return found

    def __getitem__(self, pv: str) -> Any:
        return self.field(pv).value

    def put(self, pv: str, value: object) -> list[tuple[str, Any]]:
        """Put as a client and return what was posted with a value: (channel, value)."""
        self.events.clear()
        self.db.put(self.field(pv), value)
        return self.posted()

    def posted(self, mask: int = 1) -> list[tuple[str, Any]]:
        return [(each.field.pvname, each.value) for each in self.events if each.mask & mask]

    def posted_of(self, record: str) -> list[tuple[str, Any]]:
        """Events of one record, its alarm fields apart."""
        return [
            (each.field.name, each.value)
            for each in self.events
            if each.field.record.name == record
            and each.mask & 1
            and each.field.name not in ("STAT", "SEVR", "ACKS")
        ]

    def alarm(self, record: str) -> tuple[str, str]:
        return self.field(f"{record}.STAT").text, self.field(f"{record}.SEVR").text

    def wait(self, seconds: float) -> None:
        """Let time pass and run what comes due, each at its time."""
        until = self.now + seconds
        while (due := self.db.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.db.run_timers(self.now)
        self.now = until
