"""Numbers of blocks out of what an ARC interface card shows, as a pure state machine.

A card does not tell how often its image address was initialised (IIA). It tells how many pixels came since
(`Counts.pixels`, which IIA sets to 0), how many frames it has had whole (`Counts.frames`, one for each RDA
that was filled), and whether it waits for pixels now (`Counts.reading`, from RDA to the last pixel or an
abort). A
block has begun

- when the pixels are fewer than before;
- when nothing was being read and the pixels changed, or something is read now;
- when frames were completed, and pixels are awaited or none has come since.

That is every block, provided it is looked before each command (`BlockCounter.rest`): two blocks that follow
each other without a command between them differ in the frame count.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nifsdc.sdsu.links.base import Progress


@dataclass(frozen=True)
class Counts:
    """What a card shows at one moment."""

    frames: int
    """frames that it has had whole, since it was started or since the controller cleared the count"""
    pixels: int
    """pixels since the image address was initialised"""
    reading: bool
    """whether it waits for pixels"""


class _State(Enum):
    OPEN = "the block may still get pixels"
    STILL = "no pixel is awaited; the frame count may not have followed yet"
    CLOSED = "no pixel is awaited; the next change is another block"


class BlockCounter:
    """Counts blocks from 0, where nothing has come since the link was opened.

    Parameters
    ----------
    counts
        what the card shows when it is opened
    whole
        pixels to state for a block that is known to have come whole and whose last count was not seen
    """

    def __init__(self, counts: Counts, whole: int) -> None:
        self._whole = whole
        self._counts = counts
        self._block = 0
        self._state = _State.OPEN if counts.reading else _State.CLOSED
        self._ended = Progress(0, 0)

    @property
    def progress(self) -> Progress:
        """The present block and its pixels as last seen."""
        return Progress(self._block, self._counts.pixels if self._block else 0)

    @property
    def ended(self) -> Progress:
        """The block before it and the pixels that it ended with."""
        return self._ended

    def update(self, counts: Counts) -> None:
        """Take in what the card shows now."""
        before, self._counts = self._counts, counts
        completed = counts.frames - before.frames
        if completed < 0:
            completed = counts.frames
        if completed:
            self._complete(completed, counts)
        elif self._state is _State.OPEN:
            if counts.pixels < before.pixels:
                self._begin(self._block + 1, before.pixels)
            elif before.reading and not counts.reading:
                self._state = _State.STILL
        elif counts.pixels != before.pixels or counts.reading:
            self._begin(self._block + 1, before.pixels)

    def rest(self, counts: Counts) -> None:
        """Take in what the card shows just before a command: what stands still now is over."""
        self.update(counts)
        if not counts.reading and (self._state is _State.STILL or counts.pixels):
            self._state = _State.CLOSED

    def _complete(self, completed: int, counts: Counts) -> None:
        first = self._block + (self._state is _State.CLOSED)
        last = first + completed - 1
        if counts.reading or counts.pixels == 0:
            self._begin(last + 1, self._whole)
            return
        if last > self._block:
            self._ended = Progress(last - 1, self._whole)
        self._block, self._state = last, _State.CLOSED

    def _begin(self, block: int, pixels: int) -> None:
        self._ended = Progress(block - 1, pixels)
        self._block, self._state = block, _State.OPEN
