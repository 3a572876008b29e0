"""A new file, complete and on disk under its name or not there at all.

The way of DESIGN.md, decision 7: written under a temporary name in the same folder, forced to disk, read back
from the disk and compared, and only then linked to its name, which fails if the name is taken; then the
folder itself is forced to disk.
"""

from __future__ import annotations

import os
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nifsdc.data import disk
from nifsdc.data.errors import DataError
from nifsdc.data.fits_image import build
from nifsdc.data.frame import Card, Frame
from nifsdc.data.header import card
from nifsdc.data.names import labelled

PART = ".part"
PIECE = 1 << 20

Buffers = Sequence[bytes | memoryview]


@dataclass(frozen=True)
class Written:
    """A file that is complete and on disk."""

    path: Path
    nbytes: int
    checksum: str
    """CRC-32 of the whole file, ``crc32:0123abcd``"""


def write(frame: Frame, folder: Path, label: str) -> Path:
    """Write a frame as a new FITS file named after a label, and return its path.

    The name gets ``-1``, ``-2`` ... when it is taken. For use without a data server.

    Raises
    ------
    OSError
        when it cannot be written
    LabelRefused
        when the label makes no file name
    """
    disk.make_folder(folder)
    return write_new(folder, labelled(label), lambda name: build(frame, extra=(filename_card(name),))).path


def filename_card(name: str) -> Card:
    """Return the card that tells under which name a file was first written."""
    return card("FILENAME", name)


def write_new(
    folder: Path,
    names: Iterator[str],
    content: Callable[[str], Buffers],
    announce: Callable[[Written], None] = lambda written: None,
) -> Written:
    """Write a file that has the first of these names that is free.

    Parameters
    ----------
    folder
        which exists
    names
        in the order of trying
    content
        returns the bytes of the file of a name
    announce
        called when the bytes are on disk and before the file gets its name, so that whoever finds the file
        after a crash can know it

    Raises
    ------
    OSError
        when it cannot be written; nothing is left behind
    DataError
        when the disk holds something else than was written
    """
    for name in names:
        final = folder / name
        if os.path.lexists(final):
            continue
        part = folder / f".{uuid.uuid4().hex}{PART}"
        try:
            buffers = content(name)
            with ThreadPoolExecutor(1) as beside:  # while the disk is waited for
                checksum = beside.submit(_checksum, buffers)
                nbytes = disk.write_synced(part, buffers)
            compare(part, buffers)
            written = Written(final, nbytes, checksum.result())
            announce(written)
            os.link(part, final)
        except FileExistsError:
            continue
        finally:
            part.unlink(missing_ok=True)
        disk.sync_folder(folder)
        return written
    raise DataError(f"{folder}: no name is left for a file")


def _checksum(buffers: Buffers) -> str:
    crc = 0
    for buffer in buffers:
        crc = zlib.crc32(buffer, crc)
    return f"crc32:{crc:08x}"


def checksum_of(path: Path) -> str:
    """Return the CRC-32 of a file as `Written` has it; raises OSError."""
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            crc = zlib.crc32(piece, crc)
    return f"crc32:{crc:08x}"


def compare(path: Path, buffers: Buffers) -> None:
    """Read a file back, past the page cache where the system allows, and compare it with what was written.

    Raises
    ------
    DataError
        when it is not the same
    """
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        piece = np.empty(PIECE, np.uint8)
        for buffer in buffers:
            expected = np.frombuffer(buffer, np.uint8)
            while expected.size:
                count = file.readinto(piece[: expected.size].data)
                if not count or not np.array_equal(piece[:count], expected[:count]):
                    raise DataError(
                        f"{path}: the disk does not return what was written to it: check the disk"
                    )
                expected = expected[count:]
        if file.read(1):
            raise DataError(f"{path}: the file is longer than what was written to it: check the disk")
