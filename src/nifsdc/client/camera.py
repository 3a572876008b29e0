"""A camera behind a detector controller: set-points, observations, stop and abort, and how it is.

Follows what the observatory's own client does (icd/nifs_clients.md): write the set-points, START the top
apply record, read the client id, then watch the CARs until they have gone BUSY and back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import TracebackType
from typing import Any

from nifsdc.client.channels import Channels
from nifsdc.client.errors import CameraError, CommandFailed, CommandRefused, TookTooLong
from nifsdc.client.observation import Observation, Outcome, Progress, Status

CONNECT_SECONDS = 10.0
CONFIGURE_SECONDS = 400.0
"""what the observatory's client grants a configuration (icd/nifs_clients.md)"""
OBSERVE_MARGIN_SECONDS = 120.0
"""what it grants an observation beyond its own time"""
LOOK_SECONDS = 0.25
TOP_VARIABLE = "NIFSDC_TOP"
"""environment variable with the prefix of the records that are meant where nothing else says so"""

CAR_IDLE, CAR_PAUSED, CAR_BUSY, CAR_ERROR = range(4)
DIR_MARK, DIR_CLEAR, DIR_PRESET, DIR_START, DIR_STOP = range(5)
STARTED = 2
"""MARK of a command record that was started"""
YES = 0
"""what a flag of the status records shows for yes"""
RUN_PATH, SCRATCH_PATH = "sad:dc:lastPath", "sad:dc:scratchPath"
"""channels that show the path of the file written last: a run, or a scratch file"""
_STAGES = {"prep": "preparing", "rdout": "reading out", "acq": "integrating"}
"""what the status records of progress mean while they show `YES`"""
_PROGRESS = tuple(f"sad:dc:{name}" for name in (*_STAGES, "timeLeft", "nreadsDone", "nreads", "ncoaddsDone"))


def usual_top(otherwise: str = "nifs:") -> str:
    """Return the prefix that is meant where none is given: what `TOP_VARIABLE` holds, if it is set."""
    return os.environ.get(TOP_VARIABLE) or otherwise


