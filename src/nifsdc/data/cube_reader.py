"""A file of frames read while it grows, without opening it anew."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nifsdc.data import cube_header
from nifsdc.data.cube_file import CubeError, CubeHeaders
from nifsdc.data.fits_image import BLOCK, CARD

if TYPE_CHECKING:
    from astropy.time import Time

LOOK_SECONDS = 0.02
"""between two looks for frames to come"""
_TRIES = 100


class CubeReader:
    """A file of frames, open for reading.

    Parameters
    ----------
    path
        of a file that grows, or of one that is closed

    Raises
    ------
    CubeError
        when it is no file of frames
    OSError
        when it cannot be read
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._headers = CubeHeaders.read(self.descriptor, path)
        except BaseException:
            os.close(self.descriptor)
            raise
        self.layout = self._headers.layout

    @property
    def complete(self) -> bool:
        """Whether the run has ended, so that no more frames will come."""
        return CubeHeaders.read(self.descriptor, self.path).complete

    def place_of(self, row: int) -> int:
        """Return the byte at which a row (from 0) begins."""
        return self._headers.data_at + row * self.layout.row_bytes

    @property
    def data_sum(self) -> str:
        """DATASUM of the table of a run that has ended; empty before."""
        table = CubeHeaders.read(self.descriptor, self.path).table
        return str(cube_header.parsed(table).get("DATASUM", ""))

    @property
    def frames(self) -> int:
        """Frames that the file has now; raises CubeError when its header makes no sense."""
        place = len(self._headers.primary) + cube_header.COUNTS_AT
        for _ in range(_TRIES):
            cards = os.pread(self.descriptor, cube_header.COUNTS, place)
            size = os.fstat(self.descriptor).st_size - self._headers.data_at
            try:
                frames, gap = int(cards[10:30]), int(cards[CARD + 10 : CARD + 30])
            except ValueError:  # read while they were written, which takes nanoseconds
                continue
            # The two belong together: with the gap the rows fill whole blocks.
            unit = frames * self.layout.row_bytes + gap
            if gap == 0 or (unit % BLOCK == 0 and unit <= size):
                return frames
        raise CubeError(f"{self.path}: the counts in its header do not fit: nifsdc recover mends it")

    def rows(self, first: int = 0, count: int | None = None) -> NDArray[np.void]:
        """Return rows as they stand in the file.

        Parameters
        ----------
        first
            place of the first row, from 0
        count
            how many at most; all that are there by default
        """
        there = max(0, self.frames - first)
        count = there if count is None else min(count, there)
        made = np.empty(count, self.layout.dtype)
        buffer = made.view(np.uint8).data
        place = self.place_of(first)
        while buffer:
            done = os.preadv(self.descriptor, [buffer], place)
            if done == 0:
                raise CubeError(f"{self.path} ends before its last frame: nifsdc recover mends it")
            place, buffer = place + done, buffer[done:]
        return made

    def images(self, window: int = 1, first: int = 0, count: int | None = None) -> NDArray[np.uint16]:
        """Return the pixels of a window (from 1): (frames, rows, columns)."""
        return self.layout.images(self.rows(first, count), window)

    def follow(self, seconds: float, most: int = 1024) -> Iterator[NDArray[np.void]]:
        """Yield rows as they come, oldest first, until the run has ended.

        Parameters
        ----------
        seconds
            after which it is given up when nothing came
        most
            rows at a time

        Raises
        ------
        TimeoutError
            when nothing came for so long and the run has not ended
        """
        first, heard = 0, time.monotonic()
        while True:
            ended = self.complete  # asked first: what is counted by then is all there is
            rows = self.rows(first, most)
            if len(rows):
                first, heard = first + len(rows), time.monotonic()
                yield rows
            elif ended:
                return
            elif time.monotonic() - heard > seconds:
                raise TimeoutError(f"{self.path}: no frame came for {seconds} s, after {first} frames")
            else:
                time.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)

    def __enter__(self) -> CubeReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def times(rows: NDArray[np.void], column: str = "MJD", ccd: int | None = None) -> Time:
    """Return a pair of columns as astropy's times.

    Parameters
    ----------
    rows
        of a file of frames
    column, ccd
        ``MJD`` for the time stamps, or ``MID`` with the number of a CCD for mid-exposures
    """
    from astropy.time import Time

    number = "" if ccd is None else str(ccd)
    day, fraction = (rows[f"{column}_{part}{number}"].astype(float) for part in ("INT", "FRAC"))
    return Time(day, fraction, format="mjd", scale="utc")
