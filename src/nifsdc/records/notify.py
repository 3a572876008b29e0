"""Puts whose client waits for completion (dbNotify): done when every record the put set going has ended.

A record joins when it is processed through a link of one that has joined, and leaves when it comes to its
forward link. A record that belongs to one such put lets the next wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .record import Record


class Notify:
    """One put with completion."""

    __slots__ = ("_done", "_start", "record", "started", "waiting")

    def __init__(self, record: Record, start: Callable[[], None], done: Callable[[], None]) -> None:
        self.record = record
        self._start = start
        self._done = done
        self.waiting: list[Record] = []
        self.started = False

    def begin(self) -> None:
        """Do the put, or wait for the record's turn."""
        record = self.record
        if record.notify is not None or (record.v["PACT"] and not record.active):
            record.queue.append(self)
            return
        self.add(record)
        self.started = True
        self._start()

    def add(self, record: Record) -> None:
        """A record to wait for."""
        record.notify = self
        self.waiting.append(record)

    def finished(self, record: Record) -> None:
        """A record came to its end."""
        record.notify = None
        if record in self.waiting:
            self.waiting.remove(record)
        if not self.waiting and self.started:
            self.started = False
            self._done()
        if record.queue:
            record.db.later(record.queue.pop(0).begin)
