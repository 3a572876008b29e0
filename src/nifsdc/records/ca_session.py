"""What a client has open, and how each of its requests is answered. No socket in here.

A request is answered before the next is looked at, so a client's writes act in the order it sent them.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from .ca_access import Peer
from .ca_acf import Access
from .ca_channel import Channel
from .ca_events import Subscription
from .ca_large import LargePayload
from .ca_service import Line, Service, Write
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
    header,
    message,
    payload_text,
)
from .convert import ConversionError
from .errors import PutRefused

log = logging.getLogger("nifsdc.ca")

SHORT_EVENT = 4096
"""bytes of zeros that are spent at most on telling a monitor that it may not read"""
NAME_TEXT = 256
"""characters kept of the host and user name a client gives itself"""
EVENT_MASK = struct.Struct(">12xH2x")
"""payload of EVENT_ADD: three limits nobody uses, then the mask"""


class _Open:
    """A channel that the client has open."""

    __slots__ = ("access", "channel", "cid", "may_write", "subscriptions")

    def __init__(self, channel: Channel, cid: int, access: Access) -> None:
        self.channel = channel
        self.cid = cid
        self.subscriptions: dict[int, Subscription] = {}
        self.allow(access)

    def allow(self, access: Access) -> None:
        """Take note of what the client may do; what the record forbids everybody stays forbidden."""
        self.access = access
        self.may_write = access is Access.WRITE and self.channel.field.writable

    @property
    def may_read(self) -> bool:
        return self.access is not Access.NONE

    def rights(self) -> bytes:
        """The message that tells the client."""
        rights = (READ_RIGHT if self.may_read else 0) | (WRITE_RIGHT if self.may_write else 0)
        return message(Command.ACCESS_RIGHTS, p1=self.cid, p2=rights)


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
        self._monitors = 0
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
        self._monitors = 0

    def refresh_access(self) -> None:
        """Ask the access policy anew, and tell the client what has changed for its channels."""
        for opened in self._open.values():
            access = self._service.access(self.peer, opened.channel.field)
            if access is opened.access:
                continue
            could_read = opened.may_read
            opened.allow(access)
            self._line.reply(opened.rights())
            if opened.may_read != could_read:
                for subscription in opened.subscriptions.values():
                    if opened.may_read:
                        self._service.dispatcher.add(subscription)
                    else:
                        self._service.dispatcher.remove(subscription)
                        self._line.reply(_no_access(subscription))

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
        if not self._open:  # a name that comes later counts no more, as with a C server
            self.peer = replace(self.peer, host=payload_text(request.payload)[:NAME_TEXT])

    def _client_name(self, request: Message) -> None:
        if not self._open:
            self.peer = replace(self.peer, user=payload_text(request.payload)[:NAME_TEXT])

    def _echo(self, request: Message) -> None:
        self._line.reply(message(Command.ECHO))

    def _read_sync(self, request: Message) -> None:
        self._line.reply(message(Command.READ_SYNC))

    def _search(self, request: Message) -> None:
        if self._service.channels.exists(payload_text(request.payload)):
            answer = message(Command.SEARCH, dbr=self._service.port, p1=SENDER_ADDRESS, p2=request.p2)
            self._line.reply(answer)
        elif request.dbr == REPLY_FLAG:
            self._echo_header(request, Command.NOT_FOUND, request.p1)

    # --- channels

    def _create_channel(self, request: Message) -> None:
        channel = self._service.channels.find(payload_text(request.payload))
        cid = request.p1
        if channel is None or len(self._open) >= self._service.limits.channels:
            self._line.reply(message(Command.CREATE_CH_FAIL, p1=cid))
            return
        sid = self._next_sid
        while sid in self._open:  # after four thousand million channels
            sid = sid % 0xFFFFFFFF + 1
        self._next_sid = sid % 0xFFFFFFFF + 1
        opened = self._open[sid] = _Open(channel, cid, self._service.access(self.peer, channel.field))
        self._line.reply(opened.rights())
        created = message(Command.CREATE_CHAN, dbr=channel.native, count=channel.count, p1=cid, p2=sid)
        self._line.reply(created)

    def _clear_channel(self, request: Message) -> None:
        opened = self._opened(request)
        for subscription in opened.subscriptions.values():
            self._service.dispatcher.remove(subscription)
        self._monitors -= len(opened.subscriptions)
        del self._open[request.p1]
        self._line.reply(message(Command.CLEAR_CHANNEL, p1=request.p1, p2=request.p2))

    # --- reading

    def _read(self, request: Message) -> None:
        opened = self._opened(request)
        if not opened.may_read:
            self._no_read(request, opened)
            return
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
        head = header(request.command, len(payload), request.dbr, count, p1, request.p2)
        if isinstance(payload, LargePayload):
            self._line.reply(head)
            self._line.reply(payload)
        else:
            self._line.reply(head + payload)

    def _no_read(self, request: Message, opened: _Open) -> None:
        if request.command == Command.READ:
            reason = f"{opened.channel.name} may not be read by {self.peer}"
            self._line.reply(error(request, Eca.NORDACCESS, opened.cid, reason))
        else:
            self._echo_header(request, request.command, Eca.NORDACCESS)

    # --- writing

    def _write(self, request: Message) -> None:
        opened = self._opened(request)
        if not opened.may_write:
            self._line.reply(error(request, Eca.NOWTACCESS, opened.cid, self._no_write(opened, request)))
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
            self._no_write(opened, request)
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

    def _no_write(self, opened: _Open, request: Message) -> str:
        """Tell the put log of a write without access. Returns the reason for the client."""
        reason = f"{opened.channel.name} is read-only for {self.peer}"
        service, field = self._service, opened.channel.field
        if service.put_log is not None:
            try:
                value: object = opened.channel.decode(request.dbr, request.elements, request.payload)
            except ConversionError:
                value = request.payload
            service.put_log(Write(self.peer, field, field.value, value, reason))
        return reason

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
        if self._monitors >= self._service.limits.monitors:
            line.reply(error(request, Eca.ALLOCMEM, opened.cid, f"more than {self._monitors} monitors"))
            return
        subscription = Subscription(line, channel, identifier, request.dbr, request.elements, mask)
        try:
            if opened.may_read:
                self._service.dispatcher.add(subscription)
            else:
                channel.encoder(subscription.dbr, subscription.count)
                line.reply(_no_access(subscription))
        except ConversionError as problem:
            line.reply(error(request, Eca.BADTYPE, opened.cid, f"{channel.name}: {problem}"))
            return
        opened.subscriptions[identifier] = subscription
        self._monitors += 1

    def _event_cancel(self, request: Message) -> None:
        opened = self._opened(request)
        subscription = opened.subscriptions.pop(request.p2, None)
        if subscription is None:
            raise ProtocolError(f"cancels monitor number {request.p2}, which it does not have")
        self._monitors -= 1
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


def _no_access(subscription: Subscription) -> bytes:
    """The event that tells a monitor it gets none: zeros as from a C server (libca drops an empty one)."""
    count = subscription.count or 1
    try:
        count, payload = subscription.channel.read(subscription.dbr, count)
        size = len(payload)
    except ConversionError:
        size = SHORT_EVENT
    if size > SHORT_EVENT:
        count, size = 0, SHORT_EVENT
    return message(
        Command.EVENT_ADD,
        dbr=subscription.dbr,
        count=count,
        p1=Eca.NORDACCESS,
        p2=subscription.identifier,
        payload=bytes(size),
    )
