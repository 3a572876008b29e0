"""The protocol between `nifsdc.sdsu.links.tcp` and `nifsdc.sdsu.links.server`, version 1.

Either side sends frames over one TCP connection. A frame is a head of 12 bytes and a payload; numbers are
big-endian but for the pixels themselves, which are little-endian as cards deliver them.

======  ==========================================================================================
bytes   head
======  ==========================================================================================
0-1     ``NL``
2       kind of frame, see `Kind`
3       0
4-7     length of the payload in bytes, at most `LONGEST`
8-11    CRC-32 of the payload
======  ==========================================================================================

The client says HELLO with its version; the server answers WELCOME, or REFUSED with a sentence and closes.
Then the client may ask: each question has a number that its answer repeats. What has no answer (SEND,
CONSUMED) has no number. The server tells blocks and pixels on its own, in order, and always before an answer
that is younger; each pixel is sent once. Where it cannot go on it says LOST with a sentence and closes. A
client that has been silent for `SILENCE_SECONDS` is gone, and so is a server: the client sends PING every
`PING_SECONDS`, which is answered by PONG.

There is no authentication: who can reach the port commands the controller. The server listens on the loopback
interface unless told otherwise.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
import zlib
from collections.abc import Sequence
from enum import IntEnum

from nifsdc.sdsu.links.line import Line

VERSION = 1
MARK = b"NL"
HEAD = struct.Struct(">2sBBII")
LONGEST = 1 << 20
"""bytes that a payload has at most"""
CHUNK_PIXELS = 1 << 17
"""pixels that a frame has at most"""
SILENCE_SECONDS = 15.0
PING_SECONDS = 2.0
HELLO_SECONDS = 5.0
"""how long either side waits for the other's first frame"""
LONGEST_TEXT = 2000


class Kind(IntEnum):
    """What a frame is; the payload is given as `struct` has it, words as 32-bit numbers."""

    HELLO = 1
    """client: version (H)"""
    WELCOME = 2
    """server: version, pixels of the image buffer, speed of the detector's clock (HQd), name in UTF-8"""
    REFUSED = 3
    """server: why, in UTF-8; it closes then"""
    LOST = 4
    """server: why it cannot go on, in UTF-8; it closes then"""
    PING = 5
    """client: nothing"""
    PONG = 6
    """server: nothing"""
    SEND = 7
    """client: words of a packet that has no answer"""
    TRANSACT = 8
    """client: number, deadline in seconds (Id), words; answered by ANSWER, SILENT or FAILED"""
    RESET = 9
    """client: number, deadline in seconds (Id); answered likewise"""
    UNASKED = 10
    """client: number (I); answered by ANSWER with all packets, one behind the other"""
    NOW = 11
    """client: number (I); answered by TIME"""
    SLEEP = 12
    """client: number, detector seconds (Id); answered by TIME when they are over or WAKE came"""
    WAKE = 13
    """client: number of a SLEEP that is to end (I)"""
    CONSUMED = 14
    """client: block, pixels taken (QQ)"""
    ANSWER = 15
    """server: number (I), words"""
    SILENT = 16
    """server: number (I); the deadline has passed"""
    FAILED = 17
    """server: number (I), name of an error of `nifsdc.sdsu.errors`, a colon and its sentence in UTF-8"""
    TIME = 18
    """server: number, detector seconds (Id)"""
    BLOCK = 19
    """server: number of a block that begins, number and pixels of the one before (QQQ)"""
    PIXELS = 20
    """server: block, index of the first pixel (QQ), pixels (little-endian, 16 bits each)"""


KINDS = frozenset(Kind)
HELLO = struct.Struct(">H")
WELCOME = struct.Struct(">HQd")
NUMBER = struct.Struct(">I")
TIMED = struct.Struct(">Id")
COUNT = struct.Struct(">QQ")
BLOCK = struct.Struct(">QQQ")
PIXELS = struct.Struct(">QQ")


