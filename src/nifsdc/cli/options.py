"""Options that several commands share, so that they read and mean the same everywhere."""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

from nifsdc.database.locate import share


def speed(text: str) -> str:
    """Check a simulator speed: a factor of at least 1, or ``fast``."""
    if text == "fast":
        return text
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 1 <= factor < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a factor of at least 1, such as 20, or 'fast'")
    return text


def configuration(path: Path) -> Path:
    """Return the configuration file that is meant: a file, or the name of one that is shipped."""
    shipped = share("ioc") / path
    for each in (path, shipped, shipped.with_name(f"{shipped.name}.yaml")):
        if each.is_file():
            return each
    return path


def add_top(parser: argparse.ArgumentParser, default: str | None = "nifs:") -> None:
    """Add ``--top``, the prefix of every record."""
    usual = default or "that of the configuration"
    parser.add_argument("--top", default=default, help=f"prefix of the records (default {usual})")


def add_log_level(parser: argparse.ArgumentParser) -> None:
    """Add ``--log-level``."""
    parser.add_argument(
        "--log-level", default="info", choices=("debug", "info", "warning", "error"), help="what to log"
    )


def start_logging(level: str) -> None:
    """Log to standard error, a line an event, with UTC times."""
    formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(name)-14s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger("nifsdc")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
