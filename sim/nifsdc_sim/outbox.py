"""What goes up to the host: words in their order, without ever waiting for a host that does not take them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque

MOST_BYTES = 1 << 26
"""bytes that wait for the host; what comes beyond them is lost, as in any fibre that nobody listens to"""


class Outbox:
    """Bytes for the host; any thread may put some in, one thread sends those that had to wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._host: socket.socket | None = None
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)

    @property
    def bell(self) -> socket.socket:
        """Readable when there is something that `flush` should look at."""
        return self._ear

    def connect(self, host: socket.socket | None) -> None:
        """Send to another host from now on, or to none; what waits is lost."""
        with self._lock:
            self._host = host
            self._waiting.clear()
            self._size = 0

    def put(self, data: bytes, late_seconds: float = 0.0) -> None:
        """Send bytes after those that wait, and not before a time has passed."""
        with self._lock:
            if self._host is None or self._size + len(data) > MOST_BYTES:
                return
            self._waiting.append((time.monotonic() + late_seconds, data))
            self._size += len(data)
            self._send()
            if self._waiting:
                with contextlib.suppress(BlockingIOError):
                    self._bell.send(b"!")

    def flush(self) -> None:
        """Send what can be sent."""
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)
        with self._lock:
            self._send()

    @property
    def due_in(self) -> float | None:
        """Seconds until there is something to be sent; None while nothing waits."""
        with self._lock:
            return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None

    def close(self) -> None:
        """Release everything."""
        self.connect(None)
        self._bell.close()
        self._ear.close()

    def _send(self) -> None:
        while self._host is not None and self._waiting and self._waiting[0][0] <= time.monotonic():
            due, data = self._waiting.popleft()
            try:
                sent = self._host.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:  # whoever receives from that host notices that it has gone
                sent = len(data)
            self._size -= sent
            if sent < len(data):
                self._waiting.appendleft((due, data[sent:]))
                return
