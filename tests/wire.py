"""What lies between a client and a data server, and can fail as networks do."""

from __future__ import annotations

import select
import socket
import threading

LOOK_SECONDS = 0.02
PIECE = 8192


class Wire:
    """Passes bytes on, until a test cuts, damages, blocks or slows it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = int(self._listener.getsockname()[1])
        self.cut_after: int | None = None
        """bytes towards the server after which every connection is cut"""
        self.damage_at: int | None = None
        """byte towards the server, counted on each connection, that is turned over"""
        self.rate: float | None = None
        """bytes a second that pass towards the server; None for all that come"""
        self.blocked = threading.Event()
        """while set, nothing passes towards the server"""
        self.cut = threading.Event()
        """while set, no connection lasts"""
        self.connections = 0
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=2)
            except OSError:
                near.close()
                continue
            self.connections += 1
            thread = threading.Thread(target=self._pass_on, args=(near, far))
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        passed = 0
        with near, far:
            while not self._ending.is_set() and not self.cut.is_set():
                ends = [far] if self.blocked.is_set() else [near, far]
                for end in select.select(ends, [], [], LOOK_SECONDS)[0]:
                    try:
                        data = end.recv(PIECE)
                        if not data:
                            return
                        if end is far:
                            near.sendall(data)
                            continue
                        data = self._damaged(data, passed)
                        passed += len(data)
                        if self.cut_after is not None and passed > self.cut_after:
                            return
                        far.sendall(data)
                    except OSError:
                        return
                    if self.rate is not None:
                        self._ending.wait(len(data) / self.rate)

    def _damaged(self, data: bytes, passed: int) -> bytes:
        """Return bytes towards the server as they come out, the first of them after so many others."""
        if self.damage_at is None or not passed <= self.damage_at < passed + len(data):
            return data
        place = self.damage_at - passed
        return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]

    def close(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
