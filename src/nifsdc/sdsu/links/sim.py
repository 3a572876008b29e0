"""The link to the simulator process: words over a socket, pixels and registers in a mapped file."""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.errors import LinkLost
from nifsdc.sdsu.links.base import Progress
from nifsdc.sdsu.links.line import Line, readable
from nifsdc.sdsu.links.registers import NotRegisters, Registers
from nifsdc.sdsu.words import (
    RESET_PREAMBLE,
    SYR,
    Board,
    Packet,
    Reassembler,
    encode,
    frame,
    header,
    word,
)

CONNECT_SECONDS = 5.0
SEND_SECONDS = 5
LEAST_POLL = 0.0005
MOST_POLL = 0.05
CLOCK_TICK = 1e-6
"""detector seconds below which a wait is over: the simulator counts nanoseconds, floats do not"""
RESET_WORDS = (header(Board.HOST, Board.TIMING, 2), word("RST"))
CLOSED = "it closed the connection; did it end, or is another host attached?"


class SimClock:
    """The simulator's detector clock, read from the shared registers."""

    def __init__(self, registers: Registers) -> None:
        self._registers = registers

    @property
    def speed(self) -> float:
        """Detector seconds per real second; infinite when the simulator runs as fast as it can."""
        return self._registers.speed

    def now(self) -> float:
        """Detector seconds since the simulator started."""
        return self._registers.read_clock().at(time.monotonic())

    def sleep(self, seconds: float, wake: threading.Event) -> bool:
        """Wait so many detector seconds; return True at once when ``wake`` is set.

        The clock may stand still meanwhile (the simulator never outruns the host), so it is looked at again
        and again. A jumping clock is told where to jump.
        """
        until = self.now() + seconds
        jumping = math.isinf(self.speed)
        if jumping:
            self._registers.host_wait = until
        while (left := until - self.now()) > CLOCK_TICK:
            pause = LEAST_POLL if jumping else min(MOST_POLL, max(LEAST_POLL, left / self.speed))
            if wake.wait(pause):
                return True
            if self._registers.host_awaited:
                break
        return wake.is_set()


class _Session:
    """One connection: its socket, what came over it, and the registers as they were at its beginning."""

    def __init__(self, connection: socket.socket, registers: Registers) -> None:
        self.line = Line(connection)
        self.registers = registers
        self.clock = SimClock(registers)
        self.first_block = registers.progress.block
        self.received = Reassembler()
        self.arrived: list[Packet] = []
        self.lost: str | None = None
        self._ending = threading.Lock()

    def end(self, reason: str) -> None:
        """Close the connection; the first reason is the one that is told."""
        with self._ending:
            if self.lost is None:
                self.lost = reason
        self.line.end()


