"""Periodic scans: records whose SCAN is a period, processed by phase."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .menus import SCAN_PERIODS
from .record import Record
from .timers import Timer

if TYPE_CHECKING:
    from .database import Database

EVENT, IO_INTERRUPT = 1, 2
"""menuScan"""


class Scanning:
    """The periods of a database that have records."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._timers: dict[int, Timer] = {}

    def schedule(self, record: Record) -> None:
        """Start the periodic scan a record's SCAN asks for, if it does not run yet."""
        scan = record.v["SCAN"]
        if scan == IO_INTERRUPT:
            record.v["SCAN"] = 0  # soft records have no interrupts: a C IOC makes them passive, too
        if scan in SCAN_PERIODS and scan not in self._timers:
            period = SCAN_PERIODS[scan]
            self._timers[scan] = self._db.timers.at(
                self._db.now() + period, partial(self._scan, scan, self._db.now() + period)
            )

    def post_event(self, event: str) -> None:
        """Have the records that wait for an event processed."""
        wanted = _event_name(event)
        if not wanted:
            return
        members = [
            record
            for record in self._db.records.values()
            if record.v["SCAN"] == EVENT and _event_name(record.v["EVNT"]) == wanted
        ]
        for record in sorted(members, key=lambda each: each.v["PHAS"]):
            self._db.process_later(record)

    def _scan(self, scan: int, due: float) -> None:
        """Process the records of one period by phase and come again; a missed period is left out."""
        members = [record for record in self._db.records.values() if record.v["SCAN"] == scan]
        if not members:
            del self._timers[scan]
            return
        for record in sorted(members, key=lambda each: each.v["PHAS"]):
            self._db.process_later(record)
        period = SCAN_PERIODS[scan]
        due += period * max(1, int((self._db.now() - due) / period) + 1)
        self._timers[scan] = self._db.timers.at(due, partial(self._scan, scan, due))


def _event_name(text: str) -> str:
    """An event's name without blanks around it; of a number below 256 its integer part, none for 0."""
    name = text.strip()
    try:
        number = float(name)
    except ValueError:
        return name
    if not 0 <= number < 256:
        return name
    return str(int(number)) if number >= 1 else ""
