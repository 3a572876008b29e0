"""From the order in which pixels arrive to the order in which they lie on the detector, and back.

SDN 11.03 section 4.7: the outputs are interleaved, one pixel of each in rotation; every output walks its
part of the detector along lines (rows or columns) in its own direction, and appends reference samples to
each line. The walk is data (Table 3); nothing here knows of a particular detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nifsdc.readout.memory import from_cache_line
from nifsdc.readout.unravel_loops import sort_lines
from nifsdc.readout.unravel_tiles import OUTPUTS, VECTOR

Array = NDArray[Any]

STRIP_LINES = 64
"""lines of a column-oriented output copied at once: 64 columns of 16 bits are two cache lines of a row"""


WORDS = {2: np.uint16, 4: np.uint32}
"""bytes of a sample for which the sorting is compiled, and as what it is moved"""


class OutputLike(Protocol):
    """One readout amplifier as SDN 11.03 Table 3 describes it; `nifsdc.camera.layout.Amplifier` is one."""

    @property
    def xo(self) -> int:
        """Column of the first pixel, from 0."""

    @property
    def yo(self) -> int:
        """Row of the first pixel, from 0 at the bottom."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def xdir(self) -> int:
        """+1 or -1."""

    @property
    def ydir(self) -> int:
        """+1 or -1."""

    @property
    def orientation(self) -> str:
        """``row`` or ``column``: what a line of the readout is on the detector."""

    @property
    def reference(self) -> int:
        """Reference samples appended to each line."""


def _span(origin: int, count: int, direction: int) -> slice:
    stop = origin + direction * count
    return slice(origin, None if stop < 0 else stop, direction)


def readout_order(image: Array, output: OutputLike) -> Array:
    """Return the part of an image that an output reads, as a view in the order of reading.

    Parameters
    ----------
    image
        shape (rows, columns), row 0 at the bottom
    output
        the amplifier

    Returns
    -------
    view of ``image`` with shape (lines, pixels of a line); element (0, 0) is the first pixel read
    """
    part = image[
        _span(output.yo, output.height, output.ydir),
        _span(output.xo, output.width, output.xdir),
    ]
    return part if output.orientation == "row" else part.T


def _table(whole: Array, targets: Sequence[Array]) -> NDArray[np.int64] | None:
    """Return what `sort_lines` is to know of where samples go; None if it cannot put them there."""
    usable = whole.flags.c_contiguous and whole.flags.aligned and whole.itemsize in WORDS
    if not usable or len(targets) not in OUTPUTS:
        return None
    rows = []
    for target in targets:
        along = [abs(step) == whole.itemsize for step in target.strides]
        if target.dtype != whole.dtype or not any(along) or not target.flags.behaved:
            return None
        rows.append((0 if along[1] else 1, target.ctypes.data, *target.strides))
    return np.array(rows, np.int64)


def _copy(whole: Array, targets: Sequence[Array], offset: int, first: int, last: int) -> None:
    """As `sort_lines`, by numpy's assignments: any type, any number of outputs."""
    for number, target in enumerate(targets):
        by_columns = abs(target.strides[0]) < abs(target.strides[1])
        step = STRIP_LINES if by_columns else max(1, last - first)
        for start in range(first, last, step):
            strip = slice(start, min(start + step, last))
            target[strip] = whole[strip, offset : offset + target.shape[1], number]


def _sort(whole: Array, targets: Sequence[Array], offset: int, first: int, last: int) -> None:
    """Copy samples from ``offset`` in each line of the stream, into one (lines, samples) for each output."""
    table = _table(whole, targets)
    count, least = targets[0].shape[1], VECTOR // whole.itemsize
    if table is None or count < least or (table[:, 0].any() and last - first < least):
        _copy(whole, targets, offset, first, last)
    else:
        words = whole.reshape(-1).view(WORDS[whole.itemsize])
        sort_lines(words, whole.strides[0], table, first, last, offset, count)


