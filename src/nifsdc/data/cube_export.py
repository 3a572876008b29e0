"""A run of frames as plain image cubes: an extension SCI for each window, and a table of times.

For programs that show cubes and know no images in tables. The run is read once for each window, piece by
piece, so that it may be longer than the memory.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import numpy as np
from astropy.io import fits

from nifsdc.data import checksum, cube_header, disk
from nifsdc.data.cube_file import CubeError, CubeHeaders, sum_at
from nifsdc.data.cube_reader import CubeReader
from nifsdc.data.fits_file import PART
from nifsdc.data.fits_image import BLOCK, finished

ROWS = 256
"""frames at a time"""
_STRUCTURE = frozenset({"DATASUM", "CHECKSUM", "NEXTEND", "COMPLETE"})


def write_cubes(source: Path, out: Path) -> int:
    """Write the frames that a run has now as image cubes, and return how many they are.

    Parameters
    ----------
    source
        file of a run, which may be growing
    out
        new file: ``SCI`` (frames, rows, columns) with the number of the window as version, and ``TIMES``,
        the table without its images

    Raises
    ------
    CubeError
        when the source is no run, or has no frame
    OSError
        when the file cannot be written, or is there already
    """
    with CubeReader(source) as reader:
        frames = reader.frames
        if not frames:
            raise CubeError(f"{source} has no frames yet")
        part = out.with_name(f".{uuid.uuid4().hex}{PART}")
        try:
            _write(reader, frames, part)
            os.link(part, out)
        finally:
            part.unlink(missing_ok=True)
    disk.sync_folder(out.parent)
    return frames


def _write(reader: CubeReader, frames: int, part: Path) -> None:
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        headers = CubeHeaders.read(reader.descriptor, reader.path)
        place = _put(descriptor, 0, finished(_primary(headers, len(headers.layout.windows) + 1), 0))
        for window in range(1, len(headers.layout.windows) + 1):
            place = _cube(descriptor, place, reader, frames, window)
        header, data = _times(reader, frames)
        padded = data + bytes(-len(data) % BLOCK)
        place = _put(descriptor, place, finished(header, checksum.sum_bytes(padded)))
        _put(descriptor, place, padded)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _primary(headers: CubeHeaders, extensions: int) -> fits.Header:
    header = cube_header.parsed(headers.primary)
    while len(header) and header.cards[-1].is_blank:
        del header[-1]
    for keyword in _STRUCTURE & set(header):
        del header[keyword]
    header.set("NEXTEND", extensions, "number of extensions", after="EXTEND")
    return header


def _cube(descriptor: int, place: int, reader: CubeReader, frames: int, window: int) -> int:
    """Write one cube; its header is written anew once its sum is known. Returns where it ends."""
    what = reader.layout.windows[window - 1]
    image = fits.ImageHDU(np.empty((0, what.rows, what.columns), np.uint16), name="SCI", ver=window)
    header = image.header.copy()
    header["NAXIS3"] = frames
    header["BZERO"] = (32768, "added to the number in the file: unsigned")
    header["BSCALE"] = (1, "the number in the file is not scaled")
    header["BUNIT"] = ("adu", "unit of the pixels")
    header["CTYPE3"] = ("FRAME", "row of TIMES")
    header["CCD"] = (what.ccd, "number of the CCD")
    if what.detsec:
        header["DETSEC"] = (what.detsec, "window in pixels of the unbinned full frame")
    start = place + len(finished(header, 0))
    end, total = start, 0
    for first in range(0, frames, ROWS):
        rows = reader.rows(first, min(ROWS, frames - first))
        piece = np.ascontiguousarray(rows[f"IMAGE{window}"]).view(np.uint8).reshape(-1).data
        total = checksum.fold(total + sum_at(end - start, piece))
        end = _put(descriptor, end, piece)
    end = _put(descriptor, end, bytes(-(end - start) % BLOCK))
    _put(descriptor, place, finished(header, total))
    return end


def _times(reader: CubeReader, frames: int) -> tuple[fits.Header, bytes]:
    """Return header and data of the table without its images."""
    columns = [column for column in reader.layout.columns if not column.shape]
    times = np.empty(frames, [(column.name, reader.layout.dtype[column.name]) for column in columns])
    for first in range(0, frames, ROWS):
        rows = reader.rows(first, min(ROWS, frames - first))
        for column in columns:
            times[column.name][first : first + len(rows)] = rows[column.name]
    header = fits.BinTableHDU(times.copy(), name="TIMES").header
    for number, column in enumerate(columns, 1):
        header.comments[f"TTYPE{number}"] = column.comment
        if column.unit:
            header.set(f"TUNIT{number}", column.unit, after=f"TFORM{number}")
    return header, times.tobytes()


def _put(descriptor: int, place: int, content: bytes | memoryview) -> int:
    """Write bytes at a place, and return where they end."""
    rest = memoryview(content)
    while rest:
        done = os.pwrite(descriptor, rest[: disk.MOST_AT_ONCE], place)
        place, rest = place + done, rest[done:]
    return place
