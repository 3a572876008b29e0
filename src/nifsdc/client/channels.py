"""The channels of one detector controller: get, put with completion, and every event in its order."""

from __future__ import annotations

import importlib
import queue
from typing import Any

from nifsdc.client.errors import CommandRefused, NotConnected
from nifsdc.client.repeater import ensure_repeater
from nifsdc.client.subscription import Subscription

ANSWER_SECONDS = 30.0
"""for a get or a put of a channel that is connected: its controller may have much to do"""
PUT_DONE = 1
"""what pyepics returns of a put that was processed in time"""
CLOSE = 1e-9
"""relative difference below which two numbers are the same set-point"""


class Channels:
    """Channels by their names without the prefix; each is connected when it is first asked for.

    Parameters
    ----------
    top
        prefix of the records, ``nifs:`` at the telescope
    timeout
        seconds to wait until a channel is connected

    Raises
    ------
    NotConnected
        from any method whose channel does not connect or answer in time
    """

    def __init__(self, top: str, timeout: float) -> None:
        self.top = top
        self._timeout = timeout
        self._channels: dict[str, Any] = {}
        self._subscriptions: dict[str, Subscription] = {}
        ensure_repeater()
        # Some builds of libca take their addresses when they are loaded: the environment must stand by now.
        self._epics = importlib.import_module("epics")
        self._events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def get(self, name: str, *, text: bool = False) -> Any:
        """Return a channel's value as the controller has it now; ``text`` as a string."""
        value = self.channel(name).get(as_string=text, use_monitor=False, timeout=ANSWER_SECONDS)
        if value is None:
            raise NotConnected(f"{self.top}{name} did not answer a get in {ANSWER_SECONDS:g} s")
        return value

    def put(self, name: str, value: object) -> None:
        """Write a channel and wait until the controller has processed it."""
        if self.channel(name).put(value, wait=True, timeout=ANSWER_SECONDS) != PUT_DONE:
            raise NotConnected(
                f"{self.top}{name} did not complete a put of {value!r} in {ANSWER_SECONDS:g} s"
            )

    def settle(self, name: str, value: object) -> None:
        """Write a channel and see that it holds the value.

        Parameters
        ----------
        name
            the channel's
        value
            a number, or a text: of a number for a channel of numbers, else as the channel shows it

        Raises
        ------
        CommandRefused
            when the channel can hold no such value, or holds another one afterwards
        """
        wanted = _typed(name.removeprefix("dc:"), value, self.channel(name))
        self.put(name, wanted)
        held = self.get(name, text=isinstance(wanted, str))
        if not _same(held, wanted):
            raise CommandRefused(f"{name.removeprefix('dc:')} {value!r}: it became {held!r}")

    def connect(self, *names: str) -> None:
        """Connect channels whose events are needed."""
        for name in names:
            self.channel(name)

    def channel(self, name: str) -> Any:
        """Return a connected channel of pyepics, whose events come to `next_event`."""
        channel = self._channels.get(name)
        if channel is None:
            pv = self._epics.PV(self.top + name, auto_monitor=False, connection_timeout=self._timeout)
            channel = self._channels[name] = pv
        if not channel.wait_for_connection(self._timeout):
            raise NotConnected(
                f"{self.top}{name} does not answer; is the IOC up, is the prefix {self.top} right, and do "
                "EPICS_CA_ADDR_LIST and EPICS_CA_SERVER_PORT point at it?"
            )
        if name not in self._subscriptions:
            self._subscriptions[name] = Subscription(
                self.top + name, lambda value, **event: self._events.put((name, value)), self._timeout
            )
        return channel

    def next_event(self, seconds: float) -> tuple[str, Any] | None:
        """Return the next event as name and value, or None when none comes in time."""
        try:
            return self._events.get(timeout=seconds)
        except queue.Empty:
            return None

    def forget_events(self) -> None:
        """Drop what came until now."""
        while self.next_event(0) is not None:
            pass

    def close(self) -> None:
        """Give the channels back."""
        for subscription in self._subscriptions.values():
            subscription.close()
        self._subscriptions.clear()
        for channel in self._channels.values():
            channel.disconnect()
        self._channels.clear()


def _typed(name: str, value: object, channel: Any) -> object:
    """Return a value as a channel takes it, or say what it would take."""
    kind = channel.type
    if kind.endswith("string"):
        return str(value)
    if not isinstance(value, str):
        return value
    if kind.endswith("enum"):
        if value not in channel.enum_strs:
            raise CommandRefused(f"{name} {value!r}: expected {', '.join(channel.enum_strs)}")
        return value
    try:
        return float(value)
    except ValueError:
        raise CommandRefused(f"{name} {value!r}: expected a number") from None


def _same(held: Any, wanted: object) -> bool:
    if isinstance(wanted, float) and not isinstance(held, str):
        return abs(float(held) - wanted) <= CLOSE * abs(wanted)
    return bool(held == wanted)
