"""Waiting for something that another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE_S = 60.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Poll until something holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S} s"
        time.sleep(0.001)
