"""How fast frames get to the disk of the data server, as measured: what bounds the saving of single reads.

SDN 11.03 section 4.6.5: the rate at which data are transferred sets the least time between reads, or between
sets of reads, when all of the raw data are saved.
"""

from __future__ import annotations

from collections import deque

HEADROOM = 1.5
"""times the mean of what was measured that is allowed for: other files, other cameras, a slow moment"""
REMEMBERED = 8
"""frames whose storing is averaged"""


class StoreRate:
    """The rate of late; noted by the Data task, asked for from any thread."""

    def __init__(self) -> None:
        self._noted: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)

    def note(self, nbytes: int, seconds: float) -> None:
        """Note that a frame of so many bytes took so many real seconds to be acknowledged."""
        self._noted.append((nbytes, seconds))

    @property
    def known(self) -> bool:
        """Whether anything was measured."""
        return bool(self._noted)

    @property
    def bytes_per_second(self) -> float:
        """Mean rate; 0 while nothing was measured."""
        noted = tuple(self._noted)
        seconds = sum(each for _, each in noted)
        return sum(each for each, _ in noted) / seconds if seconds > 0 else 0.0

    def seconds(self, nbytes: int) -> float:
        """Return the real seconds to allow for a frame of so many bytes; 0 while nothing was measured."""
        rate = self.bytes_per_second
        return HEADROOM * nbytes / rate if rate > 0 else 0.0
