"""The memory of a frame ring: a mapped file with a page of words and a row of slots."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
import threading
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x474E49524346494E  # "NIFCRING"
VERSION = 1
PAGE = 4096
HEADER_BYTES = 64 * 1024
"""of each slot, for the frame header"""
ALIGNMENT = 64


class Page(IntEnum):
    """Words of the first page."""

    MAGIC = 0
    VERSION = 1
    SLOTS = 2
    SLOT_BYTES = 3
    WRITTEN = 4
    """sequence number of the newest frame"""
    CLOSED = 5
    """1 when the writer has ended"""
    WRITER = 6
    """its process"""


class Slot(IntEnum):
    """Words at the head of a slot."""

    LOCK = 0
    """twice the sequence number when the frame is whole, one less while it is being written"""
    SEQUENCE = 1
    HEADER_LENGTH = 2
    HEADER_CRC = 3


class RingError(RuntimeError):
    """A ring that cannot be made, attached to or written; the text says why."""


def ring_places(name: str | Path) -> list[Path]:
    """Return where the ring of this name may lie, the best place first.

    A path stands as it is. A bare name lies in shared memory, or in the folder for temporary files where
    shared memory is missing or too small, as in a container with the usual 64 MB of it.
    """
    path = Path(name)
    if path.parent != Path():
        return [path]
    folders = [Path("/dev/shm"), Path(tempfile.gettempdir())]
    return [folder / f"{path}.ring" for folder in folders if folder.is_dir()]


def ring_path(name: str | Path) -> Path:
    """Return where the ring of this name lies, or would be made first."""
    places = ring_places(name)
    return next((place for place in places if place.exists()), places[0])


def fence() -> None:
    """Order what was stored before and after as other processors see it: a lock's own barriers do that."""
    with threading.Lock():
        pass


class RingMemory:
    """The mapped file, as words and as slots."""

    def __init__(self, descriptor: int, path: Path, *, write: bool) -> None:
        size = os.fstat(descriptor).st_size
        if size < PAGE:
            raise RingError(f"{path}: {size} bytes are no frame ring")
        access = mmap.ACCESS_WRITE if write else mmap.ACCESS_READ
        self._memory = mmap.mmap(descriptor, size, access=access)
        self.bytes: NDArray[np.uint8] = np.frombuffer(self._memory, np.uint8)
        self.words: NDArray[np.uint64] = self.bytes[:PAGE].view(np.uint64)
        if write:
            return
        self.check(path, size)

    def check(self, path: Path, size: int) -> None:
        """Raise RingError when this is not a ring, or not a whole one."""
        if int(self.words[Page.MAGIC]) != MAGIC or int(self.words[Page.VERSION]) != VERSION:
            raise RingError(f"{path}: not a frame ring of version {VERSION}")
        if size < PAGE + self.slots * self.stride:
            raise RingError(f"{path}: {size} bytes, shorter than its {self.slots} slots")

    @property
    def slots(self) -> int:
        """Frames it holds."""
        return int(self.words[Page.SLOTS])

    @property
    def slot_bytes(self) -> int:
        """Bytes for the arrays of one frame."""
        return int(self.words[Page.SLOT_BYTES])

    @property
    def stride(self) -> int:
        """Bytes from one slot to the next."""
        return stride(self.slot_bytes)

    def slot(self, sequence: int) -> tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.uint8]]:
        """Return control words, header area and array area of the slot that a frame has or had."""
        start = PAGE + (sequence - 1) % self.slots * self.stride
        part = self.bytes[start : start + self.stride]
        return (
            part[:ALIGNMENT].view(np.uint64),
            part[ALIGNMENT:HEADER_BYTES],
            part[HEADER_BYTES:],
        )

    def close(self) -> None:
        """Unmap it, now or when the last view of it goes."""
        del self.words, self.bytes
        with contextlib.suppress(BufferError):  # a view of it is still alive; it is unmapped with that
            self._memory.close()


def stride(slot_bytes: int) -> int:
    """Return the bytes from one slot to the next."""
    return (HEADER_BYTES + slot_bytes + PAGE - 1) // PAGE * PAGE


def area_bytes(nbytes: int) -> int:
    """Return the bytes that an array of ``nbytes`` takes up in a slot."""
    return (nbytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def same_file(path: Path, descriptor: int) -> bool:
    """Whether a path still names the file that is open."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
