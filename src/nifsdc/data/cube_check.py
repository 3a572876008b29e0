"""Whether the file of a run of frames is what it says: structure, checksums, frames, times.

It is read piece by piece: a run may be longer than the memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nifsdc.data import checksum, cube_header
from nifsdc.data.check import CheckedFile, ImageSummary, check_file
from nifsdc.data.cube_file import CubeError, CubeHeaders, sum_of_file
from nifsdc.data.cube_layout import CubeLayout, FrameQuality
from nifsdc.data.cube_reader import CubeReader
from nifsdc.data.fits_file import PIECE
from nifsdc.data.fits_image import BLOCK

REQUIRED = ("DATALAB", "EXPID", "FILENAME", "COMPLETE", "NFRAMES")
"""keywords that the primary header of every closed run has"""
ROWS = 256
"""rows at a time"""


def check_stored(path: Path) -> CheckedFile:
    """Check a stored file, whether it is a product or a run of frames; nothing is raised."""
    try:
        with CubeReader(path) as reader:
            return _check_run(reader)
    except (CubeError, OSError):
        return check_file(path)


@dataclass
class _Window:
    """What the pixels of a window are, as far as they were read."""

    least: int = 0xFFFF
    greatest: int = 0
    total: int = 0
    pixels: int = 0

    def add(self, images: NDArray[np.uint16]) -> None:
        self.least = min(self.least, int(images.min()))
        self.greatest = max(self.greatest, int(images.max()))
        self.total += int(images.sum(dtype=np.uint64))
        self.pixels += images.size


@dataclass
class _Rows:
    """What was found out about the rows so far."""

    layout: CubeLayout
    windows: list[_Window]
    problems: list[str] = field(default_factory=list)
    last: NDArray[np.void] | None = None
    """row before the next ones"""

    def add(self, rows: NDArray[np.void]) -> None:
        before = rows if self.last is None else np.concatenate([self.last, rows])
        self._ordered(before)
        for ccd in self.layout.ccds:
            self._exposures(rows, ccd)
        for number, window in enumerate(self.windows, 1):
            window.add(self.layout.images(rows, number))
        self.last = rows[-1:]

    def _ordered(self, rows: NDArray[np.void]) -> None:
        if (np.diff(rows["FRAME"].astype(np.int64)) <= 0).any() or rows["FRAME"][0] < 1:
            self._say("numbers of frames do not go up")
        fraction, day = rows["MJD_FRAC"].astype(float), rows["MJD_INT"].astype(np.int64)
        if not ((fraction >= 0) & (fraction < 1)).all():
            self._say("time stamps whose fraction is not between 0 and 1")
        elif ((np.diff(day) < 0) | ((np.diff(day) == 0) & (np.diff(fraction) < 0))).any():
            self._say("time stamps go back")

    def _exposures(self, rows: NDArray[np.void], ccd: int) -> None:
        empty = (rows[f"QUALITY{ccd}"].astype(np.int64) & FrameQuality.NODATA) != 0
        known = np.isfinite(rows[f"MID_FRAC{ccd}"].astype(float))
        if (empty == known).any():
            self._say(f"CCD {ccd}: a frame with data and no mid-exposure time, or the other way round")
        if (rows[f"EXPTIME{ccd}"][~empty].astype(float) < 0).any():
            self._say(f"CCD {ccd}: an exposure time below 0 s")

    def _say(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _check_run(reader: CubeReader) -> CheckedFile:
    descriptor = os.open(reader.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        headers = CubeHeaders.read(descriptor, reader.path)
        problems = list(_structure(headers, descriptor))
        found = _Rows(headers.layout, [_Window() for _ in headers.layout.windows])
        try:
            for first in range(0, headers.frames, ROWS):
                found.add(reader.rows(first, min(ROWS, headers.frames - first)))
        except (CubeError, OSError) as error:
            found.problems.append(str(error))
        nbytes, digest = _digest(descriptor)
    finally:
        os.close(descriptor)
    images = tuple(
        ImageSummary(
            f"IMAGE{number}",
            (headers.frames, window.rows, window.columns),
            float(of.least),
            float(of.greatest),
            of.total / of.pixels if of.pixels else 0.0,
            None,
        )
        for number, (window, of) in enumerate(zip(headers.layout.windows, found.windows, strict=True), 1)
    )
    exposure_id = str(cube_header.parsed(headers.primary).get("EXPID", ""))
    return CheckedFile(reader.path, nbytes, digest, exposure_id, images, (*problems, *found.problems))


def _structure(headers: CubeHeaders, descriptor: int) -> Iterator[str]:
    size = os.fstat(descriptor).st_size
    end = headers.data_end + -headers.data_end % BLOCK
    if not headers.complete:
        yield "is not closed: it still grows, or its writer was killed (nifsdc frames --close ends it)"
        return
    primary = cube_header.parsed(headers.primary)
    missing = [keyword for keyword in REQUIRED if keyword not in primary]
    if missing:
        yield f"primary header: no {', '.join(missing)}"
    if primary.get("NFRAMES") != headers.frames:
        yield f"NFRAMES is {primary.get('NFRAMES')}; the table has {headers.frames} rows"
    if size != end:
        yield f"{size} bytes; expected {end}: the file was cut or added to"
        if size < end:
            return
    total = sum_of_file(descriptor, headers.data_at, end)
    table = cube_header.parsed(headers.table)
    if str(table.get("DATASUM", "")).strip() != str(total):
        yield f"FRAMES: DATASUM {table.get('DATASUM')}, the data sums up to {total}: the data was changed"
    for name, unit in (("primary header", headers.primary), ("FRAMES", headers.table)):
        data = total if unit is headers.table else 0
        if checksum.fold(checksum.sum_bytes(unit) + data) != checksum.MASK:
            yield f"{name}: CHECKSUM is not that of header and data: one of them was changed"


def _digest(descriptor: int) -> tuple[int, str]:
    digest, place = hashlib.sha256(), 0
    while piece := os.pread(descriptor, PIECE, place):
        digest.update(piece)
        place += len(piece)
    return place, digest.hexdigest()
