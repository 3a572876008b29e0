"""Runs the sessions in a page and puts what they print where it stands: ``python docs/sessions.py PAGE``.

A session is a block marked ``console``. Each line that begins with ``$`` is run by the shell, all of a page
in one new folder; what it prints is what follows it. A line that ends with ``&`` is a service: it is waited
for until it says READY, and ended with the page. What is exported stays so. Free ports and a new file stand
in for `PORTS` and `BUFFER`, and the other way round in what is printed.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("4000", "4001")
BUFFER = "/dev/shm/controller.buffer"
SECONDS = 120.0


def free_port() -> int:
    """Return a port that nobody listens at just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Shell:
    """Runs lines in a folder of its own; a context manager that ends what it started."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Shell:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="session-")))
        self._shown = {port: str(free_port()) for port in PORTS}
        self._shown[BUFFER] = str(self._folder / "simulator.buffer")
        tools = str(Path(sys.executable).parent)
        self._environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, line: str) -> str:
        """Run a line and return what it prints, with the exit status where it is not 0."""
        for shown, real in self._shown.items():
            line = re.sub(rf"(?<!\w){re.escape(shown)}\b", real, line)
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self._environment[name] = value
            return ""
        text = self._serve(line.removesuffix("&")) if line.endswith("&") else self._do(line)
        for shown, real in self._shown.items():
            text = re.sub(rf"(?<!\w){re.escape(real)}\b", shown, text)
        return re.sub(r" +$", "", text, flags=re.MULTILINE)

    def _do(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.stdout + (f"[exit status {done.returncode}]\n" if done.returncode else "")

    def _serve(self, line: str) -> str:
        service = subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.enter_context(service)
        self._stack.callback(service.terminate)
        assert service.stdout is not None
        return re.sub(r'"[a-z_]+_program": "[^"]*",? ?', "", service.stdout.readline()).replace(", }", "}")


def session(text: str, shell: Shell) -> str:
    """Return a session as it runs now."""
    shown = ""
    for line in text.splitlines():
        if line.startswith("$ "):
            shown += f"{line}\n{shell.run(line[2:])}"
    return shown


def page(text: str) -> str:
    """Return a page with its sessions as they run now."""
    with Shell() as shell:
        return BLOCK.sub(lambda found: f"```console\n{session(found[1], shell)}```", text)


def main() -> None:
    """Rewrite the pages named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
