"""Numbers of blocks out of a card's counts, against a card that is simulated by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from nifsdc.sdsu.links.base import Progress
from nifsdc.sdsu.links.blocks import BlockCounter, Counts

WHOLE = 1000


@dataclass
class Card:
    """A card that counts as the facts have it, and beside it the truth."""

    frames: int = 0
    pixels: int = 0
    reading: bool = False
    block: int = 0
    ended: list[Progress] = field(default_factory=lambda: [Progress(0, 0)])

    def counts(self) -> Counts:
        return Counts(self.frames, self.pixels, self.reading)

    def begin(self) -> None:
        if self.block:
            self.ended.append(Progress(self.block, self.pixels))
        self.block, self.pixels, self.reading = self.block + 1, 0, True

    def arrive(self, total: int) -> None:
        self.pixels = min(max(self.pixels, total), WHOLE)
        if self.pixels == WHOLE:
            self.reading, self.frames = False, self.frames + 1


@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, WHOLE - 1), max_size=5).map(sorted), st.booleans(), st.booleans()),
        max_size=12,
    ),
    st.integers(0, 5),
)
def test_blocks_are_counted_however_rarely_it_is_looked(
    blocks: list[tuple[list[int], bool, bool]], frames_before: int
) -> None:
    """Each block is asked for by a command; some are aborted, and the host may look at any time between."""
    card = Card(frames=frames_before)
    counter = BlockCounter(card.counts(), WHOLE)
    for looks, aborted, looked_at_start in blocks:
        counter.rest(card.counts())
        card.begin()
        if looked_at_start:
            counter.update(card.counts())
            assert counter.progress == Progress(card.block, 0)
        for pixels in looks:
            card.arrive(pixels)
            counter.update(card.counts())
            assert counter.progress == Progress(card.block, card.pixels)
        if aborted and (looks or looked_at_start):
            card.reading = False
        else:
            card.arrive(WHOLE)
        counter.update(card.counts())
        assert counter.progress == Progress(card.block, card.pixels)


def test_two_blocks_between_two_looks_are_two() -> None:
    card = Card()
    counter = BlockCounter(card.counts(), WHOLE)
    counter.rest(card.counts())
    for _ in range(2):
        card.begin()
        card.arrive(WHOLE)
    counter.update(card.counts())
    assert counter.progress == Progress(2, WHOLE)
    assert counter.ended == Progress(1, WHOLE)


def test_a_frame_count_that_was_cleared_counts_from_zero() -> None:
    counter = BlockCounter(Counts(7, WHOLE, False), WHOLE)
    counter.rest(Counts(7, WHOLE, False))
    counter.update(Counts(0, 0, True))
    assert counter.progress == Progress(1, 0)
    counter.update(Counts(1, WHOLE, False))
    assert counter.progress == Progress(1, WHOLE)
