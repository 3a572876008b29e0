"""The page of registers and the image buffer that simulated interface card and host share.

One file, mapped by both: a page of 64-bit registers, then the image buffer of 16-bit pixels. A register is
written whole by one side only, so a reader sees an old or a new value and never half of each; counts
that belong together share one register. The clock needs four values at a time and is guarded by a sequence
number that is odd while they change.

A plain mapped file is used rather than `multiprocessing.shared_memory`, whose resource tracker removes a
block when any one of the unrelated processes that use it ends.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.links.base import Progress

MAGIC = 0x4E49465344435253
VERSION = 1
PAGE_BYTES = 4096
PIXEL_BITS = 40
"""lower bits of a count register that hold pixels; those above hold the block"""

# Registers by number: 64-bit integers first, 64-bit floats from CLOCK_EPOCH on.
MAGIC_WORD, VERSION_WORD, BUFFER_PIXELS, PROGRESS, CONSUMED, OVERRUN, CLOCK_SEQUENCE, AWAITED = range(8)
CLOCK_EPOCH, CLOCK_BASE, CLOCK_RATE, CLOCK_LIMIT, NOMINAL_SPEED, HOST_WAIT = range(8, 14)
ENDED = 14


class NotRegisters(ValueError):
    """The file is no register page of this version."""


@dataclass(frozen=True)
class ClockLine:
    """The detector clock as a straight line through (epoch, base) that stops at a limit."""

    epoch: float
    """reading of the computer's steady clock, seconds"""
    base: float
    """detector seconds at the epoch"""
    rate: float
    """detector seconds per real second; 0 while the clock jumps from event to event"""
    limit: float
    """detector seconds that the clock does not pass until the simulator moves it"""

    def at(self, steady: float) -> float:
        """Detector seconds at a reading of the computer's steady clock."""
        return max(self.base, min(self.base + (steady - self.epoch) * self.rate, self.limit))


class Registers:
    """A mapped register page with its image buffer."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self._integers = np.frombuffer(mapped, dtype=np.uint64, count=PAGE_BYTES // 8)
        self._floats = self._integers.view(np.float64)
        if int(self._integers[MAGIC_WORD]) != MAGIC or int(self._integers[VERSION_WORD]) != VERSION:
            raise NotRegisters("the image buffer's file is not one of this version: restart the simulator")
        self.buffer: NDArray[np.uint16] = np.frombuffer(
            mapped, dtype=np.uint16, offset=PAGE_BYTES, count=int(self._integers[BUFFER_PIXELS])
        )
        """image buffer, shape (pixels,)"""

    @classmethod
    def create(cls, path: Path, pixels: int, speed: float) -> Registers:
        """Make the file for a buffer of so many pixels; it must not exist. Pages are allotted as written."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            size = PAGE_BYTES + 2 * pixels
            os.ftruncate(descriptor, size)
            mapped = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        struct.pack_into("=QQQ", mapped, 0, MAGIC, VERSION, pixels)
        registers = cls(mapped)
        registers._floats[NOMINAL_SPEED] = speed
        return registers

    @classmethod
    def attach(cls, path: Path) -> Registers:
        """Map an existing file; the host writes nothing but its own registers."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            mapped = mmap.mmap(descriptor, 0)
        finally:
            os.close(descriptor)
        registers = cls(mapped)
        registers.buffer.flags.writeable = False
        return registers

    @property
    def progress(self) -> Progress:
        """Blocks since the simulator started and pixels in the present one (simulator writes)."""
        value = int(self._integers[PROGRESS])
        return Progress(value >> PIXEL_BITS, value & (1 << PIXEL_BITS) - 1)

    @progress.setter
    def progress(self, value: Progress) -> None:
        self._integers[PROGRESS] = value.block << PIXEL_BITS | value.pixels

    @property
    def ended(self) -> Progress:
        """The block before the present one and the pixels that it ended with (simulator writes)."""
        value = int(self._integers[ENDED])
        return Progress(value >> PIXEL_BITS, value & (1 << PIXEL_BITS) - 1)

    @ended.setter
    def ended(self, value: Progress) -> None:
        self._integers[ENDED] = value.block << PIXEL_BITS | value.pixels

    @property
    def consumed(self) -> Progress:
        """What the host has taken (host writes)."""
        value = int(self._integers[CONSUMED])
        return Progress(value >> PIXEL_BITS, value & (1 << PIXEL_BITS) - 1)

    @consumed.setter
    def consumed(self, value: Progress) -> None:
        self._integers[CONSUMED] = value.block << PIXEL_BITS | value.pixels

    @property
    def overrun(self) -> int:
        """Pixels written over others that the host had not taken (simulator writes)."""
        return int(self._integers[OVERRUN])

    @overrun.setter
    def overrun(self, value: int) -> None:
        self._integers[OVERRUN] = value

    @property
    def speed(self) -> float:
        """Nominal speed of the clock; infinite when it jumps."""
        return float(self._floats[NOMINAL_SPEED])

    @property
    def host_wait(self) -> float:
        """Detector time until which the host waits idly; a jumping clock jumps there (host writes)."""
        return float(self._floats[HOST_WAIT])

    @host_wait.setter
    def host_wait(self, value: float) -> None:
        self._floats[HOST_WAIT] = value

    @property
    def host_awaited(self) -> bool:
        """Whether the clock stands still until the host has taken pixels (simulator writes)."""
        return bool(self._integers[AWAITED])

    @host_awaited.setter
    def host_awaited(self, value: bool) -> None:
        self._integers[AWAITED] = value

    def write_clock(self, line: ClockLine) -> None:
        """Publish the clock; one writer."""
        sequence = int(self._integers[CLOCK_SEQUENCE])
        self._integers[CLOCK_SEQUENCE] = sequence + 1
        self._floats[CLOCK_EPOCH : CLOCK_LIMIT + 1] = (line.epoch, line.base, line.rate, line.limit)
        self._integers[CLOCK_SEQUENCE] = sequence + 2

    def read_clock(self) -> ClockLine:
        """Return the clock as last published, never a mixture of two."""
        for _ in range(100_000):
            before = int(self._integers[CLOCK_SEQUENCE])
            line = ClockLine(*self._floats[CLOCK_EPOCH : CLOCK_LIMIT + 1].tolist())
            if before % 2 == 0 and before == int(self._integers[CLOCK_SEQUENCE]):
                return line
            time.sleep(0)
        raise NotRegisters("the simulator stopped in the middle of setting its clock: restart it")
