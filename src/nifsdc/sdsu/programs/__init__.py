"""The synthetic programmes that ship for the simulated controller, one for each board and kind of detector.

A real controller needs its maker's programmes; these hold no DSP code, only what the simulator's processors
obey: an identity, a table of commands, noticeboards and their pointers, and symbols.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.lod import LodFile, parse
from nifsdc.sdsu.words import Board

_FILES = {
    (Board.TIMING, Detectors.IR): "timing.lod",
    (Board.UTILITY, Detectors.IR): "utility.lod",
    (Board.TIMING, Detectors.CCD): "ccd-timing.lod",
    (Board.UTILITY, Detectors.CCD): "ccd-utility.lod",
    (Board.TIMING, Detectors.FRAME_TRANSFER): "frame-transfer-timing.lod",
    (Board.UTILITY, Detectors.FRAME_TRANSFER): "frame-transfer-utility.lod",
}


def path(board: Board, detectors: Detectors = Detectors.IR) -> Path:
    """Return where the load file of the timing or the utility board lies, by detectors."""
    return Path(str(resources.files(__package__).joinpath(_FILES[board, detectors])))


def synthetic(board: Board, detectors: Detectors = Detectors.IR) -> LodFile:
    """Return the synthetic programme of the timing or the utility board, by detectors."""
    return parse(path(board, detectors).read_text(encoding="ascii"))
