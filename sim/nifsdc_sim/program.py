"""The synthetic programmes: how they are laid out in memory, and the generator of their load files.

The simulated processors run no DSP code. What an application programme brings them is a table in P memory:

====================  =========================================================
P:$01FE, P:$01FF      addresses of the noticeboards in X and Y memory
P:$0200               address of the table; an application runs when there is one
table + 0             ``NDC``, by which a table is known
table + 1             identity and version of the programme
table + 2             number of commands
table + 3 ...         for each command its label and the number of its routine
====================  =========================================================

A processor looks a command up there, word by word, each time: a programme that was loaded wrongly or is gone
does not know its commands.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from nifsdc.sdsu import frames, programs
from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.lod import Block, LodFile, Symbol, write
from nifsdc.sdsu.words import Board, Space, word

NOTICEBOARD_POINTERS = 0x01FE
TABLE_POINTER = 0x0200
TABLE_MAGIC = word("NDC")
MOST_COMMANDS = 64


class Routine(IntEnum):
    """What a simulated processor can be told to do by a programme's table."""

    CLEAR = 1
    READ_OUT = 2
    ABORT = 3
    LOW_SPEED = 4
    HIGH_SPEED = 5
    IDLE = 6
    STOP_IDLE = 7
    MULTIPLE_READ = 8
    GRAB = 9
    READ_AT_TIME = 10
    MULTIPLE_CLEAR = 11
    FRAMES_NO_CLEAR = 12
    FRAMES_CLEAR = 13
    FRAMES_DRIFT = 14
    POWER_ON = 32
    POWER_OFF = 33
    GENERATION = 34
    BEGIN_EXPOSURE = 35
    PAUSE_EXPOSURE = 36
    RESUME_EXPOSURE = 37
    DETECT_END = 38
    OPEN_SHUTTER = 39
    CLOSE_SHUTTER = 40
    PREFLASH = 41


_TIMING = {
    "CLR": Routine.CLEAR,
    "RDC": Routine.READ_OUT,
    "ABR": Routine.ABORT,
    "LSP": Routine.LOW_SPEED,
    "HSP": Routine.HIGH_SPEED,
    "IDL": Routine.IDLE,
    "STP": Routine.STOP_IDLE,
}
_UTILITY = {
    "PON": Routine.POWER_ON,
    "POF": Routine.POWER_OFF,
    "GEN": Routine.GENERATION,
    "PFL": Routine.PREFLASH,
}

TABLE = 0x0210
TIMING_NBAX = 0x0200
TIMING_NBAY = 0x0010
STAMP = 0x0040
"""word in X memory that is free for the host's configuration stamp"""
VERSION = 0x000100
WINDOW_ROWS = 10
"""rows of the window table: the most of which 2n + 2 words each fit below the scalars of the patch"""
WINDOW_TABLE_WORDS = WINDOW_ROWS * (2 * WINDOW_ROWS + 2)

TIMING_SYMBOLS = {
    "WINDOW_TABLE": (Space.X, 0),
    "RESET_DELAY": (Space.X, 0xFF - 8),
    "RESETS": (Space.X, 0xFF - 7),
    "READ_ROWS": (Space.X, 0xFF - 6),
    "READ_COLUMNS": (Space.X, 0xFF - 5),
    "READOUT_MODE": (Space.X, 0xFF - 4),
    "ULTRADAS": (Space.X, 0xFF - 3),
    "X_BINNING": (Space.X, 0xFF - 2),
    "Y_BINNING": (Space.X, 0xFF - 1),
    "WINDOWING": (Space.X, 0xFF),
    "ERRNO": (Space.Y, 0),
    "WINDOW_ROWS": (Space.Y, 1),
    "SPEED": (Space.Y, 4),
    "PIXEL_RATE": (Space.Y, 5),
    "CLOCK_STATE": (Space.Y, 6),
}
UTILITY_SYMBOLS = {
    "DEMANDED_EXPOSURE": (Space.X, 0),
    "DEMANDED_TEMP": (Space.X, 1),
    "DEMANDED_PREFLASH": (Space.X, 2),
    "EXPOSURE": (Space.Y, 0),
    "TEMPERATURE1": (Space.Y, 1),
    "PREFLASH": (Space.Y, 2),
    "SHUTTER": (Space.Y, 3),
    "ERRNO": (Space.Y, 4),
    "TEMPERATURE2": (Space.Y, 5),
    "TEMPERATURE3": (Space.Y, 6),
    "PRESSURE": (Space.Y, 7),
    "FLOW": (Space.Y, 8),
    "PELTIER": (Space.Y, 9),
}
"""words of the noticeboards by name: memory, and offset from NBAX or NBAY"""


@dataclass(frozen=True)
class Family:
    """What the programmes for a kind of detector have of their own."""

    timing_commands: Mapping[str, Routine]
    utility_commands: Mapping[str, Routine]
    utility_base: int
    """NBAX and NBAY of the utility board"""
    columns: int
    """of a full frame, all outputs together"""
    rows: int
    temperature_mk: int
    """demanded temperature until the host sets one"""
    frames: bool = False
    """whether it has the noticeboard's words for runs of frames"""


