"""Messages over a socket, each with its own deadline."""

from __future__ import annotations

import contextlib
import socket
import time

from nifsdc.data.wire import Message, pack, unpack

PIECE = 1 << 20
"""bytes between two looks at the clock"""


class Connection:
    """One end of a connection; for one thread at a time, except `shut`."""

    def __init__(self, endpoint: socket.socket) -> None:
        self._socket = endpoint
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, message: Message, deadline: float) -> None:
        """Send a message before ``deadline`` (of `time.monotonic`); raises OSError."""
        for buffer in pack(message):
            view = memoryview(buffer)
            while view:
                self._until(deadline)
                sent = self._socket.send(view[:PIECE])
                view = view[sent:]

    def receive(self, deadline: float) -> Message:
        """Receive a message before ``deadline`` (of `time.monotonic`).

        Raises
        ------
        OSError
            when the connection is cut or the deadline passes
        WireError
            when what comes is no message, or damaged
        """

        def read_into(buffer: memoryview) -> None:
            while buffer:
                self._until(deadline)
                count = self._socket.recv_into(buffer, min(len(buffer), PIECE))
                if count == 0:
                    raise ConnectionError("the other side has closed the connection")
                buffer = buffer[count:]

        return unpack(read_into)

    def wait(self, seconds: float) -> bool:
        """Wait until something comes, or the other side closes; False when nothing does in this time."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        return True

    def _until(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)

    def finish(self, seconds: float) -> None:
        """Say that nothing more will be sent, and let what the other side still sends run out.

        Closing with bytes unread would reset the connection, and the other side might lose our last words.
        """
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._until(deadline)
            while self._socket.recv(PIECE):
                self._until(deadline)

    def shut(self) -> None:
        """End it from another thread: whoever sends or receives gets an error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self._socket.close()
