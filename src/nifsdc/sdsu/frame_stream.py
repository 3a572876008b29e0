"""Cutting the one block of a run into its frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.frames import HEADER_WORDS, FrameHeader
from nifsdc.sdsu.pixels import PixelStream


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

        What is yielded had not been overwritten by later pixels when it was copied.

        Raises
        ------
        BadHeader
            when pixels were lost on the fibre
        PixelTimeout, UnexpectedReset, PixelsLost, Cancelled
            as of `PixelStream.chunks`
        """
        frame = np.empty(self._words, dtype=np.uint16)
        filled = 0
        for chunk in self._stream.chunks():
            taken = 0
            while taken < chunk.pixels.size:
                count = min(self._words - filled, chunk.pixels.size - taken)
                frame[filled : filled + count] = chunk.pixels[taken : taken + count]
                filled += count
                taken += count
                if filled == self._words:
                    self._stream.check_kept(chunk.offset + taken - count)
                    yield FrameHeader.decode(frame[:HEADER_WORDS]), frame[HEADER_WORDS:]
                    filled = 0
            self._stream.check_kept(chunk.offset)
