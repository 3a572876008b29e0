"""The link to ``nifsdc link-server``: the same words over a socket, pixels streamed into a local buffer."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from itertools import count

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.errors import ControllerError, LinkLost, UnexpectedReply
from nifsdc.sdsu.links import frames
from nifsdc.sdsu.links.base import DetectorClock, Progress, RealClock
from nifsdc.sdsu.links.frames import Kind, Wire

CONNECT_SECONDS = 5.0
GRACE_SECONDS = 5.0
"""how much longer than the server an answer is waited for here"""
WAKE_LOOK_SECONDS = 0.005
MOST_BUFFER_PIXELS = 1 << 32
CLOSED = "it closed the connection; did it end?"
ERRORS: dict[str, type[ControllerError]] = {each.__name__: each for each in ControllerError.__subclasses__()}
"""what a server's FAILED may name"""


class _Session:
    """One connection, from its welcome to its end."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        (version, pixels, speed), name = self._welcome()
        if version != frames.VERSION:
            raise LinkLost(f"it speaks version {version} of the link's protocol, expected {frames.VERSION}")
        if not 0 < pixels <= MOST_BUFFER_PIXELS or not speed > 0:
            raise LinkLost(f"it has a buffer of {pixels} pixels and a clock of speed {speed}")
        self.name, self.speed = name, float(speed)
        self.buffer: NDArray[np.uint16] = np.zeros(int(pixels), dtype=np.uint16)
        self.shown = self.buffer.view()
        self.shown.flags.writeable = False
        self.late: list[tuple[int, ...]] = []
        self.lost: str | None = None
        self._counting = threading.Lock()
        self._progress = self._ended = Progress(0, 0)
        self._numbers = count(1)
        self._waiting: dict[int, Future[tuple[Kind, bytes]]] = {}
        self._asking = threading.Lock()
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=f"link {what}", daemon=True)
            for what, work in (("reader", self._read), ("keeper", self._keep))
        ]
        for thread in self._threads:
            thread.start()

    def _welcome(self) -> tuple[tuple[int | float, ...], str]:
        self._wire.write(Kind.HELLO, frames.HELLO.pack(frames.VERSION))
        kind, payload = self._wire.read(frames.HELLO_SECONDS + CONNECT_SECONDS)
        if kind is Kind.REFUSED:
            raise LinkLost(frames.text_of(payload))
        if kind is not Kind.WELCOME:
            raise frames.BadFrame(f"it began with {kind.name}, expected WELCOME")
        numbers, rest = frames.unpack(frames.WELCOME, payload)
        return numbers, frames.text_of(rest)

    def ask(self, kind: Kind, payload: bytes = b"") -> tuple[int, Future[tuple[Kind, bytes]]]:
        """Send a question behind its number; return that and what will hold the answer."""
        future: Future[tuple[Kind, bytes]] = Future()
        with self._asking:
            self.check()
            number = next(self._numbers) & 0xFFFFFFFF
            self._waiting[number] = future
        self.tell(kind, frames.NUMBER.pack(number) + payload)
        return number, future

    def wait(self, number: int, future: Future[tuple[Kind, bytes]], seconds: float) -> tuple[Kind, bytes]:
        """Return an answer; raises TimeoutError, `LinkLost`."""
        try:
            return future.result(seconds)
        except TimeoutError:
            self._waiting.pop(number, None)
            raise

    def tell(self, kind: Kind, payload: bytes) -> None:
        """Send what has no answer."""
        self.check()
        try:
            self._wire.write(kind, payload)
        except OSError as error:
            self.end(_reason(error))
            self.check()

    def check(self) -> None:
        """Raise LinkLost when the connection is gone."""
        if self.lost is not None:
            raise LinkLost(self.lost)

    @property
    def progress(self) -> Progress:
        """Blocks and pixels; waits while pixels are being put into the buffer, so that they count."""
        with self._counting:
            return self._progress

    @property
    def ended(self) -> Progress:
        with self._counting:
            return self._ended

    def end(self, reason: str) -> None:
        """Close the connection; every question that waits learns why."""
        with self._asking:
            if self.lost is not None:
                return
            self.lost = reason
            waiting, self._waiting = list(self._waiting.values()), {}
        self._ending.set()
        self._wire.close()
        for future in waiting:
            with contextlib.suppress(InvalidStateError):
                future.set_exception(LinkLost(reason))

    def join(self) -> None:
        """Wait until its threads have ended."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _keep(self) -> None:
        while not self._ending.wait(frames.PING_SECONDS):
            with contextlib.suppress(LinkLost):
                self.tell(Kind.PING, b"")

    def _read(self) -> None:
        try:
            while not self._ending.is_set():
                kind, payload = self._wire.read()
                if kind is Kind.LOST:
                    self.end(frames.text_of(payload))
                else:
                    self._take(kind, payload)
        except EOFError:
            self.end(CLOSED)
        except OSError as error:
            self.end(_reason(error))

    def _take(self, kind: Kind, payload: memoryview) -> None:
        if kind is Kind.PIXELS:
            self._take_pixels(payload)
        elif kind is Kind.BLOCK:
            (block, *ended), _ = frames.unpack(frames.BLOCK, payload)
            with self._counting:
                self._ended = Progress(int(ended[0]), int(ended[1]))
                self._progress = Progress(int(block), 0)
        elif kind in (Kind.ANSWER, Kind.SILENT, Kind.FAILED, Kind.TIME):
            (number,), rest = frames.unpack(frames.NUMBER, payload)
            future = self._waiting.pop(int(number), None)
            if future is not None:
                with contextlib.suppress(InvalidStateError):
                    future.set_result((kind, bytes(rest)))
            elif kind is Kind.ANSWER and len(rest):
                self.late.append(frames.unpack_words(rest))
        elif kind is not Kind.PONG:
            raise frames.BadFrame(f"it sent {kind.name}, which only a client may")

    def _take_pixels(self, payload: memoryview) -> None:
        (block, offset), data = frames.unpack(frames.PIXELS, payload)
        pixels = np.frombuffer(data, dtype="<u2")
        with self._counting:
            if (block, offset) != self._progress:
                raise frames.BadFrame(
                    f"pixels {offset} of block {block} came, expected {self._progress.pixels} of block "
                    f"{self._progress.block}"
                )
            place, done = int(offset) % self.buffer.size, 0
            while done < pixels.size:
                part = pixels[done : done + self.buffer.size - place]
                self.buffer[place : place + part.size] = part
                done += part.size
                place = 0
            self._progress = Progress(int(block), int(offset) + pixels.size)


