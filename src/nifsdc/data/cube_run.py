"""A run of frames on the IOC's side: on local disk at once, on the data server as soon as it can be.

Whoever takes frames adds them to a file of frames in the spool and never waits for the network. A thread
reads the file as it grows, sends what the server has not, and gives the disk back what the server has
acknowledged. The file is the queue: a server that is away for hours is caught up with, and frames of a
process that was killed are found there by the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from nifsdc.data.cube_layout import CubeFrame, CubeLayout
from nifsdc.data.cube_names import RunNames
from nifsdc.data.cube_sender import RunServer, Sender
from nifsdc.data.cube_spool import SpooledRun
from nifsdc.data.delivery import Stored
from nifsdc.data.errors import DataError, NotDelivered, SpoolError
from nifsdc.data.frame import Card

LOG = logging.getLogger("nifsdc.cube")

AGAIN_SECONDS = 0.5
"""before a server that failed is asked again"""
LOOK_SECONDS = 0.01
"""between two looks for frames to be sent"""
END_SECONDS = 5.0
"""for the thread to end that was told to"""


class CubeRun:
    """A run of frames that is being taken. `add` and `finish` are for one thread.

    Parameters
    ----------
    spool
        folder of the spool
    server
        where its file will be; a connection of its own is best, as large frames of others would delay it
    names, layout, cards
        what it is called, the windows of its frames, and what its header says

    Raises
    ------
    SpoolError
        when the spool does not take it
    """

    def __init__(
        self,
        spool: Path,
        server: RunServer,
        names: RunNames,
        layout: CubeLayout,
        cards: Sequence[Card] = (),
    ) -> None:
        self._run, self._file = SpooledRun.begin(spool, names, layout, cards)
        self._sender = Sender(self._run, server)
        self._ended = threading.Event()
        self._giving_up = threading.Event()
        self._result: Stored | None = None
        self._problem = ""
        self._thread = threading.Thread(target=self._send, name="CubeRun", daemon=True)
        self._thread.start()

    @property
    def frames(self) -> int:
        """Frames that were added."""
        return self._file.frames

    @property
    def stored(self) -> int:
        """Frames that are on the data server's disk: what may be announced."""
        return self._sender.stored

    @property
    def path(self) -> str:
        """Of the growing file, as the server sees it; empty until it was reached."""
        return self._sender.path

    @property
    def problem(self) -> str:
        """Why frames do not reach the server; empty while they do."""
        return self._problem

    def add(self, frame: CubeFrame) -> None:
        """Add a frame; from then on it outlives this process. It does not wait for the server.

        Raises
        ------
        SpoolError
            when the spool does not take it: the frame is lost, those before are not
        FrameError
            when it does not fit the layout
        """
        try:
            self._file.append(frame)
            self._file.commit()
        except OSError as error:
            raise SpoolError(f"{self._file.path}: frame {frame.number}: {error}: make space there") from error

    def finish(self, cards: Sequence[Card], deadline_s: float) -> Stored:
        """End the run, and wait until its file is complete on the server's disk.

        Parameters
        ----------
        cards
            more of its header, that are known only now
        deadline_s
            seconds of real time to wait

        Raises
        ------
        NotDelivered
            when it is not there by then: it waits in the spool, and `deliver` (in `cube_sender`) sends it
        """
        try:
            self._run.end(cards)
        except OSError as error:
            LOG.error("%s: the last cards cannot be noted: %s", self._run.note, error)
            self._run.last_cards = tuple(cards)
        self._ended.set()
        self._thread.join(deadline_s)
        self.close()
        if self._result is None:
            reason = self._problem or f"it was not sent within {deadline_s:g} s"
            raise NotDelivered(
                f"run {self._run.names.exposure_id}: {self.stored} of {self._file.frames} frames are on the "
                f"server's disk, all in {self._run.path}: {reason}",
                spooled=True,
            )
        return self._result

    def close(self) -> None:
        """End the thread; what was not sent stays in the spool."""
        self._giving_up.set()
        self._thread.join(END_SECONDS)
        self._file.close()
        if not self._thread.is_alive():
            self._sender.close()

    def _send(self) -> None:
        while not self._giving_up.is_set():
            ended = self._ended.is_set()  # asked first: no frame comes after it
            try:
                if self._sender.send():
                    continue
                if ended:
                    self._result = self._sender.close_run()
                    return
                self._problem = ""
                self._giving_up.wait(LOOK_SECONDS)
            except (DataError, OSError) as error:
                if str(error) != self._problem:
                    LOG.warning("run %s: %s", self._run.names.exposure_id, error)
                self._problem = str(error)
                self._giving_up.wait(AGAIN_SECONDS)
