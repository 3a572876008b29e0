"""Runs of frames: what the timing programme of a frame-transfer CCD has beyond INS-DAS-18.

Ours (docs/decisions/0016-runs-of-frames.md): three commands, words on the noticeboard, and a header that
comes up the fibre before the pixels of each frame. The header has the moment at which the frame's exposure
delay began, by the controller's own clock, so that no delay on the way to the host matters.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.memory import TIMING_ENTRIES, Entry, Memory, TimingBoard
from nifsdc.sdsu.words import Space

_X, _Y = Space.X, Space.Y

MOST_CCDS = 5
"""CCDs that one controller clocks"""
DELAY_MS, DELAY_US, SHIFT_ROWS, DUMP_ROWS, LATE_DUMP_ROWS = 0xF6, 0xF5, 0xF4, 0xF3, 0xF2
NSKIP = 0xED
"""of the first CCD; the others follow"""
CCDS, MASKED_ROWS, TRANSFER_NS, ROW_NS, SKIP_NS, WIPE_US = 7, 8, 9, 10, 11, 12
"""offsets on the noticeboard: X up to `NSKIP`, Y from `CCDS` on"""

ENTRIES: tuple[Entry, ...] = (
    Entry("delay_ms", _X, DELAY_MS, "ms", "exposure delay E of a run of frames, whole milliseconds"),
    Entry("delay_us", _X, DELAY_US, "us", "what the exposure delay has beyond these"),
    Entry("shift_rows", _X, SHIFT_ROWS, "row", "rows of a line shift, drift mode"),
    Entry("dump_rows", _X, DUMP_ROWS, "row", "rows of a line dump before the readout, drift mode"),
    Entry("late_dump_rows", _X, LATE_DUMP_ROWS, "row", "rows of a line dump after it, drift mode"),
    *(
        Entry(f"nskip{number}", _X, NSKIP + number - 1, "", f"dummy frames of CCD {number} before each one")
        for number in range(1, MOST_CCDS + 1)
    ),
    Entry("ccds", _Y, CCDS, "", "CCDs that are clocked together"),
    Entry("masked_rows", _Y, MASKED_ROWS, "row", "rows of the masked area of one output"),
    Entry("transfer_ns", _Y, TRANSFER_NS, "ns", "time of a row of a frame transfer, line shift or line dump"),
    Entry("row_ns", _Y, ROW_NS, "ns", "time in which a row gets into the serial register to be read"),
    Entry("skip_ns", _Y, SKIP_NS, "ns", "time of a pixel that is not sampled"),
    Entry("wipe_us", _Y, WIPE_US, "us", "time of a wipe, and of the clear before a run"),
)
"""words of the noticeboard below and beyond those of every timing programme"""


class FrameBoard(TimingBoard):
    """The timing board of a frame-transfer CCD; its further cells are found by `cell`."""

    entries = (*TIMING_ENTRIES, *ENTRIES)

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.delay_ms = self.cell("delay_ms")
        self.delay_us = self.cell("delay_us")
        self.shift_rows = self.cell("shift_rows")
        self.dump_rows = self.cell("dump_rows")
        self.late_dump_rows = self.cell("late_dump_rows")
        self.nskip = tuple(self.cell(f"nskip{number}") for number in range(1, MOST_CCDS + 1))
        self.ccds = self.cell("ccds")
        self.masked_rows = self.cell("masked_rows")
        self.transfer_ns = self.cell("transfer_ns")
        self.row_ns = self.cell("row_ns")
        self.skip_ns = self.cell("skip_ns")
        self.wipe_us = self.cell("wipe_us")


class FrameCommand(enum.Enum):
    """The commands that start a run; each takes the number of frames, 0 for as many as there is time."""

    NO_CLEAR = "FNC"
    CLEAR = "FCL"
    DRIFT = "FDR"


HEADER_WORDS = 16
"""words of 16 bits before the pixels of each frame"""
MAGIC = 0x4654
_CHECKED = HEADER_WORDS - 1


class BadHeader(ValueError):
    """What should be the header of a frame is none."""


@dataclass(frozen=True)
class FrameHeader:
    """What the controller says of a frame."""

    number: int
    """counted from 1"""
    stamp_ns: int
    """beginning of its exposure delay on the controller's clock"""
    data: int
    """bit c is set where CCD c, from 0, carries data"""

    def encode(self) -> NDArray[np.uint16]:
        """Return its words, shape (`HEADER_WORDS`,): the last makes their sum 0.

        Raises
        ------
        OverflowError
            for a number beyond 32 bits, or a stamp beyond 64
        """
        octets = self.number.to_bytes(4, "little") + self.stamp_ns.to_bytes(8, "little")
        words = np.zeros(HEADER_WORDS, dtype=np.uint16)
        words[:2] = MAGIC, HEADER_WORDS
        words[2:8] = np.frombuffer(octets, dtype="<u2")
        words[8] = self.data
        words[_CHECKED] = -int(words.sum(dtype=np.uint64)) & 0xFFFF
        return words

    @classmethod
    def decode(cls, words: NDArray[np.uint16]) -> FrameHeader:
        """Read the words of a header.

        Raises
        ------
        BadHeader
            when pixels were lost, so that something else stands where the header should
        """
        values = words.tolist()
        if len(values) != HEADER_WORDS or values[:2] != [MAGIC, HEADER_WORDS] or sum(values) & 0xFFFF:
            raise BadHeader(
                f"a frame begins with 0x{values[0]:04X} 0x{values[1]:04X}; expected 0x{MAGIC:04X} "
                f"0x{HEADER_WORDS:04X} and a sum of 0: pixels were lost on the fibre, begin another run"
            )
        stamp = sum(word << 16 * place for place, word in enumerate(values[4:8]))
        return cls(values[2] | values[3] << 16, stamp, values[8])
