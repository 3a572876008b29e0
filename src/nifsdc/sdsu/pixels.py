"""Following a block of pixels as the interface card fills the image buffer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.errors import ControllerError, PixelTimeout
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.transactions import look_for_resets

POLL_SECONDS = 0.003
"""real seconds between two looks at the pixel count; a register read, no traffic to the controller"""
SILENCE_SECONDS = 15.0
"""detector seconds without a pixel after which a readout is given up (INS-DAS-18, "Pixel packets")"""
LEAST_REAL_SILENCE = 3.0
"""real seconds that a faster-than-real-time simulator is granted at least, on a busy machine"""


class Cancelled(Exception):
    """A readout was given up because that was asked for."""

    def __init__(self) -> None:
        super().__init__("cancelled")


class PixelsLost(ControllerError):
    """The image buffer was overwritten before its pixels were taken: the host was too slow."""


@dataclass(frozen=True)
class Chunk:
    """Pixels that arrived since the last look."""

    offset: int
    """index of the first of them in the block"""
    pixels: NDArray[np.uint16]
    """view of the image buffer, shape (n,); valid until the next chunk is asked for"""


def real_silence(link: Link) -> float:
    """Real seconds without a pixel after which to give up, on this link's clock."""
    return max(SILENCE_SECONDS / link.clock.speed, LEAST_REAL_SILENCE)


class PixelStream:
    """Takes the pixels of one block out of the image buffer as they arrive.

    Parameters
    ----------
    link
        the way to the interface card
    block
        number of the block (of the interface's image-address initialisations)
    pixels
        how many it will have
    cancel
        set by whoever aborts
    """

    def __init__(self, link: Link, block: int, pixels: int, cancel: threading.Event) -> None:
        self._link = link
        self._block = block
        self._pixels = pixels
        self._cancel = cancel

    def wait_for_start(self, expected_seconds: float) -> None:
        """Wait until the block's first pixel is on its way.

        Parameters
        ----------
        expected_seconds
            detector seconds until it is due

        Raises
        ------
        PixelTimeout, Cancelled
        UnexpectedReset
            when the controller said meanwhile that it was reset
        """
        speed = self._link.clock.speed
        deadline = time.monotonic() + expected_seconds / speed + real_silence(self._link)
        while self._link.progress().block < self._block:
            if time.monotonic() > deadline:
                look_for_resets(self._link, f"before block {self._block}")
                raise PixelTimeout(
                    f"no pixel came {expected_seconds + SILENCE_SECONDS:.0f} s after the readout was "
                    "asked for; expected the first one by then: init the controller"
                )
            self._rest()

    def chunks(self) -> Iterator[Chunk]:
        """Yield the block's pixels as they arrive, each once, in order.

        Raises
        ------
        PixelTimeout
            when no pixel comes for too long
        UnexpectedReset
            when that is because the controller was reset
        PixelsLost
            when the next block overwrote pixels that were not yet taken
        Cancelled
            when abort was asked for
        """
        taken = 0
        size = self._link.buffer.size
        silence = real_silence(self._link)
        last_arrival = time.monotonic()
        while taken < self._pixels:
            available = self._available(taken)
            if available > taken:
                place = taken % size
                count = min(available - taken, size - place)
                yield Chunk(taken, self._link.buffer[place : place + count])
                self.check_kept(taken)
                taken += count
                self._link.consumed(self._block, taken)
                last_arrival = time.monotonic()
                continue
            if time.monotonic() - last_arrival > silence:
                look_for_resets(self._link, f"after {taken} of {self._pixels} pixels")
                raise PixelTimeout(
                    f"pixels stopped at {taken} of {self._pixels} for {SILENCE_SECONDS:.0f} s: "
                    "init the controller"
                )
            self._rest()

    def _available(self, taken: int) -> int:
        self.check_kept(taken)
        progress = self._link.progress()
        return self._pixels if progress.block > self._block else min(progress.pixels, self._pixels)

    def check_kept(self, taken: int) -> None:
        """Make sure that the hardware has not written over pixels from ``taken`` on; raises PixelsLost."""
        block, pixels = self._link.progress()
        size = self._link.buffer.size
        if block == self._block:
            kept = pixels - taken <= size
        else:
            ended = self._link.ended()
            if ended.block == self._block and ended.pixels < self._pixels:
                raise PixelTimeout(
                    f"pixels stopped at {ended.pixels} of {self._pixels}, then another block began: "
                    "init the controller"
                )
            left = self._pixels - taken
            wraps = taken % size + left > size
            kept = block == self._block + 1 and pixels <= (0 if wraps else taken % size)
        if not kept:
            raise PixelsLost(
                f"block {self._block} was overwritten from pixel {taken} on before it was read; "
                "the host is overloaded: repeat the exposure"
            )

    def _rest(self) -> None:
        if self._cancel.wait(POLL_SECONDS):
            raise Cancelled