class TcpClock:
    """The detector's clock of a simulator behind a link server.

    Once the connection is gone it goes on from what was heard last, as a simulator's clock does.
    """

    def __init__(self, session: _Session) -> None:
        self._session = session
        self._heard = (time.monotonic(), 0.0)

    @property
    def speed(self) -> float:
        """Detector seconds per real second; infinite when the simulator runs as fast as it can."""
        return self._session.speed

    def now(self) -> float:
        """Detector seconds since the simulator started."""
        try:
            number, future = self._session.ask(Kind.NOW)
            kind, payload = self._session.wait(number, future, GRACE_SECONDS)
            if kind is Kind.TIME:
                self._heard = (time.monotonic(), _time(payload))
        except (LinkLost, TimeoutError):
            pass
        moment, seconds = self._heard
        return seconds if math.isinf(self.speed) else seconds + (time.monotonic() - moment) * self.speed

    def sleep(self, seconds: float, wake: threading.Event) -> bool:
        """Wait so many detector seconds, beside the simulator; True at once when ``wake`` is set."""
        try:
            number, future = self._session.ask(Kind.SLEEP, frames.TIMED.pack(0, seconds)[4:])
            while not future.done():
                if wake.wait(WAKE_LOOK_SECONDS):
                    self._session.tell(Kind.WAKE, frames.NUMBER.pack(number))
                    return True
            future.result()
        except LinkLost:
            return wake.wait(0.0 if math.isinf(self.speed) else max(0.0, seconds) / self.speed)
        return wake.is_set()


