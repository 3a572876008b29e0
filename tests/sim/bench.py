"""Words by hand to a simulator process, without anything of the host's side but the link."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.words import Board, Packet, encode, word
from nifsdc_sim.process import SimulatorProcess

from ..waiting import DEADLINE_S, until

TIMING, UTILITY = Board.TIMING, Board.UTILITY
P, X, Y = 0x100000, 0x200000, 0x400000
"""bits of address words (INS-DAS-18, "Syntax")"""


@dataclass
class Bench:
    """A simulator and the words that go to it."""

    simulator: SimulatorProcess
    link: SimLink

    def words(self, board: Board, label: str, *arguments: int) -> tuple[int, ...]:
        """Send a command and return its answer, header first."""
        packet = Packet(Board.HOST, board, (word(label), *arguments))
        return self.link.transact(encode(packet), DEADLINE_S)

    def ask(self, board: Board, label: str, *arguments: int) -> int:
        """Send a command and return the word of its answer, which has the right header."""
        header, value = self.words(board, label, *arguments)
        assert header == board << 16 | 2
        return value

    def done(self, board: Board, label: str, *arguments: int) -> None:
        """Send a command that is answered DON."""
        assert self.ask(board, label, *arguments) == word("DON"), label

    def refused(self, board: Board, label: str, *arguments: int) -> None:
        """Send a command that is answered ERR."""
        assert self.ask(board, label, *arguments) == word("ERR"), label

    def tell(self, board: Board, label: str) -> None:
        """Send a command that has no answer."""
        self.link.send(encode(Packet(Board.HOST, board, (word(label),))))

    def reset(self) -> None:
        """Reset; the answer is SYR."""
        assert self.link.reset(DEADLINE_S) == (TIMING << 16 | 2, word("SYR"))

    def start(self) -> None:
        """Reset, run the programmes of the boot PROMs, power up."""
        self.reset()
        self.done(TIMING, "LDA", 1)
        self.done(UTILITY, "LDA", 1)
        self.done(UTILITY, "PON")

    def x(self, board: Board, offset: int) -> int:
        """Address word of a place on the X noticeboard, found through P memory."""
        return X | self.ask(board, "RDM", P | 0x1FE) + offset

    def y(self, board: Board, offset: int) -> int:
        """Read a word of the Y noticeboard, found through P memory."""
        return self.ask(board, "RDM", Y | self.ask(board, "RDM", P | 0x1FF) + offset)

    def set(self, board: Board, offset: int, value: int) -> None:
        """Write a word of the X noticeboard."""
        self.done(board, "WRM", self.x(board, offset), value)

    def sleep(self, seconds: float) -> None:
        """Let time pass on the detector's clock."""
        self.link.clock.sleep(seconds, threading.Event())

    def pixels(self, block: int, count: int) -> NDArray[np.uint16]:
        """Wait for the pixels of a block and take them."""
        until(
            lambda: self.link.progress().block >= block and self.link.progress().pixels >= count,
            f"the end of block {block}",
        )
        pixels = self.link.buffer[:count].copy()
        self.link.consumed(block, count)
        return pixels

    def still(self) -> None:
        """Wait until no sequence is under way."""
        until(lambda: self.simulator.status()["phase"] == "idle", "the end of the sequence")


@contextmanager
def bench(
    detector: str = "hawaii2",
    *,
    speed: float = math.inf,
    seed: int | None = 1,
    generation: int = 3,
    scene: str = "dark",
    effects: Sequence[str] = (),
    faults: Sequence[str] = (),
    complaints: IO[bytes] | None = None,
) -> Iterator[Bench]:
    """Start a simulator and connect to it."""
    with SimulatorProcess(
        speed=speed,
        seed=seed,
        detector=detector,
        generation=generation,
        scene=scene,
        effects=effects,
        faults=faults,
        complaints=complaints,
    ) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        try:
            yield Bench(simulator, link)
        finally:
            link.close()
