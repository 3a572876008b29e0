"""From a card's image buffer to a connection: each pixel once, in order, or a complaint."""

from __future__ import annotations

import threading

import numpy as np

from nifsdc.sdsu.links import frames
from nifsdc.sdsu.links.base import Link, Progress
from nifsdc.sdsu.links.frames import CHUNK_PIXELS, HEAD, Kind, Wire

HEADER_BYTES = HEAD.size + frames.PIXELS.size


class Overrun(RuntimeError):
    """Pixels were overwritten in the card's buffer before they could be sent."""


class Pump:
    """Sends blocks and pixels of a link as they come.

    Pixels are copied, then it is made sure that the card had not written over them, then they are sent: what
    is sent is right. `step` may be called by several threads.

    Parameters
    ----------
    link
        an open link
    wire
        where they go
    """

    def __init__(self, link: Link, wire: Wire) -> None:
        self._link = link
        self._wire = wire
        self._lock = threading.Lock()
        self._block = 0
        self._sent = 0
        self._given_up = False
        self._data = bytearray(HEADER_BYTES + 2 * CHUNK_PIXELS)
        self._pixels = np.frombuffer(self._data, dtype="<u2", offset=HEADER_BYTES)
        self.lost = 0
        """pixels that could not be sent because the card had written over them"""

    def give_up(self) -> None:
        """Say that the host ends the present block itself: what is overwritten of it now is no loss."""
        self._given_up = True

    def flush(self) -> None:
        """Send all that has come so far."""
        while self.step():
            pass

    def step(self) -> bool:
        """Send what has come, at most one frame of pixels; tell whether there may be more.

        Raises
        ------
        Overrun
            when pixels are lost; the block cannot be completed
        OSError
            when the connection breaks
        LinkLost
            when the link does
        """
        with self._lock:
            progress = self._link.progress()
            if progress.block == self._block:
                return self._send_pixels(progress.pixels)
            ended = self._link.ended()
            if ended.block == self._block and self._send_pixels(ended.pixels):
                return True
            if ended.block > self._block and progress.block > self._block + 1:
                self._lose(0, f"block {self._block + 1} and what followed it")
            self._begin(progress, ended)
            return True

    def _begin(self, progress: Progress, ended: Progress) -> None:
        before = Progress(self._block, self._sent) if ended.block <= self._block else ended
        self._wire.write(Kind.BLOCK, frames.BLOCK.pack(progress.block, before.block, before.pixels))
        self._block, self._sent, self._given_up = progress.block, 0, False

    def _send_pixels(self, available: int) -> bool:
        """Send the next pixels of the present block out of so many; tell whether there were any."""
        buffer = self._link.buffer
        place = self._sent % buffer.size
        count = min(available - self._sent, CHUNK_PIXELS, buffer.size - place)
        if count <= 0 or self._block == 0:
            return False
        self._pixels[:count] = buffer[place : place + count]
        if not self._kept(count):
            self._lose(available - self._sent, f"pixels of block {self._block} from {self._sent} on")
            return False
        frames.PIXELS.pack_into(self._data, HEAD.size, self._block, self._sent)
        self._wire.write_framed(Kind.PIXELS, memoryview(self._data)[: HEADER_BYTES + 2 * count])
        self._sent += count
        return True

    def _kept(self, count: int) -> bool:
        """Tell whether the next pixels had not been written over when they were copied."""
        block, pixels = self._link.progress()
        size = self._link.buffer.size
        if block == self._block:
            return pixels - self._sent <= size
        return block == self._block + 1 and pixels <= self._sent % size

    def _lose(self, pixels: int, what: str) -> None:
        self.lost += pixels
        if not self._given_up:
            raise Overrun(
                f"{what} were overwritten in the image buffer before they could be sent ({self.lost} pixels "
                "lost): the connection or the host is too slow"
            )
