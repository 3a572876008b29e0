"""Words over the simulated link beside a plain socket, a download, and making a read beside real time."""

from __future__ import annotations

import math
import socket
import subprocess
import sys

import numpy as np

from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.lod import Block, LodFile
from nifsdc.sdsu.words import Address, Board, Space
from nifsdc_sim.detector import Detector, Video
from nifsdc_sim.process import SimulatorProcess
from nifsdc_sim.scene import Scene
from rows import Rows, best

SECONDS = 3.0
TRANSACTIONS = 500
PROGRAM_WORDS = 4000
REAL_READ_S = 5.3
SAMPLE_NS = 1e9 / 204_027
MICRO, MILLI = 1e6, 1e3
ECHO = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while data := connection.recv(4096):
    connection.sendall(data)
"""


def transactions(rows: Rows) -> None:
    """Round trips of a packet: through the controller class, and through a socket that only echoes."""
    with (
        SimulatorProcess(speed=math.inf, seed=1) as simulator,
        subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True) as echo,
    ):
        assert echo.stdout is not None
        plain = socket.create_connection(("127.0.0.1", int(echo.stdout.readline())))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        controller = Controller(link)

        def through_socket() -> None:
            for _ in range(TRANSACTIONS):
                plain.sendall(bytes(12))
                plain.recv(4096)

        def through_controller() -> None:
            for number in range(TRANSACTIONS):
                controller.test_data_link(Board.UTILITY, number)

        times = best({"socket": through_socket, "controller": through_controller}, SECONDS)
        each, raw = (times[name] / TRANSACTIONS for name in ("controller", "socket"))
        rows.add("raw socket round trip", raw * MICRO, "us")
        rows.add("transaction (TDL)", each * MICRO, "us", each / raw, "raw socket")
        rows.add("transactions a second", 1 / each, "/s", raw / each, "raw socket")
        download(rows, controller, raw)
        link.close()
        plain.close()


def download(rows: Rows, controller: Controller, raw: float) -> None:
    """A programme of 4,000 words, each written and read back: two round trips a word."""
    words = tuple(number * 4001 & 0xFFFFFF for number in range(PROGRAM_WORDS))
    program = LodFile(Board.TIMING, (Block(Space.P, 0x300, words),))
    controller.reset()
    took = best({"download": lambda: controller.download(program)}, SECONDS, least=2)["download"]
    rows.add("download of 4,000 words, verified", took, "s", took / (2 * PROGRAM_WORDS * raw), "raw socket")
    assert controller.read_memory(Board.TIMING, Address(Space.P, 0x301)) == words[1]


def reads(rows: Rows) -> None:
    """Making a read with all its noise, beside drawing its two normal numbers a pixel alone."""
    detector = Detector(1, Scene.default(1))
    random = np.random.Generator(np.random.SFC64(1))
    numbers = np.empty(detector.layout.shape, dtype=np.float32)
    start = 0

    def make() -> None:
        nonlocal start
        start += 5_300_000_000
        for _ in detector.read(start, SAMPLE_NS, Video.DATA):
            pass

    def draw() -> None:
        for _ in range(2):
            random.standard_normal(dtype=np.float32, out=numbers)

    times = best({"make": make, "draw": draw}, SECONDS)
    rows.add(
        "make a read of 2048 x 2112", times["make"] * MILLI, "ms", times["make"] / times["draw"], "drawing"
    )
    rows.add("speed it allows", REAL_READ_S / times["make"], "x", REAL_READ_S / times["make"], "real time")


def main() -> None:
    """Run them."""
    rows = Rows(__doc__)
    transactions(rows)
    reads(rows)
    rows.save()


if __name__ == "__main__":
    main()
