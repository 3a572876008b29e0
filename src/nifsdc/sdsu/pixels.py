"""Following a block of pixels as the interface card fills the image buffer."""

from __future__ import annotations

import math
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
LEAST_REAL_SECONDS = 5.0
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


class Patience:
    """Tells when something that a link was to bring has been awaited for too long.

    The clock of a simulator that is faster than real time stands still while its work takes longer than it
    should, so that a busy machine makes nobody impatient. One that jumps does not tell how long it has been.

    Parameters
    ----------
    link
        where something is to come
    seconds
        detector seconds to wait for it
    """

    def __init__(self, link: Link, seconds: float) -> None:
        self._clock = link.clock
        self._seconds = seconds
        self._by_clock = self._clock.speed not in (1.0, math.inf)
        self.renew()

    def renew(self) -> None:
        """Begin to wait anew."""
        self._begun = time.monotonic()
        self._looked: float | None = None

    def is_over(self) -> bool:
        """Tell whether it has been too long."""
        if time.monotonic() - self._begun < max(self._seconds / self._clock.speed, LEAST_REAL_SECONDS):
            return False
        if not self._by_clock:
            return True
        # Not before: asking a clock on another host takes a question and an answer.
        if self._looked is None:
            self._looked = self._clock.now()
        return self._clock.now() - self._looked >= self._seconds


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
    first
        index of the first pixel that is wanted
    """

    def __init__(self, link: Link, block: int, pixels: int, cancel: threading.Event, first: int = 0) -> None:
        self._link = link
        self._block = block
        self._pixels = pixels
        self._cancel = cancel
        self._first = first

    def rejoin(self, unit: int) -> PixelStream:
        """Return what is left of a block whose pixels came too fast: about half a buffer of them waits there.

        Parameters
        ----------
        unit
            its first pixel is a multiple of this
        """
        block, pixels = self._link.progress()
        come = pixels if block == self._block else self._pixels
        first = min(-(-max(0, come - self._link.buffer.size // 2) // unit) * unit, self._pixels)
        return PixelStream(self._link, self._block, self._pixels, self._cancel, first)

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
        patience = Patience(self._link, expected_seconds + SILENCE_SECONDS)
        while self._link.progress().block < self._block:
            if patience.is_over():
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
        taken = self._first
        size = self._link.buffer.size
        silence = Patience(self._link, SILENCE_SECONDS)
        while taken < self._pixels:
            available = self._available(taken)
            if available > taken:
                place = taken % size
                count = min(available - taken, size - place)
                yield Chunk(taken, self._link.buffer[place : place + count])
                self.check_kept(taken)
                taken += count
                self._link.consumed(self._block, taken)
                silence.renew()
                continue
            if silence.is_over():
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
