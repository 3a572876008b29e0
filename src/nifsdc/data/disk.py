"""Putting bytes on disk so that they are there after a power cut."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Buffer = bytes | bytearray | memoryview | Any
MOST_AT_ONCE = 1 << 30
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_LIBC = ctypes.CDLL(None)
_LIBC.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: after a file was created, renamed or removed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, buffers: Iterable[Buffer]) -> int:
    """Create a file that must not exist yet, write it, force it to disk, and return its bytes.

    It is removed again when that fails, and the error (OSError) passes through.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    written = 0
    try:
        for buffer in buffers:
            view = memoryview(buffer).cast("B")
            while view:
                count = os.write(descriptor, view[:MOST_AT_ONCE])
                view = view[count:]
                written += count
        os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return written


def replace_synced(path: Path, content: bytes) -> None:
    """Give a small file a new content, all of it or none of it, whatever happens meanwhile."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    fresh.unlink(missing_ok=True)
    write_synced(fresh, [content])
    fresh.replace(path)
    sync_folder(path.parent)


def give_back(path: Path, start: int, length: int) -> None:
    """Give a part of a file back to the disk: zeros are read there, and the file's length stays.

    Where a file system cannot, the part stays as it is. Raises OSError when the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        _LIBC.fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, length)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and the ones above it, durably."""
    missing = []
    place = folder
    while not place.exists():
        missing.append(place)
        place = place.parent
    folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_folder(made.parent)
