"""How clients find the server: answers to name searches by datagram, and beacons that tell it is there."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Container, Sequence
from typing import Protocol, cast

from .ca_wire import (
    MINOR_VERSION,
    REPLY_FLAG,
    SENDER_ADDRESS,
    Command,
    datagram_messages,
    message,
    payload_text,
)

log = logging.getLogger("nifsdc.ca")

LARGEST_ANSWER = 1024
"""bytes of one answering datagram (MAX_UDP_SEND)"""
FIRST_BEACON_PERIOD = 0.02
"""seconds between the first two beacons; doubles until the full period (15 s)"""
_MINOR_PAYLOAD = MINOR_VERSION.to_bytes(2, "big")


class Names(Protocol):
    """Who knows which names there are."""

    def exists(self, name: str) -> bool:
        """Tell whether there is a channel of that name, and keep nothing."""


class SearchResponder(asyncio.DatagramProtocol):
    """Answers the searches that arrive at one address.

    Args:
        channels: tells which names exist; nothing is kept of names that do not.
        port: the server's TCP port.
        ignored: addresses that get no answer.
    """

    def __init__(self, channels: Names, port: int, ignored: Container[str] = ()) -> None:
        self._channels = channels
        self._port = port
        self._ignored = ignored
        self._transport: asyncio.DatagramTransport | None = None
        self._complained = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def by_broadcast(self) -> asyncio.DatagramProtocol:
        """Protocol for a socket that hears broadcasts; the answers go out by this responder's own address."""
        return _Broadcasts(self)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """A datagram has arrived: answer what is asked in it for names we have."""
        if address[0] in self._ignored or self._transport is None:
            return
        head = message(Command.VERSION, count=MINOR_VERSION)
        answers: list[bytes] = []
        for request in datagram_messages(data):
            if request.command == Command.VERSION:
                # the sequence number goes back, by which the client measures the round trip
                head = message(Command.VERSION, dbr=request.dbr, count=MINOR_VERSION, p1=request.p1)
            elif request.command == Command.SEARCH:
                if self._channels.exists(payload_text(request.payload)):
                    answers.append(self._found(request.p1))
                elif request.dbr == REPLY_FLAG:
                    answers.append(
                        message(
                            Command.NOT_FOUND,
                            dbr=REPLY_FLAG,
                            count=request.elements,
                            p1=request.p1,
                            p2=request.p2,
                        )
                    )
        while answers:
            size, many = len(head), 0
            while many < len(answers) and size + len(answers[many]) <= LARGEST_ANSWER:
                size += len(answers[many])
                many += 1
            self._transport.sendto(head + b"".join(answers[:many]), address)
            del answers[:many]

    def _found(self, cid: int) -> bytes:
        return message(Command.SEARCH, dbr=self._port, p1=SENDER_ADDRESS, p2=cid, payload=_MINOR_PAYLOAD)

    def error_received(self, exc: Exception) -> None:
        """An answer could not be delivered (the client has gone): of no consequence, said once."""
        if not self._complained:
            self._complained = True
            log.info("an answer to a name search could not be sent: %s", exc)


class _Broadcasts(asyncio.DatagramProtocol):
    def __init__(self, responder: SearchResponder) -> None:
        self._responder = responder

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._responder.datagram_received(data, address)


class Beacons:
    """Tells the world at growing intervals that the server is there, so that clients search again at once.

    Args:
        addresses: (host, port) of repeaters or broadcast addresses.
        server_address: address to be announced; 0.0.0.0 lets the receiver take the sender's.
        port: the server's TCP port.
        period: seconds between beacons once the server has been up for a while.
    """

    def __init__(
        self, addresses: Sequence[tuple[str, int]], server_address: str, port: int, period: float = 15.0
    ) -> None:
        self._addresses = tuple(addresses)
        self._host = int.from_bytes(socket.inet_aton(socket.gethostbyname(server_address)), "big")
        self._port = port
        self._longest = period
        self._period = FIRST_BEACON_PERIOD
        self._number = 0
        self._failing: set[tuple[str, int]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def start(self, call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle]) -> None:
        """Send the first beacon and go on with the loop's timer."""

        def beat() -> None:
            self.send()
            self._timer = call_later(self._period, beat)
            self._period = min(self._longest, 2 * self._period)

        beat()

    def send(self) -> None:
        """Send one beacon to every address; a failure is logged once until that address works again."""
        beacon = message(Command.BEACON, dbr=MINOR_VERSION, count=self._port, p1=self._number, p2=self._host)
        self._number = (self._number + 1) & 0xFFFFFFFF
        for address in self._addresses:
            try:
                self._socket.sendto(beacon, address)
            except OSError as problem:
                if address not in self._failing:
                    self._failing.add(address)
                    log.warning(
                        "beacons cannot be sent to %s:%d (%s); set EPICS_CAS_BEACON_ADDR_LIST to "
                        "addresses that can be reached and EPICS_CAS_AUTO_BEACON_ADDR_LIST=NO",
                        *address,
                        problem,
                    )
            else:
                self._failing.discard(address)

    def close(self) -> None:
        """Send no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._socket.close()
