"""Runs that are still in the spool: of a process that was killed, or of a time when no server was there."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from nifsdc.data.cube_file import CubeBusy
from nifsdc.data.cube_sender import RunServer, deliver
from nifsdc.data.cube_spool import spooled
from nifsdc.data.errors import DataError
from nifsdc.tasks.messages import Reporter, Stored

LOOK_SECONDS = 5.0
"""real seconds between two looks into the spool"""
DELIVER_SECONDS = 3600.0
"""real seconds for one run, which may be long"""
END_SECONDS = 5.0

_log = logging.getLogger("nifsdc.data")


class LeftoverRuns:
    """Has the data server store them, in a thread of its own.

    Parameters
    ----------
    spool
        folder of the spool
    server
        the data server
    report
        where `Stored` goes
    """

    def __init__(self, spool: Path, server: RunServer, report: Reporter) -> None:
        self._spool = spool
        self._server = server
        self._report = report
        self._ended = threading.Event()
        self._taken: set[str] = set()
        self._told: set[str] = set()
        """problems that the log has already"""
        self._thread = threading.Thread(target=self._run, name="LeftoverRuns", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Ask the thread to end, and wait a moment for it; what is not stored stays in the spool."""
        self._ended.set()
        self._thread.join(END_SECONDS)

    def leave(self, exposure_id: str) -> None:
        """Let a run alone that is about to be taken."""
        self._taken.add(exposure_id)

    def look_after(self, exposure_id: str) -> None:
        """See to a run that was taken, if it is still there."""
        self._taken.discard(exposure_id)

    def _run(self) -> None:
        while True:
            for run in spooled(self._spool):
                if self._ended.is_set():
                    return
                if run.names.exposure_id in self._taken:
                    continue
                try:
                    stored = deliver(run, self._server, DELIVER_SECONDS)
                except CubeBusy:
                    pass  # by another process
                except (DataError, OSError) as error:
                    if str(error) not in self._told:
                        self._told.add(str(error))
                        _log.warning("run %s waits in the spool: %s", run.names.exposure_id, error)
                else:
                    _log.info("run %s stored from the spool as %s", run.names.exposure_id, stored.path)
                    self._report(Stored(run.names.exposure_id, stored.path))
            if self._ended.wait(LOOK_SECONDS):
                return
