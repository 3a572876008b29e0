"""The shell of a running IOC: lines from a terminal or a pipe, carried out on the loop of its server."""

from __future__ import annotations

import atexit
import concurrent.futures
import contextlib
import importlib
import logging
import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from nifsdc.records.ca_server import CaServer, Statistics
from nifsdc.records.database import Database
from nifsdc.records.shell import COMMANDS, Interpreter
from nifsdc.records.shell_reports import ClientReport

PROMPT = "nifsdc> "
ANSWER_SECONDS = 10.0
"""how long a command may wait for the loop"""
HISTORY = Path("~/.local/state/nifsdc/shell_history")
HISTORY_LINES = 1000

log = logging.getLogger("nifsdc.shell")


class ServerReport:
    """What the shell shows of a server."""

    def __init__(self, server: CaServer) -> None:
        self._server = server

    @property
    def statistics(self) -> Statistics:
        """Present counts."""
        return self._server.statistics

    def clients(self) -> Iterable[ClientReport]:
        """The clients connected now; on the server's loop."""
        for circuit in self._server._circuits:
            peer, opened = circuit.session.peer, list(circuit.session._open.values())
            yield ClientReport(
                peer.address,
                peer.port,
                peer.host,
                peer.user,
                tuple(each.channel.name for each in opened),
                sum(len(each.subscriptions) for each in opened),
                circuit.waiting,
            )


class PutLogSwitch:
    """Switches a server's put log on and off."""

    def __init__(self, server: CaServer, put_log: Callable[[Any], None]) -> None:
        self._server = server
        self._put_log = put_log

    @property
    def enabled(self) -> bool:
        """Whether writes are logged."""
        return self._server.put_log is not None

    @enabled.setter
    def enabled(self, on: bool) -> None:
        self._server.put_log = self._put_log if on else None


class Shell:
    """Reads lines in a thread of its own until ``exit``, the end of the input, or ``close``.

    Args:
        interpreter: what carries the lines out.
        call: has a function run on the thread that owns the database (``CaServer.call``).
        stop: called there when the shell was ended by its user: ends the IOC.
        descriptor: of the input: a terminal (prompt, editing and history) or a pipe or file (none of them).
    """

    def __init__(
        self,
        interpreter: Interpreter,
        call: Callable[[Callable[[], None]], None],
        stop: Callable[[], object],
        descriptor: int = 0,
    ) -> None:
        self._interpreter = interpreter
        self._call = call
        self._stop = stop
        self._descriptor = descriptor
        self._terminal = os.isatty(descriptor)
        self._settings = termios.tcgetattr(descriptor) if self._terminal else None
        self._wake = os.pipe()
        self._closed = False
        self._waiting: concurrent.futures.Future[str] | None = None
        # A thread inside readline cannot be called back: it must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="shell", daemon=True)

    def start(self) -> None:
        """Begin to read lines."""
        if self._terminal:
            atexit.register(self.close)
        self._thread.start()

    def close(self) -> None:
        """Read no more lines, and leave the terminal as it was."""
        if self._closed:
            return
        self._closed = True
        os.write(self._wake[1], b"x")
        if self._waiting is not None:
            self._waiting.cancel()
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join(0.5 if self._terminal else ANSWER_SECONDS + 1.0)
        if self._settings is not None:
            with contextlib.suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._settings)
            atexit.unregister(self.close)
        if not self._thread.is_alive():
            for end in self._wake:
                os.close(end)

    # --- in the thread
    def _run(self) -> None:
        try:
            lines = self._terminal_lines() if self._edits else self._plain_lines()
            for line in lines:
                self._show(self._answer(line))
                if self._interpreter.ended or self._closed:
                    break
        except OSError as exc:
            log.info("the shell has ended: %s", exc)
        if not self._closed:
            self._call(self._end)

    def _end(self) -> None:
        self._stop()

    def _answer(self, line: str) -> str:
        """Have a line carried out, and wait for it."""
        answer: concurrent.futures.Future[str] = concurrent.futures.Future()

        def carry_out() -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(self._interpreter.execute(line))
                except Exception as exc:
                    log.exception("the command %r failed inside the shell", line)
                    answer.set_result(f"The command failed inside the shell ({exc!r}); the log has more.")

        self._waiting = answer
        if self._closed:
            return ""
        self._call(carry_out)
        try:
            return answer.result(ANSWER_SECONDS)
        except concurrent.futures.CancelledError:  # the IOC ends
            return ""
        except concurrent.futures.TimeoutError:
            answer.cancel()
            return f"The IOC did not come to it within {ANSWER_SECONDS:g} s; the command was given up."

    def _show(self, text: str) -> None:
        if text:
            print(text, flush=True)

    # --- where lines come from
    @property
    def _edits(self) -> bool:
        """Whether lines are edited: Python does that on the standard input and output only."""
        return self._prompts and self._descriptor == 0 and sys.stdin is not None and sys.stdin.isatty()

    @property
    def _prompts(self) -> bool:
        return self._terminal and sys.stdout.isatty()

    def _plain_lines(self) -> Iterator[str]:
        """Lines of a descriptor; its reading can be ended from outside."""
        rest = b""
        self._prompt()
        while True:
            readable, _, _ = select.select([self._descriptor, self._wake[0]], [], [])
            if self._wake[0] in readable:
                return
            data = os.read(self._descriptor, 1 << 16)
            if not data:
                if rest:
                    yield rest.decode("utf-8", "replace")
                return
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace")
                self._prompt()

    def _prompt(self) -> None:
        if self._prompts and not self._closed:
            print(PROMPT, end="", flush=True)

    def _terminal_lines(self) -> Iterator[str]:
        """Lines that a user edits, with history and completion where Python has readline."""
        readline = _readline(self._interpreter.database)
        history = HISTORY.expanduser()
        if readline is not None:
            with contextlib.suppress(OSError):
                readline.read_history_file(history)
            readline.set_history_length(HISTORY_LINES)
        while not self._closed:
            try:
                yield input(PROMPT)
            except EOFError:
                print(flush=True)
                return
            finally:
                if readline is not None:
                    with contextlib.suppress(OSError):
                        history.parent.mkdir(parents=True, exist_ok=True)
                        readline.write_history_file(history)


def _readline(database: Database) -> Any:
    """The readline module set up for commands and record names; None where there is none."""
    try:
        readline = importlib.import_module("readline")
    except ImportError:
        return None
    names = sorted([*COMMANDS, *database.names()])
    readline.set_completer_delims(" \t(),\"'")
    readline.set_completer(
        lambda text, state: next(
            (name for index, name in enumerate(n for n in names if n.startswith(text)) if index == state),
            None,
        )
    )
    readline.parse_and_bind("tab: complete")
    return readline


def attach_shell(
    server: CaServer,
    database: Database,
    *,
    stop: Callable[[], object],
    put_log: Callable[[Any], None] | None = None,
    descriptor: int = 0,
) -> Shell:
    """Start a shell for a server and its database.

    Args:
        server: on whose loop commands are carried out.
        database: what they look at and change.
        stop: called on the loop when the user ends the shell (``exit``, end of the input): ends the IOC.
        put_log: what ``putlog on`` gives the server; by default the put log it has now.
        descriptor: of the input.

    Returns:
        The shell; ``close`` it when the IOC ends.
    """
    log_writes = put_log or server.put_log
    interpreter = Interpreter(
        database,
        server=ServerReport(server),
        put_log=PutLogSwitch(server, log_writes) if log_writes is not None else None,
    )
    shell = Shell(interpreter, server.call, stop, descriptor)
    shell.start()
    return shell
