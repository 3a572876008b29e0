"""Channels whose values outlive the IOC: saved to a file, put back before the database starts.

The file is text, one channel a line with its value as JSON, closed by ``<END>``; one without that line was
not written to its end and is not used. Menus are saved by label, so that one that has grown does no harm.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .convert import ConversionError
from .database import Database
from .fields import Field
from .links import LinkTextError, parse_link
from .types import Value

log = logging.getLogger("nifsdc.autosave")

END = "<END>"
HEADER = "# Values of channels, saved by nifsdc"


class Damaged(ValueError):
    """A file of saved values that is not complete or cannot be read; the text names it and says why."""


@dataclass(frozen=True)
class Restored:
    """What was put back."""

    path: Path | None
    """the file used; None when there was none that could be"""
    channels: tuple[str, ...]
    """channels that have their saved value"""
    problems: tuple[str, ...]
    """a sentence for each channel or file that could not be used"""


@dataclass(frozen=True)
class Snapshot:
    """Values of the channels at one moment, as they are written."""

    values: tuple[tuple[str, object], ...]

    def text(self) -> str:
        """The file's text."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        lines = [f"{name} {json.dumps(value)}" for name, value in self.values]
        return "\n".join([f"{HEADER}, {stamp}", *lines, END]) + "\n"


def read_saved(path: Path) -> dict[str, object]:
    """Values of a file by channel.

    Raises:
        OSError: it cannot be opened. Damaged: it is not complete, or a line makes no sense.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as exc:
        raise Damaged(f"{path}: no text: {exc}") from exc
    if not lines or lines[-1] != END:
        raise Damaged(f"{path}: the last line is not {END}: the file was not written to its end")
    values: dict[str, object] = {}
    for number, line in enumerate(lines[:-1], 1):
        if line.startswith("#") or not line.strip():
            continue
        name, _, text = line.partition(" ")
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError as exc:
            raise Damaged(f"{path}, line {number}: {text!r} is no JSON value: {exc.msg}") from exc
    return values


class Autosave:
    """Saves and restores channels of a database.

    ``restore`` belongs before ``database.init``. Everything but ``write`` is for the thread that owns the
    database.

    Args:
        database: whose channels they are.
        path: the file; previous ones are kept as ``path.1`` (the newest) to ``path.<keep>``.
        channels: names, with or without field.
        keep: how many previous files are kept.

    Attributes:
        missing: channels asked for that the database does not have.
    """

    def __init__(self, database: Database, path: Path, channels: Iterable[str], keep: int = 3) -> None:
        if keep < 0:
            raise ValueError(f"{keep} previous files cannot be kept; expected 0 or more")
        self._database = database
        self._path = path
        self._keep = keep
        self._fields: dict[str, Field] = {}
        missing = []
        for name in channels:
            field = database.find(name)
            if field is None:
                missing.append(name)
            else:
                self._fields[field.pvname] = field
        self.missing = tuple(missing)
        self._saved: Snapshot | None = None

    def _copies(self) -> list[Path]:
        return [self._path.with_name(f"{self._path.name}.{number}") for number in range(1, self._keep + 1)]

    # --- restoring
    def restore(self) -> Restored:
        """Put the saved values into the records, which are not processed and post nothing.

        The newest file that is complete is used. Each value is converted and checked as a client's put to the
        field would be; what is refused leaves the field as the database defines it.
        """
        problems = [f"{name}: no such channel in this database" for name in self.missing]
        path, saved = self._newest(problems)
        done = []
        found = set()
        for name, value in saved.items():
            field = self._database.find(name)
            if field is None:
                problems.append(f"{name}: saved, but no such channel in this database")
            elif field.pvname not in self._fields:
                problems.append(f"{name}: saved, but not among the channels to restore")
            else:
                found.add(field.pvname)
                reason = self._put_back(field, value)
                if reason is None:
                    done.append(name)
                else:
                    problems.append(f"{name}: {value!r} not restored: {reason}")
        if path is not None:
            problems += [f"{name}: no value in {path}" for name in self._fields if name not in found]
        return Restored(path, tuple(done), tuple(problems))

    def _newest(self, problems: list[str]) -> tuple[Path | None, dict[str, object]]:
        for path in (self._path, *self._copies()):
            try:
                return path, read_saved(path)
            except FileNotFoundError:
                continue
            except (OSError, Damaged) as exc:
                problems.append(f"{exc}; an older file is looked for")
        return None, {}

    def _put_back(self, field: Field, value: object) -> str | None:
        """Store a value in a field as loading a database does. Returns why not."""
        record = field.record
        try:
            if isinstance(value, list):
                value = tuple(value)
            converted = record.convert(field, value)
            if field.spec.link is not None:
                link = parse_link(str(converted))
                self._database.links.make(record, field.name, field.spec.link, link)
                return None
        except (ConversionError, LinkTextError) as exc:
            return str(exc)
        reason = record.check_put(field, converted)
        if reason is None:
            record.v[field.name] = converted
            if field.spec.dynamic:
                record.after_put(field)
            if field.name == "VAL":
                record.v["UDF"] = 0
        return reason

    # --- saving
    def snapshot(self) -> Snapshot:
        """Present values."""
        return Snapshot(tuple((name, _plain(field)) for name, field in self._fields.items()))

    @property
    def changed(self) -> bool:
        """True when a value differs from what was saved last, or nothing was saved yet."""
        return self.snapshot() != self._saved

    def save(self) -> None:
        """Save the present values, and keep the previous file.

        Raises:
            OSError: the file could not be written; the previous one is as it was.
        """
        self.write(self.snapshot())

    def write(self, snapshot: Snapshot) -> None:
        """Write values to disk (which takes a while): may be called on any thread, one at a time.

        Raises:
            OSError: as ``save``.
        """
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(snapshot.text())
                file.flush()
                os.fsync(file.fileno())
            self._keep_previous()
            Path(temporary).replace(self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(folder)
        self._saved = snapshot

    def _keep_previous(self) -> None:
        """Shift the previous files by one; the present one keeps its name until the new one takes it."""
        copies = self._copies()
        for older, newer in itertools.pairwise(reversed(copies)):
            if newer.exists():
                newer.replace(older)
        if copies and self._path.exists():
            copies[0].unlink(missing_ok=True)
            os.link(self._path, copies[0])

    async def keep(self, period: float) -> None:
        """Save whatever has changed, every ``period`` seconds, until cancelled; then once more.

        Runs on the loop that owns the database; the disk is waited for on another thread.
        """
        writing: asyncio.Future[None] | None = None
        try:
            while True:
                await asyncio.sleep(period)
                snapshot = self.snapshot()
                if snapshot != self._saved:
                    writing = asyncio.ensure_future(asyncio.to_thread(self._try_to_write, snapshot))
                    await asyncio.shield(writing)
        finally:
            if writing is not None:
                await writing
            if self.changed:
                self._try_to_write(self.snapshot())

    def _try_to_write(self, snapshot: Snapshot) -> None:
        try:
            self.write(snapshot)
        except OSError as exc:
            log.error("%s could not be saved: %s", self._path, exc)


def _plain(field: Field) -> object:
    """A value as JSON can hold it; a state by its label where that leads back to it."""
    value: Value = field.value
    if isinstance(value, tuple):
        return list(value)
    labels = field.menu
    if labels is not None and isinstance(value, int) and value < len(labels):
        label = labels[value]
        if label and labels.index(label) == value:
            return label
    return value


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
