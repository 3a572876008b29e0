"""Frames that wait on local disk until the data server has acknowledged them."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from nifsdc.data import disk
from nifsdc.data.errors import SpoolError, WireError
from nifsdc.data.frame import Frame
from nifsdc.data.wire import Message, pack, unpack

SUFFIX = ".frame"
DAMAGED = ".damaged"
PART = ".part"


@dataclass(frozen=True)
class SpoolEntry:
    """One frame in the spool."""

    path: Path
    written: int
    """when it was put there, nanoseconds since 1970; entries are taken in this order"""
    nbytes: int


class Spool:
    """A folder of frames, each in a file that is complete or absent.

    Parameters
    ----------
    folder
        made when it is not there

    Raises
    ------
    SpoolError
        when the folder cannot be made or read
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser()
        try:
            disk.make_folder(self.folder)
            for part in self.folder.glob(f"*{PART}"):
                if not _alive(part):
                    part.unlink(missing_ok=True)
        except OSError as error:
            raise SpoolError(f"spool {self.folder}: {error}: give the IOC a folder it may write") from error

    def put(self, frame: Frame) -> SpoolEntry:
        """Keep a frame; it survives a crash once this returns. The same frame twice is one entry.

        Raises
        ------
        SpoolError
            when it cannot be written: no space, no permission
        """
        name = _file_name(frame.header.key)
        part = self.folder / f"{name}.{os.getpid()}{PART}"
        path = self.folder / f"{name}{SUFFIX}"
        try:
            part.unlink(missing_ok=True)
            disk.write_synced(part, pack(Message({"type": "spooled"}, frame)))
            now = time.time_ns()  # the file system's own stamps are too coarse to keep an order
            os.utime(part, ns=(now, now))
            part.replace(path)
            disk.sync_folder(self.folder)
            return _entry(path)
        except OSError as error:
            raise SpoolError(
                f"spool {self.folder}: frame {frame.header.key} of {frame.header.nbytes} bytes cannot be "
                f"written: {error}: make space there"
            ) from error

    def pending(self) -> list[SpoolEntry]:
        """Return what waits, oldest first."""
        entries = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            try:
                entries.append(_entry(path))
            except FileNotFoundError:  # removed meanwhile
                continue
        return sorted(entries, key=lambda entry: (entry.written, entry.path.name))

    def of(self, exposure_id: str) -> list[SpoolEntry]:
        """Return what waits of one exposure, oldest first."""
        prefix = f"{_readable(exposure_id)}_"
        return [entry for entry in self.pending() if entry.path.name.startswith(prefix)]

    def holds(self, exposure_id: str) -> bool:
        """Whether a frame of an exposure waits."""
        return bool(self.of(exposure_id))

    def damaged(self) -> list[Path]:
        """Return the entries that could not be read and were set aside."""
        return sorted(self.folder.glob(f"*{DAMAGED}"))

    def load(self, entry: SpoolEntry) -> Frame:
        """Read a frame back.

        Raises
        ------
        SpoolError
            when it cannot be read; a damaged one is set aside under another name, for a human to look at
        """
        try:
            with entry.path.open("rb") as file:

                def read_into(buffer: memoryview) -> None:
                    if file.readinto(buffer) != len(buffer):
                        raise WireError("it ends too early")

                frame = unpack(read_into).frame
            if frame is None:
                raise WireError("it holds no frame")
        except WireError as error:
            aside = entry.path.with_suffix(DAMAGED)
            entry.path.replace(aside)
            raise SpoolError(f"{entry.path}: damaged: {error}; kept as {aside.name}") from error
        except OSError as error:
            raise SpoolError(f"{entry.path}: cannot be read: {error}") from error
        return frame

    def remove(self, entry: SpoolEntry) -> None:
        """Forget a frame that is stored elsewhere."""
        entry.path.unlink(missing_ok=True)
        disk.sync_folder(self.folder)


def _file_name(key: str) -> str:
    return f"{_readable(key)}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _readable(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", key).strip("._")[:80]


def _entry(path: Path) -> SpoolEntry:
    status = path.stat()
    return SpoolEntry(path, status.st_mtime_ns, status.st_size)


def _alive(part: Path) -> bool:
    try:
        process = int(part.name.removesuffix(PART).rpartition(".")[2])
    except ValueError:
        return False
    return process != os.getpid() and Path(f"/proc/{process}").exists()
