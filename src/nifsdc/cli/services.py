"""``nifsdc sim`` and ``nifsdc data-server``: each part alone, on any host."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

PARTS = {
    "sim": ("nifsdc_sim", "the simulated controller and detector"),
    "data-server": ("nifsdc.data.server", "the server that writes FITS files"),
}


def add_parser(subparsers: Any) -> None:
    """List ``sim`` and ``data-server`` among the commands; their options are their own: see `execute`."""
    for name, (module, text) in PARTS.items():
        parser = subparsers.add_parser(name, help=f"start {text}", add_help=False)
        parser.set_defaults(run=lambda args, module=module: execute(module, ()))


def execute(module: str, arguments: Sequence[str]) -> int:
    """Become the part: signals, output and exit status are its own."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
