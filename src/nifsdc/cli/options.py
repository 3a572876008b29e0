"""Options that several commands share, so that they read and mean the same everywhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from nifsdc.client.camera import usual_top
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
    """Add ``--top``, the prefix of every record; the environment (NIFSDC_TOP) stands in for the default."""
    meant = None if default is None else usual_top(default)
    usual = meant or "that of the configuration"
    parser.add_argument("--top", default=meant, help=f"prefix of the records (default {usual})")
