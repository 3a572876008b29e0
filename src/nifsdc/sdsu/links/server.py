"""Serves a link to one client at a time over TCP (protocol: `nifsdc.sdsu.links.frames`)."""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import threading
from collections.abc import Callable

from nifsdc.sdsu.commands import LONGEST_SECONDS
from nifsdc.sdsu.errors import ControllerError, LinkLost
from nifsdc.sdsu.links import frames
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.links.frames import BadFrame, Kind, Wire
from nifsdc.sdsu.links.line import readable
from nifsdc.sdsu.links.pump import Overrun, Pump
from nifsdc.sdsu.words import BadWords

LOOK_SECONDS = 0.2
"""how often the end of the server is looked for"""
PUMP_SECONDS = 0.002
"""how often the pixel count is looked at; registers, no traffic to the controller"""
LEAVE_SECONDS = 1.0
"""how long a client that has closed its connection may take to be noticed when the next one comes"""
END_SECONDS = 20.0
"""how long a session may take to end; longer than any transaction"""
MOST_QUESTIONS = 64
"""questions that may wait, and sleeps that may be under way"""
LONGEST_SLEEP = 1e6
AGAIN = ": init opens it again"
"""what a link's complaints end with; the client says it itself"""

_log = logging.getLogger("nifsdc.link")


