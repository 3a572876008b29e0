"""Cutting the one block of a run into its frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.frames import HEADER_WORDS, FrameHeader
from nifsdc.sdsu.pixels import PixelsLost, PixelStream

_log = logging.getLogger("nifsdc.sdsu")


class FrameStream:
    """Takes frames out of the pixels of a run as they arrive.

    Parameters
    ----------
    stream
        of the run's block
    words
        of a frame, header included
    """

    def __init__(self, stream: PixelStream, words: int) -> None:
        self._stream = stream
        self._words = words

    def frames(self) -> Iterator[tuple[FrameHeader, NDArray[np.uint16]]]:
        """Yield the header of each frame and its pixels, shape (n,), which are valid until the next.

        Frames that were overwritten before they could be taken are left out: numbers tell.

        Raises
        ------
        BadHeader
            when pixels were lost on the fibre
        PixelTimeout, UnexpectedReset, Cancelled
            as of `PixelStream.chunks`
        """
        while True:
            try:
                yield from self._whole()
            except PixelsLost as error:
                _log.warning("%s; the run goes on without these frames", error)
                self._stream = self._stream.rejoin(self._words)
            else:
                return

    def _whole(self) -> Iterator[tuple[FrameHeader, NDArray[np.uint16]]]:
        frame = np.empty(self._words, dtype=np.uint16)
        filled = 0
        for chunk in self._stream.chunks():
            taken = 0
            while taken < chunk.pixels.size:
                count = min(self._words - filled, chunk.pixels.size - taken)
                frame[filled : filled + count] = chunk.pixels[taken : taken + count]
                self._stream.check_kept(chunk.offset + taken)
                filled += count
                taken += count
                if filled == self._words:
                    yield FrameHeader.decode(frame[:HEADER_WORDS]), frame[HEADER_WORDS:]
                    filled = 0
