"""Runs the sessions in a page and puts what they print where it stands: ``python docs/sessions.py PAGE``.

A session at a shell is a block marked ``console``. Each line that begins with ``$`` is run by the shell,
all of a page in one new folder; what it prints is what follows it. A line that ends with ``&`` is a service:
it is waited for until it says READY, and ended with the page. What is exported stays so. A session of
Python is a block marked ``pycon``, each in a Python of its own, in the same folder.

A page shows the same ports, folder, file, prefix and night whenever and wherever it is run: free ports, a new
file and a prefix of its own stand in for `PORTS`, `BUFFER` and `TOP`, and what is printed of the folder and
of today is shown as `FOLDER` and `NIGHT`.
"""

from __future__ import annotations

import os
import random
import re
import socket
import string
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("4000", "4001", "5064")
"""5064: where Channel Access servers of these sessions are, as they are everywhere"""
CA_PORT = "5064"
TOP = "nifs:"
BUFFER = "/dev/shm/controller.buffer"
FOLDER = "/home/you"
NIGHT = "20260301"
SECONDS = 120.0
HIDDEN = (
    (re.compile(r', "[a-z_]+_program": "[^"]*"'), ""),
    (re.compile(r"(?<= control=)\d+"), "4001"),
    (re.compile(r"(?<=/)20\d{6}(?=/)"), NIGHT),
    (re.compile(r"\bN20\d{6}(?=S\d{4}\b)"), f"N{NIGHT}"),
    (re.compile(r" +$", re.MULTILINE), ""),
)
"""what differs from day to day and from host to host, and what is shown instead"""
PYTHON = """
import code, doctest, sys
console = code.InteractiveInterpreter()
for example in doctest.DocTestParser().get_examples(sys.stdin.read()):
    print(">>>", "\\n... ".join(example.source.rstrip().splitlines()))
    sys.stderr = sys.stdout
    console.runsource(example.source)
    sys.stdout.flush()
"""
"""types what it is given into a Python and shows the session"""


def free_port() -> int:
    """Return a port that nobody listens at just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Shell:
    """Runs lines in a folder of its own; a context manager that ends what it started.

    Parameters
    ----------
    port
        gives ports that nobody listens at
    """

    def __init__(self, port: Callable[[], int] = free_port) -> None:
        self._stack = ExitStack()
        self._port = port

    def __enter__(self) -> Shell:
        top = "".join(random.choices(string.ascii_lowercase, k=len(TOP) - 1)) + ":"
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="session-")))
        self._shown = {port: str(self._port()) for port in PORTS}
        self._shown |= {BUFFER: str(self._folder / "simulator.buffer"), TOP: top}
        tools = str(Path(sys.executable).parent)
        self._environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "NIFSDC_TOP": top,
            "EPICS_CAS_SERVER_PORT": self._shown[CA_PORT],
            "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
            "EPICS_PVAS_SERVER_PORT": "0",
            "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, line: str) -> str:
        """Run a line and return what it prints, with the exit status where it is not 0."""
        line = self._real(line)
        if line.startswith("export "):
            for setting in line.removeprefix("export ").split():
                name, _, value = setting.partition("=")
                self._environment[name] = value
            return ""
        return self._told(self._serve(line.removesuffix("&")) if line.endswith("&") else self._do(line))

    def python(self, session: str) -> str:
        """Type a session into a new Python and return it as it runs now."""
        return self._told(self._call([sys.executable, "-c", PYTHON], self._real(session)).stdout)

    def _real(self, text: str) -> str:
        for shown, real in self._shown.items():
            text = re.sub(_alone(shown), real, text)
        return text

    def _told(self, text: str) -> str:
        for shown, real in self._shown.items():
            text = re.sub(_alone(real), shown, text)
        text = text.replace(str(self._folder), FOLDER)
        for pattern, instead in HIDDEN:
            text = pattern.sub(instead, text)
        return text

    def _call(self, command: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def _do(self, line: str) -> str:
        done = self._call(["bash", "-c", line])
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
        return service.stdout.readline()


def _alone(text: str) -> str:
    """Return a pattern for a text that is not part of a longer word."""
    return rf"(?<!\w){re.escape(text)}" + (r"\b" if text[-1].isalnum() else "")


def session(kind: str, text: str, shell: Shell) -> str:
    """Return a session as it runs now."""
    if kind == "pycon":
        return shell.python(text)
    shown = ""
    for line in text.splitlines():
        if line.startswith("$ "):
            shown += f"{line}\n{shell.run(line[2:])}"
    return shown


def page(text: str, port: Callable[[], int] = free_port) -> str:
    """Return a page with its sessions as they run now, on ports that are given."""
    with Shell(port) as shell:
        return BLOCK.sub(lambda found: f"```{found[1]}\n{session(found[1], found[2], shell)}```", text)


def main() -> None:
    """Rewrite the pages named on the command line."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
