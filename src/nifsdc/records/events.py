"""Posted events: kept while a processing chain runs, delivered when it has ended, in the order of posting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .fields import Event, Field
from .links import Process
from .record import ALARM, VALUE, Record, log
from .types import Value

if TYPE_CHECKING:
    from .database import Database

T = TypeVar("T")


class _Posted(NamedTuple):
    """An event before delivery; a ``late`` field's value is looked up then, and one event of it is enough."""

    field: Field
    value: object
    stat: int
    sevr: int
    time: float
    mask: int


class Events:
    """The events of a database that wait for delivery, and who gets them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._posted: deque[_Posted] = deque()
        self._late: dict[Field, _Posted] = {}
        self._subscribers: tuple[Callable[[Event], None], ...] = ()

    def __bool__(self) -> bool:
        return bool(self._posted)

    def post(self, record: Record, name: str, mask: int) -> None:
        """Post an event of a field with its present value (db_post_events)."""
        field = record.handles.get(name) or record.field(name)
        if field is None or not (self._subscribers or field.followers or field.watchers):
            return
        v = record.v
        if not field.late:
            self._posted.append(_Posted(field, field.value, v["STAT"], v["SEVR"], v["TIME"], mask))
            return
        waiting = self._late.get(field)
        posted = _Posted(
            field, None, v["STAT"], v["SEVR"], v["TIME"], mask | (waiting.mask if waiting else 0)
        )
        self._late[field] = posted
        if waiting is None:
            self._posted.append(posted)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Add a subscriber of all events; the function returned takes it away."""
        self._subscribers = (*self._subscribers, callback)

        def end() -> None:
            self._subscribers = tuple(each for each in self._subscribers if each is not callback)

        return end

    def watch(self, field: Field, callback: Callable[[Value], None]) -> Callable[[], None]:
        """Add a watcher of one field's values; the function returned takes it away."""
        field.watchers.append(callback)

        def end() -> None:
            if callback in field.watchers:
                field.watchers.remove(callback)

        return end

    def deliver(self) -> None:
        """Deliver the oldest event: to subscribers, links that go through Channel Access, and watchers."""
        posted = self._posted.popleft()
        field = posted.field
        if field.late:
            posted = self._late.pop(field)._replace(value=field.value)
        event = Event._make(posted)
        for callback in self._subscribers:
            _guarded(callback, event)
        if event.mask & (VALUE | ALARM):
            for link in field.followers:
                link.cached, link.cached_stat, link.cached_sevr = event.value, event.stat, event.sevr
                if link.triggers and (link.process is Process.CP or link.record.v["SCAN"] == 0):
                    self._db.process_later(link.record)
            for watcher in tuple(field.watchers):
                _guarded(watcher, event.value)


def _guarded(callback: Callable[[T], None], argument: T) -> None:
    try:
        callback(argument)
    except Exception:
        log.exception("a subscriber of the record database raised an exception")
