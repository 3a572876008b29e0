"""Which exposures have begun and are not yet safe: what a process that was killed leaves to the next.

One small file for each, in a folder of its own below the spool. It goes when the exposure's data are with the
data server or in the spool, or when somebody was told that there are none. Before that there is a note in
shared memory, beside the frame ring, from the moment at which the exposure is asked for: writing it waits for
no disk, and it outlives the process, though not the machine.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from nifsdc.data import disk
from nifsdc.data.ring_memory import ring_places

FOLDER = "begun"
SUFFIX = ".json"

LOG = logging.getLogger("nifsdc.recover")


@dataclass(frozen=True)
class Begun:
    """An exposure that has begun."""

    exposure_id: str
    label: str
    """its data label; empty for a running number"""
    command: str
    """that asked for it"""
    started: str
    """UTC, ISO 8601"""


class Ledger:
    """The exposures that have begun; to be used from any thread.

    Nothing is refused for its sake: an exposure that cannot be noted is taken all the same, with a warning.

    Parameters
    ----------
    spool
        folder of the spool
    ring
        name of the frame ring; without one there are no notes
    """

    def __init__(self, spool: Path, ring: str = "") -> None:
        self._folder = spool.expanduser() / FOLDER
        self._notes = ring_places(ring)[0].with_suffix(".begun") if ring else None

    def ask(self, exposure: Begun) -> None:
        """Note that an exposure was asked for; never waits for a disk."""
        note = self._note(exposure.exposure_id)
        if note is None:
            return
        try:
            note.write_text(json.dumps(asdict(exposure)), encoding="utf-8")
        except OSError as error:
            LOG.warning("exposure %s cannot be noted: %s", exposure.exposure_id, error)

    def begin(self, exposure: Begun) -> None:
        """Note that an exposure has begun; it is on disk once this returns."""
        try:
            disk.make_folder(self._folder)
            disk.replace_synced(self._path(exposure.exposure_id), json.dumps(asdict(exposure)).encode())
        except OSError as error:
            LOG.warning("exposure %s cannot be noted: %s", exposure.exposure_id, error)

    def end(self, exposure_id: str) -> None:
        """Forget an exposure, if it was noted."""
        for path in (self._note(exposure_id), self._path(exposure_id)):
            try:
                if path is not None:
                    path.unlink(missing_ok=True)
            except OSError as error:
                LOG.warning("exposure %s cannot be forgotten: %s", exposure_id, error)

    def left(self) -> tuple[Begun, ...]:
        """Return the exposures that were asked for or have begun, oldest first."""
        found = {}
        notes = self._notes.parent.glob(f"{self._notes.name}-*{SUFFIX}") if self._notes is not None else ()
        for path in (*notes, *self._folder.glob(f"*{SUFFIX}")):
            try:
                begun = Begun(**json.loads(path.read_bytes()))
                found[begun.exposure_id] = begun
            except FileNotFoundError:  # forgotten meanwhile
                continue
            except (OSError, ValueError, TypeError) as error:
                LOG.warning("%s is not to be understood: %s", path, error)
        return tuple(sorted(found.values(), key=lambda each: each.started))

    def _note(self, exposure_id: str) -> Path | None:
        if self._notes is None:
            return None
        return self._notes.with_name(f"{self._notes.name}-{exposure_id}{SUFFIX}")

    def _path(self, exposure_id: str) -> Path:
        return self._folder / f"{exposure_id}{SUFFIX}"
