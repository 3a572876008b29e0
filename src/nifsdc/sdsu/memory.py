"""The noticeboards in the boards' memories, as tables (INS-DAS-18, "Memory locations ...").

Each board keeps its inputs in X and its outputs in Y memory, at addresses that its programme leaves at
P:$01FE and P:$01FF. The scalars of the timing board's X noticeboard lie at the end of a patch of 256 words,
so that the list can grow downward; the last two are such an extension, for the number of array resets and
the delay after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from nifsdc.sdsu.errors import UnexpectedReply
from nifsdc.sdsu.words import Address, Board, Space

X_POINTER = Address(Space.P, 0x01FE)
"""holds the address of the noticeboard in X memory"""
Y_POINTER = Address(Space.P, 0x01FF)
"""holds the address of the noticeboard in Y memory"""
HIGHEST_BASE = 0xFF00
"""where a noticeboard can begin at most: a DSP's data memory has 64 k words"""
ID_CODE = Address(Space.Y, 0x0000)
ID_BITS = 0xFF
"""the camera's identity on the utility board, readable at boot time too; lower 8 bits"""


class ClockState(IntEnum):
    """What the detector's clocks do ("States and modes of detector clocks")."""

    INACTIVE = 0
    CLEARING = 1
    INTEGRATING = 2
    READING = 3


class Shutter(IntEnum):
    """Where the shutter is."""

    OPEN = 0
    CLOSED = 1
    FAULT = 2


class ReadoutMode(IntEnum):
    """What is sent as pixels."""

    DATA = 0
    TEST_1 = 1
    TEST_2 = 2


class InCharge(IntEnum):
    """Whose commands the timing board is to expect (INS-DAS-18, "UltraDAS' flag")."""

    OTHER = 0
    """laboratory software, which has other commands"""
    SBUS = 1
    """the commands of INS-DAS-18, through an SBUS card"""
    PCI = 2
    """the same through a PCI card, which is told of pixels by IIA and RDA"""


@dataclass(frozen=True)
class Entry:
    """One word of a noticeboard."""

    name: str
    space: Space
    """X for what the host sets, Y for what it only reads"""
    offset: int
    """from the start of the noticeboard in that memory"""
    unit: str
    description: str

    @property
    def writable(self) -> bool:
        """Whether the host may write it: inputs are in X memory."""
        return self.space is Space.X


_X, _Y = Space.X, Space.Y
TIMING_ENTRIES: tuple[Entry, ...] = (
    Entry("reset_delay_ms", _X, 0xFF - 8, "ms", "delay between the last array reset and the first read"),
    Entry("resets", _X, 0xFF - 7, "", "array resets at the beginning of MRA"),
    Entry("rows", _X, 0xFF - 6, "", "number of rows in a read, for the interface card"),
    Entry("columns", _X, 0xFF - 5, "", "number of columns in a read, for the interface card"),
    Entry("readout_mode", _X, 0xFF - 4, "", "0 real data, 1 and 2 test data"),
    Entry("ultradas_flag", _X, 0xFF - 3, "", "who is in charge: 0 other software, 1 SBUS, 2 PCI"),
    Entry("x_binning", _X, 0xFF - 2, "pixel", "binning factor in x, 1 to 10"),
    Entry("y_binning", _X, 0xFF - 1, "pixel", "binning factor in y, 1 to 10"),
    Entry("windowing", _X, 0xFF, "", "1 applies the window table, 0 reads the full frame"),
    Entry("errno", _Y, 0, "", "result of the last command, 0 for DON"),
    Entry("window_rows", _Y, 1, "", "number of rows in the window table"),
    Entry("speed", _Y, 4, "", "readout speed: 1 low, 2 high"),
    Entry("pixel_rate", _Y, 5, "pixel/s", "rate of pixels of one output at this speed"),
    Entry("clock_state", _Y, 6, "", "0 inactive, 1 clearing, 2 integrating, 3 reading out"),
)
UTILITY_ENTRIES: tuple[Entry, ...] = (
    Entry("demanded_exposure_ms", _X, 0, "ms", "time to expose, or between the reads of MRA"),
    Entry("demanded_temperature_mk", _X, 1, "mK", "temperature to keep the cryostat at"),
    Entry("demanded_preflash_ms", _X, 2, "ms", "time to light the preflash lamps"),
    Entry("current_exposure_ms", _Y, 0, "ms", "time exposed, or from the first read sequence to the last"),
    Entry("temperature1_mk", _Y, 1, "mK", "cryostat temperature, monitoring point 1"),
    Entry("current_preflash_ms", _Y, 2, "ms", "time the preflash lamps were lit"),
    Entry("shutter", _Y, 3, "", "0 open, 1 closed, 2 fault"),
    Entry("errno", _Y, 4, "", "result of the last command, 0 for DON"),
    Entry("temperature2_mk", _Y, 5, "mK", "temperature at monitoring point 2"),
    Entry("temperature3_mk", _Y, 6, "mK", "temperature at monitoring point 3"),
    Entry("pressure_adu", _Y, 7, "ADU", "cryostat pressure"),
    Entry("flow_adu", _Y, 8, "ADU", "rate of the flow sensor"),
    Entry("peltier", _Y, 9, "", "Peltier cooler: 0 off, 1 on"),
)


