"""The network between a host and its controller: cut in the middle of a frame, or too slow for the card."""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from nifsdc.sdsu.errors import LinkLost
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.links.tcp import TcpLink
from nifsdc.sdsu.lod import Block, LodFile
from nifsdc.sdsu.memory import ReadoutMode
from nifsdc.sdsu.words import Address, Board, Space
from nifsdc_sim.process import SimulatorProcess

from ...waiting import until
from .conftest import ServerProcess, raw_start_up, spec_of
from .fake_driver import FULL_READ
from .proxy import Proxy

TDL = (0x000203, 0x54444C, 0x123456)
BACK = (0x020002, 0x123456)
PATTERN = (np.arange(FULL_READ) % 65536).astype(np.uint16)
PIXELS = 20
"""kind of the frames that carry pixels (links/frames.py), as are the numbers of `pixels_in`"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(speed=math.inf, seed=1, buffer_reads=1) as process:
        yield process


@pytest.fixture(scope="module")
def server(simulator: SimulatorProcess) -> Iterator[ServerProcess]:
    with ServerProcess(spec_of(simulator)) as process:
        yield process


def pixels_in(passed: bytes) -> int:
    """Count the pixels of the whole frames in what a server has sent."""
    place = pixels = 0
    while place + 12 <= len(passed):
        mark, kind, _, length, _ = struct.unpack_from(">2sBBII", passed, place)
        assert mark == b"NL"
        place += 12 + length
        if kind == PIXELS and place <= len(passed):
            pixels += (length - 16) // 2
    return pixels


def lost(link: Link) -> str:
    """Return why a link is lost, empty while it is not."""
    try:
        link.progress()
    except LinkLost as error:
        return str(error)
    return ""


def patterned(link: Link) -> None:
    """Start the controller up and have it make test data 1."""
    raw_start_up(link).timing_board.readout_mode.write(ReadoutMode.TEST_1)


def read_whole(link: Link) -> None:
    """Take a read of test data 1 over a link that is well."""
    patterned(link)
    block = link.progress().block + 1
    link.send((0x000202, 0x524443))
    until(lambda: link.progress() == (block, FULL_READ), "a whole read")
    assert np.array_equal(link.buffer[:FULL_READ], PATTERN)
    link.consumed(block, FULL_READ)


def test_a_network_that_brings_a_few_bytes_at_a_time(server: ServerProcess) -> None:
    with Proxy(server.port) as proxy:
        proxy.up.small_until = proxy.down.small_until = 1 << 17
        link = TcpLink("127.0.0.1", proxy.port)
        read_whole(link)
        for _ in range(20):
            assert link.transact(TDL, 30.0) == BACK
        link.close()


@pytest.mark.parametrize("behind", [0, 5, 12, 20, 100_001, 1_000_003, 3_333_333])
def test_cut_in_a_frame_of_pixels(server: ServerProcess, behind: int) -> None:
    """What came in whole frames stays as it was; the cut is told, and the link opens again."""
    with Proxy(server.port) as proxy:
        link = TcpLink("127.0.0.1", proxy.port)
        patterned(link)
        kept = link.buffer
        proxy.down.cut_at = len(proxy.down.passed) + behind + 1
        link.send((0x000202, 0x524443))
        until(lambda: lost(link) != "", "the loss of the link")
        assert "in the middle of a frame" in lost(link)
        whole = pixels_in(bytes(proxy.down.passed))
        assert np.array_equal(kept[:whole], PATTERN[:whole])
        assert not kept[whole:].any()
        with pytest.raises(LinkLost, match="init opens it again"):
            link.transact(TDL, 30.0)
        proxy.down.cut_at = None
        until(lambda: reopened(link), "the link to open again")
        read_whole(link)
        link.close()


def pixels_made(simulator: SimulatorProcess) -> tuple[int, int]:
    """Return block and pixels as the card has them."""
    status = simulator.status()
    return status["block"], status["pixels"]


def reopened(link: Link) -> bool:
    """Try to open a link again; the one before may not have been noticed to be gone."""
    try:
        link.reopen()
    except LinkLost:
        return False
    return True


@pytest.mark.parametrize("abruptly", [False, True])
@pytest.mark.parametrize("sent", [0, 7, 12, 19, 30])
def test_cut_in_a_question(server: ServerProcess, sent: int, abruptly: bool) -> None:
    with Proxy(server.port) as proxy:
        link = TcpLink("127.0.0.1", proxy.port)
        assert link.transact(TDL, 30.0) == BACK
        proxy.abruptly = abruptly
        proxy.up.cut_at = len(proxy.up.passed) + sent
        with pytest.raises(LinkLost, match="init opens it again"):
            link.transact(TDL, 30.0)
        proxy.up.cut_at = None
        until(lambda: reopened(link), "the link to open again")
        assert link.transact(TDL, 30.0) == BACK
        link.close()


def test_pixels_overwritten_before_they_could_be_sent_are_told(
    server: ServerProcess, simulator: SimulatorProcess
) -> None:
    """The network stands still while the card's buffer is filled several times over."""
    with Proxy(server.port) as proxy:
        link = TcpLink("127.0.0.1", proxy.port)
        controller = raw_start_up(link)
        controller.timing_board.readout_mode.write(ReadoutMode.TEST_1)
        controller.stop_idle()
        controller.utility_board.demanded_exposure_ms.write(1)
        kept = link.buffer
        end = (simulator.status()["block"] + 1, 4 * FULL_READ)
        controller.multiple_read(4)
        until(lambda: link.progress().pixels > 0, "the first pixels")
        proxy.down.flowing.clear()
        link.consumed(1, 4 * FULL_READ)
        until(lambda: pixels_made(simulator) >= end, "the end of the readout")
        proxy.down.flowing.set()
        until(lambda: lost(link) != "", "the loss of the link")
        assert "overwritten in the image buffer before they could be sent" in lost(link)
        whole = pixels_in(bytes(proxy.down.passed))
        assert 0 < whole < 4 * FULL_READ
        assert np.array_equal(kept[:whole], PATTERN[:whole])
        assert not kept[whole:].any()
        until(lambda: reopened(link), "the link to open again")
        read_whole(link)
        link.close()


