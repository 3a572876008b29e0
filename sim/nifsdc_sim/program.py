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
from enum import IntEnum
from pathlib import Path

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
    POWER_ON = 32
    POWER_OFF = 33
    GENERATION = 34


TIMING_COMMANDS = {
    "CLR": Routine.CLEAR,
    "RDC": Routine.READ_OUT,
    "ABR": Routine.ABORT,
    "LSP": Routine.LOW_SPEED,
    "HSP": Routine.HIGH_SPEED,
    "IDL": Routine.IDLE,
    "STP": Routine.STOP_IDLE,
    "MRA": Routine.MULTIPLE_READ,
    "GRB": Routine.GRAB,
}
UTILITY_COMMANDS = {
    "PON": Routine.POWER_ON,
    "POF": Routine.POWER_OFF,
    "GEN": Routine.GENERATION,
}

TABLE = 0x0210
TIMING_NBAX = 0x0200
TIMING_NBAY = 0x0010
UTILITY_NBAX = 0x00F0
UTILITY_NBAY = 0x00F0
"""where Annex D of INS-DAS-18 has the demanded and the current exposure of an infrared camera"""
STAMP = 0x0040
"""word in X memory that is free for the host's configuration stamp"""
VERSION = 0x000100
FULL_COLUMNS = 4 * (1024 + 32)
FULL_ROWS = 1024
DEMANDED_TEMPERATURE_MK = 77000


def table_words(board: Board, commands: dict[str, Routine]) -> tuple[int, ...]:
    """Return a table of commands as it lies in P memory."""
    entries = [value for name, routine in commands.items() for value in (word(name), int(routine))]
    return (TABLE_MAGIC, board << 16 | VERSION, len(commands), *entries)


def _lod(
    board: Board, commands: dict[str, Routine], data: tuple[Block, ...], nbax: int, nbay: int
) -> LodFile:
    # The pointer to the table comes last, so that the programme is whole when it begins to run.
    blocks = (
        Block(Space.P, TABLE, table_words(board, commands)),
        Block(Space.X, STAMP, (0,)),
        *data,
        Block(Space.P, NOTICEBOARD_POINTERS, (nbax, nbay, TABLE)),
    )
    symbols = (
        Symbol("TABLE", "P", TABLE),
        Symbol("STAMP", "X", STAMP),
        Symbol("NBAX", "X", nbax),
        Symbol("NBAY", "Y", nbay),
        Symbol("VERSION", "N", VERSION),
    )
    return LodFile(board, blocks, symbols, "0000 0000 0000 SYNTHETIC")


def timing_program() -> LodFile:
    """Return the timing board's programme: full frame, one reset, no delay, low speed, nothing read yet."""
    scalars = (0, 1, FULL_ROWS, FULL_COLUMNS, 0, 0, 1, 1, 0)
    telemetry = (0, 0, 0, 0, 1, 0, 0)
    data = (
        Block(Space.X, TIMING_NBAX + 0xFF - 8, scalars),
        Block(Space.Y, TIMING_NBAY, telemetry),
    )
    return _lod(Board.TIMING, TIMING_COMMANDS, data, TIMING_NBAX, TIMING_NBAY)


def utility_program() -> LodFile:
    """Return the utility board's programme."""
    data = (
        Block(Space.X, UTILITY_NBAX, (1, DEMANDED_TEMPERATURE_MK, 0)),
        Block(Space.Y, UTILITY_NBAY, (0, 0, 0, 1, 0, 0, 0, 0, 0, 0)),
    )
    return _lod(Board.UTILITY, UTILITY_COMMANDS, data, UTILITY_NBAX, UTILITY_NBAY)


def main(folder: Path) -> None:
    """Write both load files into a folder (``python -m nifsdc_sim.program src/nifsdc/sdsu/programs``)."""
    (folder / "timing.lod").write_text(write(timing_program()), encoding="ascii")
    (folder / "utility.lod").write_text(write(utility_program()), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
