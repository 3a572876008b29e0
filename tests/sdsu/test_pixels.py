"""Pixels that a host takes in time, and those that it does not: the interface card waits for nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nifsdc.sdsu.console.frames import Collector, Expected
from nifsdc.sdsu.errors import PixelTimeout
from nifsdc.sdsu.links.base import Progress
from nifsdc.sdsu.links.registers import Registers
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.pixels import PixelsLost, PixelStream
from nifsdc_sim.card import InterfaceCard

from ..waiting import DEADLINE_S, until

BUFFER = 100


@dataclass
class Desk:
    """The simulator's interface card with nothing before it, and a host's link to it."""

    card: InterfaceCard
    link: SimLink

    def begin(self, pixels: int) -> None:
        self.card.initialise_address(0)
        self.card.expect(1, pixels, 0)

    def stream(self, pixels: int) -> PixelStream:
        return PixelStream(self.link, self.link.progress().block, pixels, threading.Event())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    path = tmp_path / "image.buffer"
    card = InterfaceCard(Registers.create(path, BUFFER, 20.0))
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = SimLink("127.0.0.1", server.getsockname()[1], path)
        yield Desk(card, link)
        link.close()


def numbered(first: int, count: int) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.uint16)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, BUFFER // 2), min_size=1, max_size=12))
def test_pixels_come_once_and_in_order_however_they_arrive(desk: Desk, pieces: list[int]) -> None:
    """A block larger than the buffer is taken in turns; what the host looks at leaves half of it free."""
    total = sum(pieces)
    desk.begin(total)
    chunks = desk.stream(total).chunks()
    came: list[int] = []
    for piece in pieces:
        desk.card.take(numbered(len(came), piece))
        while len(came) < desk.link.progress().pixels:
            chunk = next(chunks)
            assert chunk.offset == len(came)
            came += chunk.pixels.tolist()
    assert next(chunks, None) is None
    assert came == list(range(total))


def test_a_block_that_runs_around_the_buffer_before_it_is_taken_is_lost(desk: Desk) -> None:
    desk.begin(150)
    desk.card.take(numbered(0, 101))
    with pytest.raises(PixelsLost, match="from pixel 0 on"):
        next(desk.stream(150).chunks())


def test_pixels_written_over_while_they_are_looked_at_are_lost(desk: Desk) -> None:
    desk.begin(60)
    stream = desk.stream(60)
    desk.card.take(numbered(0, 40))
    chunks = stream.chunks()
    assert next(chunks).pixels.tolist() == list(range(40))
    desk.card.take(numbered(40, 20))
    desk.begin(60)
    desk.card.take(numbered(0, 1))
    with pytest.raises(PixelsLost, match="from pixel 0 on"):
        next(chunks)


def test_the_end_of_a_block_is_kept_while_the_next_one_begins(desk: Desk) -> None:
    desk.begin(60)
    chunks = desk.stream(60).chunks()
    desk.card.take(numbered(0, 40))
    next(chunks)
    desk.card.take(numbered(40, 20))
    assert next(chunks).offset == 40
    desk.begin(60)
    desk.card.take(numbered(0, 40))
    assert next(chunks, None) is None


def test_a_block_that_another_one_cuts_short_says_where(desk: Desk) -> None:
    desk.begin(60)
    chunks = desk.stream(60).chunks()
    desk.card.take(numbered(0, 40))
    assert next(chunks).pixels.size == 40
    desk.begin(60)
    with pytest.raises(PixelTimeout, match="stopped at 40 of 60"):
        next(chunks)


def test_what_an_engineer_collects_is_never_silently_wrong(desk: Desk) -> None:
    collector = Collector(desk.link, Expected("RDC", 1, 1, 1, 150))
    desk.begin(150)
    desk.card.take(numbered(0, 150))
    collector.start()
    assert collector.wait(DEADLINE_S)
    assert isinstance(collector.problem, PixelsLost)
    assert not collector.complete
    assert collector.stream().size == 0


def test_what_an_engineer_collects_in_time_is_all_there(desk: Desk) -> None:
    collector = Collector(desk.link, Expected("MRA", 2, 1, 1, 150))
    collector.start()
    for block in (1, 2):
        desk.begin(150)
        desk.card.take(numbered(0, 90))
        until(lambda: desk.card.untaken() == 0, "the first 90 pixels are taken")
        desk.card.take(numbered(90, 60))
        until(lambda: desk.card.untaken() == 0, "all pixels are taken")
        assert desk.link.progress() == Progress(block, 150)
    assert collector.wait(DEADLINE_S)
    assert (collector.problem, collector.complete) == (None, True)
    assert collector.stream().tolist() == [*range(150), *range(150)]
