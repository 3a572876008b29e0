"""Scratch files: exposures that are shown and kept aside, not runs, until somebody makes them one.

They stand in a folder of their own below the data, are named ``glance.fits`` or after the name they were
given, and never overwrite each other: a name that is taken gets ``-1``, ``-2`` and so on, and its newest file
is the one that is meant. Made a run, a file gets the next running number: its primary header is written
anew, with the run's name in it, and every other byte stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits

from nifsdc.data.errors import DataError
from nifsdc.data.fits_image import primary_header
from nifsdc.data.frame import Card
from nifsdc.data.names import MESSAGE, SUFFIX, clean_label

FOLDER = "scratch"
GLANCE = "glance"
"""name of an exposure that was only to be looked at"""


class NoScratchFile(DataError):
    """There is no scratch file of that name; the text fits a record's message."""


def newest(folder: Path, name: str) -> Path:
    """Return the scratch file that is meant by a name.

    Parameters
    ----------
    folder
        of the scratch files
    name
        ``s3`` for the newest of ``s3.fits``, ``s3-1.fits`` ...; ``s3-1.fits`` for that one; empty for the
        latest glance

    Raises
    ------
    NoScratchFile
    LabelRefused
        when it cannot be the name of a file
    """
    given = name.strip() or GLANCE
    stem = clean_label(given)
    wanted = re.escape(stem) + ("" if given.endswith(SUFFIX) else r"(?:-[0-9]+)?") + re.escape(SUFFIX)
    try:
        files = [path for path in folder.iterdir() if re.fullmatch(wanted, path.name)]
        return max(files, key=lambda path: (path.stat().st_mtime_ns, len(path.name), path.name))
    except (FileNotFoundError, ValueError):
        raise NoScratchFile(f"no scratch file {stem}"[:MESSAGE]) from None


@dataclass(frozen=True)
class ScratchFile:
    """The bytes of a scratch file, and what its header says of it."""

    header: fits.Header
    """primary header"""
    rest: bytes
    """everything behind the primary header"""

    @classmethod
    def read(cls, path: Path) -> ScratchFile:
        """Read a file that this data server wrote; raises OSError, or DataError when it is none."""
        with path.open("rb") as file:
            try:
                header = fits.Header.fromfile(file)
                if header["NAXIS"] != 0:
                    raise ValueError("its primary header has data")
            except (ValueError, KeyError, EOFError) as error:
                raise DataError(f"{path} is no file of this data server: {error}") from error
            return cls(header, file.read())

    @property
    def exposure_id(self) -> str:
        """What identifies the exposure."""
        return str(self.header.get("EXPID", ""))

    @property
    def night(self) -> str:
        """UTC date of the exposure, ``20260301``."""
        return str(self.header.get("DATE-OBS", ""))[:10].replace("-", "")

    def renamed(self, cards: tuple[Card, ...]) -> list[bytes | memoryview]:
        """Return the bytes of the file with some cards of its primary header replaced."""
        return [primary_header(self.header, cards), self.rest]
