"""Which exposures have begun and are not yet safe: what a process that was killed leaves to the next.

One small file for each, in a folder of its own below the spool. It goes when the exposure's data are with the
data server or in the spool, or when somebody was told that there are none.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from nifsdc.data import disk

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
    """

    def __init__(self, spool: Path) -> None:
        self._folder = spool.expanduser() / FOLDER

    def begin(self, exposure: Begun) -> None:
        """Note that an exposure has begun; it is on disk once this returns."""
        try:
            disk.make_folder(self._folder)
            disk.replace_synced(self._path(exposure.exposure_id), json.dumps(asdict(exposure)).encode())
        except OSError as error:
            LOG.warning("exposure %s cannot be noted: %s", exposure.exposure_id, error)

    def end(self, exposure_id: str) -> None:
        """Forget an exposure, if it was noted."""
        try:
            self._path(exposure_id).unlink(missing_ok=True)
        except OSError as error:
            LOG.warning("exposure %s cannot be forgotten: %s", exposure_id, error)

    def left(self) -> tuple[Begun, ...]:
        """Return the exposures that have begun, oldest first."""
        found = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            try:
                found.append(Begun(**json.loads(path.read_bytes())))
            except FileNotFoundError:  # forgotten meanwhile
                continue
            except (OSError, ValueError, TypeError) as error:
                LOG.warning("%s is not to be understood: %s", path, error)
        return tuple(sorted(found, key=lambda each: each.started))

    def _path(self, exposure_id: str) -> Path:
        return self._folder / f"{exposure_id}{SUFFIX}"