class SimLink:
    """A connection to a simulator process.

    Parameters
    ----------
    host, port
        where it takes words
    buffer
        the file it shares, as its READY line says
    connect
        whether to connect now; otherwise `reopen` does, and `name` alone may be used before
    """

    def __init__(self, host: str, port: int, buffer: Path, *, connect: bool = True) -> None:
        self._address = (host, port)
        self._path = Path(buffer)
        self._sending = threading.Lock()
        self._session: _Session | None = None
        if connect:
            self.reopen()

    @property
    def name(self) -> str:
        """What it leads to, for messages."""
        return f"simulator at {self._address[0]}:{self._address[1]}"

    @property
    def clock(self) -> SimClock:
        """The simulator's detector clock."""
        return self._last_session().clock

    @property
    def buffer(self) -> NDArray[np.uint16]:
        """The image buffer, shape (pixels,), read-only; pixel i of a block is at ``i % buffer.size``."""
        return self._last_session().registers.buffer

    def reopen(self) -> None:
        """Connect again, to the same address and file; blocks count from 0 again."""
        self._leave("closed to be opened again")
        try:
            connection = socket.create_connection(self._address, CONNECT_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # No Python timeout: it would turn each look that must not wait (MSG_DONTWAIT) into a wait.
            connection.settimeout(None)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SEND_SECONDS, 0))
        except OSError as error:
            raise LinkLost(f"{self.name} does not answer ({error}): start it, then init") from error
        try:
            registers = Registers.attach(self._path)
        except (OSError, NotRegisters) as error:
            connection.close()
            raise LinkLost(f"{self.name}: cannot map its image buffer {self._path} ({error})") from error
        self._session = _Session(connection, registers)

    def close(self) -> None:
        """Close the connection; every later call raises `LinkLost` until `reopen`."""
        self._leave("closed")

    def transact(self, words: Sequence[int], deadline_s: float) -> tuple[int, ...]:
        """Send a packet's words, return the answer's; TimeoutError after ``deadline_s`` real seconds."""
        session = self._open_session()
        self._write(session, frame(words))
        return self._answer(session, deadline_s)

    def send(self, words: Sequence[int]) -> None:
        """Send a packet's words."""
        self._write(self._open_session(), frame(words))

    def reset(self, deadline_s: float) -> tuple[int, ...]:
        """Send the reset preamble and return the words of SYR.

        Answers to what was sent before the reset may still come first; they are forgotten.
        """
        session = self._open_session()
        self._write(session, frame(RESET_WORDS, RESET_PREAMBLE))
        deadline = time.monotonic() + deadline_s
        while True:
            answer = self._answer(session, max(0.0, deadline - time.monotonic()))
            if answer[1] == SYR:
                return answer

    def unasked(self) -> tuple[tuple[int, ...], ...]:
        """Return and forget the packets that have come without a question."""
        session = self._open_session()
        self._read(session, 0.0)
        if not session.arrived:
            return ()
        packets, session.arrived = session.arrived, []
        return tuple(encode(packet) for packet in packets)

    def progress(self) -> Progress:
        """Return blocks since the link was opened and pixels in the present one."""
        session = self._open_session()
        self._check_alive(session)
        block, pixels = session.registers.progress
        block -= session.first_block
        return Progress(block, pixels if block > 0 else 0)

    def ended(self) -> Progress:
        """Return the block before the present one and the pixels that it ended with."""
        session = self._open_session()
        block, pixels = session.registers.ended
        return Progress(block - session.first_block, pixels)

    def consumed(self, block: int, pixels: int) -> None:
        """Tell the simulator that pixels of a block have been taken."""
        session = self._open_session()
        session.registers.consumed = Progress(block + session.first_block, pixels)

    # Details. What a session's socket says ends that session, never one that was opened after it.

    def _answer(self, session: _Session, deadline_s: float) -> tuple[int, ...]:
        deadline = time.monotonic() + deadline_s
        while not session.arrived:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer from {self.name} within {deadline_s:g} s")
            self._read(session, left)
        return encode(session.arrived.pop(0))

    def _write(self, session: _Session, data: bytes) -> None:
        try:
            with self._sending, session.line as connection:
                connection.sendall(data)
        except OSError as error:
            raise self._broken(session, _reason(error)) from error

    def _read(self, session: _Session, seconds: float) -> None:
        """Take in whatever has come, waiting for it at most so long."""
        try:
            with session.line as connection:
                if seconds > 0 and not readable(connection, seconds):
                    return
                data = connection.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            raise self._broken(session, _reason(error)) from error
        if not data:
            raise self._broken(session, CLOSED)
        session.arrived += [item for item in session.received.feed(data) if isinstance(item, Packet)]

    def _check_alive(self, session: _Session) -> None:
        try:
            with session.line as connection:
                alive = connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return
        except OSError as error:
            raise self._broken(session, _reason(error)) from error
        if not alive:
            raise self._broken(session, CLOSED)

    def _last_session(self) -> _Session:
        if self._session is None:
            raise self._down("never opened")
        return self._session

    def _open_session(self) -> _Session:
        session = self._last_session()
        if session.lost is not None:
            raise self._down(session.lost)
        return session

    def _down(self, reason: str) -> LinkLost:
        return LinkLost(f"the link to the {self.name} is down ({reason}): init opens it again")

    def _broken(self, session: _Session, reason: str) -> LinkLost:
        session.end(reason)
        return LinkLost(f"the link to the {self.name} broke ({session.lost}): init opens it again")

    def _leave(self, reason: str) -> None:
        if self._session is not None:
            self._session.end(reason)


def _reason(error: OSError) -> str:
    """Say why a connection broke; a close that met words on their way shows as a reset or a broken pipe."""
    return CLOSED if isinstance(error, ConnectionResetError | BrokenPipeError) else str(error)
