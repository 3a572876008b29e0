"""Random and mutated words: the simulator answers by its protocol or not at all, and goes on working."""

import math
import random
import socket
import threading
import time
from pathlib import Path

import pytest

from nifsdc.sdsu.commands import COMMANDS
from nifsdc.sdsu.links.registers import Registers
from nifsdc.sdsu.words import Packet, Reassembler, frame, word

from .bench import TIMING, UTILITY, Bench, bench

BATCH = 50
ROOM = 4000
"""words that may be under way without an answer seen"""
SYNC_S = 60.0


class Noise:
    """Words that mean something, mean nothing, or nearly mean something."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def packet(self) -> bytes:
        """Return the bytes of a few words."""
        pick = self._random
        if pick.random() < 0.15:
            words = [pick.randrange(1 << 24) for _ in range(pick.randrange(1, 8))]
            return b"".join(
                frame((each,), pick.choice((0xAC, 0xAC, 0xAC, pick.randrange(256)))) for each in words
            )
        label = pick.choice(list(COMMANDS))
        command = COMMANDS[label]
        count = len(command.arguments) if pick.random() < 0.85 else pick.randrange(6)
        arguments = [self._argument(label, place) for place in range(count)]
        board = pick.choice(command.boards) if pick.random() < 0.9 else pick.randrange(4)
        source = pick.choice((0, 0, 0, 0, 1, 2, 3))
        words = [source << 16 | board << 8 | 2 + count, word(label), *arguments]
        if pick.random() < 0.1:
            words[pick.randrange(len(words))] ^= 1 << pick.randrange(24)
        preamble = 0x53 if label == "RST" and pick.random() < 0.01 else 0xAC
        return frame(words[:1], preamble) + frame(words[1:])

    def batch(self) -> bytes:
        """Return the bytes of many packets, sometimes with programmes started among them."""
        packets = b"".join(self.packet() for _ in range(BATCH))
        if self._random.random() < 0.5:
            packets += b"".join(frame((board << 8 | 3, word("LDA"), 1)) for board in (TIMING, UTILITY))
        return packets

    def _argument(self, label: str, place: int) -> int:
        pick = self._random
        if label in ("RDM", "WRM") and place == 0:
            space = pick.choice((0x100000, 0x200000, 0x400000, 0x800000))
            return space | (pick.randrange(0x400) if pick.random() < 0.7 else pick.randrange(1 << 20))
        return pick.randrange(pick.choice((12, 12, 5000, 1 << 24)))


class Host:
    """Takes all answers and pixels, and remembers whether the answers were packets."""

    def __init__(self, running: Bench) -> None:
        running.link.close()
        self._socket = socket.create_connection((running.simulator.host, running.simulator.port), 30.0)
        self._registers = Registers.attach(running.simulator.buffer)
        self._answers = Reassembler()
        self._ended = threading.Event()
        self.last = 0
        self.answers = 0
        self.threads = [threading.Thread(target=each) for each in (self._listen, self._eat)]
        for thread in self.threads:
            thread.start()

    def close(self) -> None:
        self._ended.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self._socket.close()

    @property
    def dropped(self) -> int:
        """Words that came and belonged to no packet."""
        return self._answers.dropped

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def synchronise(self, number: int) -> None:
        """Reset, whatever was under way, and wait for the echo of a number."""
        deadline = time.monotonic() + SYNC_S
        while self.last != number:
            assert time.monotonic() < deadline, "the simulator does not come back"
            self.send(frame((0,) * 7) + frame((0x000202,), 0x53) + frame((word("RST"),)))
            self.send(frame((0x000203, word("TDL"), number)))
            again = time.monotonic() + 2.0
            while self.last != number and time.monotonic() < again:
                time.sleep(0.002)

    def _listen(self) -> None:
        while data := self._socket.recv(65536):
            for packet in self._answers.feed(data):
                assert isinstance(packet, Packet)
                self.answers += 1
                self.last = packet.words[0]

    def _eat(self) -> None:
        while not self._ended.wait(0.002):
            self._registers.consumed = self._registers.progress


def storm(running: Bench, seed: int, words: int) -> int:
    """Send so many words, and check every now and then that everything still works; return the answers."""
    host, noise = Host(running), Noise(seed)
    try:
        sent = number = 0
        while sent < words:
            under_way = 0
            while under_way < ROOM:
                batch = noise.batch()
                host.send(batch)
                under_way += len(batch) // 4
            sent += under_way
            number += 1
            host.synchronise(0x770000 + number)
        answers, dropped = host.answers, host.dropped
    finally:
        host.close()
    assert dropped == 0
    assert all(not thread.is_alive() for thread in host.threads)
    status = running.simulator.status()
    assert status["phase"] == "idle"
    running.link.reopen()
    running.start()
    running.done(TIMING, "IDL")
    assert running.y(TIMING, 6) == 1
    return answers


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("detector", "speed", "words", "answers"),
    [
        ("hawaii2", math.inf, 1_000_000, 10_000),
        ("ccd4", math.inf, 1_000_000, 10_000),
        ("ccd1", 50.0, 40_000, 500),
    ],
)
def test_a_million_words(detector: str, speed: float, words: int, answers: int, tmp_path: Path) -> None:
    with (
        (tmp_path / "complaints").open("wb") as complaints,
        bench(detector, speed=speed, complaints=complaints) as running,
    ):
        assert storm(running, 1, words) > answers
    assert (tmp_path / "complaints").read_text() == ""
