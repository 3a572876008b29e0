"""Starting the parts as processes of their own, and ending them for certain."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

END_SECONDS = 25.0
"""longer than the IOC's tasks have to end, so that what they hold is spooled"""


class PartFailed(RuntimeError):
    """A process did not start or ended by itself; the text names it and ends with its last words."""


class Part:
    """One process that announces itself with a line ``READY {json}``.

    Parameters
    ----------
    name
        what it is, in messages
    arguments
        module and arguments for this Python (``-m`` is put before them)
    log
        file that takes what it writes to standard error
    environment
        variables on top of the present ones
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        log.parent.mkdir(parents=True, exist_ok=True)
        self._before = len(log.read_text(errors="replace").splitlines()) if log.exists() else 0
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        threading.Thread(target=self._read, name=f"{name} output", daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_ready(self, seconds: float) -> Any:
        """Wait for the READY line and return what stands behind it.

        Raises
        ------
        PartFailed
            when it ends before that, or does not get there in time
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=0.1)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise PartFailed(
                        f"{self.name} ended with status {self.process.returncode}: {self.tail()}"
                    ) from None
                continue
            if line.startswith("READY"):
                return json.loads(line.removeprefix("READY") or "{}")
        raise PartFailed(f"{self.name} was not ready after {seconds:g} s: {self.tail()}")

    def tail(self) -> str:
        """Return the last lines of its log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError as error:
            return str(error)
        mine = lines[self._before :]
        return "\n  ".join(["", *mine[-8:]]) if mine else "nothing was logged"

    @property
    def ended(self) -> bool:
        """Whether the process is no longer there."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """End the process: politely, then for certain."""
        if not self.ended:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
