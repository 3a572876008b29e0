"""``nifsdc sim`` and ``nifsdc data-server``: each part alone, on any host."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

_PARTS = {
    "sim": ("nifsdc_sim", "the simulated controller and detector"),
    "data-server": ("nifsdc.data.server", "the server that writes FITS files"),
}


def add_parser(subparsers: Any) -> None:
    """Add ``sim`` and ``data-server`` to the command line; their options are their own."""
    for name, (module, text) in _PARTS.items():
        parser = subparsers.add_parser(
            name,
            help=f"start {text}",
            description=f"Start {text}. What follows is given to it: nifsdc {name} -- --help",
        )
        parser.add_argument("arguments", nargs=argparse.REMAINDER)
        parser.set_defaults(run=run, module=module)


def run(args: argparse.Namespace) -> int:
    """Run the part in a process of its own and return its exit status."""
    arguments = args.arguments[1:] if args.arguments[:1] == ["--"] else args.arguments
    try:
        return subprocess.run([sys.executable, "-m", args.module, *arguments], check=False).returncode
    except KeyboardInterrupt:
        return 0
