"""A socket that several threads use and any of them may end."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import threading


def readable(connection: socket.socket, seconds: float) -> bool:
    """Wait at most so long for something to read, or for the end; any descriptor will do, however large."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(math.ceil(1000 * max(0.0, seconds))))


class Line:
    """A connected socket: ``with line as connection`` uses it, `end` ends it.

    A descriptor that is closed while a thread waits at it may be given to another file at once, which that
    thread would then read. Therefore `end` wakes whoever waits, and the last to leave closes the descriptor.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._users = 0
        self._ended = False

    def __enter__(self) -> socket.socket:
        with self._lock:
            if self._ended:
                raise OSError("the connection was closed")
            self._users += 1
        return self._connection

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._users -= 1
            self._close_if_left()

    def end(self) -> None:
        """Break the connection; may be called by any thread, and again."""
        with self._lock:
            if not self._ended:
                self._ended = True
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
                self._close_if_left()

    def _close_if_left(self) -> None:
        if self._ended and self._users == 0:
            self._connection.close()
