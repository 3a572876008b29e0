"""What a client has open, and how each of its requests is answered. No socket in here.

A request is answered before the next is looked at, so a client's writes act in the order it sent them.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from .ca_channel import Channel, Channels
from .ca_events import Dispatcher, Subscription
from .ca_wire import (
    MINOR_VERSION,
    READ_RIGHT,
    REPLY_FLAG,
    SENDER_ADDRESS,
    WRITE_RIGHT,
    Command,
    Eca,
    Message,
    ProtocolError,
    error,
    message,
    payload_text,
)
from .convert import ConversionError
from .database import Database
from .errors import PutRefused
from .fields import Field

log = logging.getLogger("nifsdc.ca")

NAME_TEXT = 256
"""characters kept of the host and user name a client gives itself"""
EVENT_MASK = struct.Struct(">12xH2x")
"""payload of EVENT_ADD: three limits nobody uses, then the mask"""


@dataclass(frozen=True)
class Peer:
    """Who is at the other end."""

    address: str
    """internet address"""
    port: int
    host: str = ""
    """host name as the client gave it"""
    user: str = ""
    """user name as the client gave it"""

    def __str__(self) -> str:
        return f"{self.user or '?'}@{self.host or self.address} ({self.address}:{self.port})"


@dataclass(frozen=True)
class Write:
    """One write request that was done or refused, for a put log."""

    peer: Peer
    field: Field
    before: object
    value: object
    refused: str
    """reason of a refusal, "" for a write that was done"""


class Service(Protocol):
    """What a session needs of its server."""

    database: Database
    channels: Channels
    dispatcher: Dispatcher
    port: int
    put_count: int
    put_log: Callable[[Write], None] | None
    may_write: Callable[[Peer, Field], bool]


class Line(Protocol):
    """What a session needs of its connection."""

    @property
    def connected(self) -> bool:
        """False once the client has gone."""

    def reply(self, data: bytes) -> None:
        """Send a message at the end of the present wake-up."""

    def post(self, subscription: Subscription, head: bytes, payload: bytes) -> None:
        """Send one event, or let it wait."""

    def let_events(self, on: bool) -> None:
        """Send events, or have them wait because the client asked for it."""


class _Open:
    """A channel that the client has open."""

    __slots__ = ("channel", "cid", "may_write", "subscriptions")

    def __init__(self, channel: Channel, cid: int, may_write: bool) -> None:
        self.channel = channel
        self.cid = cid
        self.may_write = may_write
        self.subscriptions: dict[int, Subscription] = {}


class Session:
    """The state of one client, from its first request to its disconnection.

    Args:
        service: the server.
        line: the connection.
        peer: the client's address; its names come with its first requests.
    """

    def __init__(self, service: Service, line: Line, peer: Peer) -> None:
        self.peer = peer
        self._service = service
        self._line = line
        self._open: dict[int, _Open] = {}
        self._next_sid = 1
        self._minor = MINOR_VERSION

    @property
    def channels(self) -> int:
        """Channels the client has open."""
        return len(self._open)

    @property
    def largest_write(self) -> int:
        """Bytes of the largest write that one of the open channels could take."""
        return max((o.channel.largest_write for o in self._open.values() if o.may_write), default=0)

    def close(self) -> None:
        """End all monitors and forget all channels."""
        for opened in self._open.values():
            for subscription in opened.subscriptions.values():
                self._service.dispatcher.remove(subscription)
        self._open.clear()

    def handle(self, request: Message) -> None:
        """Answer one request.

        Raises:
            ProtocolError: the request makes no sense; the client has to be disconnected.
        """
        handler = self._HANDLERS.get(request.command)
        if handler is None:
            raise ProtocolError(f"unknown command {request.command}")
        handler(self, request)

    def _opened(self, request: Message) -> _Open:
        opened = self._open.get(request.p1)
        if opened is None:
            raise ProtocolError(
                f"command {request.command} for channel number {request.p1}, which is not open"
            )
        return opened

    def _echo_header(self, request: Message, command: int, p1: int) -> None:
        """Answer without a payload: the request's type, count and second parameter come back."""
        self._line.reply(message(command, dbr=request.dbr, count=request.elements, p1=p1, p2=request.p2))

    # --- the circuit

    def _version(self, request: Message) -> None:
        self._minor = request.elements

    def _host_name(self, request: Message) -> None:
        self.peer = replace(self.peer, host=payload_text(request.payload)[:NAME_TEXT])

    def _client_name(self, request: Message) -> None:
        self.peer = replace(self.peer, user=payload_text(request.payload)[:NAME_TEXT])

    def _echo(self, request: Message) -> None:
        self._line.reply(message(Command.ECHO))

    def _read_sync(self, request: Message) -> None:
        self._line.reply(message(Command.READ_SYNC))

    def _search(self, request: Message) -> None:
        if payload_text(request.payload) in self._service.channels:
            answer = message(Command.SEARCH, dbr=self._service.port, p1=SENDER_ADDRESS, p2=request.p2)
            self._line.reply(answer)
        elif request.dbr == REPLY_FLAG:
            self._echo_header(request, Command.NOT_FOUND, request.p1)

    # --- channels

    def _create_channel(self, request: Message) -> None:
        channel = self._service.channels.find(payload_text(request.payload))
        cid = request.p1
        if channel is None:
            self._line.reply(message(Command.CREATE_CH_FAIL, p1=cid))
            return
        sid = self._next_sid
        self._next_sid = sid % 0xFFFFFFFF + 1
        may_write = channel.field.writable and self._service.may_write(self.peer, channel.field)
        self._open[sid] = _Open(channel, cid, may_write)
        rights = READ_RIGHT | (WRITE_RIGHT if may_write else 0)
        self._line.reply(message(Command.ACCESS_RIGHTS, p1=cid, p2=rights))
        created = message(Command.CREATE_CHAN, dbr=channel.native, count=channel.count, p1=cid, p2=sid)
        self._line.reply(created)

    def _clear_channel(self, request: Message) -> None:
        opened = self._opened(request)
        for subscription in opened.subscriptions.values():
            self._service.dispatcher.remove(subscription)
        del self._open[request.p1]
        self._line.reply(message(Command.CLEAR_CHANNEL, p1=request.p1, p2=request.p2))

    # --- reading

    def _read(self, request: Message) -> None:
        opened = self._opened(request)
        asked = request.elements or (1 if self._minor < MINOR_VERSION else 0)
        try:
            count, payload = opened.channel.read(request.dbr, asked)
        except ConversionError as problem:
            if request.command == Command.READ:
                self._line.reply(error(request, Eca.GETFAIL, opened.cid, f"{opened.channel.name}: {problem}"))
            else:
                self._echo_header(request, request.command, Eca.GETFAIL)
            return
        p1 = opened.cid if request.command == Command.READ else Eca.NORMAL
        answer = message(request.command, dbr=request.dbr, count=count, p1=p1, p2=request.p2, payload=payload)
        self._line.reply(answer)

    # --- writing

    def _write(self, request: Message) -> None:
        opened = self._opened(request)
        if not opened.may_write:
            reason = f"{opened.channel.name} is read-only for {self.peer}"
            self._line.reply(error(request, Eca.NOWTACCESS, opened.cid, reason))
            return

        def put(value: object) -> str:
            self._service.database.put(opened.channel.field, value)
            return ""

        reason = self._store(opened, request, put)
        if reason:
            self._line.reply(error(request, Eca.PUTFAIL, opened.cid, reason))

    def _write_notify(self, request: Message) -> None:
        opened = self._opened(request)
        if not opened.may_write:
            self._echo_header(request, Command.WRITE_NOTIFY, Eca.NOWTACCESS)
            return
        refusals: list[str] = []

        def answer(status: Eca) -> None:
            if self._line.connected:
                self._echo_header(request, Command.WRITE_NOTIFY, status)

        def failed(refusal: PutRefused) -> None:
            refusals.append(str(refusal))
            answer(Eca.PUTFAIL)

        def put(value: object) -> str:
            self._service.database.put_notify(opened.channel.field, value, lambda: answer(Eca.NORMAL), failed)
            return refusals[0] if refusals else ""

        if self._store(opened, request, put) and not refusals:
            answer(Eca.PUTFAIL)

    def _store(self, opened: _Open, request: Message, put: Callable[[object], str]) -> str:
        """Do a write and tell the put log of it. Returns why it was refused, "" when it was not."""
        service, field = self._service, opened.channel.field
        service.put_count += 1
        before = field.value if service.put_log is not None else None
        value: object = request.payload
        try:
            value = opened.channel.decode(request.dbr, request.elements, request.payload)
            refused = put(value)
        except (PutRefused, ConversionError) as refusal:
            refused = str(refusal)
        except Exception as problem:
            log.exception("%s: a write failed inside the record engine", opened.channel.name)
            refused = f"{type(problem).__name__}: {problem}"
        if refused:
            log.debug("write by %s refused: %s", self.peer, refused)
        if service.put_log is not None:
            service.put_log(Write(self.peer, field, before, value, refused))
        return refused

    # --- monitors

    def _event_add(self, request: Message) -> None:
        opened = self._opened(request)
        if len(request.payload) < EVENT_MASK.size:
            raise ProtocolError(
                f"a monitor request of {len(request.payload)} bytes; expected {EVENT_MASK.size}"
            )
        (mask,) = EVENT_MASK.unpack_from(request.payload)
        identifier = request.p2
        if identifier in opened.subscriptions:
            raise ProtocolError(f"monitor number {identifier} is in use already")
        line, channel = self._line, opened.channel
        subscription = Subscription(line, channel, identifier, request.dbr, request.elements, mask)
        try:
            self._service.dispatcher.add(subscription)
        except ConversionError as problem:
            line.reply(error(request, Eca.BADTYPE, opened.cid, f"{channel.name}: {problem}"))
            return
        opened.subscriptions[identifier] = subscription

    def _event_cancel(self, request: Message) -> None:
        opened = self._opened(request)
        subscription = opened.subscriptions.pop(request.p2, None)
        if subscription is None:
            raise ProtocolError(f"cancels monitor number {request.p2}, which it does not have")
        self._service.dispatcher.remove(subscription)
        self._echo_header(request, Command.EVENT_ADD, opened.cid)  # an event without payload is the last

    def _events_off(self, request: Message) -> None:
        self._line.let_events(False)

    def _events_on(self, request: Message) -> None:
        self._line.let_events(True)

    _HANDLERS: ClassVar[dict[int, Callable[[Session, Message], None]]] = {
        Command.VERSION: _version,
        Command.HOST_NAME: _host_name,
        Command.CLIENT_NAME: _client_name,
        Command.ECHO: _echo,
        Command.READ_SYNC: _read_sync,
        Command.SEARCH: _search,
        Command.CREATE_CHAN: _create_channel,
        Command.CLEAR_CHANNEL: _clear_channel,
        Command.READ: _read,
        Command.READ_NOTIFY: _read,
        Command.WRITE: _write,
        Command.WRITE_NOTIFY: _write_notify,
        Command.EVENT_ADD: _event_add,
        Command.EVENT_CANCEL: _event_cancel,
        Command.EVENTS_OFF: _events_off,
        Command.EVENTS_ON: _events_on,
    }
