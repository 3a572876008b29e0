"""The single reads of an exposure, as they came: cut out of the stream, sorted into images, not corrected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.accumulator import READ, REFERENCE, SATURATION, Image, image_keywords
from nifsdc.camera.layout import Layout


@dataclass(frozen=True)
class SingleRead:
    """One read of a set."""

    number: int
    """in its set, from 0"""
    images: tuple[Image, ...]
    """uint16: the image (rows, columns), and the reference samples (amplifiers, lines, samples)"""


class ReadCutter:
    """Cuts sets of reads into single ones; it keeps the one that is under way, and no other.

    Parameters
    ----------
    layout
        how the detector is read
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._pixels = np.empty(layout.pixels_per_read, np.uint16)

    def take(self, pixels: NDArray[np.uint16], offset: int) -> Iterator[SingleRead]:
        """Take pixels that arrived, and yield each read that they make whole.

        Parameters
        ----------
        pixels
            shape (n,), counts
        offset
            index of the first of them in its set of reads, as of `Accumulator.take`
        """
        while pixels.size:
            number, place = divmod(offset, self._pixels.size)
            piece = pixels[: self._pixels.size - place]
            self._pixels[place : place + piece.size] = piece
            if place + piece.size == self._pixels.size:
                yield SingleRead(number, self._images())
            offset, pixels = offset + piece.size, pixels[piece.size :]

    def _images(self) -> tuple[Image, ...]:
        image, reference = self._layout.unraveller.unravel(self._pixels)
        return Image(READ, image, image_keywords(image, image >= SATURATION)), Image(REFERENCE, reference)