class Camera:
    """One detector controller, as a client sees it; to be used by one thread, and a context manager.

    What can fail raises a `CameraError`: `NotConnected` from any method whose channel does not answer,
    `CommandRefused` before anything was done, `CommandFailed` and `TookTooLong` after.

    Parameters
    ----------
    top
        prefix of the records, ``nifs:`` at the telescope
    timeout
        seconds to wait until a channel is connected
    """

    def __init__(self, top: str = "nifs:", timeout: float = CONNECT_SECONDS) -> None:
        self._channels = Channels(top, timeout)
        self.top = top
        try:
            self._channels.connect(*(f"dc:{name}" for name in ("nifsApply.DIR", "nifsApply.VAL")))
            self._channels.connect("dc:applyC.VAL", "dc:observeC.VAL")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Camera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the channels back."""
        self._channels.close()

    # --- looking ------------------------------------------------------------------------------------------

    def get(self, name: str, *, text: bool = False) -> Any:
        """Return the value of any channel below the prefix, e.g. ``get("sad:dc:detTemp")``."""
        return self._channels.get(name, text=text)

    def last_file(self, channel: str = RUN_PATH) -> str:
        """Return the path of the file that was written last, as the data server sees it; empty for none."""
        return str(self.get(channel, text=True))

    def status(self) -> Status:
        """Return how the camera is now."""

        def text(name: str) -> str:
            return str(self.get(f"sad:dc:{name}", text=True))

        health = text("health")
        return Status(
            state=text("state"),
            observation=text("obsSnlState"),
            electronics=text("sdsuSnlState"),
            health=health,
            reason="" if health == "GOOD" else text("health.OMSS"),
            data_server=self.get("sad:dc:dhsConnected") == YES,
            spooled=int(self.get("sad:dc:framesSpooled")),
            seconds_left=float(self.get("sad:dc:timeLeft")),
            last_path=self.last_file(),
        )

    # --- commands -----------------------------------------------------------------------------------------

    def configure(self, **setpoints: object) -> None:
        """Write set-points and have them applied: ``configure(obs_exposed=30, obs_readMode="FOWLER")``.

        Parameters
        ----------
        setpoints
            values by the names of their records below ``dc:``; choices by their labels. Where one is not
            taken, none is applied

        Raises
        ------
        CommandRefused, CommandFailed, TookTooLong
        """
        if not setpoints:
            return
        try:
            for name, value in setpoints.items():
                self._channels.settle(f"dc:{name}", value)
        except CameraError:
            self._clear()
            raise
        self._start_and_wait("applyC", CONFIGURE_SECONDS)

    def command(self, name: str, arguments: Mapping[str, object] | None = None, *, car: str = "") -> None:
        """Mark one command, start it, and wait until its response has gone BUSY and IDLE.

        Parameters
        ----------
        name
            the command record, e.g. ``init``
        arguments
            its inputs by letter
        car
            the record that answers; by default the one of its name, e.g. ``initC``

        Raises
        ------
        CommandRefused, CommandFailed, TookTooLong
        """
        for letter, value in (arguments or {}).items():
            self._channels.put(f"dc:{name}.{letter}", str(value))
        self._mark(name)
        self._start_and_wait(car or f"{name}C", CONFIGURE_SECONDS)

    def observe(
        self,
        label: str = "",
        *,
        progress: Callable[[Progress], None] = lambda look: None,
        timeout: float | None = None,
        command: str = "observe",
    ) -> Observation:
        """Take an observation with the parameters as they are and wait until its files are on disk.

        An exception that ``progress`` raises, and Ctrl-C, leave the observation to itself: it goes on.

        Parameters
        ----------
        label
            data label, empty for a running number; with ``glance`` the name of the scratch file
        progress
            called about four times a second; it may call `stop` and `abort`
        timeout
            seconds for the whole observation; by default its own time and two minutes
        command
            ``observe``, or what answers by the same CAR: ``glance``

        Raises
        ------
        CommandRefused, CommandFailed, TookTooLong
        """
        path = SCRATCH_PATH if command == "glance" else RUN_PATH
        # All that will be looked at, before anything begins: later, a slow channel would end the wait.
        self._channels.connect("dc:stop.MARK", "dc:abort.MARK", "dc:observeC.OMSS", path, *_PROGRESS)
        before = self.last_file(path)
        self._channels.put(f"dc:{command}.A", label)
        self._channels.forget_events()
        self.start()
        paths: list[str] = []

        def stored(name: str) -> None:
            if name and name not in (before, *paths):
                paths.append(name)

        outcome = self._follow(path, stored, progress, timeout)
        # An abort can come when the data are here already: then they are kept, and told.
        stored(self.last_file(path))
        kept = bool(paths) or outcome is Outcome.ABORTED
        return Observation(
            outcome=outcome,
            label=label or (PurePath(paths[0]).stem if paths else ""),
            paths=tuple(paths),
            reads=int(self.get("sad:dc:nreadsDone")),
            coadds=int(self.get("sad:dc:ncoaddsDone")),
            message=outcome.value if kept else f"{outcome.value}; nothing saved",
        )

    def stop(self) -> None:
        """End the observation early and keep its data; `observe` then returns, here or in another client."""
        self._mark("stop")
        self.start()

    def abort(self) -> None:
        """Give the observation up and discard its data."""
        self._mark("abort")
        self.start()

    def start(self) -> int:
        """START whatever is marked and return the client id.

        Raises
        ------
        CommandRefused
            with the reason of the record that rejected; the refused inputs are forgotten (CLEAR)
        """
        self._channels.put("dc:nifsApply.DIR", DIR_START)
        client_id = int(self.get("dc:nifsApply.VAL"))
        if client_id <= 0:
            reason = str(self.get("dc:nifsApply.MESS", text=True))
            self._clear()
            raise CommandRefused(reason)
        return client_id

    def _mark(self, command: str) -> None:
        self._channels.put(f"dc:{command}.DIR", DIR_MARK)

    def _clear(self) -> None:
        self._channels.put("dc:nifsApply.DIR", DIR_CLEAR)

    # --- waiting ------------------------------------------------------------------------------------------

    def _start_and_wait(self, car: str, seconds: float) -> None:
        response = _Response(car)
        self._channels.connect(response.channel)
        self._channels.forget_events()
        client_id = self.start()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if response.ended(self._channels.next_event(LOOK_SECONDS), self.get):
                return
        raise TookTooLong(f"command {client_id} was not answered by {car} in {seconds:g} s")

    def _follow(
        self,
        path: str,
        stored: Callable[[str], None],
        progress: Callable[[Progress], None],
        timeout: float | None,
    ) -> Outcome:
        """Watch an observation until its response has come."""
        deadline = None if timeout is None else time.monotonic() + timeout
        ending = Outcome.DONE
        response = _Response("observeC")
        while True:
            event = self._channels.next_event(LOOK_SECONDS)
            match event:
                case (name, value) if name == path:
                    stored(_path(value))
                case ("dc:stop.MARK", mark) if mark == STARTED:
                    ending = Outcome.STOPPED
                case ("dc:abort.MARK", mark) if mark == STARTED:
                    ending = Outcome.ABORTED
            if response.ended(event, self.get):
                return ending
            look = self._look()
            progress(look)
            if timeout is None and (look.seconds_left > 0 or deadline is None):
                # The time left is only known once the exposure has begun, and a stop shortens it.
                deadline = time.monotonic() + look.seconds_left + OBSERVE_MARGIN_SECONDS
            if deadline is not None and time.monotonic() > deadline:
                raise TookTooLong(
                    "the observation did not end in time; see dc:observeC and sad:dc:obsSnlState"
                )

    def _look(self) -> Progress:
        return Progress(
            stage=next((text for name, text in _STAGES.items() if self._number(name) == YES), "saving"),
            seconds_left=float(self._number("timeLeft")),
            reads_done=int(self._number("nreadsDone")),
            reads=int(self._number("nreads")),
            coadds_done=int(self._number("ncoaddsDone")),
        )

    def _number(self, name: str) -> Any:
        return self.get(f"sad:dc:{name}")


class _Response:
    """Tells from its events when a response record has gone BUSY and back."""

    def __init__(self, car: str) -> None:
        self._car = car
        self.channel = f"dc:{car}.VAL"
        self._was_busy = False

    def ended(self, event: tuple[str, Any] | None, get: Callable[..., Any]) -> bool:
        """Take an event in; raise `CommandFailed` with the record's reason when it ended in ERROR."""
        if event is None or event[0] != self.channel:
            return False
        if event[1] == CAR_BUSY:
            self._was_busy = True
        if event[1] == CAR_ERROR and self._was_busy:
            raise CommandFailed(str(get(f"dc:{self._car}.OMSS", text=True)), self._car)
        return bool(event[1] == CAR_IDLE and self._was_busy)


def _path(value: Any) -> str:
    """Return the text of a channel of characters."""
    return bytes(bytearray(value)).partition(b"\0")[0].decode("utf-8", "replace")
