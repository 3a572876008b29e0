"""A Channel Access server in its own process, real clients (libca by pyepics), and one on a bare socket."""

from __future__ import annotations

import json
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

import caproto
import pytest

from nifsdc.client.subscription import Subscription

from ..waiting import channel

HERE = Path(__file__).parent
DEADLINE_S = 60.0
"""for whatever has to happen on a machine that is busy with other things; nothing is measured by it"""
EVENT = struct.Struct(">HH8xI")
"""of a header: command, size of the payload, subscription"""
EVENT_ADD = 1


def wait_for(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """Poll ``condition`` until it holds; fail with ``what`` when it does not within the deadline."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.005)
    return result


class Ioc:
    """The server process and the pipe through which it is told what to do."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix or f"t{uuid.uuid4().hex[:8]}:"
        self.errors = ""
        self._log = Path(tempfile.mkdtemp()) / "log"  # a pipe that nobody reads would stop the server
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "ca_ioc.py"), self.prefix],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            self.port = int(self._line(DEADLINE_S))
        except BaseException:
            self.close()
            raise

    def _line(self, seconds: float) -> Any:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            self.process.kill()
            pytest.fail(f"the server did not answer within {seconds} s")
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(f"the server ended: {self.close()[-2000:]}")
        return json.loads(line)

    def ask(self, **request: Any) -> Any:
        """Have the server do something on its loop and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return self._line(DEADLINE_S)

    def set(self, *pairs: tuple[str, Any]) -> None:
        """Write fields from inside, all in one go."""
        self.ask(set=[(self.prefix + name, value) for name, value in pairs])

    @property
    def statistics(self) -> dict[str, int]:
        result: dict[str, int] = self.ask(statistics=1)
        return result

    @property
    def kilobytes(self) -> int:
        result: int = self.ask(memory=1)
        return result

    def close(self) -> str:
        """End the server; returns what it logged."""
        if self._log.exists():
            try:
                self.process.communicate(timeout=DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()
            self.errors = self._log.read_text()
            shutil.rmtree(self._log.parent)
        return self.errors


@pytest.fixture(scope="module")
def ioc() -> Iterator[Ioc]:
    """A server for the tests of a module; a traceback in its log fails the module."""
    server = Ioc()
    yield server
    log = server.close()
    assert "Traceback" not in log, log
    assert server.process.returncode == 0


@pytest.fixture(autouse=True)
def _each_test_begins_without_clients(request: pytest.FixtureRequest) -> Iterator[None]:
    """A server hears later than its clients that they have gone: a test that counts must not count them."""
    server = request.getfixturevalue("ioc") if "ioc" in request.fixturenames else None
    yield
    if server is not None:
        wait_for(lambda: server.statistics["clients"] == 0, "the server to forget the clients of the test")


class Clients:
    """libca channels of one test, closed at its end."""

    def __init__(self, prefix: str) -> None:
        import epics  # libca starts its threads when it is first used, not when tests are collected

        self._epics = epics
        self._prefix = prefix
        self._made: list[Any] = []
        self._subscriptions: list[Subscription] = []

    def __call__(self, name: str, **options: Any) -> Any:
        self._made.append(channel(self._prefix + name, **options))
        return self._made[-1]

    def watch(self, name: str, callback: Callable[..., None]) -> None:
        """Have every event of a channel told."""
        self._subscriptions.append(Subscription(self._prefix + name, callback, DEADLINE_S))

    def exists(self, name: str) -> bool:
        """Tell whether the server knows a name (it is asked together with one it does)."""
        asked = self._epics.PV(self._prefix + name, auto_monitor=False)
        self._made.append(asked)
        return bool(asked.wait_for_connection(0.5))

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        for each in self._made:
            each.disconnect()
        self._epics.ca.clear_cache()


@pytest.fixture
def pv(ioc: Ioc) -> Iterator[Clients]:
    """Factory of pyepics PVs by name without prefix."""
    clients = Clients(ioc.prefix)
    yield clients
    clients.close()


class RawClient:
    """A client on a bare socket; caproto, an independent implementation, writes and reads its messages."""

    def __init__(
        self, ioc: Ioc, *, receive_buffer: int | None = None, user: str = "me", source: str = "127.0.0.1"
    ) -> None:
        self.prefix = ioc.prefix
        self.socket = socket.socket()
        self.socket.bind((source, 0))
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(("127.0.0.1", ioc.port))
        self.circuit = caproto.VirtualCircuit(caproto.CLIENT, ("127.0.0.1", ioc.port), 0)
        self.received: list[Any] = []
        self.send(
            caproto.VersionRequest(0, 13), caproto.HostNameRequest("here"), caproto.ClientNameRequest(user)
        )

    def send(self, *commands: Any) -> None:
        for command in commands:
            self.socket.sendall(b"".join(bytes(part) for part in self.circuit.send(command)))

    def receive(self, wanted: Callable[[Any], Any], what: str = "a reply") -> Any:
        """Read until a command that ``wanted`` accepts has come; keep all in ``received``."""
        deadline = time.monotonic() + DEADLINE_S
        seen = 0
        while True:
            for command in self.received[seen:]:
                if wanted(command):
                    return command
            seen = len(self.received)
            if time.monotonic() > deadline:
                pytest.fail(f"waited {DEADLINE_S} s for {what}")
            self._take(self.socket.recv(1 << 16))

    def read_on(self, wanted: Callable[[Any], Any], crowd: Container[int]) -> int:
        """Read what has piled up, as fast as can be, until a command that ``wanted`` accepts has come.

        The events of the subscriptions in ``crowd`` are only counted: there may be 100,000 of them.
        """
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        deadline = time.monotonic() + DEADLINE_S
        waiting, crowded, seen = b"", 0, len(self.received)
        there = False
        while waiting or not there:
            if time.monotonic() > deadline:
                pytest.fail(f"waited {DEADLINE_S} s for what had piled up")
            seen, place = len(self.received), 0
            waiting += self.socket.recv(1 << 16)
            while place + EVENT.size <= len(waiting):
                command, size, subscription = EVENT.unpack_from(waiting, place)
                end = place + EVENT.size + size
                if end > len(waiting):
                    break
                if command == EVENT_ADD and subscription in crowd:
                    crowded += 1
                else:
                    self._take(waiting[place:end])
                place = end
            waiting = waiting[place:]
            there = there or any(wanted(command) for command in self.received[seen:])
        return crowded

    def _take(self, data: bytes) -> None:
        commands, _ = self.circuit.recv(data)
        for command in commands:
            self.circuit.process_command(command)
            self.received.append(command)

    def channel(self, name: str) -> Any:
        """Open a channel and return caproto's view of it."""
        made = caproto.ClientChannel(self.prefix + name, self.circuit)
        self.send(made.create())
        self.receive(
            lambda c: isinstance(c, caproto.CreateChanResponse) and c.cid == made.cid, f"channel {name}"
        )
        return made

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def raw(ioc: Ioc) -> Iterator[Callable[..., RawClient]]:
    """Factory of raw clients, closed at the end of the test."""
    made: list[RawClient] = []

    def make(**options: Any) -> RawClient:
        made.append(RawClient(ioc, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def wait() -> Callable[..., Any]:
    """``wait_for`` for tests, which cannot import it from here."""
    return wait_for
