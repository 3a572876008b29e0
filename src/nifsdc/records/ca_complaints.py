"""What is said about clients that misbehave, at a bounded rate: a flood must not become one of lines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

BURST = 20
"""lines that may come at once"""
PER_SECOND = 0.2
"""lines a second after that"""


class Complaints:
    """A logger's warnings, of which a flood is counted and summed up.

    Args:
        logger: where they go.
        now: clock, seconds.
    """

    def __init__(self, logger: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._now = now
        self._allowed = float(BURST)
        self._last = now()
        self._withheld = 0

    def __call__(self, text: str, *arguments: object) -> None:
        """Log a warning, or count it."""
        now = self._now()
        self._allowed = min(BURST, self._allowed + PER_SECOND * (now - self._last))
        self._last = now
        if self._allowed < 1:
            self._withheld += 1
            return
        self._allowed -= 1
        if self._withheld:
            self._logger.warning("%d warnings like the next one were not written", self._withheld)
            self._withheld = 0
        self._logger.warning(text, *arguments)
