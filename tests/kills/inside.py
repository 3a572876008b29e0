"""``python -m tests.kills.inside NAMESPACE MODULE ARGUMENTS``: run a module in a network of its own."""

from __future__ import annotations

import ctypes
import runpy
import sys
from pathlib import Path

CLONE_NEWNET = 0x40000000

if __name__ == "__main__":
    _, name, module, *arguments = sys.argv
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", name).open("rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"network namespace {name} cannot be entered")
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
