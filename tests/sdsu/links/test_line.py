"""A link at a large descriptor, and closed or opened again by one thread while another waits at it."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from nifsdc.sdsu.errors import LinkLost
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.links.choose import open_link
from nifsdc.sdsu.links.line import Line, readable
from nifsdc_sim.process import SimulatorProcess

from ...waiting import DEADLINE_S, until
from .conftest import ServerProcess, spec_of

TDL = (0x000203, 0x54444C, 0x123456)
BACK = (0x020002, 0x123456)
ANSWER_S = 20.0
HIGH = """
import os, resource, sys
from nifsdc.sdsu.links.choose import open_link
from nifsdc.sdsu.links.server import LinkServer

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
while os.open(os.devnull, os.O_RDONLY) < 1100:
    pass
link = open_link(sys.argv[1])
assert link.transact((0x000203, 0x54444C, 0x123456), 30.0) == (0x020002, 0x123456)
link.unasked(), link.progress(), link.close()
with LinkServer(open_link(sys.argv[1], connect=False)) as server:
    link = open_link(f"tcp:127.0.0.1:{server.port}")
    assert link.transact((0x000203, 0x54444C, 0x654321), 30.0) == (0x020002, 0x654321)
    link.close()
print("well")
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(speed=math.inf, seed=1) as process:
        yield process


def test_descriptors_above_1023(simulator: SimulatorProcess) -> None:
    """An IOC with many clients has them; `select` refuses them."""
    ended = subprocess.run(
        [sys.executable, "-c", HIGH, spec_of(simulator)], capture_output=True, text=True, timeout=120.0
    )
    assert ended.stdout == "well\n", ended.stderr


@pytest.mark.parametrize("kind", ["sim", "tcp"])
@pytest.mark.parametrize("again", [False, True])
def test_closed_while_another_thread_waits(simulator: SimulatorProcess, kind: str, again: bool) -> None:
    """Whoever waits is told at once; what it saw does not harm the connection that was opened after it."""
    with ServerProcess(spec_of(simulator)) as server:
        link = open_link(spec_of(simulator) if kind == "sim" else f"tcp:127.0.0.1:{server.port}")
        for _ in range(5):
            wait_and_leave(simulator, link, again)
        link.close()


def wait_and_leave(simulator: SimulatorProcess, link: Link, again: bool) -> None:
    said: list[str] = []

    def wait() -> None:
        try:
            link.transact(TDL, ANSWER_S)
        except LinkLost as error:
            said.append(str(error))

    until(lambda: answers(link), "an answer")
    simulator.fault("no-reply", "TDL")
    before = len(simulator.commands())
    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: len(simulator.commands()) > before, "the question to arrive")
    if not again:
        link.close()
    link.reopen()
    waiting.join(DEADLINE_S)
    assert len(said) == 1
    assert "closed" in said[0]
    assert link.transact(TDL, ANSWER_S) == BACK


def answers(link: Link) -> bool:
    try:
        return link.transact(TDL, ANSWER_S) == BACK
    except LinkLost:
        link.reopen()
        return False


def test_the_last_to_leave_closes_the_descriptor() -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    with theirs, line as connection:
        ends = threading.Thread(target=line.end)
        ends.start()
        assert readable(connection, DEADLINE_S)
        assert connection.recv(1) == b""
        ends.join()
        assert connection.fileno() >= 0
        with pytest.raises(OSError, match="was closed"), line:
            raise AssertionError("it is open")
    assert ours.fileno() == -1
    line.end()


def test_waiting_for_nothing_ends() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not readable(ours, 0.0)
        assert not readable(ours, 0.001)
        theirs.send(b"!")
        assert readable(ours, DEADLINE_S)
