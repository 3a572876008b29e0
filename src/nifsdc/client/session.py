"""A session with a detector controller: set-points, commands through the apply record, their responses.

Follows what the observatory's own client does (icd/nifs_clients.md): write the set-points, START the top
apply record, read the client id, then watch the CARs until they have gone BUSY and back.
"""

from __future__ import annotations

import importlib
import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from nifsdc.client.repeater import ensure_repeater
from nifsdc.client.subscription import Subscription

CONNECT_SECONDS = 5.0
CONFIGURE_SECONDS = 400.0
"""what the observatory's client grants a configuration (icd/nifs_clients.md)"""
COMMAND_SECONDS = 60.0
"""what it grants any other command"""
OBSERVE_MARGIN_SECONDS = 120.0
"""what it grants an observation beyond its own time"""

CAR_IDLE, CAR_PAUSED, CAR_BUSY, CAR_ERROR = range(4)
PUT_DONE = 1
"""what pyepics returns of a put that was processed in time"""
RUN_PATH, SCRATCH_PATH = "sad:dc:lastPath", "sad:dc:scratchPath"
"""channels that show the path of the file written last: a run, or a scratch file"""
DIR_MARK, DIR_CLEAR, DIR_PRESET, DIR_START, DIR_STOP = range(5)


class NotConnected(RuntimeError):
    """A channel did not answer; the text names it and says what to check."""


class CommandRefused(RuntimeError):
    """The apply record rejected a command; the text is its MESS."""


class CommandFailed(RuntimeError):
    """A command was taken and failed; the text is the CAR's OMSS."""


class Outcome(Enum):
    """How an observation ended."""

    DONE = "done"
    STOPPED = "stopped"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Progress:
    """One look at a running observation."""

    stage: str
    """preparing, integrating, reading out or saving"""
    seconds_left: float
    """detector seconds"""
    reads_done: int
    reads: int
    coadds_done: int


