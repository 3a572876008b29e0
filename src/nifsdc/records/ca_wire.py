"""Channel Access on the wire: command numbers, status codes and message headers. No socket in here.

Sources: Channel Access Protocol Specification (EPICS documentation), ``caProto.h`` and ``caerr.h`` of EPICS
base. All numbers are big-endian; payloads are padded to a multiple of eight bytes.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import NamedTuple

from .convert import from_bytes, to_bytes

MINOR_VERSION = 13
"""protocol 4.13, the newest: count 0 asks for as many elements as there are"""
EPICS_EPOCH = 631152000
"""1990-01-01 UTC in seconds since 1970; Channel Access counts from there"""

HEADER = struct.Struct(">HHHHII")
"""command, payload bytes, data type, count, parameter 1, parameter 2"""
EXTENSION = struct.Struct(">II")
"""payload bytes and count of a message whose header says 0xFFFF payload bytes and count 0"""
HEADER_SIZE = HEADER.size
NO_REPLY_FLAG = 5
REPLY_FLAG = 10
READ_RIGHT = 1
WRITE_RIGHT = 2
SENDER_ADDRESS = 0xFFFFFFFF
"""in a search reply: the server is where this datagram came from"""


class Command(enum.IntEnum):
    """First word of a message."""

    VERSION = 0
    EVENT_ADD = 1
    EVENT_CANCEL = 2
    READ = 3
    WRITE = 4
    SEARCH = 6
    EVENTS_OFF = 8
    EVENTS_ON = 9
    READ_SYNC = 10
    ERROR = 11
    CLEAR_CHANNEL = 12
    BEACON = 13
    NOT_FOUND = 14
    READ_NOTIFY = 15
    CREATE_CHAN = 18
    WRITE_NOTIFY = 19
    CLIENT_NAME = 20
    HOST_NAME = 21
    ACCESS_RIGHTS = 22
    ECHO = 23
    CREATE_CH_FAIL = 26
    SERVER_DISCONN = 27


class Eca(enum.IntEnum):
    """Status of a reply (``caerr.h``)."""

    NORMAL = 1
    ALLOCMEM = 48
    BADTYPE = 114
    INTERNAL = 142
    GETFAIL = 152
    PUTFAIL = 160
    BADCOUNT = 176
    NORDACCESS = 368
    NOWTACCESS = 376


class ProtocolError(Exception):
    """The peer sent what is not Channel Access; its connection cannot be used any longer."""


class Message(NamedTuple):
    """One message as it arrived."""

    command: int
    dbr: int
    elements: int
    p1: int
    p2: int
    payload: bytes
    header: bytes
    """the header as received, for error replies that quote it"""


def header(command: int, size: int, dbr: int, count: int, p1: int, p2: int) -> bytes:
    """Pack a header; the extended form when ``size`` (bytes) or ``count`` needs more than 16 bits."""
    if size < 0xFFFF and count < 0xFFFF:
        return HEADER.pack(command, size, dbr, count, p1, p2)
    return HEADER.pack(command, 0xFFFF, dbr, 0, p1, p2) + EXTENSION.pack(size, count)


def padded(payload: bytes) -> bytes:
    """Return ``payload`` with zero bytes up to a multiple of eight."""
    rest = -len(payload) % 8
    return payload + bytes(rest) if rest else payload


def message(
    command: int, *, dbr: int = 0, count: int = 0, p1: int = 0, p2: int = 0, payload: bytes = b""
) -> bytes:
    """Pack a whole message, padding the payload."""
    body = padded(payload)
    return header(command, len(body), dbr, count, p1, p2) + body


def text_payload(text: str) -> bytes:
    """Bytes of a text with its closing NUL."""
    return to_bytes(text) + b"\0"


def payload_text(payload: bytes) -> str:
    """Text of a payload up to its first NUL; bytes that are not UTF-8 survive a round trip."""
    return from_bytes(payload)


def error(request: Message, status: Eca, cid: int, reason: str) -> bytes:
    """Pack an error reply that quotes the header of the request and says in words what was wrong."""
    payload = request.header + text_payload(reason)
    return message(Command.ERROR, p1=cid, p2=status, payload=payload)


def datagram_messages(data: bytes) -> Iterator[Message]:
    """Split a datagram into messages; stops at the first that is cut short (there is nothing to wait for)."""
    start = 0
    while start + HEADER_SIZE <= len(data):
        command, size, dbr, count, p1, p2 = HEADER.unpack_from(data, start)
        body = start + HEADER_SIZE
        if body + size > len(data):
            return
        yield Message(command, dbr, count, p1, p2, data[body : body + size], data[start:body])
        start = body + size


class MessageReader:
    """Cuts a byte stream into messages.

    Args:
        largest: bytes of the largest payload that is accepted.
    """

    def __init__(self, largest: int = 1 << 16) -> None:
        self.largest = largest
        self._buffer = bytearray()
        self._start = 0

    def __len__(self) -> int:
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next(self) -> Message | None:
        """Take the next whole message; None when more bytes are needed.

        Raises:
            ProtocolError: a payload larger than ``largest`` is announced.
        """
        buffer, start = self._buffer, self._start
        body = start + HEADER_SIZE
        if len(buffer) < body:
            return None
        command, size, dbr, count, p1, p2 = HEADER.unpack_from(buffer, start)
        if size == 0xFFFF and count == 0:
            if len(buffer) < body + EXTENSION.size:
                return None
            size, count = EXTENSION.unpack_from(buffer, body)
            body += EXTENSION.size
        if size > self.largest:
            raise ProtocolError(f"command {command} announces {size} bytes; the most taken is {self.largest}")
        end = body + size
        if len(buffer) < end:
            return None
        self._start = end
        return Message(
            command, dbr, count, p1, p2, bytes(buffer[body:end]) if size else b"", bytes(buffer[start:body])
        )
