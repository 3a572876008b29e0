"""A part as a service: how it is asked to end, what it tells systemd if that started it (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket

READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


class Ending:
    """Whether this process has been asked to end: by SIGTERM, by SIGINT, or by `set`.

    A handler of signals may not touch a `threading.Event` that the main thread waits for: it runs in the
    middle of that wait, which may hold the event's lock, and then neither goes on.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.set())

    def set(self) -> None:
        """Ask it to end; from any thread."""
        # A pipe that is full has been asked often enough.
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"!")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has been asked, at most so long (None: for ever); tell whether it has."""
        return bool(select.select([self._read], [], [], seconds)[0])


def notify(state: str) -> None:
    """Send a line to the service manager; without one, or when it has gone, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # @ stands for the zero byte that an abstract name begins with.
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(state.encode(), name)
