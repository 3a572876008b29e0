"""The interface card: it puts pixels into the image buffer and counts them (INS-DAS-18, "PCI DSP")."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.links.base import Progress
from nifsdc.sdsu.links.registers import Registers


class InterfaceCard:
    """What the timing board's IIA, RDA and pixels do on the host's side.

    Pixels beyond those that RDA announced are dropped. Where a block is larger than the buffer, pixel i lies
    at index i modulo the buffer's size.
    """

    def __init__(self, registers: Registers) -> None:
        self._registers = registers
        self._block = 0
        self._pixels = 0
        self._expected = 0
        self._released = 0
        self.log: deque[tuple[int, str]] = deque(maxlen=1000)
        """detector time in ns and text of every IIA and RDA"""

    @property
    def progress(self) -> Progress:
        """Blocks begun and pixels put in the buffer in the present one."""
        return Progress(self._block, self._pixels)

    @property
    def overrun(self) -> int:
        """Pixels written over others that the host had not taken."""
        return self._registers.overrun

    def release(self) -> None:
        """Regard all pixels so far as taken: the host gave them up or went on to something else."""
        self._released = self._block

    def untaken(self) -> int:
        """Pixels of the present block that the host has not taken yet."""
        if self._released >= self._block:
            return 0
        block, pixels = self._registers.consumed
        if block > self._block:
            return 0
        return self._pixels - (min(pixels, self._pixels) if block == self._block else 0)

    def room(self) -> int:
        """Pixels that can be put into the buffer without writing over any that are not taken."""
        return int(self._registers.buffer.size) - self.untaken()

    def initialise_address(self, moment_ns: int) -> None:
        """Begin a block at the start of the buffer (IIA)."""
        self._registers.overrun += self.untaken()
        self._registers.ended = self.progress
        self._block += 1
        self._pixels = self._expected = 0
        self._registers.progress = self.progress
        self.log.append((moment_ns, "IIA"))

    def expect(self, columns: int, rows: int, moment_ns: int) -> None:
        """Prepare for columns times rows pixels (RDA)."""
        self._expected = columns * rows
        self.log.append((moment_ns, f"RDA {columns} {rows}"))

    def take(self, pixels: NDArray[np.uint16]) -> None:
        """Put pixels of shape (n,) into the buffer, then count them."""
        pixels = pixels[: self._expected - self._pixels]
        buffer = self._registers.buffer
        self._registers.overrun += max(0, pixels.size - self.room())
        done = 0
        while done < pixels.size:
            start = (self._pixels + done) % buffer.size
            part = pixels[done : done + buffer.size - start]
            buffer[start : start + part.size] = part
            done += part.size
        self._pixels += done
        self._registers.progress = self.progress
