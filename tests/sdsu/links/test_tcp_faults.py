"""The link server dies, is cut off in the middle of a frame, or is asked by a second host."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from nifsdc.sdsu.errors import LinkLost
from nifsdc.sdsu.links.tcp import TcpLink
from nifsdc.sdsu.memory import ReadoutMode
from nifsdc_sim.process import SimulatorProcess

from ...waiting import until
from .conftest import ServerProcess, raw_start_up, spec_of
from .fake_driver import FULL_READ

TDL = (0x000203, 0x54444C, 0x123456)


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(speed=math.inf, seed=1) as process:
        yield process


def is_lost(link: TcpLink) -> bool:
    """Tell whether a link has noticed."""
    try:
        link.progress()
    except LinkLost:
        return True
    return False


def test_it_listens_on_the_loopback_interface_unless_told(simulator: SimulatorProcess) -> None:
    with ServerProcess(spec_of(simulator)) as server:
        assert server.interface == "127.0.0.1"


def test_a_second_host_is_turned_away_and_told_why(simulator: SimulatorProcess) -> None:
    with ServerProcess(spec_of(simulator)) as server:
        first = TcpLink("127.0.0.1", server.port)
        with pytest.raises(LinkLost, match="another host is attached"):
            TcpLink("127.0.0.1", server.port)
        assert first.transact(TDL, 30.0) == (0x020002, 0x123456)
        first.close()
        second = TcpLink("127.0.0.1", server.port)
        assert second.transact(TDL, 30.0) == (0x020002, 0x123456)
        second.close()


def test_a_server_that_dies_takes_no_pixel_along_that_had_come(simulator: SimulatorProcess) -> None:
    with ServerProcess(spec_of(simulator)) as server:
        link = TcpLink("127.0.0.1", server.port)
        controller = raw_start_up(link)
        controller.timing_board.readout_mode.write(ReadoutMode.TEST_1)
        controller.read_out()
        until(lambda: link.progress() == (1, FULL_READ), "a whole read")
        kept = link.buffer
        server.kill()
        until(lambda: is_lost(link), "the loss of the link")
        with pytest.raises(LinkLost, match="init opens it again"):
            link.transact(TDL, 30.0)
        assert np.array_equal(kept[:FULL_READ], np.arange(FULL_READ) % 65536)
        with pytest.raises(LinkLost, match="start it, then init"):
            link.reopen()
        link.close()


def test_a_question_that_waits_learns_of_the_loss(simulator: SimulatorProcess) -> None:
    simulator.clear_faults()
    with ServerProcess(spec_of(simulator)) as server:
        link = TcpLink("127.0.0.1", server.port)
        simulator.fault("no-reply", "TDL")
        threading.Timer(0.3, server.kill).start()
        with pytest.raises(LinkLost):
            link.transact(TDL, 25.0)
        link.close()
    simulator.clear_faults()


def test_what_is_no_link_server_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                with contextlib.suppress(OSError):  # the link may have hung up at the first words
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(1024):
                        pass

        other = threading.Thread(target=answer)
        other.start()
        with pytest.raises(LinkLost, match="is the other side nifsdc link-server"):
            TcpLink("127.0.0.1", listener.getsockname()[1])
        other.join()
