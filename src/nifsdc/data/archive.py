"""The folder of products: a folder for each night, names, running numbers, and no file twice."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from nifsdc.data import beside, disk, scratch
from nifsdc.data.delivery import Stored
from nifsdc.data.errors import DataError, LabelRefused
from nifsdc.data.fits_file import PART, Written, checksum_of, compare, filename_card, write_new
from nifsdc.data.fits_image import build
from nifsdc.data.frame import Frame, FrameError, FrameKind
from nifsdc.data.header import card
from nifsdc.data.journal import Journal, JournalEntry
from nifsdc.data.names import Template, check_folder, check_night, clean_label, labelled
from nifsdc.data.packing import Packing

LOG = logging.getLogger("nifsdc.archive")

STATE_FOLDER = ".nifsdc"
STANDARD_FLOOR = 256 << 20
"""bytes of free space below which nothing more is taken"""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ArchiveError(DataError):
    """The archive cannot take a frame, or not be opened; the text says what to do."""


class Archive:
    """Products below one folder; for one process, whose threads take turns.

    Parameters
    ----------
    root
        made when it is not there
    template
        how files without a label are called
    floor
        bytes of free space to be left

    Raises
    ------
    ArchiveError
        when the folder cannot be used, or another process uses it
    """

    def __init__(
        self,
        root: Path,
        template: Template | None = None,
        floor: int = STANDARD_FLOOR,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.root = root.absolute()
        self._template = template or Template()
        self._floor = floor
        self._now = now
        self._turn = threading.Lock()
        state = self.root / STATE_FOLDER
        self._scratch = self.root / scratch.FOLDER
        self._numbers_path = state / "numbers.json"
        self._lock_descriptor = -1
        try:
            disk.make_folder(state)
            self._lock_descriptor = _locked(state / "lock")
            self._journal = Journal(state / "journal.jsonl")
            self._numbers = _read_numbers(self._numbers_path)
            raw = self.root.glob(f"[0-9]*/{beside.FOLDER}/*/.*{PART}")
            for part in (*self.root.glob(f"[0-9]*/.*{PART}"), *self._scratch.glob(f".*{PART}"), *raw):
                LOG.info("%s was left by a crash and is removed; its frame was not acknowledged", part)
                part.unlink(missing_ok=True)
        except OSError as error:
            if self._lock_descriptor >= 0:
                os.close(self._lock_descriptor)
            raise ArchiveError(f"{self.root} cannot be used for data: {error}") from error

    def close(self) -> None:
        """Let another process have it."""
        with self._turn:
            self._journal.close()
            os.close(self._lock_descriptor)

    def free_bytes(self) -> int:
        """Bytes that may still be written; raises OSError."""
        space = os.statvfs(self.root)
        return space.f_bavail * space.f_frsize

    def spare_bytes(self) -> int:
        """Bytes that may be written before the floor is reached; raises OSError."""
        return max(0, self.free_bytes() - self._floor)

    def problem(self, nbytes: int, label: str = "", night: str = "") -> str:
        """Return why a file of this size could not be stored under this label; empty if it could.

        A file is created and removed to find out.
        """
        try:
            folder = self._folder(night)
            if label.strip():
                clean_label(label)
            disk.make_folder(folder)
            trial = folder / f".{uuid.uuid4().hex}{PART}"
            disk.write_synced(trial, [b"trial"])
            trial.unlink()
            return self._space_problem(nbytes)
        except LabelRefused as error:
            return str(error)
        except OSError as error:
            return self.advice(error)

    def _space_problem(self, nbytes: int) -> str:
        free = self.free_bytes()
        if free - nbytes >= self._floor:
            return ""
        return (
            f"{self.root} has {free >> 20} MiB free; {nbytes >> 20} MiB are needed and "
            f"{self._floor >> 20} MiB must stay free: move or delete files there"
        )

    def store(self, frame: Frame, packing: Packing = Packing.NONE) -> Stored:
        """Write a frame to a new file, its images packed if that is asked for, or find the file that has it.

        Raises
        ------
        ArchiveError
            when it cannot be written; nothing is left behind
        LabelRefused
            when its label makes no file name
        """
        with self._turn:
            known = self._find(frame.header.key)
            if known is not None:
                return known
            try:
                problem = self._space_problem(frame.header.nbytes)
                if problem:
                    raise ArchiveError(problem)
                written = self._write(frame, packing)
            except FrameError as error:
                raise ArchiveError(f"frame {frame.header.key} makes no FITS file: {error}") from error
            except OSError as error:
                raise ArchiveError(self.advice(error)) from error
        LOG.info("%s is stored as %s", frame.header.key, written.path)
        return Stored(str(written.path), written.nbytes, written.checksum)

    def place(
        self,
        key: str,
        night: str,
        label: str,
        make: Callable[[Path, Iterator[str], Callable[[Written], None]], Path],
    ) -> Path:
        """Return the file of a run that grows, which is made where there is none yet.

        Parameters
        ----------
        key, night, label
            of the run, as of a frame
        make
            makes the file in a folder, under the first of some names that is free, as `write_new` does

        Raises
        ------
        ArchiveError
            when it cannot be made
        LabelRefused
            when its label makes no file name
        """
        with self._turn:
            entry = self._journal.find(key)
            if entry is not None and (self.root / entry.path).exists():
                return self.root / entry.path
            try:
                problem = self._space_problem(0)
                if problem:
                    raise ArchiveError(problem)
                folder = self._folder(night)
                disk.make_folder(folder)
                names = labelled(label) if label.strip() else self._numbered(folder)
                return make(folder, names, self._announce(key))
            except OSError as error:
                raise ArchiveError(self.advice(error)) from error

    def path_of(self, key: str) -> Path | None:
        """Return the file of a run that grows, None where there is none."""
        with self._turn:
            entry = self._journal.find(key)
        return None if entry is None else self.root / entry.path

    def trial(self, frame: Frame, packing: Packing = Packing.NONE) -> None:
        """Do for a frame what `store` does, and keep nothing of it: how long that takes is what is asked.

        Raises
        ------
        ArchiveError
            when it could not be written
        """
        with self._turn:
            folder = self._folder(frame.header.night)
            part = folder / f".{uuid.uuid4().hex}{PART}"
            try:
                problem = self._space_problem(frame.header.nbytes)
                if problem:
                    raise ArchiveError(problem)
                disk.make_folder(folder)
                buffers = build(frame, packing=packing)
                disk.write_synced(part, buffers)
                compare(part, buffers)
                part.unlink()
                disk.sync_folder(folder)
            except OSError as error:
                raise ArchiveError(self.advice(error)) from error
            finally:
                part.unlink(missing_ok=True)

    def unclaimed(self) -> list[beside.Unclaimed]:
        """Return the exposures of which reads or coadds are there without an image."""
        with self._turn:
            return beside.unclaimed(self.root, self._journal)

    def discard(self, exposure_id: str) -> int:
        """Remove reads and coadds of an exposure that was given up, and return how many there were.

        Raises
        ------
        DataError
            when it has an image, or they cannot be removed
        """
        with self._turn:
            try:
                removed = beside.discard(self.root, self._journal, exposure_id)
            except OSError as error:
                raise ArchiveError(self.advice(error)) from error
        if removed:
            LOG.info(
                "%d reads and coadds of exposure %s, which was given up, are removed", removed, exposure_id
            )
        return removed

    def promote(self, name: str) -> Stored:
        """Make a scratch file a run: under the next running number, and no longer a scratch file.

        The run is complete and on disk before the scratch file goes, so that a crash in between leaves both;
        asked again, the run is found and the scratch file goes.

        Parameters
        ----------
        name
            of the scratch file as `nifsdc.data.scratch.newest` takes it

        Raises
        ------
        NoScratchFile
            when there is none of that name
        ArchiveError
            when the run cannot be written; the scratch file stays
        LabelRefused
            when it cannot be the name of a file
        """
        with self._turn:
            source = scratch.newest(self._scratch, name)
            try:
                run = self._made_run(source)
                source.unlink()
                disk.sync_folder(self._scratch)
            except OSError as error:
                raise ArchiveError(self.advice(error)) from error
        LOG.info("scratch file %s is run %s", source.name, run.path)
        return run

    def _made_run(self, source: Path) -> Stored:
        file = scratch.ScratchFile.read(source)
        entry = self._journal.at(str(source.relative_to(self.root)))
        key = entry.key if entry is not None else f"{file.exposure_id}/{FrameKind.SCIENCE.value}/0"
        known = self._find(key)
        if known is not None and Path(known.path) != source:
            return known
        problem = self._space_problem(source.stat().st_size)
        if problem:
            raise ArchiveError(problem)
        folder = self._folder(file.night)
        disk.make_folder(folder)

        def content(name: str) -> list[bytes | memoryview]:
            return file.renamed((filename_card(name), card("DATALAB", Path(name).stem)))

        written = write_new(folder, self._numbered(folder), content, self._announce(key))
        return Stored(str(written.path), written.nbytes, written.checksum)

    def _write(self, frame: Frame, packing: Packing) -> Written:
        header = frame.header
        folder = self._scratch if header.scratch else self._folder(header.night)
        if header.folder:
            folder /= check_folder(header.folder)
        disk.make_folder(folder)
        label = "" if header.scratch else header.label.strip()
        named = header.scratch or label
        names = labelled(named) if named else self._numbered(folder)

        def content(name: str) -> list[bytes | memoryview]:
            extra = [filename_card(name), *beside.counted(self._journal, header)]
            if not label:
                extra.append(card("DATALAB", Path(name).stem))
            return build(frame, extra=extra, packing=packing)

        return write_new(folder, names, content, self._announce(header.key))

    def _announce(self, key: str) -> Callable[[Written], None]:
        """Return what notes in the journal that the file about to get its name holds a frame."""

        def announce(written: Written) -> None:
            self._journal.add(
                JournalEntry(
                    key,
                    str(written.path.relative_to(self.root)),
                    written.nbytes,
                    written.checksum,
                    self._now().isoformat(timespec="seconds"),
                )
            )

        return announce

    def _find(self, key: str) -> Stored | None:
        entry = self._journal.find(key)
        if entry is None:
            return None
        path = self.root / entry.path
        try:
            if path.stat().st_size != entry.nbytes or checksum_of(path) != entry.checksum:
                return None
            disk.sync_folder(path.parent)  # a crash may have come between the name and this
        except OSError:
            return None
        LOG.info("%s was stored before as %s", key, path)
        return Stored(str(path), entry.nbytes, entry.checksum, duplicate=True)

    def _folder(self, night: str) -> Path:
        return self.root / check_night(night or f"{self._now():%Y%m%d}")

    def _numbered(self, folder: Path) -> Iterator[str]:
        """Yield names with running numbers; a number is used up, durably, once its name is given out."""
        night = folder.name
        on_disk = self._template.highest(night, (entry.name for entry in folder.iterdir()))
        number = max(self._numbers.get(night, 0), on_disk)
        while True:
            number += 1
            self._numbers[night] = number
            disk.replace_synced(self._numbers_path, json.dumps(self._numbers).encode("ascii"))
            yield self._template.name(night, number)

    def advice(self, error: OSError) -> str:
        """Return what went wrong and what to do, for an error of this folder's disk."""
        if error.errno in _FULL:
            return f"{self.root} takes no more data: {error}: make space there"
        return f"{self.root} cannot be written: {error}: mend the folder or start the data server on another"


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise OSError(error.errno, "another data server writes there", str(path.parent)) from error
    return descriptor


def _read_numbers(path: Path) -> dict[str, int]:
    """Return the last running number of each night; an unreadable file counts as none (the folders tell)."""
    try:
        return {str(night): int(number) for night, number in json.loads(path.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError) as error:
        LOG.warning("%s is not readable (%s); numbers go on from the files in the folders", path, error)
        return {}
