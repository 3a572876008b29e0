"""The control port: JSON lines over TCP, for tests and for people who want to see something go wrong.

Each line is an object with ``command`` and that command's entries; each answer is an object with ``ok``, and
``error`` where it is false.

===========  ==========================================================================================
``inject``   ``kind`` (see `FAULTS`), and if wanted ``label`` (of the command it waits for), ``count``,
             ``skip``, ``probability``, ``fraction``, ``seconds``, ``rate``, ``pixels``
``clear``    forget all faults, end a temperature's runaway
``status``   what everything does; see `Simulator.status`
``log``      commands received after number ``since``, with detector time, words and answer
``scene``    ``name`` and its parameters: ``default`` (``seed``), ``dark``, ``flat`` (``rate``,
             electron/s/pixel), ``stars`` (``seed``, ``sky``, ``stars``), ``points`` (``sources``: rows,
             columns, electron/s; ``sky``), ``index`` (a number for each pixel)
``effects``  ``set``: a list such as ``["ideal", "cosmic-rays=5"]``, which may be empty; answers with the
             amount of each effect
``truth``    ``file``: writes what really fell on the detector there (npz); see `DetectorArray.truth`
``quit``     end the simulator
===========  ==========================================================================================
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

LOOK_SECONDS = 0.2
LONGEST_LINE = 65536
Handler = Callable[[Mapping[str, Any]], dict[str, Any]]


class BadRequest(ValueError):
    """A line of the control port that means nothing."""


class ControlPort:
    """Answers lines with what a handler makes of them, for any number of connections.

    Parameters
    ----------
    port
        TCP port on the loopback interface, 0 for any that is free
    handlers
        for each command what it does; raises `BadRequest` to refuse
    """

    def __init__(self, port: int, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._listener = socket.create_server(("127.0.0.1", port), backlog=8)
        self._texts: dict[socket.socket, bytes] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self._listener.getsockname()[1])

    def open(self) -> None:
        """Start answering."""
        self._thread.start()

    def close(self) -> None:
        """Close all connections and end."""
        self._ending.set()
        self._thread.join()
        for connection in (self._listener, *self._texts):
            connection.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            for ready in select.select([self._listener, *self._texts], [], [], LOOK_SECONDS)[0]:
                if ready is self._listener:
                    self._texts[self._listener.accept()[0]] = b""
                else:
                    self._receive(ready)

    def _receive(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        text = self._texts[connection] + data
        if not data or len(text) > LONGEST_LINE:
            del self._texts[connection]
            connection.close()
            return
        *lines, self._texts[connection] = text.split(b"\n")
        for line in lines:
            if line.strip():
                with contextlib.suppress(OSError):
                    connection.sendall(json.dumps(self.answer(line)).encode() + b"\n")

    def answer(self, line: bytes) -> dict[str, Any]:
        """Return the answer to one line."""
        try:
            request = json.loads(line)
            command = request.get("command") if isinstance(request, dict) else None
            if not isinstance(command, str) or command not in self._handlers:
                raise BadRequest(f"expected an object whose command is one of {', '.join(self._handlers)}")
            return {"ok": True, **self._handlers[command](request)}
        except (BadRequest, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            return {"ok": False, "error": str(error)}
