"""A network between a link and what it leads to: slow, in small pieces, cut off, or silent."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator

PIECE = 65536
SMALL = (1, 2, 3, 5, 7, 11, 13)
LITTLE_ROOM = 65536
NO_LINGER = struct.pack("@ii", 1, 0)


class _Way:
    """One direction of a connection, and what is wrong with it."""

    def __init__(self) -> None:
        self.cut_at: int | None = None
        """bytes that get through before the connection is cut"""
        self.small_until = 0
        """bytes that come a few at a time"""
        self.flowing = threading.Event()
        self.flowing.set()
        self.passed = bytearray()


class Proxy:
    """Passes the bytes of one connection at a time on; a context manager.

    `up` goes to the port that was named, `down` comes from it. What is set holds for the next connection too.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE_ROOM)
        self.up, self.down = _Way(), _Way()
        self.abruptly = False
        """whether a cut is a reset of the connection, which takes along what has not been read"""
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ending = False
        self._ends: tuple[socket.socket, ...] = ()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ending = True
        for way in (self.up, self.down):
            way.flowing.set()
        for end in (*self._ends, self._listener):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._ending:
            with contextlib.suppress(OSError):
                host, _ = self._listener.accept()
                with host, self._target_socket() as target:
                    self._ends = (host, target)
                    self._serve(host, target)

    def _target_socket(self) -> socket.socket:
        target = socket.socket()
        target.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE_ROOM)
        target.connect(("127.0.0.1", self._target))
        return target

    def _serve(self, host: socket.socket, target: socket.socket) -> None:
        for end in (host, target):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.up.passed, self.down.passed = bytearray(), bytearray()
        upwards = threading.Thread(target=self._pass, args=(host, target, self.up), daemon=True)
        upwards.start()
        self._pass(target, host, self.down)
        upwards.join()

    def _pass(self, source: socket.socket, sink: socket.socket, way: _Way) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                for piece in self._pieces(data, way):
                    way.flowing.wait()
                    way.passed += piece
                    sink.sendall(piece)
                if way.cut_at is not None and len(way.passed) >= way.cut_at:
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                if self.abruptly:  # says nothing yet: the reset comes with the close
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                end.shutdown(socket.SHUT_RD if self.abruptly else socket.SHUT_RDWR)

    @staticmethod
    def _pieces(data: bytes, way: _Way) -> Iterator[bytes]:
        left = len(data) if way.cut_at is None else max(0, way.cut_at - len(way.passed))
        data = data[:left]
        start = 0
        for size in itertools.cycle(SMALL):
            if len(way.passed) >= way.small_until:
                break
            if start >= len(data):
                return
            yield data[start : start + size]
            start += size
        if start < len(data):
            yield data[start:]
