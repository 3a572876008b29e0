"""The memories of a simulated DSP."""

from __future__ import annotations

import numpy as np

from nifsdc.sdsu.words import WORD_MASK, Address, BadWords, Space, label

WORDS = 0x10000
"""words in each of the three memories"""


class DspMemory:
    """P, X and Y memory of one processor; after a reset they hold nothing useful.

    Parameters
    ----------
    seed
        decides what they hold after a reset
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.Generator(np.random.PCG64((seed, 4)))
        self.scramble()

    def scramble(self) -> None:
        """Fill everything with numbers that mean nothing."""
        self._words = {
            space: self._random.integers(0, WORD_MASK + 1, WORDS, dtype=np.uint32) for space in Space
        }

    def __getitem__(self, address: Address) -> int:
        return int(self._words[address.space][address.offset])

    def __setitem__(self, address: Address, value: int) -> None:
        self._words[address.space][address.offset] = value

    def at(self, space: Space, offset: int) -> int:
        """Return a word."""
        return int(self._words[space][offset % WORDS])

    def put(self, space: Space, offset: int, value: int) -> None:
        """Set a word, of which 24 bits are kept."""
        self._words[space][offset % WORDS] = value & WORD_MASK

    def locate(self, address_word: int) -> Address | None:
        """Return the place that an argument of RDM or WRM means, None where there is none."""
        try:
            address = Address.from_word(address_word)
        except BadWords:
            return None
        return address if address.offset < WORDS else None

    def p(self, offset: int) -> int:
        """Return a word of programme memory."""
        return int(self._words[Space.P][offset % WORDS])


def label_or_none(value: int) -> str | None:
    """Return the label in a word, None where it holds none."""
    try:
        return label(value)
    except BadWords:
        return None
