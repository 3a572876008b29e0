"""Words and pixels over the simulated and the TCP link beside a plain socket in the same run; a download."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.links.base import Link, Progress, RealClock
from nifsdc.sdsu.links.server import LinkServer
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.links.tcp import TcpLink
from nifsdc.sdsu.lod import Block, LodFile
from nifsdc.sdsu.words import Address, Board, Space
from nifsdc_sim.process import SimulatorProcess
from rows import Rows, best

SECONDS = 3.0
TRANSACTIONS = 500
PROGRAM_WORDS = 4000
BLOCK_PIXELS = 8 * 2048 * 2112
PIECE = 1 << 18
TDL = (0x000303, 0x54444C, 0x123456)
BACK = (0x030002, 0x123456)
READ_OUT = (0x000202, 0x524443)
MICRO, MEGA = 1e6, 1e6


class Card:
    """An interface card without a controller: answers at once, and has a whole block when it is told to."""

    name = "card"
    clock = RealClock()

    def __init__(self) -> None:
        self.buffer: NDArray[np.uint16] = (np.arange(BLOCK_PIXELS) % 65536).astype(np.uint16)
        self._blocks = 0

    def transact(self, words: Sequence[int], deadline_s: float) -> tuple[int, ...]:
        return BACK

    def send(self, words: Sequence[int]) -> None:
        self._blocks += 1

    def reset(self, deadline_s: float) -> tuple[int, ...]:
        return BACK

    def unasked(self) -> tuple[tuple[int, ...], ...]:
        return ()

    def progress(self) -> Progress:
        return Progress(self._blocks, BLOCK_PIXELS if self._blocks else 0)

    def ended(self) -> Progress:
        return Progress(max(0, self._blocks - 1), BLOCK_PIXELS if self._blocks > 1 else 0)

    def consumed(self, block: int, pixels: int) -> None:
        pass

    def reopen(self) -> None:
        self._blocks = 0

    def close(self) -> None:
        pass


def serve_card(told: Connection) -> None:
    """Serve a card until told to end."""
    with LinkServer(Card()) as server:
        told.send(server.port)
        told.recv()


def serve_plain(told: Connection) -> None:
    """Send 12 bytes back for 12, and a block of pixels for less."""
    block = bytes(2 * BLOCK_PIXELS)
    server = socket.create_server(("127.0.0.1", 0))
    told.send(server.getsockname()[1])
    connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(4096):
        if len(data) == 12:
            connection.sendall(data)
        else:
            for start in range(0, len(block), PIECE):
                connection.sendall(memoryview(block)[start : start + PIECE])


@contextlib.contextmanager
def other_process(serve: Callable[[Connection], None]) -> Iterator[int]:
    """Have a port served by a process of its own."""
    start = multiprocessing.get_context("spawn")
    ours, theirs = start.Pipe()
    process = start.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    yield ours.recv()
    ours.send(None)
    process.join(10.0)
    process.kill()


class Plain:
    """A plain socket: what a link cannot be faster than."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._block = bytearray(2 * BLOCK_PIXELS)

    def ping_pong(self) -> None:
        for _ in range(TRANSACTIONS):
            self._socket.sendall(bytes(12))
            self._socket.recv(4096)

    def block(self) -> None:
        self._socket.sendall(b"!")
        view = memoryview(self._block)
        while view:
            view = view[self._socket.recv_into(view) :]


def ask(link: Link) -> None:
    for _ in range(TRANSACTIONS):
        assert link.transact(TDL, 10.0) == BACK


def take_block(link: Link) -> None:
    """Have a block of pixels sent, and wait until it is here."""
    wanted = Progress(link.progress().block + 1, BLOCK_PIXELS)
    pause = threading.Event()
    link.send(READ_OUT)
    while link.progress() != wanted:
        pause.wait(0.0005)


def words(rows: Rows, plain: Plain, tcp: Link, sim: Link, controller: Controller) -> float:
    """Transactions a second; returns the time of a plain round trip in seconds."""

    def test_data_link() -> None:
        for number in range(TRANSACTIONS):
            controller.test_data_link(Board.UTILITY, number)

    times = best(
        {
            "plain": plain.ping_pong,
            "simulated link": lambda: ask(sim),
            "controller, simulated link": test_data_link,
            "TCP link": lambda: ask(tcp),
        },
        SECONDS,
    )
    raw = times.pop("plain")
    rows.add("raw socket round trip", raw / TRANSACTIONS * MICRO, "us")
    for name, took in times.items():
        rows.add(f"transaction (TDL), {name}", took / TRANSACTIONS * MICRO, "us", took / raw, "raw socket")
        rows.add(f"transactions a second, {name}", TRANSACTIONS / took, "/s", raw / took, "raw socket")
    return raw / TRANSACTIONS


def pixels(rows: Rows, plain: Plain, tcp: Link) -> None:
    """Pixels a second from a card's full buffer into the host's, checked and in order."""
    times = best({"plain": plain.block, "TCP": lambda: take_block(tcp)}, SECONDS)
    assert np.array_equal(tcp.buffer[:65536], np.arange(65536))
    raw, took = times["plain"], times["TCP"]
    rows.add("pixels over a raw socket", BLOCK_PIXELS / raw / MEGA, "Mpx/s")
    rows.add("pixels over the TCP link", BLOCK_PIXELS / took / MEGA, "Mpx/s", raw / took, "raw socket")


def download(rows: Rows, controller: Controller, raw: float) -> None:
    """A programme of 4,000 words, each written and read back: two round trips a word."""
    data = tuple(number * 4001 & 0xFFFFFF for number in range(PROGRAM_WORDS))
    program = LodFile(Board.TIMING, (Block(Space.P, 0x300, data),))
    controller.reset()
    took = best({"download": lambda: controller.download(program)}, SECONDS, least=2)["download"]
    rows.add("download of 4,000 words, verified", took, "s", took / (2 * PROGRAM_WORDS * raw), "raw socket")
    assert controller.read_memory(Board.TIMING, Address(Space.P, 0x301)) == data[1]


def main() -> None:
    """Run them."""
    rows = Rows(__doc__)
    with (
        SimulatorProcess(speed=math.inf, seed=1) as simulator,
        other_process(serve_plain) as plain_port,
        other_process(serve_card) as card_port,
    ):
        plain, tcp = Plain(plain_port), TcpLink("127.0.0.1", card_port)
        sim = SimLink(simulator.host, simulator.port, simulator.buffer)
        controller = Controller(sim)
        raw = words(rows, plain, tcp, sim, controller)
        pixels(rows, plain, tcp)
        download(rows, controller, raw)
        for link in (sim, tcp):
            link.close()
    rows.save()


if __name__ == "__main__":
    main()
