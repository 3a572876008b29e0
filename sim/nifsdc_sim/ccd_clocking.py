"""From the timing board's noticeboard to clock operations: INS-DAS-18 Annex A, word for word.

Written from the annex alone, so that it can be held against the host's window tables. The annex is followed
wherever it leads: a table that makes no sense gives a picture that makes none, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from nifsdc_sim.ccd_geometry import CcdGeometry

MOST_BINNING = 10
"""of either factor (INS-DAS-18, memory locations in the timing DSP's RAM)"""


@dataclass(frozen=True)
class Clocking:
    """What the X noticeboard of the timing board holds when a readout begins."""

    flag: int = 0
    """windowing flag: 0 reads the full frame, anything else by the table"""
    xbin: int = 1
    ybin: int = 1
    """binning factors; the programme keeps them in 1 to `MOST_BINNING`"""
    rows: int = 0
    """n: the window table has so many rows, each of 2n + 2 words"""
    words: tuple[int, ...] = ()
    """the table's words; those that are missing count as zeros"""

    @property
    def binning(self) -> tuple[int, int]:
        """The factors in x and y as the programme uses them."""
        x, y = (min(max(1, factor), MOST_BINNING) for factor in (self.xbin, self.ybin))
        return x, y


class Clock(Enum):
    """A clock operation of Annex A."""

    PARALLEL_SKIP = "PSKIP"
    """one row into the serial register, and away"""
    PARALLEL_READ = "PREAD"
    """as many rows as are binned into the serial register, where their charge adds up"""
    SERIAL_SKIP = "SSKIP"
    """one pixel of the register out, and away"""
    SERIAL_READ = "SREAD"
    """as many pixels as are binned to the output, where their charge adds up and is digitised"""


Operation = tuple[Clock, int]
"""what to do, how often"""


def operations(clocking: Clocking, geometry: CcdGeometry) -> Iterator[Operation]:
    """Yield the operations of a readout in their order; parallel reads one at a time."""
    if clocking.flag == 0:
        rows, columns = geometry.frame_shape
        x, y = clocking.binning
        for _ in range(rows // y):
            yield Clock.PARALLEL_READ, 1
            yield Clock.SERIAL_READ, columns // x
        return
    n = clocking.rows
    width = 2 * n + 2
    words = clocking.words + (0,) * (n * width - len(clocking.words))
    for row in range(n):
        pskip, pread, *serial = words[row * width : (row + 1) * width]
        yield Clock.PARALLEL_SKIP, pskip
        for _ in range(pread):
            yield Clock.PARALLEL_READ, 1
            for pair in range(n):
                yield Clock.SERIAL_SKIP, serial[2 * pair]
                yield Clock.SERIAL_READ, serial[2 * pair + 1]


def samples(clocking: Clocking, geometry: CcdGeometry) -> int:
    """Return how many samples one output sends in a readout."""
    if clocking.flag == 0:
        rows, columns = geometry.frame_shape
        x, y = clocking.binning
        return (rows // y) * (columns // x)
    n = clocking.rows
    width = 2 * n + 2
    table = [clocking.words[row * width : (row + 1) * width] for row in range(n)]
    return sum(words[1] * sum(words[3::2]) for words in table if len(words) > 1)
