"""From an event of the database to the bytes of every monitor: encoded once, shared by all subscribers."""

from __future__ import annotations

import logging
from typing import Protocol

from .ca_channel import Channel
from .ca_dbr import Encoder
from .ca_large import LargePayload, Payload
from .ca_queue import Update
from .ca_wire import HEADER, Command, Eca, header
from .convert import ConversionError
from .fields import Event, Field

log = logging.getLogger("nifsdc.ca")


class Outlet(Protocol):
    """Where the events of a subscription go: a client's circuit."""

    def post(self, subscription: Subscription, head: bytes, payload: Payload) -> None:
        """Send or queue one event."""


class Subscription:
    """A client's monitor of one channel.

    Args:
        outlet: the client's circuit.
        channel: what is monitored.
        identifier: the client's number for the subscription.
        dbr: structure asked for.
        count: elements asked for, 0 for as many as there are.
        mask: EventMask bits asked for.
    """

    __slots__ = ("alive", "channel", "count", "dbr", "identifier", "keep_all", "mask", "outlet", "waiting")

    def __init__(
        self, outlet: Outlet, channel: Channel, identifier: int, dbr: int, count: int, mask: int
    ) -> None:
        self.outlet = outlet
        self.channel = channel
        self.identifier = identifier
        self.dbr = dbr
        self.count = min(count, channel.count)
        self.mask = mask
        self.keep_all = channel.keep_all
        self.waiting: Update | None = None
        self.alive = False
        """counted among the monitors of the dispatcher"""


class Group:
    """The subscriptions that get the same bytes: one channel, one structure, one number of elements."""

    __slots__ = ("_encode", "_pack", "dbr", "subscriptions")

    def __init__(self, encode: Encoder, dbr: int) -> None:
        self._encode = encode
        self.dbr = dbr
        self.subscriptions: list[Subscription] = []

    def encode(self, event: Event) -> tuple[int, int, Payload]:
        """Encode an event: status, number of elements, payload. A value without that form is a GETFAIL."""
        try:
            count, payload = self._encode(event.value, event.stat, event.sevr, event.time)
        except ConversionError:
            return Eca.GETFAIL, 0, b""
        return Eca.NORMAL, count, payload

    def send(self, event: Event, subscriptions: list[Subscription]) -> None:
        """Encode once and post to each of ``subscriptions``."""
        status, count, payload = self.encode(event)
        size, dbr = len(payload), self.dbr
        if isinstance(payload, LargePayload):
            payload.share(len(subscriptions))
        short = size < 0xFFFF and count < 0xFFFF
        for subscription in subscriptions:
            if short:
                head = HEADER.pack(Command.EVENT_ADD, size, dbr, count, status, subscription.identifier)
            else:
                head = header(Command.EVENT_ADD, size, dbr, count, status, subscription.identifier)
            subscription.outlet.post(subscription, head, payload)


class Dispatcher:
    """All monitors of the server, by field.

    Attributes:
        events: events that had at least one monitor, since the start.
    """

    def __init__(self) -> None:
        self.events = 0
        self._groups: dict[Field, dict[tuple[bool, int, int], Group]] = {}

    def __len__(self) -> int:
        return sum(len(g.subscriptions) for groups in self._groups.values() for g in groups.values())

    def add(self, subscription: Subscription) -> None:
        """Start a monitor and give it the present value at once.

        Raises:
            ConversionError: the structure does not exist; nothing was started.
        """
        channel = subscription.channel
        encode = channel.encoder(subscription.dbr, subscription.count)
        subscription.alive = True
        groups = self._groups.setdefault(channel.field, {})
        key = (channel.long_string, subscription.dbr, subscription.count)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(encode, subscription.dbr)
        group.subscriptions.append(subscription)
        field = channel.field
        event = Event(field, field.value, field.stat, field.sevr, field.timestamp, subscription.mask)
        group.send(event, [subscription])

    def remove(self, subscription: Subscription) -> None:
        """End a monitor; nothing of it is kept. One that ended already is left."""
        if not subscription.alive:
            return
        subscription.alive = False
        channel = subscription.channel
        groups = self._groups[channel.field]
        key = (channel.long_string, subscription.dbr, subscription.count)
        group = groups[key]
        group.subscriptions.remove(subscription)
        if not group.subscriptions:
            del groups[key]
            if not groups:
                del self._groups[channel.field]

    def dispatch(self, event: Event) -> None:
        """Give an event of the database to all monitors whose mask it meets. Never raises, never waits."""
        groups = self._groups.get(event.field)
        if groups is None:
            return
        self.events += 1
        mask = event.mask
        for group in groups.values():
            wanted = [s for s in group.subscriptions if s.mask & mask]
            if wanted:
                try:
                    group.send(event, wanted)
                except Exception:  # an encoder's bug must not stop the processing chain that posted the event
                    log.exception(
                        "%s: an event could not be encoded as type %d", event.field.pvname, group.dbr
                    )
