"""The window table as the camera keeps it: rows of counts, word for word (INS-DAS-18 Annex A).

The annex gives the table's length as 2n^2 + 2 words, and its rows as n of 2n + 2 words each; the rows are
right (docs/errata.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nifsdc.sdsu.words import WORD_MASK


def table_length(n: int) -> int:
    """Return the words of a table of n rows: n (2n + 2)."""
    return n * (2 * n + 2)


@dataclass(frozen=True)
class TableRow:
    """One row of the table.

    Parameters
    ----------
    pskip
        unbinned rows thrown away first
    pread
        binned rows read
    serial
        for each of them: (unbinned pixels thrown away, binned pixels read), one after another
    """

    pskip: int
    pread: int
    serial: tuple[tuple[int, int], ...] = ()

    @property
    def samples(self) -> int:
        """Binned pixels that each output sends of one of its rows."""
        return sum(sread for _, sread in self.serial)


@dataclass(frozen=True)
class WindowTable:
    """What is to be clocked for one output; all outputs are clocked alike."""

    rows: tuple[TableRow, ...] = field(default=())

    @property
    def n(self) -> int:
        """The least n of a camera that can take it: rows, and pairs of a row, may not be more."""
        return max([len(self.rows), *(len(row.serial) for row in self.rows)], default=0)

    @property
    def samples(self) -> int:
        """Binned pixels that each output sends."""
        return sum(row.pread * row.samples for row in self.rows)

    def words(self, n: int) -> tuple[int, ...]:
        """Return the table for a camera with n rows, n (2n + 2) words, the unused ones zero.

        Raises
        ------
        ValueError
            when n is too small, or a count does not go into a word of 24 bits
        """
        if self.n > n:
            raise ValueError(f"the table needs n = {self.n}; this camera's has n = {n}")
        words: list[int] = []
        for row in self.rows:
            counts = [row.pskip, row.pread, *(count for pair in row.serial for count in pair)]
            words += counts + [0] * (2 * n + 2 - len(counts))
        wrong = [word for word in words if not 0 <= word <= WORD_MASK]
        if wrong:
            raise ValueError(f"the table has a count of {wrong[0]}; expected 0 to {WORD_MASK}")
        return (*words, *[0] * (table_length(n) - len(words)))

    @classmethod
    def from_words(cls, words: Sequence[int], n: int) -> WindowTable:
        """Read a table of n rows; rows and pairs at the end that are all zero are left away.

        Raises
        ------
        ValueError
            when there are not n (2n + 2) words
        """
        if len(words) != table_length(n):
            raise ValueError(f"{len(words)} words are no window table of n = {n}; expected {table_length(n)}")
        width = 2 * n + 2
        rows = [_row(words[start : start + width]) for start in range(0, len(words), width or 1)]
        while rows and rows[-1] == TableRow(0, 0):
            rows.pop()
        return cls(tuple(rows))


def _row(words: Sequence[int]) -> TableRow:
    pairs = list(zip(words[2::2], words[3::2], strict=True))
    while pairs and pairs[-1] == (0, 0):
        pairs.pop()
    return TableRow(words[0], words[1], tuple(pairs))
