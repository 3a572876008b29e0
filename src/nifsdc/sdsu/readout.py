"""What the host knows of a readout that it started: when pixels flow, and when they have all come.

While pixels flow the controller can receive but not answer (INS-DAS-18, "RDC"), so nothing but an abort or a
reset may be sent then.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nifsdc.sdsu.links.base import Progress


class Phase(Enum):
    """Where a readout is."""

    STARTING = "its first pixels are about to come"
    READING = "pixels are coming"
    INTEGRATING = "the array integrates between two blocks of reads"
    DONE = "all pixels have come"


@dataclass(frozen=True)
class Readout:
    """One readout: blocks of pixels, each begun by an initialisation of the image address."""

    command: str
    """label of the command that started it"""
    first_block: int
    """number of its first block on this link"""
    blocks: int
    pixels: int
    """pixels in each block"""

    def phase(self, progress: Progress) -> Phase:
        """Tell where it is from the interface's counts."""
        if progress.block < self.first_block:
            return Phase.STARTING
        if progress.block < self.first_block + self.blocks and progress.pixels < self.pixels:
            return Phase.READING
        if progress.block < self.first_block + self.blocks - 1:
            return Phase.INTEGRATING
        return Phase.DONE
