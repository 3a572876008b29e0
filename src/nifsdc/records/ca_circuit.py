"""One client's connection: requests in the order they came, replies and events in one write per wake-up.

Everything happens synchronously on the server's loop: no task, no queue of requests, no timer. A client that
does not read is held back twice: its events wait in a bounded queue (``ca_queue``), and its own requests are
not read until it takes the replies.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from collections import deque
from typing import Protocol, cast

from .ca_access import Peer
from .ca_complaints import Complaints
from .ca_events import Subscription
from .ca_large import Cursor, LargePayload, Payload
from .ca_queue import Bounds, EventQueue
from .ca_service import Service
from .ca_session import Session
from .ca_wire import MINOR_VERSION, Command, Message, MessageReader, ProtocolError, message

log = logging.getLogger("nifsdc.ca")

CHUNK = 1 << 18
"""bytes given to the socket at once; more than that goes out in pieces, with other clients in between"""
REQUESTS_PER_TURN = 64
"""requests answered before other clients get their turn"""
LARGEST_PLAIN = 1 << 14
"""bytes of payload a client may send in anything but a write to a large array"""


class Host(Service, Protocol):
    """What a circuit needs of its server."""

    def dirty(self, circuit: Circuit) -> None:
        """Have ``circuit.flush`` called at the end of the present wake-up."""

    def wake(self) -> None:
        """Begin a wake-up, which ``settle`` will end."""

    def settle(self) -> None:
        """End a wake-up: flush every dirty circuit and set the timer of the database."""

    def opened(self, circuit: Circuit) -> Bounds:
        """Take note of a new client and say how much may wait for it."""

    def closed(self, circuit: Circuit) -> None:
        """Forget a client."""

    complain: Complaints

    def large(self, payload: LargePayload) -> None:
        """Take note that a large array is on its way to a client."""


class Circuit(asyncio.Protocol):
    """A client's TCP connection, from accept to close."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._reader = MessageReader(LARGEST_PLAIN)
        self._out: deque[bytes | Cursor] = deque()
        self._out_bytes = 0
        self._large = 0
        self._more = False
        self._queue = EventQueue(Bounds())
        self._events_on = True
        self._stuck = False
        self._stuck_since = 0.0
        self._turn_waits = False
        self._reading = True
        self._marked = False
        self.session = Session(host, self, Peer("", 0))

    @property
    def connected(self) -> bool:
        """False once the client has gone."""
        return self._transport is not None

    @property
    def coalesced(self) -> int:
        """Values that gave way to newer ones because the client did not take them."""
        return self._queue.coalesced

    @property
    def stuck_since(self) -> float | None:
        """When the socket became full (``time.monotonic``); None while it is not."""
        return self._stuck_since if self._stuck else None

    @property
    def holds_large(self) -> bool:
        """True while a large array is partly sent."""
        return self._large > 0

    @property
    def waiting(self) -> int:
        """Bytes of events that wait for the client."""
        return self._queue.bytes

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=CHUNK, low=CHUNK // 4)
        address = transport.get_extra_info("peername") or ("", 0)
        self.session.peer = Peer(str(address[0]), int(address[1]))
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            # asyncio does so only where a socket was made with its protocol number; accepted ones are not,
            # and an event behind another would wait up to 40 ms for the client's delayed acknowledgement
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._queue.bounds = self._host.opened(self)
        log.debug("client %s connected", self.session.peer)
        self.reply(message(Command.VERSION, count=MINOR_VERSION))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended: forget everything of this client."""
        self._transport = None
        self._out.clear()
        self._out_bytes = self._large = 0
        self.session.close()
        self._queue.clear()
        self._host.closed(self)
        log.debug("client %s disconnected%s", self.session.peer, f": {exc}" if exc else "")

    def abort(self, reason: str) -> None:
        """Disconnect the client at once, for a reason that goes to the log."""
        if self._transport is not None and not self._transport.is_closing():
            self._host.complain("client %s disconnected: %s", self.session.peer, reason)
            self._transport.abort()

    def close(self) -> None:
        """Disconnect the client because the server ends."""
        if self._transport is not None:
            self._transport.abort()

    # --- out

    def reply(self, data: Payload) -> None:
        """Send a message, or a part of one, at the end of the present wake-up."""
        self._put(data)
        if not self._marked:
            self._mark()

    def _put(self, data: Payload) -> None:
        if isinstance(data, LargePayload):
            self._large += 1
            self._out.append(Cursor(data))
            self._host.large(data)
        else:
            self._out.append(data)
        self._out_bytes += len(data)

    def post(self, subscription: Subscription, head: bytes, payload: Payload) -> None:
        """Send one event at the end of the present wake-up, or let it wait while the client takes none."""
        if self._events_on and not self._stuck and not self._queue and not self._large:
            self._out.append(head)
            self._out_bytes += len(head)
            self._put(payload)
            if self._out_bytes >= CHUNK:
                self.flush()
            if not self._marked:
                self._mark()
        elif self._transport is None:
            return
        elif self._queue.add(subscription, head, payload):
            if isinstance(payload, LargePayload):
                self._host.large(payload)
            if not self._marked and self._events_on and not self._stuck:
                self._mark()
        else:
            self.abort(
                f"it does not take its events, of which those of {subscription.channel.name} must be kept"
            )

    def let_events(self, on: bool) -> None:
        """Send events, or have them wait because the client asked for it."""
        self._events_on = on
        if on and not self._marked:
            self._mark()

    def _mark(self) -> None:
        self._marked = True
        self._host.dirty(self)

    def flush(self) -> None:
        """Write what has gathered, then events that were waiting, as far as the socket takes them.

        What is left after CHUNK bytes waits until other clients have had their turn.
        """
        self._marked = False
        transport = self._transport
        if transport is None or self._stuck or self._more or transport.is_closing():
            return
        if not self._out and self._queue and self._events_on:
            for data in self._queue.take(CHUNK):
                self._put(data)
        if not self._out:
            return
        if self._out_bytes <= 2 * CHUNK and not self._large:
            data = b"".join(cast("deque[bytes]", self._out))
            self._out.clear()
            self._out_bytes = 0
        else:
            data = self._cut()
        transport.write(data)
        if (self._out or (self._queue and self._events_on)) and not self._stuck:
            self._more = True
            asyncio.get_running_loop().call_soon(self._continue)

    def _continue(self) -> None:
        self._more = False
        self.flush()
        if not self._more:
            self._take_turn()

    def _cut(self) -> bytes:
        """Take about CHUNK bytes from the front of what has gathered; a large array a piece at a time."""
        out, size = self._out, 0
        parts: list[bytes] = []
        while out and size < CHUNK:
            first = out[0]
            if isinstance(first, Cursor):
                part = first.take()
                if first.done:
                    out.popleft()
                    self._large -= 1
            else:
                part = first
                out.popleft()
            parts.append(part)
            size += len(part)
        self._out_bytes -= size
        return b"".join(parts)

    def pause_writing(self) -> None:
        """The socket is full: the client does not read."""
        self._stuck = True
        self._stuck_since = time.monotonic()
        self._hold_reading()

    def resume_writing(self) -> None:
        """The socket takes bytes again."""
        self._stuck = False
        self.flush()
        self._take_turn()

    # --- in

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived: answer the requests in them."""
        self._reader.feed(data)
        if not self._turn_waits:
            self._take_turn()

    def _take_turn(self) -> None:
        if not self._stuck and not self._turn_waits and not self._more:
            self._host.wake()
            self._answer()
            self._host.settle()

    def _next_turn(self) -> None:
        self._turn_waits = False
        self._take_turn()

    def _hold_reading(self) -> None:
        if self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reading and self._transport is not None:
            self._reading = True
            self._transport.resume_reading()

    def _answer(self) -> None:
        """Answer requests until there are none, the socket is full, or it is another client's turn."""
        session = self.session
        try:
            for _ in range(REQUESTS_PER_TURN):
                if self._out_bytes > CHUNK:
                    self.flush()
                if self._stuck or self._more:  # it goes on when the replies have gone out
                    self._hold_reading()
                    return
                if self._transport is None or self._transport.is_closing():
                    return
                request = self._next_request()
                if request is None:
                    self._resume_reading()
                    return
                session.handle(request)
        except (ProtocolError, struct.error) as problem:
            self.abort(str(problem))
            return
        except Exception:
            log.exception("a request of client %s failed inside the server", session.peer)
            self.abort("its request failed inside the server")
            return
        self._hold_reading()
        self._turn_waits = True
        asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_request(self) -> Message | None:
        try:
            return self._reader.next()
        except ProtocolError:
            largest = self.session.largest_write
            if largest <= self._reader.largest:
                raise
            self._reader.largest = largest  # the client has a large array open
            return self._reader.next()