IR = Family(
    timing_commands={
        **_TIMING,
        "MRA": Routine.MULTIPLE_READ,
        "GRB": Routine.GRAB,
        "RDT": Routine.READ_AT_TIME,
    },
    utility_commands=_UTILITY,
    utility_base=0x00F0,
    columns=4 * (1024 + 32),
    rows=1024,
    temperature_mk=77_000,
)
"""the exposures' addresses are those of Annex D"""
CCD = Family(
    timing_commands={**_TIMING, "MRC": Routine.MULTIPLE_CLEAR},
    utility_commands={
        **_UTILITY,
        "BEX": Routine.BEGIN_EXPOSURE,
        "PEX": Routine.PAUSE_EXPOSURE,
        "REX": Routine.RESUME_EXPOSURE,
        "DEX": Routine.DETECT_END,
        "OSH": Routine.OPEN_SHUTTER,
        "CSH": Routine.CLOSE_SHUTTER,
    },
    utility_base=0x00F8,
    columns=16 + 1024 + 32,
    rows=1024,
    temperature_mk=170_000,
)
"""the exposures' addresses are those of Annex C; columns and rows are those of one output"""
FRAME_TRANSFER = Family(
    timing_commands={
        **_TIMING,
        "FNC": Routine.FRAMES_NO_CLEAR,
        "FCL": Routine.FRAMES_CLEAR,
        "FDR": Routine.FRAMES_DRIFT,
    },
    utility_commands=CCD.utility_commands,
    utility_base=CCD.utility_base,
    columns=1024,
    rows=512,
    temperature_mk=170_000,
    frames=True,
)
"""columns and rows are those of one output; the host sets what it reads before each run"""
FAMILIES = {Detectors.IR: IR, Detectors.CCD: CCD, Detectors.FRAME_TRANSFER: FRAME_TRANSFER}


def table_words(board: Board, commands: Mapping[str, Routine]) -> tuple[int, ...]:
    """Return a table of commands as it lies in P memory."""
    entries = [value for name, routine in commands.items() for value in (word(name), int(routine))]
    return (TABLE_MAGIC, board << 16 | VERSION, len(commands), *entries)


def _lod(
    board: Board,
    commands: Mapping[str, Routine],
    data: tuple[Block, ...],
    bases: dict[Space, int],
    names: Mapping[str, tuple[Space, int]],
) -> LodFile:
    # The pointer to the table comes last, so that the programme is whole when it begins to run.
    blocks = (
        Block(Space.P, TABLE, table_words(board, commands)),
        Block(Space.X, STAMP, (0,)),
        *data,
        Block(Space.P, NOTICEBOARD_POINTERS, (bases[Space.X], bases[Space.Y], TABLE)),
    )
    symbols = (
        Symbol("TABLE", "P", TABLE),
        Symbol("STAMP", "X", STAMP),
        Symbol("NBAX", "X", bases[Space.X]),
        *(
            Symbol(name, "X", bases[space] + offset)
            for name, (space, offset) in names.items()
            if space is Space.X
        ),
        Symbol("NBAY", "Y", bases[Space.Y]),
        *(
            Symbol(name, "Y", bases[space] + offset)
            for name, (space, offset) in names.items()
            if space is Space.Y
        ),
        Symbol("VERSION", "N", VERSION),
    )
    return LodFile(board, blocks, symbols, "0000 0000 0000 SYNTHETIC")


def timing_program(family: Family = IR) -> LodFile:
    """Return the timing board's programme: full frame, one reset, no delay, low speed, nothing read yet."""
    scalars = (0, 1, family.rows, family.columns, 0, 0, 1, 1, 0)
    telemetry = (0, WINDOW_ROWS, 0, 0, 1, 0, 0)
    data: tuple[Block, ...] = (
        Block(Space.X, TIMING_NBAX + 0xFF - 8, scalars),
        Block(Space.Y, TIMING_NBAY, telemetry),
    )
    symbols = TIMING_SYMBOLS
    if family.frames:
        lowest = min(entry.offset for entry in frames.ENTRIES if entry.space is Space.X)
        zeros = (0,) * (0xFF - 8 - lowest)
        data = (Block(Space.X, TIMING_NBAX + lowest, zeros), *data)
        symbols = {
            **{entry.name.upper(): (entry.space, entry.offset) for entry in frames.ENTRIES},
            **symbols,
        }
    bases = {Space.X: TIMING_NBAX, Space.Y: TIMING_NBAY}
    return _lod(Board.TIMING, family.timing_commands, data, bases, symbols)


def utility_program(family: Family = IR) -> LodFile:
    """Return the utility board's programme: an exposure of 1 ms, the shutter closed."""
    base = family.utility_base
    data = (
        Block(Space.X, base, (1, family.temperature_mk, 0)),
        Block(Space.Y, base, (0, 0, 0, 1, 0, 0, 0, 0, 0, 0)),
    )
    bases = {Space.X: base, Space.Y: base}
    return _lod(Board.UTILITY, family.utility_commands, data, bases, UTILITY_SYMBOLS)


BOOT_PROM = 1
"""number of the one programme in each board's boot PROM: that of the load file for its detector"""


def main(folder: Path) -> None:
    """Write the load files into a folder (``python -m nifsdc_sim.program src/nifsdc/sdsu/programs``)."""
    for detectors, family in FAMILIES.items():
        for program in (timing_program(family), utility_program(family)):
            name = programs.path(program.board, detectors).name
            (folder / name).write_text(write(program), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