class DcSession:
    """Channels of one detector controller.

    Parameters
    ----------
    top
        prefix of the records, ``nifs:`` at the telescope
    timeout
        seconds to wait for a channel to answer

    Raises
    ------
    NotConnected
        from any method whose channel does not answer in time
    """

    def __init__(self, top: str = "nifs:", timeout: float = CONNECT_SECONDS) -> None:
        self.top = top
        self._timeout = timeout
        self._channels: dict[str, Any] = {}
        self._subscriptions: dict[str, Subscription] = {}
        ensure_repeater()
        # Some builds of libca take their addresses when they are loaded: the environment must stand by now.
        self._epics = importlib.import_module("epics")
        self._events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        for name in ("dc:nifsApply.DIR", "dc:nifsApply.VAL", "dc:applyC.VAL", "dc:observeC.VAL"):
            self._channel(name)

    # --- channels -----------------------------------------------------------------------------------------

    def get(self, name: str, *, text: bool = False) -> Any:
        """Return a channel's value, e.g. ``get("sad:dc:timeLeft")``; ``text`` as a string."""
        channel = self._channel(name)
        value = channel.get(as_string=text, use_monitor=False, timeout=self._timeout)
        if value is None:
            raise NotConnected(f"{self.top}{name} did not answer a get in {self._timeout:g} s")
        return value

    def last_file(self, channel: str = RUN_PATH) -> str:
        """Return the path of the file that was written last, as the data server sees it; empty for none."""
        return str(self.get(channel, text=True))

    def put(self, name: str, value: object) -> None:
        """Write a channel and wait until the controller has processed it."""
        if self._channel(name).put(value, wait=True, timeout=self._timeout) != PUT_DONE:
            raise NotConnected(f"{self.top}{name} did not complete a put of {value!r} in {self._timeout:g} s")

    def _channel(self, name: str) -> Any:
        channel = self._channels.get(name)
        if channel is None:
            pv = self._epics.PV(self.top + name, auto_monitor=False, connection_timeout=self._timeout)
            channel = self._channels[name] = pv
        if not channel.wait_for_connection(self._timeout):
            raise NotConnected(
                f"{self.top}{name} does not answer; is the IOC up, is --top right, and do "
                "EPICS_CA_ADDR_LIST and EPICS_CA_SERVER_PORT point at it?"
            )
        if name not in self._subscriptions:
            self._subscriptions[name] = Subscription(
                self.top + name, lambda value, **event: self._events.put((name, value)), self._timeout
            )
        return channel

    def close(self) -> None:
        """Give the channels back."""
        for subscription in self._subscriptions.values():
            subscription.close()
        self._subscriptions.clear()
        for channel in self._channels.values():
            channel.disconnect()
        self._channels.clear()

    # --- commands -----------------------------------------------------------------------------------------

    def start(self) -> int:
        """START whatever is marked and return the client id.

        Raises
        ------
        CommandRefused
            with the reason of the record that rejected; the refused inputs are forgotten (CLEAR)
        """
        self.put("dc:nifsApply.DIR", DIR_START)
        client_id = int(self.get("dc:nifsApply.VAL"))
        if client_id <= 0:
            reason = str(self.get("dc:nifsApply.MESS", text=True))
            self.put("dc:nifsApply.DIR", DIR_CLEAR)
            raise CommandRefused(reason)
        return client_id

    def command(
        self, name: str, arguments: Mapping[str, object] | None = None, *, car: str = "applyC"
    ) -> None:
        """Mark one command, start it, and wait until its response has gone BUSY and IDLE.

        Parameters
        ----------
        name
            the command record, e.g. ``init``
        arguments
            its inputs by letter
        car
            the record that answers; ``rebootC`` and ``simulateC`` are not combined into ``applyC``

        Raises
        ------
        CommandRefused, CommandFailed, TimeoutError
        """
        for letter, value in (arguments or {}).items():
            self.put(f"dc:{name}.{letter}", str(value))
        self.put(f"dc:{name}.DIR", DIR_MARK)
        self._start_and_wait(f"dc:{car}", CONFIGURE_SECONDS)

    def configure(self, setpoints: Mapping[str, object]) -> None:
        """Write set-points (``obs_exposed`` ...) and have them applied.

        Raises
        ------
        CommandRefused, CommandFailed
        """
        for name, value in setpoints.items():
            self.put(f"dc:{name}", value)
            held = self.get(f"dc:{name}", text=isinstance(value, str))
            if held != value:
                raise CommandRefused(f"{name} did not take {value!r}: it is {held!r}")
        if setpoints:
            self._start_and_wait("dc:applyC", CONFIGURE_SECONDS)

    def observe(
        self,
        label: str = "",
        *,
        command: str = "observe",
        progress: Callable[[Progress], None] = lambda look: None,
        stored: Callable[[str], None] = lambda path: None,
        timeout: float | None = None,
    ) -> Outcome:
        """Take an observation with the parameters as they are and wait until its file is on disk.

        Parameters
        ----------
        label
            data label, empty for a running number; with ``glance`` the name of the scratch file
        command
            ``observe``, or what answers by the same CAR: ``glance``
        progress
            called about four times a second
        stored
            called with the path of each file as it is on disk; the one before the observation may be told too
        timeout
            seconds for the whole observation; by default its own time and two minutes

        Raises
        ------
        CommandRefused, CommandFailed, TimeoutError
        """
        path = SCRATCH_PATH if command == "glance" else RUN_PATH
        for name in ("dc:stop.MARK", "dc:abort.MARK", "dc:observeC.OMSS", path, *_PROGRESS):
            self._channel(name)
        self.put(f"dc:{command}.A", label)
        self._forget_events()
        self.start()
        deadline = None if timeout is None else time.monotonic() + timeout
        ended = Outcome.DONE
        was_busy = False
        while True:
            match self._next_event(0.25):
                case (name, value) if name == path:
                    stored(_path(value))
                case ("dc:stop.MARK", 2):
                    ended = Outcome.STOPPED
                case ("dc:abort.MARK", 2):
                    ended = Outcome.ABORTED
                case ("dc:observeC.VAL", state) if state == CAR_BUSY:
                    was_busy = True
                case ("dc:observeC.VAL", state) if state == CAR_ERROR and was_busy:
                    raise CommandFailed(str(self.get("dc:observeC.OMSS", text=True)))
                case ("dc:observeC.VAL", state) if state == CAR_IDLE and was_busy:
                    return ended
            look = self._look()
            progress(look)
            if timeout is None and (look.seconds_left > 0 or deadline is None):
                # The time left is only known once the exposure has begun, and a stop shortens it.
                deadline = time.monotonic() + look.seconds_left + OBSERVE_MARGIN_SECONDS
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(
                    "the observation did not end in time; see dc:observeC and sad:dc:obsSnlState"
                )

    def stop(self) -> None:
        """End the observation early and keep its data."""
        self.put("dc:stop.DIR", DIR_MARK)
        self.start()

    def abort(self) -> None:
        """Give the observation up and discard its data."""
        self.put("dc:abort.DIR", DIR_MARK)
        self.start()

    # --- waiting ------------------------------------------------------------------------------------------

    def _start_and_wait(self, car: str, seconds: float) -> None:
        for name in (f"{car}.VAL", f"{car}.OMSS"):
            self._channel(name)
        self._forget_events()
        client_id = self.start()
        deadline = time.monotonic() + seconds
        was_busy = False
        while time.monotonic() < deadline:
            event = self._next_event(0.25)
            if event is None or event[0] != f"{car}.VAL":
                continue
            if event[1] == CAR_BUSY:
                was_busy = True
            elif event[1] == CAR_ERROR and was_busy:
                raise CommandFailed(str(self.get(f"{car}.OMSS", text=True)))
            elif event[1] == CAR_IDLE and was_busy:
                return
        raise TimeoutError(f"command {client_id} was not answered by {car} in {seconds:g} s")

    def _look(self) -> Progress:
        flags = {name: self._latest(f"sad:dc:{name}") == 0 for name in ("prep", "rdout", "acq")}
        stage = next((text for name, text in _STAGES.items() if flags[name]), "saving")
        return Progress(
            stage=stage,
            seconds_left=float(self._latest("sad:dc:timeLeft")),
            reads_done=int(self._latest("sad:dc:nreadsDone")),
            reads=int(self._latest("sad:dc:nreads")),
            coadds_done=int(self._latest("sad:dc:ncoaddsDone")),
        )

    def _latest(self, name: str) -> Any:
        value = self._channel(name).get(timeout=self._timeout)
        if value is None:
            raise NotConnected(f"{self.top}{name} was lost")
        return value

    def _next_event(self, seconds: float) -> tuple[str, Any] | None:
        try:
            return self._events.get(timeout=seconds)
        except queue.Empty:
            return None

    def _forget_events(self) -> None:
        while not self._events.empty():
            self._events.get()


def _path(value: Any) -> str:
    """Return the text of a channel of characters."""
    return bytes(bytearray(value)).partition(b"\0")[0].decode("utf-8", "replace")


_STAGES = {"prep": "preparing", "rdout": "reading out", "acq": "integrating"}
_PROGRESS = tuple(
    f"sad:dc:{name}" for name in ("prep", "acq", "rdout", "timeLeft", "nreadsDone", "nreads", "ncoaddsDone")
)
