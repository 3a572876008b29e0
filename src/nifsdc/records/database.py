"""The database: all records of an IOC, their links, and the order in which things happen to them.

Nothing here opens a socket, starts a thread or reads a clock but the ``now`` it is given. Not thread-safe:
one thread (the server's loop) owns a database.

Order, as in a C IOC: a put and all processing it causes through database links is one chain, done at once.
Events of the chain are delivered when it has ended. They feed the links that go through Channel Access (CA, CP,
CPP); the records those links process come next, one chain each, in the order of the events that asked for them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from . import registry
from .builder import build
from .convert import ConversionError, clip, to_number
from .definition import RecordDef
from .errors import PutRefused
from .fields import Event, Field
from .links import Link, LinkText, LinkTextError, Maximize, Process, parse_link
from .menus import SCAN_PERIODS
from .notify import Notify
from .record import ALARM, VALUE, VALUE_LOG, Record, Subroutine, log
from .spec import LinkKind
from .timers import Timer, Timers
from .types import AlarmStatus, EventMask, FieldType, PutSource, Scalar, Severity, Value

MAX_LOCK = 10
"""times an active record may be asked to process before it is in SCAN_ALARM"""
MAX_WORK = 20_000
"""queued processings done in one go; links that chase each other for ever then leave room for others"""


class _Posted(NamedTuple):
    """An event before delivery; the value of a ``late`` field is looked up then, and one event of it is enough."""

    field: Field
    value: object
    stat: int
    sevr: int
    time: float
    mask: int


T = TypeVar("T")


class Database:
    """Records by name, with puts, processing, posted events, internal monitors and timers.

    Args:
        defs: the records; a problem in any of them (unknown type, field, menu label, link text or subroutine,
            double name) is collected, and all are raised at once as ``DatabaseError``.
        subroutines: SNAM and INAM by name.
        now: seconds since 1970 UTC.
        exact: do also what the C server does by mistake: numbers beyond a menu are stored, a refused put with
            completion still processes the record, and a sir checks its alarms as the C code on 64 bits does
            (negative LONGs read as large, types other than STRING, LONG and DOUBLE never post).
        allow_external: links to records that are not in this database are links to other servers
            (``external_links``) instead of problems.
    """

    def __init__(
        self,
        defs: Iterable[RecordDef],
        subroutines: Mapping[str, Subroutine] | None = None,
        *,
        now: Callable[[], float] = time.time,
        exact: bool = False,
        allow_external: bool = False,
    ) -> None:
        self.now = now
        self.exact = exact
        self.allow_external = allow_external
        self.subroutines: dict[str, Subroutine] = dict(subroutines or {})
        self.records: dict[str, Record] = {}
        """by name, in the order of definition"""
        self.by_alias: dict[str, Record] = {}
        self.timers = Timers()
        self._found: dict[str, Field] = {}
        self._posted: deque[_Posted] = deque()
        self._late: dict[Field, _Posted] = {}
        self._work: deque[Callable[[], None]] = deque()
        self._depth = 0
        self._draining = False
        self._subscribers: tuple[Callable[[Event], None], ...] = ()
        self._scans: dict[int, Timer] = {}
        self._external_writer: Callable[[Link, Scalar], None] | None = None
        build(self, defs, registry.record_classes())

    # --- life
    def init(self) -> None:
        """As iocInit: constant links into their fields, INAM, alarm state, then PINI records. Once."""
        records = list(self.records.values())
        self._depth += 1
        for record in records:
            v = record.v
            if v["UDF"] and v["STAT"] == AlarmStatus.UDF:
                v["SEVR"] = v["UDFS"]
            for link in record.links.values():
                if link.constant and link.kind is LinkKind.INPUT and link.name in ("SDIS",):
                    record.load_constant("SDIS", "DISA")
            record.init()
        for record in sorted(records, key=lambda each: each.v["PHAS"]):
            if record.v["PINI"]:
                self.process_later(record)
        for record in records:
            for link in record.links.values():
                if link.channel and link.target is not None:
                    self._connect(link)
            self.reschedule(record)
        self._leave()

    def _connect(self, link: Link) -> None:
        """First value of a link through Channel Access; it processes its record like every later one."""
        target = link.target
        assert target is not None
        link.connected = True
        link.cached = target.value
        link.cached_stat, link.cached_sevr = target.stat, target.sevr
        if link.triggers:
            self.process_later(link.record)

    # --- names
    def find(self, pvname: str) -> Field | None:
        """Handle of ``rec``, ``rec.VAL``, ``alias.A`` (no ``$``), the same object each time; None if not hosted."""
        field = self._found.get(pvname)
        if field is None:
            name, _, field_name = pvname.partition(".")
            record = self.records.get(name) or self.by_alias.get(name)
            field = None if record is None else record.field(field_name or "VAL")
            if field is not None:
                self._found[pvname] = field
        return field

    def _need(self, pvname: str) -> Field:
        field = self.find(pvname)
        if field is None:
            raise KeyError(f"{pvname}: no such record or field in this database")
        return field

    def names(self) -> Iterable[str]:
        """Record names, then aliases."""
        yield from self.records
        yield from self.by_alias

    # --- puts and gets
    def put(self, field: Field, value: object, *, source: PutSource = PutSource.CLIENT) -> None:
        """Write as ``dbPutField``: convert, store, post, process when the field says so, then all work it caused.

        Args:
            field: from ``find``.
            value: str, int, float, bytes (of a string), or a sequence of them for an array field.
            source: see PutSource.

        Raises:
            PutRefused: read-only field or unusable value; nothing was changed.
        """
        if source is not PutSource.INTERNAL:
            self._check_access(field)
        self._depth += 1
        try:
            refusal = self._store(field, value)
            if refusal is None:
                self._process_after_put(field)
        finally:
            self._leave()
        if refusal is not None:
            raise refusal

    def put_notify(
        self,
        field: Field,
        value: object,
        done: Callable[[], None],
        failed: Callable[[PutRefused], None] | None = None,
    ) -> None:
        """``put`` of a client that waits for completion: ``done`` is called once all processing it started ended.

        Called before ``put_notify`` returns unless a record in the chain takes time (an apply waiting for
        answers, a seq with delays) or the record still works on an earlier put of this kind.

        Args:
            field, value: as ``put``.
            done: called once when the put and its processing ended well.
            failed: called instead of ``done``, and at the same time, when the value was refused. Without it a
                refusal is raised if it is known at once, else lost. (In exact mode a record is processed for a
                refused put too, and the client hears of the refusal when that ended.)

        Raises:
            PutRefused: as ``put`` for a field that may not be written, and see ``failed``; ``done`` is not called.
        """
        self._check_access(field)
        refusals: list[PutRefused] = []
        record = field.record

        def start() -> None:
            refusal = self._store(field, value)
            if refusal is not None:
                refusals.append(refusal)
            if (refusal is not None and not self.exact) or not self._process_after_put(field):
                notify.finished(record)

        def ended() -> None:
            if not refusals:
                done()
            elif failed is not None:
                failed(refusals[0])

        notify = Notify(record, start, ended)
        self._depth += 1
        try:
            notify.begin()
        finally:
            self._leave()
        if refusals and failed is None:
            raise refusals[0]

    def get(self, field: Field) -> Value:
        """Present value."""
        return field.value

    def set(self, pvname: str, value: object) -> None:
        """Write from our own code: as ``put`` with ``PutSource.INTERNAL``.

        Raises:
            KeyError: no such field. PutRefused: the value does not fit.
        """
        self.put(self._need(pvname), value, source=PutSource.INTERNAL)

    def process(self, record: str) -> None:
        """Process a record by name (as a put to PROC). Raises KeyError for an unknown one."""
        self.put(self._need(f"{record}.PROC"), 1, source=PutSource.INTERNAL)

    def acknowledge(self, record: str, severity: int) -> None:
        """Acknowledge alarms up to a severity (a put of DBR_PUT_ACKS). Raises KeyError for an unknown record."""
        field = self._need(f"{record}.ACKS")
        v = field.record.v
        if severity >= v["ACKS"]:
            self._depth += 1
            v["ACKS"] = 0
            self.post(field.record, "ACKS", VALUE)
            self._leave()

    def _check_access(self, field: Field) -> None:
        if field.spec.nomod:
            raise PutRefused(field, f"{field.name} of a {field.record.rtyp} is read-only", read_only=True)
        if field.record.v["DISP"] and field.name != "DISP":
            raise PutRefused(field, "puts to this record are disabled (DISP is not 0)", read_only=True)

    def _store(self, field: Field, value: object) -> PutRefused | None:
        """Convert, store, special, post (dbPut). Access was checked."""
        record, spec, name = field.record, field.spec, field.name
        if spec.link is not None:
            return self._relink(field, value)
        reason: str | None = None
        converted: Value = 0
        try:
            converted = record.convert(field, value)
            reason = record.check_put(field, converted)
        except ConversionError as exc:
            reason = str(exc)
        if reason is None:
            record.v[name] = converted
        if spec.dynamic and reason is None:
            record.after_put(field)
        if spec.special and (reason is None or self.exact):
            record.special(field)
        if reason is not None:
            return PutRefused(field, reason)
        if name == "VAL":
            record.v["UDF"] = 0
            if not spec.pp:
                self.post(record, name, VALUE_LOG)
        else:
            self.post(record, name, VALUE_LOG)
        if spec.prop:
            self.post(record, "VAL", int(EventMask.PROPERTY))
        if spec.scan:
            self.reschedule(record)
        return None

    def _process_after_put(self, field: Field) -> bool:
        """Process the record if a put to this field does so. False when it was not processed."""
        record = field.record
        if field.name != "PROC" and not (field.spec.pp and record.v["SCAN"] == 0):
            return False
        if record.v["PACT"]:
            record.v["RPRO"] = 1
        else:
            record.v["PUTF"] = 1
            self.process_record(record)
        return True

    def _relink(self, field: Field, value: object) -> PutRefused | None:
        """A put to a link field: make the new link or refuse."""
        record, kind = field.record, field.spec.link
        assert kind is not None
        try:
            text = parse_link(str(record.convert(field, value)))
            self.make_link(record, field.name, kind, text)
        except (ConversionError, LinkTextError) as exc:
            return PutRefused(field, str(exc))
        link = record.links[field.name]
        if link.channel and link.target is not None:
            self._connect(link)
        self.post(record, field.name, VALUE_LOG)
        return None

    # --- links
    def make_link(self, record: Record, name: str, kind: LinkKind, text: LinkText) -> None:
        """Make a record's link field what ``text`` says. Raises LinkTextError when its target does not exist."""
        link = Link(record, name, kind, text)
        record.tune_link(link)
        if text.constant is None:
            target = self.find(text.target.removesuffix("$"))
            if target is None:
                other = text.target.partition(".")[0]
                if other in self.records or other in self.by_alias or not self.allow_external:
                    known = "has no such field" if other in self.records else "is not in this database"
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

    def external_links(self) -> list[Link]:
        """Links to other servers, for whoever connects them (see ``external_event``)."""
        return [link for record in self.records.values() for link in record.links.values() if link.external]

    def external_event(self, link: Link, value: Value | None, stat: int = 0, sevr: int = 0) -> None:
        """A monitor event of a field on another server arrived (None: it was disconnected)."""
        link.connected = value is not None
        if value is not None:
            link.cached, link.cached_stat, link.cached_sevr = value, stat, sevr
            if link.triggers:
                self._depth += 1
                self.process_later(link.record)
                self._leave()

    def on_external_put(self, writer: Callable[[Link, Scalar], None]) -> None:
        """Who sends what output links to other servers write."""
        self._external_writer = writer

    def get_link(self, link: Link, into: Field) -> bool:
        """Read a link that is no constant into a field of its record (dbGetLink). True unless it failed."""
        value = self.link_value(link, into.dbr, into.size)
        if value is None:
            return False
        capacity = into.record.capacity(into.name)
        if capacity > 1:
            value = value[:capacity] if isinstance(value, tuple) else (value,)
        elif isinstance(value, tuple):
            value = value[0]
        into.record.v[into.name] = value
        return True

    def link_value(self, link: Link, dbf: FieldType, size: int = 40) -> Value | None:
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
                self.process_passive(record, other)
            value = source.value
            stat, sevr = other.v["STAT"], other.v["SEVR"]
        try:
            if isinstance(value, tuple):
                result: Value = tuple(_transfer(source, each, dbf, size) for each in value)
            else:
                result = _transfer(source, value, dbf, size)
        except ConversionError:
            record.set_alarm(AlarmStatus.LINK, Severity.INVALID)
            return None
        if link.maximize is not Maximize.NMS:
            _inherit(link.maximize, record, stat, sevr)
        return result

    def put_link(self, link: Link, value: Value) -> bool:
        """Write through an output link (dbPutLink). False when it is a constant or failed (LINK_ALARM)."""
        if link.text.constant is not None:
            return False
        record, target = link.record, link.target
        if link.channel:
            if target is not None:
                self.later(partial(self._put_as_client, target, value))
            elif self._external_writer is not None and link.connected:
                self._external_writer(link, value[0] if isinstance(value, tuple) else value)
            else:
                record.set_alarm(AlarmStatus.LINK, Severity.INVALID)
                return False
            return True
        assert target is not None, link.text
        other = target.record
        refused = target.spec.nomod or self._store(target, value) is not None
        if link.maximize is not Maximize.NMS:
            _inherit(link.maximize, other, record.v["NSTA"], record.v["NSEV"])
        if refused:
            record.set_alarm(AlarmStatus.LINK, Severity.INVALID)
            return False
        if target.name == "PROC" or (link.process is Process.PP and other.v["SCAN"] == 0):
            self._process_target(record, other)
        return True

    def _put_as_client(self, field: Field, value: Value) -> None:
        try:
            self.put(field, value)
        except PutRefused as exc:
            log.warning("a link could not write: %s", exc)

    def follow(self, link: Link) -> None:
        """Process what a forward link points to (dbScanFwdLink)."""
        if link.text.constant is not None:
            return
        if link.channel:
            if link.target is not None and link.target.name == "PROC":
                self.later(partial(self._put_as_client, link.target, 1))
            return
        if link.target is not None:
            self.process_passive(link.record, link.target.record)

    # --- processing
    def process_passive(self, source: Record, target: Record) -> None:
        """Process a record for another one, if it is passive (dbScanPassive)."""
        if target.v["SCAN"] == 0:
            self._process_target(source, target)

    def _process_target(self, source: Record, target: Record) -> None:
        sv, tv = source.v, target.v
        was_active = sv["PACT"]
        sv["PACT"] = 1
        if not tv["PACT"]:
            tv["PUTF"] = sv["PUTF"]
            if source.notify is not None and target.notify is None:
                source.notify.add(target)
        elif sv["PUTF"] and not target.active:
            tv["RPRO"] = 1
        self.process_record(target)
        sv["PACT"] = was_active

    def process_record(self, record: Record) -> None:
        """Process a record now (dbProcess): nothing when it is active or disabled."""
        v = record.v
        if v["PACT"]:
            self._already_active(record)
            return
        v["LCNT"] = 0
        disable = record.links["SDIS"]
        if disable.text.constant is None:
            record.read("SDIS", "DISA")
        if v["DISA"] == v["DISV"]:
            self._disabled(record)
            return
        if v["TPRO"]:
            log.info("process %s (%s)", record.name, record.rtyp)
        v["PACT"] = 1
        record.active = True
        stays = False
        try:
            stays = record.process()
        finally:
            record.active = False
            if not stays:
                v["PACT"] = 0

    def _already_active(self, record: Record) -> None:
        v = record.v
        if v["STAT"] == AlarmStatus.SCAN or v["SEVR"] >= Severity.INVALID:
            return
        v["LCNT"] = min(v["LCNT"] + 1, 255)
        if v["LCNT"] <= MAX_LOCK:
            return
        record.set_alarm(AlarmStatus.SCAN, Severity.INVALID)
        self.post(record, "VAL", record.reset_alarms() | VALUE_LOG)

    def _disabled(self, record: Record) -> None:
        v = record.v
        v["RPRO"] = v["PUTF"] = 0
        if v["STAT"] != AlarmStatus.DISABLE:
            v["STAT"], v["SEVR"] = int(AlarmStatus.DISABLE), v["DISS"]
            v["NSTA"] = v["NSEV"] = 0
            self.post(record, "STAT", VALUE)
            self.post(record, "SEVR", VALUE)
            self.post(record, "VAL", VALUE | ALARM)
        if record.notify is not None:
            record.notify.finished(record)

    def process_later(self, record: Record) -> None:
        """Process a record in a chain of its own after the present one (scanOnce)."""
        self._work.append(partial(self.process_record, record))

    def later(self, action: Callable[[], None]) -> None:
        """Do something in a chain of its own after the present one."""
        self._work.append(action)
        if not self._depth:
            self._drain()

    # --- events
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
        posted = _Posted(field, None, v["STAT"], v["SEVR"], v["TIME"], mask | (waiting.mask if waiting else 0))
        self._late[field] = posted
        if waiting is None:
            self._posted.append(posted)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Have ``callback`` called with every posted event, in order, when the chain that posted it has ended.

        Returns:
            A function that ends the subscription.
        """
        self._subscribers = (*self._subscribers, callback)

        def end() -> None:
            self._subscribers = tuple(each for each in self._subscribers if each is not callback)

        return end

    def watch(self, pvname: str, callback: Callable[[Value], None]) -> Callable[[], None]:
        """Have ``callback`` called with the value of each event of a field, after the chain that posted it has ended.

        Order of posting is kept. This is what a sequence program sees of a Channel Access monitor.

        Returns:
            A function that ends the watch.

        Raises:
            KeyError: no such field.
        """
        watchers = self._need(pvname).watchers
        watchers.append(callback)

        def end() -> None:
            if callback in watchers:
                watchers.remove(callback)

        return end

    def _leave(self) -> None:
        """End of a chain: deliver its events and do the work they caused, unless a chain around this one will."""
        self._depth -= 1
        if self._depth == 0:
            self._drain()

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        done = 0
        try:
            while self._posted or self._work:
                while self._posted:
                    self._deliver(self._posted.popleft())
                if self._work:
                    done += 1
                    if done > MAX_WORK:
                        self.timers.at(self.now(), self._drain_again)
                        return
                    self._run(self._work.popleft())
        finally:
            self._draining = False

    def _drain_again(self) -> None:
        """Nothing to do: that a timer ran is enough to have the rest of the work drained."""

    def _run(self, action: Callable[[], None]) -> None:
        self._depth += 1
        try:
            action()
        finally:
            self._depth -= 1

    def _deliver(self, posted: _Posted) -> None:
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
                    self.process_later(link.record)
            for watcher in tuple(field.watchers):
                _guarded(watcher, event.value)

    # --- time
    def next_timer(self) -> float | None:
        """Time (as ``now`` counts) of the next due watchdog, delay or periodic scan; None when there is none."""
        return self.timers.next()

    def run_timers(self, now: float) -> None:
        """Do everything that is due at ``now``."""
        while (action := self.timers.pop_due(now)) is not None:
            self._depth += 1
            try:
                action()
            finally:
                self._leave()

    def reschedule(self, record: Record) -> None:
        """Start the periodic scan a record's SCAN asks for, if it does not run yet."""
        scan = record.v["SCAN"]
        if scan in SCAN_PERIODS and scan not in self._scans:
            period = SCAN_PERIODS[scan]
            self._scans[scan] = self.timers.at(self.now() + period, partial(self._scan, scan, self.now() + period))

    def _scan(self, scan: int, due: float) -> None:
        """Process the records of one period by phase and come again; a missed period is left out."""
        members = [record for record in self.records.values() if record.v["SCAN"] == scan]
        if not members:
            del self._scans[scan]
            return
        for record in sorted(members, key=lambda each: each.v["PHAS"]):
            self.process_later(record)
        period = SCAN_PERIODS[scan]
        due += period * max(1, int((self.now() - due) / period) + 1)
        self._scans[scan] = self.timers.at(due, partial(self._scan, scan, due))


def _transfer(source: Field | None, value: Scalar, dbf: FieldType, size: int) -> Scalar:
    """One element of a source field in the type a link asks for."""
    if dbf is FieldType.STRING:
        text = source.format(value) if source is not None else str(value)
        return clip(text, size)
    return to_number(value, dbf)


def _inherit(maximize: Maximize, record: Record, stat: int, sevr: int) -> None:
    """Pass an alarm on as the link's modifier says (recGblInheritSevr)."""
    if maximize is Maximize.MSS:
        record.set_alarm(stat, sevr)
    elif maximize is Maximize.MS or sevr >= Severity.INVALID:
        record.set_alarm(AlarmStatus.LINK, sevr)


def _guarded(callback: Callable[[T], None], argument: T) -> None:
    try:
        callback(argument)
    except Exception:
        log.exception("a subscriber of the record database raised an exception")

