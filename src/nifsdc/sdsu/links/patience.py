"""Calls that block in a driver, made in a thread of their own so that they can be given up waiting for."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass
class _Call:
    work: Callable[[], None]
    late: Callable[[], None] | None = None
    """what is done with the result when nobody waits for it any more"""
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class Patient:
    """Makes one call at a time.

    A call into a driver cannot be interrupted: one that is given up goes on, its result is handed to whoever
    wants late ones, and the next call waits for it.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._last: _Call | None = None
        self._giving_up = threading.Lock()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def occupied(self) -> bool:
        """Whether a call has not returned."""
        last = self._last
        return last is not None and not last.done.is_set()

    def call(self, work: Callable[[], T], seconds: float, late: Callable[[T], None] | None = None) -> T:
        """Return what a call returns, or raise what it raises.

        Raises
        ------
        TimeoutError
            when it has not returned in so many seconds, the call before it included; ``late`` gets its result
        """
        end = time.monotonic() + seconds
        if self._last is not None and not self._last.done.wait(seconds):
            raise TimeoutError(f"the driver has not returned from the call before within {seconds:g} s")
        results: list[T] = []
        call = self._last = _Call(lambda: results.append(work()))
        self._calls.put(call)
        if not call.done.wait(max(0.0, end - time.monotonic())):
            with self._giving_up:
                if not call.done.is_set():
                    call.late = lambda: late(results[0]) if late is not None else None
                    raise TimeoutError(f"the driver has not answered within {seconds:g} s")
        if call.error is not None:
            raise call.error
        return results[0]

    def close(self) -> None:
        """Let the thread end once its call has returned."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call.work()
            except Exception as error:  # whoever waits gets it, whatever it is
                call.error = error
            with self._giving_up:
                if call.late is not None and call.error is None:
                    call.late()
                call.done.set()
