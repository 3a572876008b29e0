"""Logging for every part: levels by part, to standard error or the journal, and into a file that turns over.

A part is a logger below ``nifsdc``: ``control``, ``slave``, ``readout``, ``sdsu``, ``ca``, ``putlog`` ...
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error")
ROOT = "nifsdc"
FILE_BYTES, FILES = 10_000_000, 5
"""when a file is turned over, and how many old ones are kept"""
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""of syslog, which systemd takes from ``<N>`` before a line (sd-daemon(3))"""
HELP = "what to log: a level, and those of parts, such as info,sdsu=debug (default: %(default)s)"


@dataclass(frozen=True)
class LogLevels:
    """What is logged."""

    general: str
    parts: Mapping[str, str] = field(default_factory=dict)
    """levels of parts that have one of their own"""

    @classmethod
    def parse(cls, text: str) -> LogLevels:
        """Read ``info`` or ``info,sdsu=debug,ca=warning``.

        Raises
        ------
        ValueError
            saying what was expected
        """
        general = "info"
        parts: dict[str, str] = {}
        for number, item in enumerate(text.lower().split(",")):
            part, equals, level = item.strip().rpartition("=")
            if level not in LEVELS or (equals and not part.replace(".", "").isalnum()):
                raise ValueError(f"{item!r}: expected {', '.join(LEVELS)}, or PART=LEVEL such as sdsu=debug")
            if equals:
                parts[part] = level
            elif number:
                raise ValueError(f"{item!r}: the level of all parts stands first, and once")
            else:
                general = level
        return cls(general, parts)


def checked(text: str) -> str:
    """Check levels on a command line; they stay as they are, to be handed on."""
    try:
        LogLevels.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def writable(text: str) -> Path:
    """Check a log file on a command line: it is opened, and its folder made if need be."""
    path = Path(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: cannot be written: {error}") from error
    return path


def add_options(parser: argparse.ArgumentParser, *, file: bool = False) -> None:
    """Add ``--log-level``, and for what runs for long ``--log-file``."""
    parser.add_argument("--log-level", type=checked, default="info", metavar="LEVELS", help=HELP)
    if file:
        turned = f"log into this file too; turned over at {FILE_BYTES // 1_000_000} MB, {FILES} are kept"
        parser.add_argument("--log-file", type=writable, metavar="FILE", help=turned)


def start(levels: str, file: Path | None = None) -> None:
    """Log what is asked for: to the journal where standard error leads there, with UTC times elsewhere.

    Parameters
    ----------
    levels
        as `LogLevels.parse` reads them
    file
        also logged into
    """
    wanted = LogLevels.parse(levels)
    stream: logging.Handler = logging.StreamHandler()
    stream.setFormatter(_Journal() if in_journal() else _timed())
    handlers = [stream]
    if file is not None:
        turning = RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
        turning.setFormatter(_timed())
        handlers.append(turning)
    root = logging.getLogger(ROOT)
    root.handlers[:] = handlers
    root.setLevel(wanted.general.upper())
    root.propagate = False
    for part, level in wanted.parts.items():
        logging.getLogger(f"{ROOT}.{part}").setLevel(level.upper())


class LogCounts(logging.Handler):
    """Counts the warnings and errors of all parts, and keeps the latest; a context manager.

    It takes them from any thread, and leaves it to whoever shows them to look.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings = self.errors = 0
        self.latest = ""
        """level, part and message; empty until there is one"""

    def emit(self, record: logging.LogRecord) -> None:
        """Take one in."""
        if record.levelno >= logging.ERROR:
            self.errors += 1
        else:
            self.warnings += 1
        part = record.name.removeprefix(f"{ROOT}.")
        self.latest = f"{record.levelname} {part}: {record.getMessage()}"

    def __enter__(self) -> LogCounts:
        logging.getLogger(ROOT).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(ROOT).removeHandler(self)


def in_journal() -> bool:
    """Tell whether standard error is what systemd gave this process for its journal."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def _timed() -> logging.Formatter:
    """A line an event, with UTC times."""
    formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(name)-14s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter


class _Journal(logging.Formatter):
    """Lines for the journal, which has the time already and takes the priority from before each line."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return an event as lines that all have its priority."""
        priority = PRIORITIES.get(record.levelno, PRIORITIES[logging.INFO])
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
