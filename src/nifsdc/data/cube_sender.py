"""The way of a run's frames from the spool to the data server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nifsdc.data import disk
from nifsdc.data.cube_file import CubeError, CubeFile
from nifsdc.data.cube_layout import CubeLayout
from nifsdc.data.cube_names import RunNames, RunState
from nifsdc.data.cube_reader import CubeReader
from nifsdc.data.cube_spool import SpooledRun
from nifsdc.data.delivery import Stored
from nifsdc.data.errors import StoreFailed
from nifsdc.data.frame import Card
from nifsdc.data.header import card

BATCH_BYTES = 8 << 20
"""of frames that are sent at once"""
GIVE_BACK_BYTES = 64 << 20
"""of acknowledged frames after which their place on the disk is given back"""
SEND_SECONDS = 60.0
"""of real time for the server to answer"""


class RunServer(Protocol):
    """Where runs are stored: a `nifsdc.data.client.DataClient`."""

    def open_run(
        self, run: RunNames, layout: CubeLayout, cards: Sequence[Card], deadline_s: float
    ) -> RunState:
        """Begin a run or find it, or raise StoreFailed."""

    def append_run(
        self, run: RunNames, first: int, rows: NDArray[np.uint8], count: int, deadline_s: float
    ) -> int:
        """Store frames and return how many there are, or raise StoreFailed."""

    def close_run(self, run: RunNames, frames: int, cards: Sequence[Card], deadline_s: float) -> Stored:
        """End a run, or raise StoreFailed."""


class Sender:
    """Sends what the server has not of a run.

    Parameters
    ----------
    run
        in the spool; its file may be growing
    server
        that it goes to
    """

    def __init__(self, run: SpooledRun, server: RunServer) -> None:
        self._run = run
        self._server = server
        self._reader = CubeReader(run.path)
        self._most = max(1, BATCH_BYTES // self._reader.layout.row_bytes)
        self._given_back = 0
        self._opened = False
        self.path = ""
        """of the file, as the server sees it"""
        self.stored = 0
        """frames that are on the server's disk"""

    @property
    def waiting(self) -> int:
        """Frames that are not there yet."""
        return self._reader.frames - self.stored

    def send(self, deadline_s: float = SEND_SECONDS) -> bool:
        """Send one batch, if there are frames, and tell whether there were.

        Raises
        ------
        StoreFailed
            when the server has not acknowledged it: to be called again
        CubeError
            when frames are gone that the server has not
        """
        if not self._opened:
            state = self._server.open_run(self._run.names, self._reader.layout, self._run.cards, deadline_s)
            self.path, self.stored, self._opened = state.path, state.frames, True
        rows = self._reader.rows(self.stored, self._most)
        if not len(rows):
            return False
        if rows["FRAME"][0] == 0:
            raise CubeError(
                f"run {self._run.names.exposure_id}: the server has only {self.stored} of the frames that it "
                f"had acknowledged, and they are no longer here: look for {self.path} there"
            )
        try:
            self.stored = self._server.append_run(
                self._run.names, self.stored, rows.view(np.uint8), len(rows), deadline_s
            )
        except StoreFailed:
            self._opened = False  # it may have some of them: asked first
            raise
        self._give_back()
        return True

    def close_run(self, deadline_s: float = SEND_SECONDS) -> Stored:
        """End the run at the server, which has all of its frames, and forget it here; raises StoreFailed."""
        stored = self._server.close_run(self._run.names, self.stored, self._run.last_cards or (), deadline_s)
        self._run.forget()
        return stored

    def _give_back(self) -> None:
        start, end = self._reader.place_of(self._given_back), self._reader.place_of(self.stored)
        if end - start >= GIVE_BACK_BYTES:
            disk.give_back(self._run.path, start, end - start)
            self._given_back = self.stored

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()


def deliver(run: SpooledRun, server: RunServer, deadline_s: float) -> Stored:
    """Send what a run in the spool has that the server has not, and end it there.

    Parameters
    ----------
    run
        which nobody adds frames to any more
    server
        that it goes to
    deadline_s
        seconds of real time for all of it

    Raises
    ------
    StoreFailed
        when the server does not take it, or not in time: it stays in the spool
    CubeBusy
        when its frames are still being taken
    DataError
        when its file cannot be used
    """
    deadline = time.monotonic() + deadline_s
    with CubeFile(run.path, durable=False):  # mends it, and keeps others from it
        if run.last_cards is None:
            run.last_cards = (card("STOPPED", True),)
        sender = Sender(run, server)
        try:
            while sender.send(max(0.0, deadline - time.monotonic())):
                pass
            return sender.close_run(max(0.0, deadline - time.monotonic()))
        finally:
            sender.close()