class BadFrame(ConnectionError):
    """What came is no frame of this protocol, or was damaged on its way."""


def pack_words(words: Sequence[int]) -> bytes:
    """Return words as the payload has them."""
    return struct.pack(f">{len(words)}I", *words)


def unpack_words(payload: bytes | memoryview) -> tuple[int, ...]:
    """Return the words of a payload; raises `BadFrame` where it has half of one."""
    if len(payload) % 4:
        raise BadFrame(f"{len(payload)} bytes are no words of 4 bytes")
    return struct.unpack(f">{len(payload) // 4}I", payload)


def unpack(form: struct.Struct, payload: memoryview) -> tuple[tuple[int | float, ...], memoryview]:
    """Return the numbers at the beginning of a payload, and the rest; raises `BadFrame`."""
    if len(payload) < form.size:
        raise BadFrame(f"a payload of {len(payload)} bytes is too short")
    return form.unpack_from(payload), payload[form.size :]


def text_of(payload: bytes | memoryview) -> str:
    """Return the sentence of a payload."""
    return bytes(payload).decode("utf-8", errors="replace")[:LONGEST_TEXT]


class Wire:
    """A connection that carries frames: one thread reads, any may write.

    The connection's own timeout bounds every wait. Errors are `OSError`, among them `BadFrame`, and
    `TimeoutError` when the other side has been silent for too long.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(SILENCE_SECONDS)
        self._line = Line(connection)
        self._writing = threading.Lock()
        self._head = bytearray(HEAD.size)
        self._payload = bytearray(LONGEST)

    def write(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a frame."""
        data = HEAD.pack(MARK, kind, 0, len(payload), zlib.crc32(payload)) + payload
        with self._writing, self._line as connection:
            connection.sendall(data)

    def write_framed(self, kind: Kind, data: memoryview) -> None:
        """Send a frame whose payload stands behind `HEAD.size` free bytes; they are filled here."""
        payload = data[HEAD.size :]
        HEAD.pack_into(data, 0, MARK, kind, 0, len(payload), zlib.crc32(payload))
        with self._writing, self._line as connection:
            connection.sendall(data)

    def read(self, seconds: float = SILENCE_SECONDS) -> tuple[Kind, memoryview]:
        """Return the next frame's kind and payload, which is valid until the next is read.

        Raises
        ------
        EOFError
            when the other side has closed the connection
        OSError
            when it broke, was silent, or brought something else than a frame
        """
        with self._line as connection:
            connection.settimeout(seconds)
            _fill(connection, memoryview(self._head), begun=False)
            mark, number, zero, length, check = HEAD.unpack(self._head)
            if mark != MARK or zero or length > LONGEST or number not in KINDS:
                raise BadFrame("what came is no frame of a link: is the other side nifsdc link-server?")
            payload = memoryview(self._payload)[:length]
            _fill(connection, payload, begun=True)
        if zlib.crc32(payload) != check:
            raise BadFrame(f"a frame of {length} bytes was damaged on its way")
        return Kind(number), payload

    def close(self) -> None:
        """Close the connection; a thread that reads or writes wakes up."""
        self._line.end()

    def finish(self) -> None:
        """Write no more; what was written arrives, and the other side sees the end of it."""
        with contextlib.suppress(OSError), self._line as connection:
            connection.shutdown(socket.SHUT_WR)

    def end(self, seconds: float = 1.0) -> None:
        """Close it so that what was written arrives: what is unread would make the system reset it.

        To be called by the thread that reads, after `finish` if need be. Takes so long at most.
        """
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError), self._line as connection:
            connection.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                connection.settimeout(left)
                if not connection.recv(65536):
                    break
        self._line.end()


def _fill(connection: socket.socket, view: memoryview, *, begun: bool) -> None:
    done = 0
    while done < len(view):
        count = connection.recv_into(view[done:])
        if count == 0:
            if begun or done:
                raise BadFrame("the connection was closed in the middle of a frame")
            raise EOFError("the other side closed the connection")
        done += count
