"""Which frame is in which file: what makes storing a frame twice harmless, across restarts."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

from nifsdc.data import disk


@dataclass(frozen=True)
class JournalEntry:
    """A file that holds a frame, or was about to when the machine stopped: look whether it is there."""

    key: str
    """of the frame"""
    path: str
    """below the root"""
    nbytes: int
    checksum: str
    time: str
    """UTC"""


class Journal:
    """A file of lines, each forced to disk before the file it speaks of gets its name.

    Parameters
    ----------
    path
        of the journal; made when it is not there

    Raises
    ------
    OSError
        when it cannot be read or written
    """

    def __init__(self, path: Path) -> None:
        self._entries: dict[str, JournalEntry] = {}
        self._by_path: dict[str, JournalEntry] = {}
        self._torn = False
        """whether only a part of the last line was taken"""
        disk.make_folder(path.parent)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        disk.sync_folder(path.parent)
        for line in path.read_bytes().splitlines():
            entry = _parsed(line)
            if entry is not None:
                self._note(entry)
        self._append(b"\n")  # so that a line torn by a crash cannot spoil the next one

    def find(self, key: str) -> JournalEntry | None:
        """Return the latest entry of a frame."""
        return self._entries.get(key)

    def at(self, path: str) -> JournalEntry | None:
        """Return the latest entry of a path below the root, whichever frame it is of."""
        return self._by_path.get(path)

    def of(self, exposure_id: str) -> list[JournalEntry]:
        """Return the latest entry of every frame of an exposure."""
        return [entry for key, entry in self._entries.items() if key.startswith(f"{exposure_id}/")]

    def entries(self) -> list[JournalEntry]:
        """Return the latest entry of every frame."""
        return list(self._entries.values())

    def add(self, entry: JournalEntry) -> None:
        """Note an entry; it is on disk once this returns. Raises OSError."""
        text = json.dumps(
            [entry.key, entry.path, entry.nbytes, entry.checksum, entry.time], separators=(",", ":")
        )
        self._append(text.encode("ascii") + b"\n")
        self._note(entry)

    def _note(self, entry: JournalEntry) -> None:
        self._entries[entry.key] = entry
        self._by_path[entry.path] = entry

    def _append(self, line: bytes) -> None:
        whole = b"\n" + line if self._torn else line
        taken = os.write(self._descriptor, whole)
        self._torn = taken != len(whole)
        if self._torn:
            raise OSError(errno.ENOSPC, f"the journal took {taken} of {len(whole)} bytes")
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _parsed(line: bytes) -> JournalEntry | None:
    """Return what a line says; None for an empty one, or one that a crash left unfinished."""
    try:
        key, path, nbytes, checksum, time = json.loads(line)
        return JournalEntry(str(key), str(path), int(nbytes), str(checksum), str(time))
    except (ValueError, TypeError):
        return None
