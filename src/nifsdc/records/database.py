"""The database: all records of an IOC, their links, and the order in which things happen to them.

Nothing here opens a socket, starts a thread or reads a clock but the ``now`` it is given. Not thread-safe:
one thread (the server's loop) owns a database.

Order, as in a C IOC: a put and all processing it causes through database links is one chain, done at once.
Events of the chain are delivered when it has ended. They feed the links that go through Channel Access
(CA, CP, CPP); the records those links process come next, one chain each, in the order of the events.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from . import registry
from .builder import build
from .convert import ConversionError
from .definition import RecordDef
from .errors import PutRefused
from .events import Events
from .fields import Event, Field
from .linking import Linking
from .notify import Notify
from .processing import Processing
from .record import VALUE, VALUE_LOG, Record, Subroutine
from .scanning import Scanning
from .spec import LinkKind
from .timers import Timers
from .types import AlarmStatus, EventMask, PutSource, Value

MAX_WORK = 20_000
"""queued processings done in one go; links that chase each other for ever then leave room for others"""


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
            (``links.external``) instead of problems.
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
        self.subroutines: dict[str, Subroutine] = dict(subroutines or {})
        self.records: dict[str, Record] = {}
        """by name, in the order of definition"""
        self.by_alias: dict[str, Record] = {}
        self.timers = Timers()
        self._found: dict[str, Field] = {}
        self.events = Events(self)
        self.post = self.events.post
        self.processing = Processing(self.post)
        self.links = Linking(self, allow_external=allow_external)
        self.scanning = Scanning(self)
        self._work: deque[Callable[[], None]] = deque()
        self._depth = 0
        self._draining = False
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
                    self.links.connect(link)
            self.scanning.schedule(record)
        self._leave()

    # --- names
    def find(self, pvname: str) -> Field | None:
        """Handle of ``rec``, ``rec.VAL`` or ``alias.A`` (no ``$``), always the same; None for no such."""
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
        """Write as ``dbPutField``: convert, store, post, process, then all the work it caused.

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
            refusal = self.store(field, value)
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
        """``put`` of a client that waits: ``done`` is called once all processing it started has ended.

        Called before ``put_notify`` returns unless a record in the chain takes time (an apply waiting for
        answers, a seq with delays) or the record still works on an earlier put of this kind.

        Args:
            field, value: as ``put``.
            done: called once when the put and its processing ended well.
            failed: called instead of ``done``, and at the same time, when the value was refused. Without it a
                refusal is raised if it is known at once, else lost. (In exact mode a record is processed for
                a refused put too, and the client hears of the refusal when that ended.)

        Raises:
            PutRefused: as ``put`` for a field that may not be written, and see ``failed``; no ``done`` then.
        """
        self._check_access(field)
        refusals: list[PutRefused] = []
        record = field.record

        def start() -> None:
            refusal = self.store(field, value)
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

    def post_event(self, event: str | int) -> None:
        """Process the records that wait for an event (SCAN Event, EVNT), by phase (post_event)."""
        self._depth += 1
        self.scanning.post_event(str(event))
        self._leave()

    def acknowledge(self, record: str, severity: int) -> None:
        """Acknowledge alarms up to a severity (DBR_PUT_ACKS). Raises KeyError for an unknown record."""
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

    def store(self, field: Field, value: object) -> PutRefused | None:
        """Convert, store, special, post (dbPut). Access was checked."""
        record, spec, name = field.record, field.spec, field.name
        if spec.link is not None:
            return self.links.relink(field, value)
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
            self.scanning.schedule(record)
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
            self.processing.process(record)
        return True

    # --- processing
    def process_later(self, record: Record) -> None:
        """Process a record in a chain of its own after the present one (scanOnce)."""
        self._work.append(partial(self.processing.process, record))

    def later(self, action: Callable[[], None]) -> None:
        """Do something in a chain of its own after the present one."""
        self._work.append(action)
        if not self._depth:
            self._drain()

    # --- events
    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Have ``callback`` called with every event, in order, when the chain that posted it has ended.

        Text and arrays show the value of that moment, and are posted once a chain (as the C server does it).

        Returns:
            A function that ends the subscription.
        """
        return self.events.subscribe(callback)

    def watch(self, pvname: str, callback: Callable[[Value], None]) -> Callable[[], None]:
        """Have ``callback`` called with each value posted of a field, when the chain that did has ended.

        Order of posting is kept. This is what a sequence program sees of a Channel Access monitor.

        Returns:
            A function that ends the watch.

        Raises:
            KeyError: no such field.
        """
        return self.events.watch(self._need(pvname), callback)

    def _leave(self) -> None:
        """End of a chain: deliver its events, do the work they caused, unless an outer chain will."""
        self._depth -= 1
        if self._depth == 0:
            self._drain()

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        done = 0
        try:
            while self.events or self._work:
                while self.events:
                    self.events.deliver()
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

    # --- time
    def next_timer(self) -> float | None:
        """Time (as ``now`` counts) of the next watchdog, delay or periodic scan; None when there is none."""
        return self.timers.next()

    def run_timers(self, now: float) -> None:
        """Do everything that is due at ``now``; what that makes due at once waits for the next call."""
        last = self.timers.last
        while (action := self.timers.pop_due(now, last)) is not None:
            self._depth += 1
            try:
                action()
            finally:
                self._leave()
