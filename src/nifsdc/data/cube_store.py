"""Runs of frames on the data server: files that grow while their frames come over the network.

A run is named by its exposure; whoever opens it again, after a restart of either side, is told how many
frames the file has, and goes on from there. Frames are acknowledged when they are on disk, as everything is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nifsdc.data import cube_file
from nifsdc.data.archive import Archive, ArchiveError
from nifsdc.data.cube_file import CubeError, CubeFile
from nifsdc.data.cube_layout import CubeLayout
from nifsdc.data.cube_names import RunNames, RunState
from nifsdc.data.cube_reader import CubeReader
from nifsdc.data.delivery import Stored
from nifsdc.data.errors import DataError
from nifsdc.data.fits_file import Written
from nifsdc.data.frame import Card, FrameError, FrameKind
from nifsdc.data.header import card

LOG = logging.getLogger("nifsdc.cube")


class NoSuchRun(DataError):
    """Frames of a run that was not opened, or not at that place; the text says what to do."""


@dataclass
class _Run:
    path: Path
    turn: threading.Lock = field(default_factory=threading.Lock)
    file: CubeFile | None = None


class CubeStore:
    """Runs of frames in an archive; for any number of threads, those of one run take turns.

    Parameters
    ----------
    archive
        which gives them their names, and says how much room there is
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._turn = threading.Lock()
        self._runs: dict[str, _Run] = {}

    def open(self, names: RunNames, layout: CubeLayout, cards: Sequence[Card]) -> RunState:
        """Begin a run, or find the one that was begun, and say what there is of it.

        Parameters
        ----------
        names
            what it is called
        layout
            windows of its frames
        cards
            of its file

        Raises
        ------
        DataError
            when its file cannot be made or is in use
        """

        def make(folder: Path, free: Iterator[str], announce: Callable[[Written], None]) -> Path:
            return cube_file.create(folder, free, layout, [card("EXPID", exposure_id), *others], announce)

        exposure_id = names.exposure_id
        others = [given for given in cards if given.keyword != "EXPID"]
        path = self._archive.place(_key(exposure_id), names.night, names.label, make)
        with self._turn:
            run = self._runs.setdefault(exposure_id, _Run(path))
        with run.turn:
            with CubeReader(path) as reader:
                if reader.layout != layout:
                    raise CubeError(f"{path} has other windows than run {exposure_id}")
                if reader.complete:
                    return RunState(str(path), reader.frames, complete=True)
            return RunState(str(path), self._file(run).frames, complete=False)

    def append(self, exposure_id: str, first: int, rows: memoryview, count: int) -> int:
        """Write frames behind the others, force them to disk, and return how many there are.

        Parameters
        ----------
        exposure_id
            of the run
        first
            how many frames stand before them; those that are there already are left out
        rows, count
            as of `CubeFile.append_rows`

        Raises
        ------
        DataError
            when frames before them are missing, or the disk does not take them
        """
        with self._held(exposure_id) as run:
            file = self._file(run)
            if first > file.frames:
                raise NoSuchRun(f"frame {first} of run {exposure_id} has no place: {file.frames} are there")
            there = min(file.frames - first, count)
            rest = rows[there * file.layout.row_bytes :]
            if len(rest) > self._archive.spare_bytes():
                raise ArchiveError(
                    f"{self._archive.root} is full but for what must stay free: move or delete files there"
                )
            try:
                file.append_rows(rest, count - there)
                return file.commit()
            except BaseException:
                self._drop(run)  # opened again, it has what is on disk
                raise

    def close(self, exposure_id: str, frames: int, cards: Sequence[Card]) -> Stored:
        """End a run: its file gets its last cards and checksums. Asked again, the closed file is found.

        Parameters
        ----------
        exposure_id
            of the run
        frames
            that it has to have
        cards
            more of its file

        Raises
        ------
        DataError
            when frames are missing, or the disk does not take it
        """
        with self._held(exposure_id) as run:
            with CubeReader(run.path) as reader:
                there, complete = reader.frames, reader.complete
            if there != frames:
                raise NoSuchRun(f"run {exposure_id} has {there} frames, and not {frames}, in {run.path}")
            if complete:
                return Stored(str(run.path), run.path.stat().st_size, _sum_of(run.path), duplicate=True)
            written = self._file(run).finish(cards)
            self._drop(run)
            LOG.info("run %s is closed: %d frames in %s", exposure_id, frames, run.path)
        with self._turn:
            self._runs.pop(exposure_id, None)
        return Stored(str(written.path), written.nbytes, written.checksum)

    def end(self) -> None:
        """Let go of all files; what was acknowledged is in them."""
        with self._turn:
            runs = list(self._runs.values())
        for run in runs:
            with run.turn:
                self._drop(run)

    @contextmanager
    def _held(self, exposure_id: str) -> Iterator[_Run]:
        """Give the run of an exposure to one thread; what its disk complains of becomes advice."""
        with self._turn:
            run = self._runs.get(exposure_id)
            if run is None:
                path = self._archive.path_of(_key(exposure_id))
                if path is None or not path.exists():
                    raise NoSuchRun(f"there is no run {exposure_id} here: open it first")
                run = self._runs.setdefault(exposure_id, _Run(path))
        with run.turn:
            try:
                yield run
            except FrameError as error:
                raise CubeError(f"run {exposure_id}: {error}") from error
            except OSError as error:
                raise ArchiveError(self._archive.advice(error)) from error

    @staticmethod
    def _file(run: _Run) -> CubeFile:
        if run.file is None:
            run.file = CubeFile(run.path)
        return run.file

    @staticmethod
    def _drop(run: _Run) -> None:
        if run.file is not None:
            run.file.close()
            run.file = None


def _key(exposure_id: str) -> str:
    return f"{exposure_id}/{FrameKind.FRAMES.value}/0"


def _sum_of(path: Path) -> str:
    with CubeReader(path) as reader:
        return f"datasum:{reader.data_sum}"