class Memory(Protocol):
    """What can read and write the words of a board (a `Controller`)."""

    def read_memory(self, board: Board, address: Address) -> int:
        """Return a word of memory."""

    def write_memory(self, board: Board, address: Address, value: int) -> None:
        """Set a word of memory."""

    def verify_memory(self, board: Board, address: Address, expected: int) -> int:
        """Return a word of memory that ought to have a known value."""


class Cell:
    """One word of a noticeboard on a board; each call is a transaction."""

    def __init__(self, board: Noticeboard, entry: Entry) -> None:
        self._board = board
        self.entry = entry

    @property
    def address(self) -> Address:
        """Where it is; known only after the noticeboard has been found."""
        return self._board.address(self.entry)

    def read(self) -> int:
        """Read the word."""
        return self._board.memory.read_memory(self._board.board, self.address)

    def write(self, value: int) -> None:
        """Write the word; ValueError where the host may only read it."""
        if not self.entry.writable:
            raise ValueError(
                f"{self.entry.name} of the {self._board.board.name.lower()} board is telemetry: "
                "it cannot be set"
            )
        self._board.memory.write_memory(self._board.board, self.address, value)


class Noticeboard:
    """The noticeboard of one board, found through the pointers in its programme memory."""

    board: Board
    entries: tuple[Entry, ...]

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._bases: dict[Space, int] = {}

    @property
    def found(self) -> bool:
        """Whether it is known where the noticeboard is."""
        return bool(self._bases)

    def find(self) -> None:
        """Read the pointers anew, as must be done after a download."""
        self._bases = {Space.X: self._pointer(X_POINTER), Space.Y: self._pointer(Y_POINTER)}

    def _pointer(self, address: Address) -> int:
        value = self.memory.read_memory(self.board, address)
        if value > HIGHEST_BASE:
            raise UnexpectedReply(
                f"{address} of the {self.board.name.lower()} board holds 0x{value:06X}, expected the address "
                f"of a noticeboard (up to 0x{HIGHEST_BASE:04X}): no programme is loaded; init"
            )
        return value

    def forget(self) -> None:
        """Forget where the noticeboard is: the programme is gone."""
        self._bases = {}

    def address(self, entry: Entry) -> Address:
        """Return the address of an entry, reading the pointers when they are not known."""
        if not self._bases:
            self.find()
        return Address(entry.space, self._bases[entry.space] + entry.offset)

    def cells(self) -> tuple[Cell, ...]:
        """Return a cell for each entry, in the order of the table."""
        return tuple(Cell(self, entry) for entry in self.entries)

    def cell(self, name: str) -> Cell:
        """Return the cell of that name; KeyError where there is none."""
        for entry in self.entries:
            if entry.name == name:
                return Cell(self, entry)
        raise KeyError(f"the {self.board.name.lower()} board's noticeboard has no {name!r}")


class TimingBoard(Noticeboard):
    """The timing board's noticeboard; each attribute is a `Cell` to read or write."""

    board = Board.TIMING
    entries = TIMING_ENTRIES

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.reset_delay_ms = self.cell("reset_delay_ms")
        self.resets = self.cell("resets")
        self.rows = self.cell("rows")
        self.columns = self.cell("columns")
        self.readout_mode = self.cell("readout_mode")
        self.ultradas_flag = self.cell("ultradas_flag")
        self.x_binning = self.cell("x_binning")
        self.y_binning = self.cell("y_binning")
        self.windowing = self.cell("windowing")
        self.errno = self.cell("errno")
        self.window_rows = self.cell("window_rows")
        self.speed = self.cell("speed")
        self.pixel_rate = self.cell("pixel_rate")
        self.clock_state = self.cell("clock_state")

    def window_table(self, words: Sequence[int]) -> dict[Address, int]:
        """Return where the words of a window table go: from the noticeboard's beginning on (X:NBAX)."""
        start = self.windowing.address.offset - self.windowing.entry.offset
        return {Address(Space.X, start + number): value for number, value in enumerate(words)}


class UtilityBoard(Noticeboard):
    """The utility board's noticeboard; each attribute is a `Cell` to read or write."""

    board = Board.UTILITY
    entries = UTILITY_ENTRIES

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.demanded_exposure_ms = self.cell("demanded_exposure_ms")
        self.demanded_temperature_mk = self.cell("demanded_temperature_mk")
        self.demanded_preflash_ms = self.cell("demanded_preflash_ms")
        self.current_exposure_ms = self.cell("current_exposure_ms")
        self.temperature1_mk = self.cell("temperature1_mk")
        self.current_preflash_ms = self.cell("current_preflash_ms")
        self.shutter = self.cell("shutter")
        self.errno = self.cell("errno")
        self.temperature2_mk = self.cell("temperature2_mk")
        self.temperature3_mk = self.cell("temperature3_mk")
        self.pressure_adu = self.cell("pressure_adu")
        self.flow_adu = self.cell("flow_adu")
        self.peltier = self.cell("peltier")

    def id_code(self) -> int:
        """Read the camera's identity, 8 bits; possible before any programme is loaded."""
        return self.memory.read_memory(self.board, ID_CODE) & ID_BITS