def test_the_simulators_words_a_few_bytes_at_a_time(simulator: SimulatorProcess) -> None:
    with Proxy(simulator.port) as proxy:
        proxy.up.small_until = proxy.down.small_until = 1 << 30
        link = SimLink(simulator.host, proxy.port, simulator.buffer)
        until(lambda: answers(link), "an answer")
        controller = raw_start_up(link)
        words = tuple(number * 4001 & 0xFFFFFF for number in range(100))
        controller.reset()
        controller.download(LodFile(Board.TIMING, (Block(Space.P, 0x300, words),)))
        assert controller.read_memory(Board.TIMING, Address(Space.P, 0x363)) == words[99]
        link.close()


@pytest.mark.parametrize("behind", range(1, 8))
def test_cut_in_an_answer_of_the_simulator(simulator: SimulatorProcess, behind: int) -> None:
    """The half that came of it is forgotten when the link is opened again."""
    with Proxy(simulator.port) as proxy:
        link = SimLink(simulator.host, proxy.port, simulator.buffer)
        until(lambda: answers(link), "an answer")
        proxy.down.cut_at = len(proxy.down.passed) + behind
        with pytest.raises(LinkLost, match="closed the connection"):
            link.transact(TDL, 30.0)
        proxy.down.cut_at = None
        link.reopen()
        until(lambda: answers(link), "an answer")
        link.close()


def answers(link: Link) -> bool:
    """Ask; until the simulator has noticed that the host before is gone, it turns others away."""
    try:
        return link.transact(TDL, 30.0) == BACK
    except LinkLost:
        link.reopen()
        return False


@pytest.mark.soak
def test_a_network_that_falls_silent(server: ServerProcess) -> None:
    """The connection stays, but nothing comes any more: it takes SILENCE_SECONDS to notice."""
    with Proxy(server.port) as proxy:
        link = TcpLink("127.0.0.1", proxy.port)
        proxy.down.flowing.clear()
        said: list[str] = []

        def ask() -> None:
            try:
                link.transact(TDL, 30.0)
            except LinkLost as error:
                said.append(str(error))

        asking = threading.Thread(target=ask)
        asking.start()
        asking.join(60.0)
        assert said
        assert "nothing came from it for 15 s" in said[0]
        link.close()