class TcpLink:
    """A connection to a link server.

    Parameters
    ----------
    host, port
        where it listens
    connect
        whether to connect now; otherwise `reopen` does, and `name` alone may be used before
    """

    def __init__(self, host: str, port: int, *, connect: bool = True) -> None:
        self._address = (host, port)
        self._session: _Session | None = None
        self._clock: DetectorClock = RealClock()
        self._closed = "never opened"
        if connect:
            self.reopen()

    @property
    def name(self) -> str:
        """What it leads to, for messages."""
        behind = f" ({self._session.name})" if self._session is not None else ""
        return f"link server at {self._address[0]}:{self._address[1]}{behind}"

    @property
    def clock(self) -> DetectorClock:
        """The detector's clock."""
        return self._clock

    @property
    def buffer(self) -> NDArray[np.uint16]:
        """The local image buffer, shape (pixels,), read-only; pixel i of a block is at ``i % size``."""
        return self._open_session().shown

    def reopen(self) -> None:
        """Connect again; the server opens its own link anew, and blocks count from 0 again."""
        self._leave("closed to be opened again")
        try:
            wire = Wire(socket.create_connection(self._address, CONNECT_SECONDS))
        except OSError as error:
            raise LinkLost(f"{self.name} does not answer ({error}): start it, then init") from error
        try:
            session = _Session(wire)
        except LinkLost as error:
            wire.close()
            raise LinkLost(f"{self.name} refuses: {error}") from error
        except (OSError, EOFError) as error:
            wire.close()
            raise LinkLost(f"{self.name}: {_reason(error)}") from error
        self._session = session
        self._clock = RealClock() if session.speed == 1.0 else TcpClock(session)

    def close(self) -> None:
        """Close the connection; every later call raises `LinkLost` until `reopen`."""
        self._leave("closed")

    def transact(self, words: Sequence[int], deadline_s: float) -> tuple[int, ...]:
        """Send a packet's words, return the answer's; TimeoutError after ``deadline_s`` real seconds."""
        return self._exchange(Kind.TRANSACT, deadline_s, frames.pack_words(words))

    def send(self, words: Sequence[int]) -> None:
        """Send the words of a packet that has no answer."""
        with self._telling() as session:
            session.tell(Kind.SEND, frames.pack_words(words))

    def reset(self, deadline_s: float) -> tuple[int, ...]:
        """Reset the controller and return the words of SYR."""
        return self._exchange(Kind.RESET, deadline_s)

    def unasked(self) -> tuple[tuple[int, ...], ...]:
        """Return and forget the packets that have come without a question, here and at the server."""
        session = self._open_session()
        _, payload = self._answer(Kind.UNASKED, b"", GRACE_SECONDS)
        late, session.late = session.late, []
        return (*late, *_packets(frames.unpack_words(payload)))

    def progress(self) -> Progress:
        """Return blocks since the link was opened and pixels of the present one that are here."""
        return self._open_session().progress

    def ended(self) -> Progress:
        """Return the block before the present one and the pixels that it ended with."""
        return self._open_session().ended

    def consumed(self, block: int, pixels: int) -> None:
        """Tell the server that pixels of a block have been taken; a simulator behind it waits for that."""
        with self._telling() as session:
            session.tell(Kind.CONSUMED, frames.COUNT.pack(block, pixels))

    # Details

    def _exchange(self, kind: Kind, deadline_s: float, payload: bytes = b"") -> tuple[int, ...]:
        deadline = frames.TIMED.pack(0, deadline_s)[frames.NUMBER.size :]
        _, answer = self._answer(kind, deadline + payload, deadline_s + GRACE_SECONDS)
        return frames.unpack_words(answer)

    def _answer(self, kind: Kind, payload: bytes, seconds: float) -> tuple[Kind, bytes]:
        with self._telling() as session:
            number, future = session.ask(kind, payload)
            try:
                answer, rest = session.wait(number, future, seconds)
            except TimeoutError as error:
                raise TimeoutError(f"{self.name} did not answer within {seconds:g} s") from error
        if answer is Kind.SILENT:
            raise TimeoutError(f"no answer from {self.name} in time")
        if answer is Kind.FAILED:
            name, _, text = frames.text_of(rest).partition(": ")
            raise ERRORS.get(name, UnexpectedReply)(text)
        return answer, rest

    @contextlib.contextmanager
    def _telling(self) -> Iterator[_Session]:
        session = self._open_session()
        try:
            yield session
        except LinkLost as error:
            raise self._broken(session) from error

    def _open_session(self) -> _Session:
        session = self._session
        if session is None:
            raise LinkLost(f"the link to the {self.name} is down ({self._closed}): init opens it again")
        if session.lost is not None:
            raise self._broken(session)
        return session

    def _broken(self, session: _Session) -> LinkLost:
        return LinkLost(f"the link to the {self.name} broke ({session.lost}): init opens it again")

    def _leave(self, reason: str) -> None:
        session, self._session, self._closed = self._session, None, reason
        if session is not None:
            session.end(reason)
            session.join()


def _time(payload: bytes) -> float:
    (_, seconds), _ = frames.unpack(frames.TIMED, memoryview(bytes(4) + payload))
    return float(seconds)


def _packets(words: Sequence[int]) -> list[tuple[int, ...]]:
    """Split words into packets; each begins with a header that counts its words."""
    packets, start = [], 0
    while start < len(words):
        length = max(1, words[start] & 0xFF)
        packets.append(tuple(words[start : start + length]))
        start += length
    return packets


def _reason(error: BaseException) -> str:
    if isinstance(error, EOFError | ConnectionResetError | BrokenPipeError):
        return CLOSED
    if isinstance(error, TimeoutError):
        return f"nothing came from it for {frames.SILENCE_SECONDS:g} s"
    return str(error)
