"""Random and mutated words at the host: the protocol's own errors and no others, and all is well afterwards.

The simulator's side has its million words in tests/sim/test_many_words.py.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.errors import ControllerError
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.words import (
    DON,
    ERR,
    PREAMBLE,
    RESET_PREAMBLE,
    SYR,
    Address,
    Board,
    Packet,
    Reassembler,
    Reset,
    Space,
    decode,
    encode,
    frame,
    word,
)

from .conftest import Rig

QUICK_WORDS, A_MILLION = 60_000, 1_000_000
FLUSH = frame((0,) * 7)
"""more words that are no header than any packet, or rest of a packet that was reset, still wants"""
WHOLE = Packet(Board.TIMING, Board.HOST, (DON,))
LABELS = (DON, ERR, SYR, word("RST"), word("TDL"), word("IIA"))


class Noise:
    """Words of the fibre: headers, labels, anything, with preambles right and wrong."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def word(self) -> bytes:
        pick = self._random
        kind = pick.random()
        if kind < 0.3:
            value = pick.randrange(4) << 16 | pick.randrange(4) << 8 | pick.randrange(10)
        elif kind < 0.5:
            value = pick.choice(LABELS)
        else:
            value = pick.randrange(1 << 24)
        preamble = pick.choice((PREAMBLE,) * 16 + (RESET_PREAMBLE, pick.randrange(256)))
        return bytes([preamble]) + value.to_bytes(3, "big")

    def words(self, most: int) -> bytes:
        return b"".join(self.word() for _ in range(self._random.randrange(most)))

    def mutated(self, data: bytes) -> bytes:
        """Return words with a bit inverted, one lost, one twice, or as they were."""
        pick = self._random
        changed = bytearray(data)
        place = 4 * pick.randrange(len(data) // 4)
        match pick.randrange(5):
            case 0:
                changed[place + pick.randrange(4)] ^= 1 << pick.randrange(8)
            case 1:
                del changed[place : place + 4]
            case 2:
                changed[place:place] = changed[place : place + 4]
            case _:
                pass
        return bytes(changed)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield bytes as a connection may deliver them."""
        while data:
            size = self._random.choice((1, 2, 3, 5, 64, 1000))
            yield data[:size]
            data = data[size:]


def _decode(seed: int, words: int) -> None:
    noise = Noise(seed)
    taken = 0
    while taken < words:
        data = noise.words(400)
        taken += len(data) // 4
        whole, parts = Reassembler(), Reassembler()
        found = whole.feed(data)
        assert found == [item for piece in noise.pieces(data) for item in parts.feed(piece)]
        for item in found:
            assert isinstance(item, Reset) or decode(encode(item)) == item
        whole.feed(FLUSH)
        assert not whole.partial
        assert whole.feed(frame(encode(WHOLE))) == [WHOLE]


def test_the_decoder_takes_a_million_words() -> None:
    _decode(1, A_MILLION)


class BadFibre:
    """Carries words between a host and the simulator, and those to the host badly.

    What goes up is always followed by one whole packet, so that the host never waits out a deadline.
    """

    def __init__(self, port: int, seed: int) -> None:
        self._noise = Noise(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._target = port
        self._ending = threading.Event()
        self.port = int(self._listener.getsockname()[1])
        self.bad = True
        self.words = 0
        """words that the host got while it was bad"""
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> BadFibre:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            if not select.select([self._listener], [], [], 0.05)[0]:
                continue
            host = self._listener.accept()[0]
            with host, socket.create_connection(("127.0.0.1", self._target)) as controller:
                for end in (host, controller):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with contextlib.suppress(OSError):
                    self._carry(host, controller)

    def _carry(self, host: socket.socket, controller: socket.socket) -> None:
        while not self._ending.is_set():
            ready = select.select([host, controller], [], [], 0.05)[0]
            for end in ready:
                data = end.recv(65536)
                if not data:
                    return
                if end is host:
                    controller.sendall(data)
                    continue
                host.sendall(self._spoilt(data) if self.bad else data)

    def _spoilt(self, data: bytes) -> bytes:
        noise = self._noise
        data = noise.words(60) + noise.mutated(data) + noise.words(60) + FLUSH + frame(encode(WHOLE))
        self.words += len(data) // 4
        return data


def _calls(controller: Controller, pick: random.Random) -> tuple[Callable[[], object], ...]:
    board = pick.choice((Board.TIMING, Board.UTILITY))
    address = Address(Space.X, 0x400 + pick.randrange(0x100))
    value = pick.randrange(1 << 24)
    cells = controller.timing_board.cells() + controller.utility_board.cells()
    return (
        lambda: controller.test_data_link(board, value),
        lambda: controller.read_memory(board, address),
        lambda: controller.verify_memory(board, address, value),
        lambda: controller.write_memory(board, address, value),
        pick.choice(cells).read,
        controller.stop_idle,
        controller.idle,
        controller.generation,
        controller.power_on,
        controller.utility_board.id_code,
        controller.timing_board.find,
        controller.pixels_per_read,
        controller.check_configuration,
    )


def _converse(rig: Rig, seed: int, words: int) -> None:
    """Command over a bad fibre until the host has got so many words, then over a good one."""
    pick = random.Random(seed)
    rig.link.close()
    with BadFibre(rig.simulator.port, seed) as fibre:
        link = SimLink(rig.simulator.host, fibre.port, rig.simulator.buffer)
        bad = Rig(rig.simulator, link, Controller(link))
        outcomes = {True: 0, False: 0}
        while fibre.words < words:
            well = True
            try:
                pick.choice(_calls(bad.controller, pick))()
            except ControllerError:
                well = False
            outcomes[well] += 1
        fibre.bad = False
        link.reopen()
        bad.start_up()
        for board in (Board.TIMING, Board.UTILITY):
            bad.controller.test_data_link(board, 0x5A5A5A)
        assert bad.controller.timing_board.clock_state.read() == 1
        link.close()
    assert min(outcomes.values()) > words // 10_000, outcomes


def test_a_bad_fibre_brings_errors_of_the_protocol_only(fast: Rig) -> None:
    _converse(fast, 3, QUICK_WORDS)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_million_bad_words_bring_errors_of_the_protocol_only(fast: Rig) -> None:
    _converse(fast, 4, A_MILLION)
