"""Frames to send about, and a data server as a process."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.header import cards

NIGHT = "20260301"


def make_frame(number: int = 0, *, label: str = "", exposure: str = "exp-1", side: int = 48) -> Frame:
    """A small science frame whose pixels tell its number."""
    rng = np.random.default_rng(number)
    science = rng.normal(100 * number, 5, (side, side)).astype(np.float32)
    reference = np.full((4, side // 2, 3), number, np.float32)
    values = {"INSTRUME": "NIFS", "DATALAB": label, "EXPTIME": 5.3, "COADDS": 1, "SIMULATE": True}
    return Frame.build(
        exposure,
        FrameKind.SCIENCE,
        {"science": science, "reference": reference},
        night=NIGHT,
        number=number,
        label=label,
        cards=cards(values),
    )


@pytest.fixture(name="make_frame")
def _make_frame() -> Callable[..., Frame]:
    return make_frame


class Process:
    """A Python process of ours that says READY, ended with the test."""

    def __init__(self, *arguments: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        self._pending = ""

    def line(self, word: str, seconds: float = 60.0) -> dict[str, object]:
        """The JSON behind a word on a line of its own."""
        assert self.child.stdout is not None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            text, newline, rest = self._pending.partition("\n")
            if newline:
                self._pending = rest
                if text.startswith(word):
                    return dict(json.loads(text.removeprefix(word)))
            elif select.select([self.child.stdout], [], [], 0.1)[0]:
                # Past the file object, whose own buffer select does not know.
                more = os.read(self.child.stdout.fileno(), 65536).decode()
                if not more:
                    break
                self._pending += more
        raise AssertionError(f"no {word}: {self.child.poll()} {self.errors()}")

    def errors(self) -> str:
        self.child.kill()
        return self.child.communicate()[1]

    def end(self) -> int:
        """Ask it to end (SIGTERM) and return its exit status."""
        self.child.terminate()
        self.child.communicate(timeout=60)
        return self.child.returncode

    def kill(self) -> None:
        self.child.kill()
        self.child.communicate(timeout=60)


@pytest.fixture
def process() -> Iterator[Callable[..., Process]]:
    """Starts processes."""
    started: list[Process] = []

    def start(*arguments: str) -> Process:
        started.append(Process(*arguments))
        return started[-1]

    yield start
    for one in started:
        if one.child.poll() is None:
            one.kill()
        for stream in (one.child.stdout, one.child.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def serve(process: Callable[..., Process], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Process]:
    """Starts the quick look on a ring, and has this test's clients go there."""

    def start(ring: Path, *arguments: str, streams: str = "nifsViewQL,nifsCmpQL") -> Process:
        look = process("-m", "nifsdc.quicklook", "--top", "t:", "--images", f"{ring}={streams}", *arguments)
        ready = look.line("READY")
        monkeypatch.setenv("EPICS_PVA_NAME_SERVERS", f"127.0.0.1:{ready['port']}")
        monkeypatch.setenv("EPICS_PVAS_SERVER_PORT", str(ready["port"]))
        return look

    return start


@pytest.fixture
def data_server(process: Callable[..., Process]) -> Callable[..., tuple[Process, int]]:
    """Starts data servers as processes and returns each with its port."""

    def start(root: Path, *arguments: str, port: int = 0) -> tuple[Process, int]:
        server = process(
            "-m", "nifsdc.data.server", "--root", str(root), "--port", str(port),
            "--floor-mib", "1", "--parent-pid", str(os.getpid()), *arguments,
        )  # fmt: skip
        found = server.line("READY")["port"]
        assert isinstance(found, int)
        return server, found

    return start


@pytest.fixture
def until() -> Callable[..., None]:
    """Polls a condition until it holds, with a deadline."""

    def wait(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: did not come about"
            time.sleep(0.005)

    return wait


class Wire:
    """What lies between client and server: passes bytes on, until a test cuts, damages or blocks it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = int(self._listener.getsockname()[1])
        self.cut_after: int | None = None
        """bytes towards the server after which every connection is cut"""
        self.damage_at: int | None = None
        """byte towards the server, counted on each connection, that is turned over"""
        self.blocked = threading.Event()
        """while set, nothing passes towards the server"""
        self.connections = 0
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=2)
            except OSError:
                near.close()
                continue
            self.connections += 1
            thread = threading.Thread(target=self._pass_on, args=(near, far))
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        passed = 0
        with near, far:
            while not self._ending.is_set():
                ends = [far] if self.blocked.is_set() else [near, far]
                for end in select.select(ends, [], [], 0.02)[0]:
                    try:
                        data = end.recv(8192)
                        if not data:
                            return
                        if end is far:
                            near.sendall(data)
                            continue
                        if self.damage_at is not None and passed <= self.damage_at < passed + len(data):
                            place = self.damage_at - passed
                            data = data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]
                        passed += len(data)
                        if self.cut_after is not None and passed > self.cut_after:
                            return
                        far.sendall(data)
                    except OSError:
                        return

    def close(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()


@pytest.fixture
def wire() -> Iterator[Callable[[int], Wire]]:
    """Puts a wire before a port."""
    made: list[Wire] = []

    def make(port: int) -> Wire:
        made.append(Wire(port))
        return made[-1]

    yield make
    for one in made:
        one.close()