class Unraveller:
    """The way between stream and image for one detector.

    Parameters
    ----------
    rows, columns
        of the image
    outputs
        the amplifiers in the order of their rotation in the stream

    Raises
    ------
    ValueError
        when the outputs differ in lines or samples a line, so that they could not be read in rotation
    """

    def __init__(self, rows: int, columns: int, outputs: Sequence[OutputLike]) -> None:
        if not outputs:
            raise ValueError("a detector needs at least one output")
        self.shape = (rows, columns)
        self.outputs = tuple(outputs)
        lines = {o.height if o.orientation == "row" else o.width for o in outputs}
        pixels = {o.width if o.orientation == "row" else o.height for o in outputs}
        reference = {o.reference for o in outputs}
        if max(len(lines), len(pixels), len(reference)) > 1:
            raise ValueError(
                f"outputs read in rotation must agree; lines {sorted(lines)}, "
                f"pixels a line {sorted(pixels)}, reference samples {sorted(reference)}: "
                "correct the detector layout"
            )
        self.lines = lines.pop()
        self.line_pixels = pixels.pop()
        self.reference = reference.pop()
        self.stream_shape = (self.lines, self.line_pixels + self.reference, len(self.outputs))
        self.reference_shape = (len(self.outputs), self.lines, self.reference)

    @property
    def pixels_per_read(self) -> int:
        """Pixels of one full read, reference samples included."""
        lines, samples, outputs = self.stream_shape
        return lines * samples * outputs

    def empty(self, kind: np.dtype[Any]) -> tuple[Array, Array]:
        """Return arrays for an image (rows, columns) and reference samples (outputs, lines, samples).

        They begin at a cache line, so that what is written by cache lines is written once.
        """
        return from_cache_line(self.shape, kind), from_cache_line(self.reference_shape, kind)

    def unravel(self, stream: Array) -> tuple[Array, Array]:
        """Sort one read (or anything computed pixel by pixel in its order) into an image.

        Parameters
        ----------
        stream
            shape (pixels_per_read,), any type

        Returns
        -------
        image (rows, columns), row 0 at the bottom, and reference samples (outputs, lines, samples)
        """
        image, reference = self.empty(stream.dtype)
        self.unravel_into(stream, image, reference)
        return image, reference

    def unravel_into(
        self, stream: Array, image: Array, reference: Array, first: int = 0, last: int | None = None
    ) -> None:
        """As `unravel`, into arrays that exist, and only the lines from ``first`` up to ``last``.

        The interpreter's lock is released. It is fastest for samples of 16 or 32 bits, into arrays that begin
        at a cache line, as those of `empty` do.
        """
        whole = self._as_lines(stream)
        last = self.lines if last is None else last
        self._check(image, reference)
        if not 0 <= first <= last <= self.lines:
            raise ValueError(f"lines {first} to {last}; expected a range within 0 to {self.lines}")
        pixels = [readout_order(image, output) for output in self.outputs]
        _sort(whole, pixels, 0, first, last)
        _sort(whole, list(reference), self.line_pixels, first, last)

    def ravel(self, image: Array, reference: Array) -> Array:
        """Put an image and its reference samples into the order of the stream; the inverse of `unravel`.

        Parameters
        ----------
        image
            shape (rows, columns)
        reference
            shape (outputs, lines, samples)

        Returns
        -------
        shape (pixels_per_read,), type of ``image``
        """
        self._check(image, reference)
        stream = np.empty(self.stream_shape, image.dtype)
        for number, output in enumerate(self.outputs):
            stream[:, : self.line_pixels, number] = readout_order(image, output)
            stream[:, self.line_pixels :, number] = reference[number]
        return stream.reshape(-1)

    def lines_complete(self, pixels: int) -> int:
        """Return how many lines of every output are complete once ``pixels`` of a read have arrived."""
        return pixels // (self.stream_shape[1] * self.stream_shape[2])

    def _check(self, image: Array, reference: Array) -> None:
        if image.shape != self.shape or reference.shape != self.reference_shape:
            raise ValueError(
                f"got an image {image.shape} and reference samples {reference.shape}; "
                f"expected {self.shape} and {self.reference_shape}"
            )

    def _as_lines(self, stream: Array) -> Array:
        if stream.shape != (self.pixels_per_read,):
            raise ValueError(
                f"a read has {self.pixels_per_read} pixels in this layout; "
                f"the stream has the shape {stream.shape}"
            )
        return stream.reshape(self.stream_shape)
