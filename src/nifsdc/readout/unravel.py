"""From the order in which pixels arrive to the order in which they lie on the detector, and back.

SDN 11.03 section 4.7: the outputs are interleaved, one pixel of each in rotation; every output walks its
part of the detector along lines (rows or columns) in its own direction, and appends reference samples to
each line. The walk is data (Table 3); nothing here knows of a particular detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nifsdc.readout.memory import address_of, from_cache_line
from nifsdc.readout.parts import each, ranges
from nifsdc.readout.unravel_loops import sort_lines
from nifsdc.readout.unravel_tiles import OUTPUTS, VECTOR

Array = NDArray[Any]

STRIP_LINES = 64
"""lines of a column-oriented output copied at once: 64 columns of 16 bits are two cache lines of a row"""


PART_LINES = 128
"""what the lines are cut at between threads: whole blocks of the compiled loops"""
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


def _copy(whole: Array, targets: Sequence[Array], offset: int, first: int, last: int) -> None:
    """Copy samples from ``offset`` in each line of the stream, into one (lines, samples) for each output.

    By numpy's assignments: any type, any number of outputs.
    """
    for number, target in enumerate(targets):
        if target.size == 0:
            continue
        by_columns = abs(target.strides[0]) < abs(target.strides[1])
        step = STRIP_LINES if by_columns else max(1, last - first)
        for start in range(first, last, step):
            strip = slice(start, min(start + step, last))
            target[strip] = whole[strip, offset : offset + target.shape[1], number]


def _compiled_for(whole: Array, target: Array) -> bool:
    """Whether `sort_lines` can write samples of a stream there."""
    return (
        whole.itemsize in WORDS
        and whole.shape[2] in OUTPUTS
        and target.dtype == whole.dtype
        and target.strides[-1] == whole.itemsize
        and whole.flags.c_contiguous
        and whole.flags.aligned
        and target.flags.behaved
    )


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
        self._columns = any(output.orientation == "column" for output in self.outputs)
        self._tables: dict[tuple[int, ...], NDArray[np.int64]] = {}

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
        self,
        stream: Array,
        image: Array,
        reference: Array,
        first: int = 0,
        last: int | None = None,
        *,
        threads: int = 1,
        pool: Executor | None = None,
    ) -> None:
        """As `unravel`, into arrays that exist, and only the lines from ``first`` up to ``last``.

        The lines are divided into parts for so many threads; ``pool`` is where those after the first work.

        The interpreter's lock is released. It is fastest for samples of 16 or 32 bits, into arrays that begin
        at a cache line, as those of `empty` do.
        """
        whole = self._as_lines(stream)
        last = self.lines if last is None else last
        self._check(image, reference)
        if not 0 <= first <= last <= self.lines:
            raise ValueError(f"lines {first} to {last}; expected a range within 0 to {self.lines}")

        def sort(part: tuple[int, int]) -> None:
            self._sort(stream, whole, image, reference, *part)

        each(sort, ranges(first, last, threads, PART_LINES), threads, pool)

    def _sort(
        self, stream: Array, whole: Array, image: Array, reference: Array, first: int, last: int
    ) -> None:
        least = VECTOR // whole.itemsize
        pixels = self.line_pixels if _compiled_for(whole, image) else 0
        if pixels < least or (self._columns and last - first < least):
            pixels = 0
            _copy(whole, [readout_order(image, output) for output in self.outputs], 0, first, last)
        references = self.reference if _compiled_for(whole, reference) else 0
        if references < least:
            references = 0
            _copy(whole, list(reference), self.line_pixels, first, last)
        if pixels or references:
            words = stream.view(WORDS[whole.itemsize])
            table, other = self._places(image.strides), self._reference_places(reference.strides)
            start, beside = address_of(image), address_of(reference)
            sort_lines(words, whole.strides[0], table, start, pixels, other, beside, references, first, last)

    def _places(self, strides: tuple[int, ...]) -> NDArray[np.int64]:
        """Return where in an image the samples of each output go, as `sort_lines` is to know it."""
        table = self._tables.get(strides)
        if table is None:
            down, across = strides
            rows = []
            for output in self.outputs:
                by_column = output.orientation == "column"
                steps = (output.ydir * down, output.xdir * across)
                place = output.yo * down + output.xo * across
                rows.append((int(by_column), place, *(steps[::-1] if by_column else steps)))
            table = self._tables[strides] = np.array(rows, np.int64)
        return table

    def _reference_places(self, strides: tuple[int, ...]) -> NDArray[np.int64]:
        """As `_places`, for reference samples."""
        table = self._tables.get(strides)
        if table is None:
            step, line_step, sample_step = strides
            rows = [(0, number * step, line_step, sample_step) for number in range(len(self.outputs))]
            table = self._tables[strides] = np.array(rows, np.int64)
        return table

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
