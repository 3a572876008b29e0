"""What is asked of a CCD for one exposure, and how long it takes (INS-DAS-18 Annex C).

The exposure time of a CCD with a shutter is the time for which the shutter is open; of a dark, the time from
the clear to the readout. A bias and a flash have none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class ExposureType(Enum):
    """What a CCD exposure is of, in the order of the menu."""

    OBJECT = 0
    DARK = 1
    BIAS = 2
    FLASH = 3
    SKY = 4
    FLAT = 5
    ARC = 6

    @property
    def exposes(self) -> bool:
        """Whether there is time between clear and readout."""
        return self not in (ExposureType.BIAS, ExposureType.FLASH)

    @property
    def opens_shutter(self) -> bool:
        """Whether light falls on the detector during it."""
        return self.exposes and self is not ExposureType.DARK


class Region(NamedTuple):
    """A window as observers name it: pixels of the unbinned full frame, counted from 1, overscan included."""

    x: int
    """first column"""
    y: int
    """first row"""
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Region:
        """Read a window as observers write it, ``[x1:x2,y1:y2]``, both ends included.

        Raises
        ------
        ValueError
            when it is none; the text says in a few words why
        """
        found = re.fullmatch(r"\[?\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]?", text.strip())
        if found is None:
            raise ValueError("expected [x1:x2,y1:y2]")
        x1, x2, y1, y2 = map(int, found.groups())
        if x1 < 1 or y1 < 1:
            raise ValueError("pixels count from 1")
        if x2 < x1 or y2 < y1:
            raise ValueError("lower end first")
        return cls(x1, y1, x2 - x1 + 1, y2 - y1 + 1)

    def __str__(self) -> str:
        return f"[{self.x}:{self.x + self.width - 1},{self.y}:{self.y + self.height - 1}]"


@dataclass(frozen=True)
class CcdRequest:
    """What is asked of a CCD camera for one exposure; times in seconds."""

    type: ExposureType
    asked: float
    """exposure time, whether or not the type has one"""
    preflash: float
    """for which the lamps are lit in a FLASH"""
    fast: bool
    """readout speed and gain: high, or low"""
    xbin: int
    ybin: int
    regions: tuple[Region, ...]
    """windows; none for the full frame"""

    @property
    def exposure(self) -> float:
        """Exposure time asked for: none for a bias or a flash."""
        return self.asked if self.type.exposes else 0.0

    @property
    def flash(self) -> float:
        """Seconds for which the lamps are lit."""
        return self.preflash if self.type is ExposureType.FLASH else 0.0

    @property
    def exposing(self) -> float:
        """Seconds before the readout."""
        return self.exposure + self.flash

    def longest(self, read_time: float) -> float:
        """Return the detector seconds that the exposure may take at most."""
        return 1.5 * (self.exposing + read_time)


@dataclass(frozen=True)
class CcdPlan:
    """The timing of one exposure of a CCD, in detector seconds: cleared, exposed, read once."""

    request: CcdRequest
    read_time: float
    """of the windows as they are set"""

    coadds = sets = nreads = reads = 1

    @property
    def gap(self) -> float:
        """Seconds from the end of the clear to the readout, as asked for."""
        return self.request.exposing

    @property
    def set_time(self) -> float:
        """Seconds of the readout."""
        return self.read_time

    @property
    def total_time(self) -> float:
        """Seconds up to the last pixel."""
        return self.gap + self.read_time
