"""Frames to send about, and a data server as a process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.wire import Wire

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
