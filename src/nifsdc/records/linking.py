"""Using links: reading, writing and following them, and making them from their text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .convert import ConversionError, clip, to_number, to_text
from .errors import PutRefused
from .fields import Field
from .links import Link, LinkText, LinkTextError, Maximize, Process, parse_link
from .record import DEFAULT_PRECISION, VALUE_LOG, Record, log
from .spec import LinkKind
from .types import STRING_SIZE, AlarmStatus, FieldType, Scalar, Severity, Value

if TYPE_CHECKING:
    from .database import Database


class Linking:
    """The links of a database's records.

    Args:
        db: the database.
        allow_external: links to records that are not in it are links to other servers instead of errors.
    """

    def __init__(self, db: Database, *, allow_external: bool) -> None:
        self._db = db
        self._allow_external = allow_external
        self._external_writer: Callable[[Link, Scalar], bool] | None = None
        self._external_made: Callable[[Link | None, Link], None] | None = None

    def make(self, record: Record, name: str, kind: LinkKind, text: LinkText) -> None:
        """Make a record's link field what ``text`` says. Raises LinkTextError for a target there is not."""
        link = Link(record, name, kind, text)
        record.tune_link(link)
        if text.constant is None:
            target = self._db.find(text.target.removesuffix("$"))
            if target is None:
                other = text.target.partition(".")[0]
                if other in self._db.records or other in self._db.by_alias or not self._allow_external:
                    known = "has no such field" if other in self._db.records else "is not in this database"
                    raise LinkTextError(f"{text.target!r}: {other} {known}")
                link.external = link.channel = True
            link.target = target
            link.triggers = kind is LinkKind.INPUT and link.process in (Process.CP, Process.CPP)
        old = record.links.get(name)
        if old is not None and old.target is not None and old in old.target.followers:
            old.target.followers.remove(old)
        if link.target is not None and link.channel:
            link.target.followers.append(link)
        record.links[name] = link
        record.v[name] = link.shown
        if self._external_made is not None and (link.external or (old is not None and old.external)):
            self._external_made(old, link)

    def external(self) -> list[Link]:
        """Links to other servers, for whoever connects them (see ``external_event``)."""
        return [
            link for record in self._db.records.values() for link in record.links.values() if link.external
        ]

    def external_event(
        self, link: Link, value: Value | None, stat: int = 0, sevr: int = 0, text: str | None = None
    ) -> None:
        """A monitor event of a field on another server arrived.

        Args:
            link: one of ``external()``.
            value: str, int, float or a tuple of them; None when the field was disconnected.
            stat, sevr: alarm of its record.
            text: label of the value of an ENUM field, which is what it reads as in a STRING field.
        """
        known, link.connected = link.connected, value is not None
        if value is not None:
            link.cached, link.cached_stat, link.cached_sevr, link.cached_text = value, stat, sevr, text
        elif not known:
            return
        if link.triggers and (link.process is Process.CP or link.record.v["SCAN"] == 0):
            self._db.later(partial(self._db.processing.process, link.record))

    def on_external_put(self, writer: Callable[[Link, Scalar], bool]) -> None:
        """Who sends what output links to other servers write; it returns False when it cannot."""
        self._external_writer = writer

    def on_external_made(self, made: Callable[[Link | None, Link], None]) -> None:
        """Who is told when a put makes a link field one to another server, or one that was something else.

        ``made`` gets the old link (None for none) and the new one, of which at least one is external.
        """
        self._external_made = made

    def get(self, link: Link, into: Field) -> bool:
        """Read a link that is no constant into a field of its record (dbGetLink). True unless it failed."""
        value = self.value(link, into.dbr, into.size)
        if value is None:
            return False
        capacity = into.record.capacity(into.name)
        if capacity > 1:
            value = value[:capacity] if isinstance(value, tuple) else (value,)
        elif isinstance(value, tuple):
            if not value:  # a waveform in which nothing is yet
                link.record.set_alarm(AlarmStatus.LINK, Severity.INVALID)
                return False
            value = value[0]
        into.record.v[into.name] = value
        return True

    def value(self, link: Link, dbf: FieldType, size: int = STRING_SIZE) -> Value | None:
        """Value at a link's other end, in the type asked for; None (and LINK_ALARM) when it cannot be had."""
        record, source = link.record, link.target
        if link.channel:
            value, stat, sevr = link.cached, link.cached_stat, link.cached_sevr
            if not link.connected or value is None:
                record.set_alarm(AlarmStatus.LINK, Severity.INVALID)
                return None
        else:
            assert source is not None, link.text
            other = source.record
            if link.process is Process.PP and other is not record:
                self._db.processing.process_passive(record, other)
            value = source.value
            stat, sevr = other.v["STAT"], other.v["SEVR"]
        tolist = getattr(value, "tolist", None)  # a waveform keeps a numpy array
        if tolist is not None:
            value = tuple(tolist())
        try:
            if isinstance(value, tuple):
                result: Value = tuple(_transfer(link, each, dbf, size) for each in value)
            else:
                result = _transfer(link, value, dbf, size)
        except ConversionError:
            record.set_alarm(AlarmStatus.LINK, Severity.INVALID)
            return None
        if link.maximize is not Maximize.NMS:
            _inherit(link.maximize, record, stat, sevr)
        return result

    def put(self, link: Link, value: Value) -> bool:
        """Write through an output link (dbPutLink). False when it is a constant or failed (LINK_ALARM)."""
        if link.text.constant is not None:
            return False
        record, target = link.record, link.target
        if link.channel:
            if target is not None:
                self._db.later(partial(self._put_as_client, target, value))
            elif not self._put_elsewhere(link, value[0] if isinstance(value, tuple) else value):
                record.set_alarm(AlarmStatus.LINK, Severity.INVALID)
                return False
            return True
        assert target is not None, link.text
        other = target.record
        refused = target.spec.nomod or self._db.store(target, value) is not None
        if link.maximize is not Maximize.NMS:
            _inherit(link.maximize, other, record.v["NSTA"], record.v["NSEV"])
        if refused:
            record.set_alarm(AlarmStatus.LINK, Severity.INVALID)
            return False
        if target.name == "PROC" or (link.process is Process.PP and other.v["SCAN"] == 0):
            self._db.processing.process_target(record, other)
        return True

    def _put_elsewhere(self, link: Link, value: Scalar) -> bool:
        return self._external_writer is not None and link.connected and self._external_writer(link, value)

    def _put_as_client(self, field: Field, value: Value) -> None:
        try:
            self._db.put(field, value)
        except PutRefused as exc:
            log.warning("a link could not write: %s", exc)

    def follow(self, link: Link) -> None:
        """Process what a forward link points to (dbScanFwdLink)."""
        if link.text.constant is not None:
            return
        if link.channel:
            if link.target is not None and link.target.name == "PROC":
                self._db.later(partial(self._put_as_client, link.target, 1))
            elif link.external and link.text.target.endswith(".PROC"):
                self._put_elsewhere(link, 1)
            return
        if link.target is not None:
            self._db.processing.process_passive(link.record, link.target.record)

    def relink(self, field: Field, value: object) -> PutRefused | None:
        """A put to a link field: make the new link or refuse."""
        record, kind = field.record, field.spec.link
        assert kind is not None
        try:
            text = parse_link(str(record.convert(field, value)))
            self.make(record, field.name, kind, text)
        except (ConversionError, LinkTextError) as exc:
            return PutRefused(field, str(exc))
        link = record.links[field.name]
        if link.channel and link.target is not None:
            self.connect(link)
        self._db.post(record, field.name, VALUE_LOG)
        return None

    def connect(self, link: Link) -> None:
        """First value of a link through Channel Access; it processes its record like every later one."""
        target = link.target
        assert target is not None
        link.connected = True
        link.cached = target.value
        link.cached_stat, link.cached_sevr = target.stat, target.sevr
        if link.triggers:
            self._db.process_later(link.record)


def _transfer(link: Link, value: Scalar, dbf: FieldType, size: int) -> Scalar:
    """One element of the field at a link's other end in the type the link asks for."""
    if dbf is not FieldType.STRING:
        return to_number(value, dbf)
    if link.target is not None:
        text = link.target.format(value)
    elif link.cached_text is not None:
        text = link.cached_text
    else:
        text = to_text(value, size, DEFAULT_PRECISION)
    return clip(text, size)


def _inherit(maximize: Maximize, record: Record, stat: int, sevr: int) -> None:
    """Pass an alarm on as the link's modifier says (recGblInheritSevr)."""
    if maximize is Maximize.MSS:
        record.set_alarm(stat, sevr)
    elif maximize is Maximize.MS or sevr >= Severity.INVALID:
        record.set_alarm(AlarmStatus.LINK, sevr)
