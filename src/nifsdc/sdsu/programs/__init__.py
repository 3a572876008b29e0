"""The synthetic programmes that ship for the simulated controller, one for each board.

A real controller needs its maker's programmes; these hold no DSP code, only what the simulator's processors
obey: an identity, a table of commands, noticeboards and their pointers, and symbols.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nifsdc.sdsu.lod import LodFile, parse
from nifsdc.sdsu.words import Board

_FILES = {Board.TIMING: "timing.lod", Board.UTILITY: "utility.lod"}


def path(board: Board) -> Path:
    """Return where the load file of a board's synthetic programme lies."""
    return Path(str(resources.files(__package__).joinpath(_FILES[board])))


def synthetic(board: Board) -> LodFile:
    """Return the synthetic programme of the timing or the utility board."""
    return parse(path(board).read_text(encoding="ascii"))