class _Session:
    """One client, from its connection to its end."""

    def __init__(self, link: Link, connection: socket.socket, peer: str) -> None:
        self._link = link
        self._wire = Wire(connection)
        self._peer = peer
        self.gone = threading.Event()
        """set once nobody is served any more"""
        self.ended = threading.Event()
        """set once the link is closed and the next client may have it"""
        self._asking: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_QUESTIONS)
        self._sleeps: dict[int, threading.Event] = {}
        self._reason = "the server ends"
        self._thread = threading.Thread(target=self._run, name="link client", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._finish("the server ends", tell=True)
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        others: list[threading.Thread] = []
        try:
            self._greet()
            self._pump = Pump(self._link, self._wire)
            for name, work in (("link pump", self._run_pump), ("link worker", self._run_worker)):
                others.append(threading.Thread(target=work, name=name, daemon=True))
                others[-1].start()
            _log.info("%s is served %s", self._peer, self._link.name)
            while not self.gone.is_set():
                kind, payload = self._wire.read()
                self._obey(kind, payload)
        except EOFError:
            self._finish("it closed the connection")
        except LinkLost as error:
            self._finish(str(error), tell=True)
        except (OSError, queue.Full, BadWords) as error:
            self._finish(_text(error), tell=isinstance(error, BadFrame | BadWords | queue.Full))
        finally:
            self._wire.end()
            self._link.close()
            with contextlib.suppress(queue.Full):
                self._asking.put_nowait(None)
            for thread in others:
                thread.join(END_SECONDS)
            _log.info("%s is served no more: %s", self._peer, self._reason)
            self.ended.set()

    def _greet(self) -> None:
        kind, payload = self._wire.read(frames.HELLO_SECONDS)
        if kind is not Kind.HELLO:
            raise BadFrame(f"it began with {kind.name}, expected HELLO")
        (version,), _ = frames.unpack(frames.HELLO, payload)
        if version != frames.VERSION:
            self._refuse(f"this server speaks version {frames.VERSION} of the link's protocol, not {version}")
        try:
            self._link.reopen()
        except LinkLost as error:
            self._refuse(str(error))
        numbers = frames.WELCOME.pack(frames.VERSION, self._link.buffer.size, self._link.clock.speed)
        self._wire.write(Kind.WELCOME, numbers + self._link.name.encode())

    def _refuse(self, text: str) -> None:
        self._wire.write(Kind.REFUSED, text.removesuffix(AGAIN).encode())
        raise ConnectionError(text)

    def _finish(self, reason: str, tell: bool = False) -> None:
        if self.gone.is_set():
            return
        self._reason = reason
        self.gone.set()
        for event in tuple(self._sleeps.values()):
            event.set()
        if tell:
            with contextlib.suppress(OSError):
                self._wire.write(Kind.LOST, reason.removesuffix(AGAIN).encode()[: frames.LONGEST_TEXT])
            self._wire.finish()
        else:
            self._wire.close()

    # What a client may say

    def _obey(self, kind: Kind, payload: memoryview) -> None:
        if kind is Kind.PING:
            self._wire.write(Kind.PONG)
        elif kind is Kind.SEND:
            self._pump.give_up()
            self._link.send(frames.unpack_words(payload))
        elif kind is Kind.CONSUMED:
            (block, pixels), _ = frames.unpack(frames.COUNT, payload)
            self._link.consumed(int(block), int(pixels))
        elif kind in (Kind.TRANSACT, Kind.RESET, Kind.SLEEP):
            (number, seconds), rest = frames.unpack(frames.TIMED, payload)
            self._obey_timed(kind, int(number), float(seconds), frames.unpack_words(rest))
        elif kind in (Kind.UNASKED, Kind.NOW, Kind.WAKE):
            (number,), _ = frames.unpack(frames.NUMBER, payload)
            self._obey_plain(kind, int(number))
        else:
            raise BadFrame(f"it sent {kind.name}, which only a server may")

    def _obey_timed(self, kind: Kind, number: int, seconds: float, words: tuple[int, ...]) -> None:
        if kind is Kind.SLEEP:
            if not 0 <= seconds <= LONGEST_SLEEP or len(self._sleeps) >= MOST_QUESTIONS:
                raise BadFrame(f"it wants to sleep {seconds:g} s beside {len(self._sleeps)} others")
            wake = self._sleeps[number] = threading.Event()
            threading.Thread(
                target=self._sleep, args=(number, seconds, wake), name="link sleep", daemon=True
            ).start()
            return
        if not 0 <= seconds <= 2 * LONGEST_SECONDS:
            raise BadFrame(f"it wants to wait {seconds:g} s for an answer")
        if kind is Kind.RESET:
            self._pump.give_up()
            self._asking.put_nowait(lambda: self._answer(number, lambda: self._link.reset(seconds)))
        else:
            self._asking.put_nowait(lambda: self._answer(number, lambda: self._link.transact(words, seconds)))

    def _obey_plain(self, kind: Kind, number: int) -> None:
        if kind is Kind.UNASKED:
            self._asking.put_nowait(lambda: self._answer(number, self._unasked))
        elif kind is Kind.NOW:
            self._wire.write(Kind.TIME, frames.TIMED.pack(number, self._link.clock.now()))
        elif (wake := self._sleeps.get(number)) is not None:
            wake.set()

    def _unasked(self) -> tuple[int, ...]:
        return tuple(word for packet in self._link.unasked() for word in packet)

    def _answer(self, number: int, ask: Callable[[], tuple[int, ...]]) -> None:
        """Ask the link, and send what it says after all pixels that came before."""
        head = frames.NUMBER.pack(number)
        try:
            words = ask()
        except TimeoutError:
            kind, payload = Kind.SILENT, head
        except LinkLost:
            raise
        except (ControllerError, ValueError) as error:
            name = type(error).__name__
            kind, payload = Kind.FAILED, head + f"{name}: {error}".encode()[: frames.LONGEST_TEXT]
        else:
            kind, payload = Kind.ANSWER, head + frames.pack_words(words)
        self._pump.flush()
        self._wire.write(kind, payload)

    # Threads beside the one that reads

    def _sleep(self, number: int, seconds: float, wake: threading.Event) -> None:
        with contextlib.suppress(OSError, LinkLost):
            self._link.clock.sleep(seconds, wake)
            self._wire.write(Kind.TIME, frames.TIMED.pack(number, self._link.clock.now()))
        self._sleeps.pop(number, None)

    def _run_worker(self) -> None:
        self._guarded(self._work)

    def _work(self) -> None:
        while (question := self._asking.get()) is not None and not self.gone.is_set():
            question()

    def _run_pump(self) -> None:
        self._guarded(self._pump_pixels)

    def _pump_pixels(self) -> None:
        while not self.gone.is_set():
            if not self._pump.step():
                self.gone.wait(PUMP_SECONDS)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (LinkLost, Overrun) as error:
            self._finish(str(error), tell=True)
        except OSError as error:
            self._finish(_text(error))


def _text(error: BaseException) -> str:
    if isinstance(error, queue.Full):
        return f"more than {MOST_QUESTIONS} questions at once"
    return str(error) or type(error).__name__


class LinkServer:
    """Serves a link; a context manager.

    Parameters
    ----------
    link
        what is served; opened anew for each client and closed after it
    interface, port
        where to listen; port 0 for any that is free
    """

    def __init__(self, link: Link, interface: str = "127.0.0.1", port: int = 0) -> None:
        self._link = link
        family = socket.AF_INET6 if ":" in interface else socket.AF_INET
        self._listener = socket.create_server((interface, port), family=family, backlog=4)
        self._session: _Session | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link server", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> LinkServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ending.set()
        self._thread.join()
        self._listener.close()
        if self._session is not None:
            self._session.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            if readable(self._listener, LOOK_SECONDS):
                with contextlib.suppress(OSError):
                    self._accept(*self._listener.accept())

    def _accept(self, connection: socket.socket, address: tuple[object, ...]) -> None:
        peer = f"{address[0]}:{address[1]}"
        session = self._session
        if session is not None and not session.gone.wait(LEAVE_SECONDS):
            _log.warning("%s is turned away: another host is served", peer)
            self._turn_away(
                connection, "another host is attached, and there is one controller: close that one first"
            )
        elif session is not None and not session.ended.wait(END_SECONDS):
            self._turn_away(connection, "the host before has not been let go yet: try again")
        else:
            self._session = _Session(self._link, connection, peer)

    @staticmethod
    def _turn_away(connection: socket.socket, text: str) -> None:
        wire = Wire(connection)
        with contextlib.suppress(OSError):
            wire.write(Kind.REFUSED, text.encode())
        wire.end()
