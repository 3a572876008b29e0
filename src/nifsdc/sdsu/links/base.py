"""What every way to a controller offers: words in, words out, the image buffer and its pixel count.

A link is the only place that touches hardware. It knows nothing of commands: it carries packets of 24-bit
words, and shows what the interface card does on its own (pixels arriving in the buffer by DMA).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Progress(NamedTuple):
    """What the interface card has received so far; read from registers, without traffic to the controller."""

    block: int
    """number of initialisations of the image address (IIA) since the link was opened; 0 before the first"""
    pixels: int
    """pixels that have arrived in this block"""


class DetectorClock(Protocol):
    """Time as the detector has it: real time for hardware, the simulator's own for the simulator."""

    @property
    def speed(self) -> float:
        """Detector seconds that pass in a real second; infinite for a clock that jumps between events."""

    def now(self) -> float:
        """Detector seconds since some fixed moment; never runs backwards."""

    def sleep(self, seconds: float, wake: threading.Event) -> bool:
        """Wait so many detector seconds; return True at once when ``wake`` is set, as `Event.wait` does."""


class RealClock:
    """The clock of real hardware."""

    speed = 1.0

    def now(self) -> float:
        """Seconds of the computer's steady clock."""
        return time.monotonic()

    def sleep(self, seconds: float, wake: threading.Event) -> bool:
        """Wait so many seconds; return True at once when ``wake`` is set."""
        return wake.wait(max(0.0, seconds))


class Link(Protocol):
    """A way to one controller.

    `transact` and `reset` are called by one thread at a time; `send` and `progress` at any moment by any.
    Every call raises `nifsdc.sdsu.errors.LinkLost` once the connection is gone, until `reopen`.
    """

    @property
    def name(self) -> str:
        """What it leads to, for messages."""

    @property
    def clock(self) -> DetectorClock:
        """The detector's clock."""

    @property
    def buffer(self) -> NDArray[np.uint16]:
        """The interface card's image buffer, shape (pixels,), read-only.

        Pixel i of a block is at index ``i % buffer.size``. Take the property anew after `reopen`.
        """

    def transact(self, words: Sequence[int], deadline_s: float) -> tuple[int, ...]:
        """Send the 24-bit words of one packet, header first, and return the words of the answer.

        ``deadline_s`` is in real seconds. Raises TimeoutError when no whole answer came in time.
        """

    def send(self, words: Sequence[int]) -> None:
        """Send the words of a packet that has no answer (RDC, ABR)."""

    def reset(self, deadline_s: float) -> tuple[int, ...]:
        """Reset the controller and return the words of its answer; TimeoutError when there was none."""

    def unasked(self) -> tuple[tuple[int, ...], ...]:
        """Return and forget the packets that came without having been asked for since the last look."""

    def progress(self) -> Progress:
        """Return the count of blocks and of pixels in the present one."""

    def ended(self) -> Progress:
        """Return the block before the present one and its pixels; fewer than asked for is a fault."""

    def consumed(self, block: int, pixels: int) -> None:
        """Say that pixels of a block have been taken from the buffer and may be overwritten.

        A simulator that runs faster than real time waits for it; hardware does not.
        """

    def reopen(self) -> None:
        """Connect again after `LinkLost`, or anew; blocks count from 0 again."""

    def close(self) -> None:
        """Let go of the connection and the buffer."""


FAST = math.inf
"""speed of a clock that jumps from event to event"""
