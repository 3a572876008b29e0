"""Runs of frames in the spool: for each a file of frames, and a note of what it is and how it ended."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nifsdc.data import cube_file, disk
from nifsdc.data.cube_file import CubeFile
from nifsdc.data.cube_layout import CubeLayout
from nifsdc.data.cube_names import RunNames
from nifsdc.data.errors import SpoolError
from nifsdc.data.frame import Card
from nifsdc.data.names import labelled

LOG = logging.getLogger("nifsdc.cube")

FOLDER = "runs"
"""folder of the spool for runs"""
SUFFIX = ".json"


class SpooledRun:
    """What is in the spool of one run: its file of frames, and a note of what it is.

    Parameters
    ----------
    note
        path of the note
    """

    def __init__(self, note: Path) -> None:
        self.note = note
        self.path = note.with_suffix(".fits")
        try:
            tree = json.loads(note.read_bytes())
            self.names = RunNames(**tree["names"])
            self.cards = _cards(tree["cards"])
            self.last_cards = None if tree["last"] is None else _cards(tree["last"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SpoolError(f"{note} is no note of a run: {error!r}") from error

    @classmethod
    def begin(
        cls, spool: Path, names: RunNames, layout: CubeLayout, cards: Sequence[Card]
    ) -> tuple[SpooledRun, CubeFile]:
        """Make the note and the file of a new run, and return both, the file open for frames.

        Raises
        ------
        SpoolError
            when the spool does not take it, or has a run of this identifier
        """
        folder = spool.expanduser() / FOLDER
        note = folder / f"{names.exposure_id}{SUFFIX}"
        try:
            disk.make_folder(folder)
            path = cube_file.create(folder, labelled(names.exposure_id), layout, cards)
            if note.exists() or path != note.with_suffix(".fits"):
                path.unlink()
                raise SpoolError(f"{note}: a run of this identifier is there already")
            file = CubeFile(path, durable=False)
        except OSError as error:
            raise SpoolError(f"spool {folder}: run {names.exposure_id}: {error}: make space there") from error
        try:
            # Noted when it is locked: whoever sends what is noted and not locked must not take it for left.
            _write_note(note, names, cards, None)
        except OSError as error:
            file.close()
            raise SpoolError(f"{note} cannot be written: {error}: make space there") from error
        return cls(note), file

    def end(self, cards: Sequence[Card]) -> None:
        """Note that the run has ended, and its last cards; raises OSError."""
        _write_note(self.note, self.names, self.cards, cards)
        self.last_cards = tuple(cards)

    def forget(self) -> None:
        """Remove both: the server has the run."""
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        disk.sync_folder(self.note.parent)


def spooled(spool: Path) -> list[SpooledRun]:
    """Return the runs in the spool, oldest first; a note that cannot be read is told in the log."""
    found = []
    for note in (spool.expanduser() / FOLDER).glob(f"[!.]*{SUFFIX}"):
        try:
            found.append(SpooledRun(note))
        except SpoolError as error:
            LOG.error("%s", error)
    return sorted(found, key=lambda run: (run.names.night, run.names.exposure_id))


def _write_note(note: Path, names: RunNames, cards: Sequence[Card], last: Sequence[Card] | None) -> None:
    tree = {
        "names": asdict(names),
        "cards": [card.as_list() for card in cards],
        "last": None if last is None else [card.as_list() for card in last],
    }
    disk.replace_synced(note, json.dumps(tree).encode("ascii"))


def _cards(trees: list[Any]) -> tuple[Card, ...]:
    return tuple(Card(*tree) for tree in trees)
