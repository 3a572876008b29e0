"""A small IOC in its own process: the engine, the server, statistics and a shell on its standard input."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

IOC = Path(__file__).with_name("shell_ioc.py")
PROMPT = "nifsdc> "


class ShellIoc:
    """The process, its input and what it says."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.prefix = f"s{uuid.uuid4().hex[:8]}:"
        self.said = ""
        if terminal:
            self._input, there = pty.openpty()
            self.settings = termios.tcgetattr(self._input)
        else:
            there, self._input = os.pipe()
        self._output, output = (self._input, there) if terminal else os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, str(IOC), self.prefix],
            stdin=there,
            stdout=output,
            stderr=subprocess.PIPE,
            env={**os.environ, "HOME": os.environ.get("SHELL_TEST_HOME", "/nonexistent"), "TERM": "dumb"},
        )
        for end in {there, output}:
            os.close(end)
        self.until("READY\n")

    def until(self, text: str, seconds: float = 60.0) -> str:
        """Read until ``text`` has been said; what was said up to its end is returned and forgotten."""
        deadline = time.monotonic() + seconds
        while text not in self.said:
            readable = select.select([self._output], [], [], max(0.0, deadline - time.monotonic()))[0]
            data = self._read() if readable else b""
            assert data, f"{text!r} was not said within {seconds} s or before the end; said: {self.said!r}"
            self.said += data.decode().replace("\r", "")
        end = self.said.index(text) + len(text)
        said, self.said = self.said[:end], self.said[end:]
        return said

    def _read(self) -> bytes:
        with contextlib.suppress(OSError):  # a terminal whose other end has gone
            return os.read(self._output, 1 << 16)
        return b""

    def send(self, line: str) -> None:
        os.write(self._input, line.encode() + b"\n")

    def ask(self, line: str) -> str:
        """Give a command on a pipe and return its answer."""
        mark = f"done {uuid.uuid4().hex}"
        self.send(line)
        self.send(f"echo {mark}")
        return self.until(mark)[: -len(mark)].strip("\n")

    def end_input(self) -> None:
        os.close(self._input)
        self._input = -1

    def wait(self) -> str:
        """Wait for the process to end well; returns what it logged."""
        assert self.process.stderr is not None
        try:
            errors = self.process.communicate(timeout=60)[1].decode()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        assert self.process.returncode == 0, errors
        assert "Traceback" not in errors
        assert "Fatal" not in errors
        return errors

    @property
    def settings_now(self) -> list[object]:
        """How the terminal is set."""
        return termios.tcgetattr(self._input)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        for end in {self._input, self._output} - {-1}:
            with contextlib.suppress(OSError):
                os.close(end)


@pytest.fixture
def start() -> Iterator[Callable[..., ShellIoc]]:
    """Factory of IOCs, ended with the test."""
    made: list[ShellIoc] = []

    def make(**options: Any) -> ShellIoc:
        made.append(ShellIoc(**options))
        return made[-1]

    yield make
    for ioc in made:
        ioc.close()
