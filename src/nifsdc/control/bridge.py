"""The one way from the worker tasks' threads to the loop that owns the records.

Everything crosses in the order it was given. A status value replaces the one of the same name that still
waits, so that a busy loop is never flooded; names in ``every_value`` are exempt, and calls never merge.
Hence whatever was shown before a command's CAR goes IDLE is in its record before the CAR moves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

Value = float | str

_log = logging.getLogger("nifsdc.bridge")


@dataclass
class _Item:
    channel: str | None
    value: Value | None
    call: Callable[[], None] | None


class Bridge:
    """Carries status values and calls from any thread to the loop.

    Parameters
    ----------
    on_loop
        hands a function to the loop, thread-safe (`CaServer.call`)
    write
        writes a value into a record; called on the loop
    every_value
        channels whose values all arrive
    """

    def __init__(
        self,
        on_loop: Callable[[Callable[[], None]], None],
        write: Callable[[str, Value], None],
        every_value: frozenset[str] = frozenset(),
    ) -> None:
        self._on_loop = on_loop
        self._write = write
        self._every_value = every_value
        self._lock = threading.Lock()
        self._waiting: list[_Item] = []
        self._latest: dict[str, _Item] = {}
        self._scheduled = False

    def publish(self, channel: str, value: Value) -> None:
        """Have a value written into its record."""
        with self._lock:
            waiting = self._latest.get(channel)
            if waiting is not None:
                waiting.value = value
                return
            item = _Item(channel, value, None)
            if channel not in self._every_value:
                self._latest[channel] = item
            self._append(item)

    def call(self, function: Callable[[], None]) -> None:
        """Have a function called on the loop, after everything given before."""
        with self._lock:
            self._append(_Item(None, None, function))
            # A value given after this call must not slip in before it.
            self._latest.clear()

    def _append(self, item: _Item) -> None:
        self._waiting.append(item)
        if not self._scheduled:
            self._scheduled = True
            self._on_loop(self.drain)

    def drain(self) -> None:
        """Carry out what waits; on the loop."""
        with self._lock:
            items, self._waiting = self._waiting, []
            self._latest.clear()
            self._scheduled = False
        for item in items:
            try:
                self._deliver(item)
            except Exception:
                _log.exception("lost %s", item)

    def _deliver(self, item: _Item) -> None:
        if item.call is not None:
            item.call()
        elif item.channel is not None and item.value is not None:
            self._write(item.channel, item.value)
