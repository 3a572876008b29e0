"""Ending with the process that started us."""

from __future__ import annotations

import os
from collections.abc import Callable


def parent_watch(process: int) -> Callable[[], bool]:
    """Return what tells whether a process is still there; for 0, which names none, it always is.

    A child is told by its parent's number changing, which a parent that nobody has waited for cannot hide.
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
    return True
