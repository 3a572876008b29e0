"""Waiting for something that another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

DEADLINE_S = 60.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Poll until something holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S} s"
        time.sleep(0.001)


def channel(name: str, **options: Any) -> Any:
    """A connected channel of pyepics that waits for its answers; pyepics itself gives up after a second."""
    import epics  # libca starts its threads when it is first used, not when tests are collected

    class Channel(epics.PV):  # type: ignore[misc]
        def get_with_metadata(self, *arguments: Any, timeout: float | None = None, **given: Any) -> Any:
            return super().get_with_metadata(*arguments, timeout=timeout or DEADLINE_S, **given)

        def get_ctrlvars(self, timeout: float = DEADLINE_S, warn: bool = True) -> Any:
            return super().get_ctrlvars(timeout=max(timeout, DEADLINE_S), warn=warn)

        def get_timevars(self, timeout: float = DEADLINE_S, warn: bool = True) -> Any:
            return super().get_timevars(timeout=max(timeout, DEADLINE_S), warn=warn)

    made = Channel(name, auto_monitor=False, connection_timeout=DEADLINE_S, **options)
    assert made.wait_for_connection(DEADLINE_S), f"{name} did not connect within {DEADLINE_S} s"
    return made
