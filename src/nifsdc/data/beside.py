"""Reads and coadds that are stored beside the image of their exposure, and what becomes of them without it.

They stand in a folder of their exposure's own, ``raw/T051500_1a2b3c4d`` below that of the night. An exposure
that was given up has its files removed; one that ended otherwise without an image keeps them, as they may be
all there is of it, and whoever asks is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nifsdc.data import disk
from nifsdc.data.errors import DataError
from nifsdc.data.frame import Card, FrameHeader, FrameKind
from nifsdc.data.header import card
from nifsdc.data.journal import Journal, JournalEntry

FOLDER = "raw"
"""folder of the night in which every exposure with reads or coadds has one of its own"""

_BESIDE = (FrameKind.READ.value, FrameKind.COADD.value)


@dataclass(frozen=True)
class Unclaimed:
    """An exposure of which there are reads or coadds, and no image."""

    exposure_id: str
    folder: str
    """below the root"""
    files: int


def counted(journal: Journal, image: FrameHeader) -> tuple[Card, ...]:
    """Return the cards that tell how many reads and coadds of an image there are, and how many are not.

    None for an image that says so itself. One that nobody could count for came out of the ring of a process
    that was killed, and its reads and coadds were sent before it.
    """
    if not image.reads and not image.coadds:
        return ()
    kinds = [entry.key.split("/")[1] for entry in journal.of(image.exposure_id)]
    reads, coadds = (kinds.count(kind) for kind in _BESIDE)
    return (
        card("NDRSAVED", reads),
        card("NDRLOST", image.reads - reads),
        card("COASAVED", coadds),
        card("COALOST", image.coadds - coadds),
    )


def unclaimed(root: Path, journal: Journal) -> list[Unclaimed]:
    """Return the exposures of which reads or coadds are there without an image, the oldest first."""
    claimed, beside = set(), dict[str, list[JournalEntry]]()
    for entry in journal.entries():
        exposure_id, kind = entry.key.split("/")[:2]
        if kind in _BESIDE:
            beside.setdefault(exposure_id, []).append(entry)
        else:
            claimed.add(exposure_id)
    found = []
    for exposure_id, entries in beside.items():
        if exposure_id in claimed:
            continue
        there = [entry.path for entry in entries if (root / entry.path).exists()]
        if there:
            found.append(Unclaimed(exposure_id, str(Path(there[0]).parent), len(there)))
    return found


def discard(root: Path, journal: Journal, exposure_id: str) -> int:
    """Remove reads and coadds of an exposure that was given up, and return how many files there were.

    Raises
    ------
    DataError
        when the exposure has an image: what belongs to it stays
    OSError
        when a file cannot be removed
    """
    entries = journal.of(exposure_id)
    kept = [entry for entry in entries if entry.key.split("/")[1] not in _BESIDE]
    if kept:
        raise DataError(f"exposure {exposure_id} is stored as {kept[0].path}: its reads and coadds stay")
    removed, folders = 0, set()
    for entry in entries:
        path = root / entry.path
        if path.exists():
            path.unlink()
            removed += 1
            folders.add(path.parent)
    for folder in folders:
        disk.sync_folder(folder)
        if not any(folder.iterdir()):
            folder.rmdir()
            disk.sync_folder(folder.parent)
    return removed
