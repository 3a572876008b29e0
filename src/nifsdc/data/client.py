"""The IOC's side of the data server: a connection that keeps itself up."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.data.beside import Unclaimed
from nifsdc.data.cube_layout import CubeLayout
from nifsdc.data.cube_names import RunNames, RunState
from nifsdc.data.delivery import Stored
from nifsdc.data.errors import StoreFailed, WireError
from nifsdc.data.frame import Card, Frame, FrameKind
from nifsdc.data.packing import Packing
from nifsdc.data.transport import Connection
from nifsdc.data.wire import Message

LOG = logging.getLogger("nifsdc.dataclient")

HEARTBEAT_SECONDS = 1.0
ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 2.0
FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 5.0


@dataclass(frozen=True)
class Preflight:
    """Whether the data server could store a frame now."""

    ok: bool
    problem: str
    """what is wrong and what to do; empty when nothing is"""
    free_bytes: int = 0
    spare_bytes: int = 0
    """of these, before the server's floor is reached"""
    answered: bool = True
    """whether the server has said so, rather than not answered at all"""


class DataClient:
    """A connection to the data server, made and kept in the background by a thread of its own.

    Parameters
    ----------
    host, port
        of the data server
    name
        who is calling, for the server's log
    packing
        how the server is to pack images, without loss
    """

    def __init__(
        self, host: str, port: int, *, name: str = "nifsdc", packing: Packing = Packing.NONE
    ) -> None:
        self.host = host
        self.port = port
        self._name = name
        self._packing = packing
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._problem = f"data server {host}:{port}: not tried yet"
        self._number = 0
        self._ending = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="DataClient", daemon=True)

    def start(self) -> DataClient:
        """Begin to connect; returns at once."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End the connection and the thread; a `store` under way fails."""
        self._ending.set()
        self._hurry.set()
        connection = self._connection
        if connection is not None:
            connection.shut()
        if self._thread.is_alive():
            self._thread.join(CONNECT_SECONDS + ANSWER_SECONDS)
        with self._lock:
            self._drop("closed")

    def __enter__(self) -> DataClient:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """Whether the server answered the last time it was asked."""
        return self._connection is not None

    @property
    def problem(self) -> str:
        """Why not, in a sentence; empty while connected."""
        return "" if self.connected else self._problem

    def wait_connected(self, seconds: float) -> bool:
        """Wait until the server is connected, at most this long."""
        deadline = time.monotonic() + seconds
        self._hurry.set()
        while not self.connected and time.monotonic() < deadline and not self._ending.is_set():
            time.sleep(0.005)
        return self.connected

    def preflight(self, nbytes: int = 0, *, label: str = "", night: str = "") -> Preflight:
        """Ask whether a frame of this size could be stored under this label; never raises.

        Parameters
        ----------
        nbytes
            expected size of the file
        label, night
            as in the frame's header
        """
        try:
            fields = self._ask(
                Message({"type": "preflight", "nbytes": nbytes, "label": label, "night": night}),
                ANSWER_SECONDS,
            )
        except StoreFailed as error:
            return Preflight(False, str(error), answered=error.refused)
        free = int(fields["free_bytes"])
        spare = int(fields.get("spare_bytes", free))
        return Preflight(bool(fields["ok"]), str(fields["problem"]), free, spare)

    def store(self, frame: Frame, deadline_s: float) -> Stored:
        """Have a frame stored; it is on disk, complete and read back, once this returns.

        Parameters
        ----------
        frame
            to be stored
        deadline_s
            seconds of real time for all of it

        Raises
        ------
        StoreFailed
            when the server is not there, says no, or has not answered in time; sending again is harmless
        """
        return _stored(self._ask(self._about("store", frame), deadline_s))

    def promote(self, name: str, deadline_s: float) -> Stored:
        """Have a scratch file made a run with the next running number; asking again is harmless.

        Parameters
        ----------
        name
            of the scratch file; empty for the latest glance
        deadline_s
            seconds of real time for all of it

        Raises
        ------
        StoreFailed
            when the server is not there, says no, or has not answered in time
        """
        answer = self._ask(Message({"type": "promote", "name": name}), deadline_s)
        return _stored(answer)

    def open_run(
        self, run: RunNames, layout: CubeLayout, cards: Sequence[Card], deadline_s: float
    ) -> RunState:
        """Begin a run of frames, or find the one that was begun; asking again is harmless.

        Parameters
        ----------
        run
            what it is called
        layout
            windows of its frames
        cards
            of its file
        deadline_s
            seconds of real time for all of it

        Raises
        ------
        StoreFailed
            when the server is not there, says no, or has not answered in time
        """
        windows = [[each.rows, each.columns, each.ccd, each.detsec] for each in layout.windows]
        fields = {
            "type": "run-open",
            **asdict(run),
            "windows": windows,
            "cards": [card.as_list() for card in cards],
        }
        answer = self._ask(Message(fields), deadline_s)
        return RunState(str(answer["path"]), int(answer["frames"]), bool(answer["complete"]))

    def append_run(
        self, run: RunNames, first: int, rows: NDArray[np.uint8], count: int, deadline_s: float
    ) -> int:
        """Send frames of a run, and return how many are on the server's disk; sending again is harmless.

        Parameters
        ----------
        run
            which was opened
        first
            how many frames stand before them
        rows
            bytes of the rows
        count
            how many they are
        deadline_s
            as of `open_run`, and so are the errors
        """
        frame = Frame.build(run.exposure_id, FrameKind.FRAMES, {"rows": rows}, night=run.night, number=first)
        return int(self._ask(Message({"type": "run-frames", "count": count}, frame), deadline_s)["frames"])

    def close_run(self, run: RunNames, frames: int, cards: Sequence[Card], deadline_s: float) -> Stored:
        """End a run that has so many frames; asking again is harmless.

        Parameters and errors as of `open_run`.
        """
        fields = {
            "exposure_id": run.exposure_id,
            "frames": frames,
            "cards": [card.as_list() for card in cards],
        }
        return _stored(self._ask(Message({"type": "run-close", **fields}), deadline_s))

    def trial(self, frame: Frame, deadline_s: float) -> None:
        """Have a frame written, read back and removed again; arguments and errors as of `store`."""
        self._ask(self._about("trial", frame), deadline_s)

    def _about(self, what: str, frame: Frame) -> Message:
        return Message({"type": what, "packing": self._packing.value}, frame)

    def unclaimed(self, deadline_s: float) -> list[Unclaimed]:
        """Return the exposures of which the server has reads or coadds and no image; raises StoreFailed."""
        answer = self._ask(Message({"type": "unclaimed"}), deadline_s)
        return [Unclaimed(str(name), str(folder), int(files)) for name, folder, files in answer["exposures"]]

    def discard(self, exposure_id: str, deadline_s: float) -> int:
        """Have reads and coadds of an exposure that was given up removed; asking again is harmless.

        Returns how many files there were.

        Raises
        ------
        StoreFailed
            when the server is not there, says no, or has not answered in time
        """
        answer = self._ask(Message({"type": "discard", "exposure_id": exposure_id}), deadline_s)
        return int(answer["files"])

    def _ask(self, message: Message, seconds: float) -> Mapping[str, Any]:
        """Send a message and return the fields of its answer; raises StoreFailed."""
        deadline = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            raise StoreFailed(
                f"data server {self.host}:{self.port} was busy with another frame for {seconds} s"
            )
        try:
            if self._connection is None:
                self._connect()
            if self._connection is None:
                raise StoreFailed(f"{self._problem}: start the data server there")
            return self._exchange(self._connection, message, deadline)
        finally:
            self._lock.release()

    def _exchange(self, connection: Connection, message: Message, deadline: float) -> Mapping[str, Any]:
        self._number += 1
        asked = str(message.fields["type"])
        try:
            connection.send(Message({**message.fields, "number": self._number}, message.frame), deadline)
            answer = connection.receive(deadline).fields
        except (OSError, WireError) as error:
            self._drop(f"data server {self.host}:{self.port}: {asked}: {error or type(error).__name__}")
            raise StoreFailed(f"{self._problem}; it will be asked again") from error
        if answer["type"] == "refused" and answer.get("number") is None:
            self._drop(f"data server {self.host}:{self.port}: {asked}: {answer['reason']}")
            raise StoreFailed(f"{self._problem}; it will be sent again")
        if answer.get("number") != self._number:
            self._drop(f"data server {self.host}:{self.port} answered something that was not asked")
            raise StoreFailed(self._problem)
        if answer["type"] == "refused":
            reason = str(answer["reason"])
            raise StoreFailed(f"data server {self.host}:{self.port}: {reason}", refused=True, short=reason)
        return answer

    # --- the thread that keeps it up --------------------------------------------------------------------

    def _keep_up(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while not self._ending.is_set():
            with self._lock:
                if self._connection is None and not self._ending.is_set():
                    self._connect()
                up = self._connection is not None
            if up:
                backoff = FIRST_BACKOFF_SECONDS
                self._ending.wait(HEARTBEAT_SECONDS)
                self._beat()
            else:
                self._hurry.wait(backoff)
                self._hurry.clear()
                backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)

    def _beat(self) -> None:
        if self._ending.is_set() or not self._lock.acquire(blocking=False):
            return  # a frame is on its way: that is a sign of life, or fails by itself
        try:
            if self._connection is not None:
                self._exchange(self._connection, Message({"type": "ping"}), time.monotonic() + ANSWER_SECONDS)
        except StoreFailed as error:
            LOG.warning("%s", error)
        finally:
            self._lock.release()

    def _connect(self) -> None:
        try:
            connection = Connection(socket.create_connection((self.host, self.port), timeout=CONNECT_SECONDS))
        except OSError as error:
            self._drop(f"data server {self.host}:{self.port} cannot be reached: {error}")
            return
        try:
            hello = Message({"type": "hello", "name": self._name})
            self._exchange(connection, hello, time.monotonic() + CONNECT_SECONDS)
        except StoreFailed as error:
            connection.close()
            self._problem = str(error)
            return
        LOG.info("data server %s:%d connected", self.host, self.port)
        self._connection = connection

    def _drop(self, problem: str) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            LOG.warning("%s", problem)
        self._problem = problem


def _stored(answer: Mapping[str, Any]) -> Stored:
    return Stored(
        str(answer["path"]), int(answer["nbytes"]), str(answer["checksum"]), bool(answer["duplicate"])
    )
