"""Ending with the process that started us."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def parent_watch(process: int) -> Callable[[], bool]:
    """Return what tells whether a process is still there; for 0, which names none, it always is.

    A child is told by its parent's number changing. Call this before anybody is told that we are ready: a
    parent that ends before the call is found by its own number only.
    """
    if process == 0:
        return lambda: True
    if os.getppid() == process:
        return lambda: os.getppid() == process
    return lambda: _exists(process)


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        return True
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # no such file system here, or gone meanwhile: asked again soon
        return True
    return state != "Z"  # ended, and nobody has waited for it yet
