"""From windows to a window table, and from the pixels it makes to an image of each window.

All outputs are clocked alike and send a pixel each in rotation, so a window on one output makes ghost pixels
on all others; what is read is the union of what the windows need of any output, each seen from its own
corner. A window that lies on several outputs is put together from its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.windows.geometry import CcdGeometry
from nifsdc.sdsu.windows.table import TableRow, WindowTable

MOST_BINNING = 10
"""of either factor (INS-DAS-18, memory locations in the timing DSP's RAM)"""


class WindowError(ValueError):
    """Windows that cannot be read; the text says which, why, and what would do."""


@dataclass(frozen=True)
class Window:
    """A part of the picture, in unbinned pixels.

    Parameters
    ----------
    x, y
        first column and first row, counted from 0 at the lower left
    width, height
        columns and rows
    """

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        """Return it as an observer writes it."""
        return f"{self.width}x{self.height}+{self.x}+{self.y}"


class Span(NamedTuple):
    """Rows or columns from ``first`` up to but without ``end``, in the order in which they are clocked."""

    first: int
    end: int


@dataclass(frozen=True)
class Part:
    """What of a window one output sends."""

    window: int
    output: int
    rows: Span
    columns: Span
    """unbinned, in clocking order"""
    target: tuple[slice, slice]
    """where its binned pixels go in the image, in clocking order"""


@dataclass(frozen=True)
class Block:
    """The pixels that one row of the table makes, and which of them an image takes."""

    offset: int
    """of its first pixel in the stream"""
    shape: tuple[int, int, int]
    """rows, samples of an output, outputs"""
    copies: tuple[tuple[int, tuple[slice, slice], tuple[slice, slice], int], ...]
    """window, rows and columns of its image, rows and samples of this block, output"""


@dataclass(frozen=True)
class WindowPlan:
    """A readout: what the camera is told and what becomes of the pixels it sends."""

    table: WindowTable | None
    """None for a full frame, which the table does not apply to"""
    xbin: int
    ybin: int
    pixels: int
    """in the stream, ghosts included"""
    shapes: tuple[tuple[int, int], ...]
    """rows and columns of each image, binned"""
    blocks: tuple[Block, ...]

    @property
    def ghosts(self) -> int:
        """Pixels in the stream that belong to no image."""
        taken = np.zeros(self.pixels, dtype=bool)
        for block in self.blocks:
            view = _view(taken, block)
            for _, _, source, output in block.copies:
                view[(*source, output)] = True
        return self.pixels - int(np.count_nonzero(taken))

    @classmethod
    def full(cls, geometry: CcdGeometry, xbin: int = 1, ybin: int = 1) -> WindowPlan:
        """Plan a full frame: one image; rows and columns left over by the binning are not read.

        Raises
        ------
        WindowError
            for a binning that the camera does not have
        """
        _check_binning(xbin, ybin)
        rows, columns = geometry.rows // ybin, geometry.columns // xbin
        if not rows or not columns:
            raise WindowError(f"binning {xbin}x{ybin} leaves no pixel of {geometry.columns}x{geometry.rows}")
        height, width = geometry.height // geometry.rows * rows, geometry.width // geometry.columns * columns
        copies = tuple(
            (
                0,
                (
                    _clocked(rows, height, corner.top),
                    _clocked(columns, width, corner.right),
                ),
                (slice(0, rows), slice(0, columns)),
                output,
            )
            for output, corner in enumerate(geometry.outputs)
        )
        shape = (rows, columns, len(geometry.outputs))
        return cls(
            None, xbin, ybin, rows * columns * shape[2], ((height, width),), (Block(0, shape, copies),)
        )

    @classmethod
    def build(
        cls, windows: Sequence[Window], geometry: CcdGeometry, xbin: int = 1, ybin: int = 1, n: int = 10
    ) -> WindowPlan:
        """Plan a windowed readout.

        A window, and each part of it on an output of its own, has to be whole binned pixels: 13 columns
        binned by 2 are refused rather than read as 12. Windows that overlap share pixels, so where they do,
        their edges must lie whole binned pixels apart.

        Parameters
        ----------
        windows
            at least one; they may overlap
        geometry
            the CCD
        xbin, ybin
            binning factors, 1 to 10
        n
            rows of the camera's window table

        Raises
        ------
        WindowError
            when the windows cannot be read so
        """
        _check_binning(xbin, ybin)
        if not windows:
            raise WindowError("no window is given; give at least one, or read the full frame")
        parts = [
            part
            for number, window in enumerate(windows)
            for part in _parts(number, window, geometry, xbin, ybin)
        ]
        table, blocks, pixels = _clock(parts, len(geometry.outputs), xbin, ybin)
        if table.n > n:
            raise WindowError(
                f"these windows need a window table of n = {table.n} fragments, the camera's has {n}; "
                "use fewer windows, or place them so that they share rows or columns"
            )
        shapes = tuple((window.height // ybin, window.width // xbin) for window in windows)
        return cls(table, xbin, ybin, pixels, shapes, blocks)

    def images(
        self, stream: NDArray[np.uint16], out: tuple[NDArray[np.uint16], ...] | None = None
    ) -> tuple[NDArray[np.uint16], ...]:
        """Return the image of each window.

        Parameters
        ----------
        stream
            shape (pixels,), as they arrived
        out
            arrays of shape ``shapes`` to be filled and returned; new ones if there are none

        Returns
        -------
        images of shape ``shapes``, row 0 at the bottom

        Raises
        ------
        ValueError
            when there are more or fewer pixels, or ``out`` has other shapes
        """
        if stream.shape != (self.pixels,):
            raise ValueError(f"a stream of shape {stream.shape}; this readout has {self.pixels} pixels")
        return self.images_of(stream.reshape(-1, self.blocks[0].shape[2]), out)

    def images_of(
        self, samples: NDArray[np.uint16], out: tuple[NDArray[np.uint16], ...] | None = None
    ) -> tuple[NDArray[np.uint16], ...]:
        """Return the image of each window, of pixels that need not lie one after another in memory.

        Parameters
        ----------
        samples
            shape (samples of an output, outputs)
        out
            as of `images`
        """
        images = out or tuple(np.empty(shape, dtype=samples.dtype) for shape in self.shapes)
        if tuple(image.shape for image in images) != self.shapes:
            raise ValueError(f"images of {[image.shape for image in images]}; expected {list(self.shapes)}")
        for block in self.blocks:
            rows, width, outputs = block.shape
            first = block.offset // outputs
            view = samples[first : first + rows * width].reshape(block.shape)
            for window, target, source, output in block.copies:
                images[window][target] = view[(*source, output)]
        return images


def _view(stream: NDArray[np.generic], block: Block) -> NDArray[np.generic]:
    rows, samples, outputs = block.shape
    return stream[block.offset : block.offset + rows * samples * outputs].reshape(block.shape)


def _check_binning(xbin: int, ybin: int) -> None:
    if not (1 <= xbin <= MOST_BINNING and 1 <= ybin <= MOST_BINNING):
        raise WindowError(f"binning {xbin}x{ybin}; expected factors of 1 to {MOST_BINNING}")


# --- the parts of a window --------------------------------------------------------------------------------


def _parts(number: int, window: Window, geometry: CcdGeometry, xbin: int, ybin: int) -> Iterator[Part]:
    """Yield what each output has of a window, checked."""
    inside = (
        0 <= window.x < window.x + window.width <= geometry.width
        and 0 <= window.y < window.y + window.height <= geometry.height
    )
    if not inside:
        raise WindowError(
            f"window {number + 1} ({window}) is not within the {geometry.width} x {geometry.height} pixels"
        )
    for output, corner in enumerate(geometry.outputs):
        rows = _on_output(
            Span(window.y, window.y + window.height), geometry.rows, geometry.height, corner.top
        )
        columns = _on_output(
            Span(window.x, window.x + window.width), geometry.columns, geometry.width, corner.right
        )
        if rows is None or columns is None:
            continue
        if (rows.end - rows.first) % ybin or (columns.end - columns.first) % xbin:
            raise WindowError(
                f"window {number + 1} ({window}) has {columns.end - columns.first} x {rows.end - rows.first} "
                f"pixels on output {output + 1}, which are not whole pixels binned {xbin}x{ybin}; "
                "change its size or its place"
            )
        yield Part(
            number,
            output,
            rows,
            columns,
            (
                _clocked((rows.end - rows.first) // ybin, window.height // ybin, corner.top),
                _clocked((columns.end - columns.first) // xbin, window.width // xbin, corner.right),
            ),
        )


def _on_output(span: Span, size: int, whole: int, mirrored: bool) -> Span | None:
    """Return which of an output's rows or columns lie in a span of the picture, in clocking order."""
    first, end = (whole - span.end, whole - span.first) if mirrored else span
    first, end = max(0, first), min(size, end)
    return Span(first, end) if first < end else None


def _clocked(count: int, size: int, mirrored: bool) -> slice:
    """Return the places of an axis that an output fills, in its order: from the near end or the far one."""
    if not mirrored:
        return slice(0, count)
    stop = size - 1 - count
    return slice(size - 1, None if stop < 0 else stop, -1)


# --- from parts to clocks ---------------------------------------------------------------------------------


def _clock(
    parts: Sequence[Part], outputs: int, xbin: int, ybin: int
) -> tuple[WindowTable, tuple[Block, ...], int]:
    """Return the table, the blocks of pixels it makes, and how many pixels these are."""
    rows: list[TableRow] = []
    blocks: list[Block] = []
    offset = moved = 0
    _check_phases([(part.window, part.rows) for part in parts], ybin, "rows")
    for band in _bands([part.rows for part in parts]):
        active = [part for part in parts if part.rows.first <= band.first < part.rows.end]
        _check_phases([(part.window, part.columns) for part in active], xbin, "columns")
        fragments = _union([part.columns for part in active], xbin)
        rows.append(_table_row(band, moved, fragments, xbin, ybin))
        shape = (rows[-1].pread, rows[-1].samples, outputs)
        copies = tuple(_copy(part, band, fragments, xbin, ybin) for part in active)
        blocks.append(Block(offset, shape, copies))
        offset += shape[0] * shape[1] * shape[2]
        moved = band.end
    return WindowTable(tuple(rows)), tuple(blocks), offset


def _bands(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the stretches between edges that lie in a span: in each the same spans are present."""
    edges = sorted({edge for span in spans for edge in span})
    for first, end in pairwise(edges):
        if any(span.first <= first < span.end for span in spans):
            yield Span(first, end)


def _check_phases(spans: Sequence[tuple[int, Span]], binning: int, what: str) -> None:
    """Refuse spans that overlap with edges that are not whole binned pixels apart."""
    ordered = sorted(spans, key=lambda each: each[1])
    for index, (window, span) in enumerate(ordered):
        for other, later in ordered[index + 1 :]:
            if later.first >= span.end:
                break
            if (later.first - span.first) % binning:
                raise WindowError(
                    f"windows {min(window, other) + 1} and {max(window, other) + 1} share {what} and begin "
                    f"{later.first - span.first} pixels apart there, seen from their outputs; binned by "
                    f"{binning} this has to be a multiple of {binning}"
                )


def _union(spans: Sequence[Span], binning: int) -> list[Span]:
    """Return stretches that are read in one go: spans that overlap, or touch, become one."""
    fragments: list[Span] = []
    for span in sorted(spans):
        if fragments and span.first <= fragments[-1].end:
            last = fragments.pop()
            span = Span(last.first, max(last.end, span.end))
        fragments.append(span)
    return fragments


def _table_row(band: Span, moved: int, fragments: Sequence[Span], xbin: int, ybin: int) -> TableRow:
    serial = []
    clocked = 0
    for fragment in fragments:
        serial.append((fragment.first - clocked, (fragment.end - fragment.first) // xbin))
        clocked = fragment.end
    return TableRow(band.first - moved, (band.end - band.first) // ybin, tuple(serial))


def _copy(
    part: Part, band: Span, fragments: Sequence[Span], xbin: int, ybin: int
) -> tuple[int, tuple[slice, slice], tuple[slice, slice], int]:
    """Return what of a part is in a band, and where it goes."""
    rows = (band.end - band.first) // ybin
    before = 0
    for fragment in fragments:
        if fragment.first <= part.columns.first < fragment.end:
            before += (part.columns.first - fragment.first) // xbin
            break
        before += (fragment.end - fragment.first) // xbin
    columns = slice(before, before + (part.columns.end - part.columns.first) // xbin)
    target = _advanced(part.target[0], (band.first - part.rows.first) // ybin, rows)
    return part.window, (target, part.target[1]), (slice(0, rows), columns), part.output


def _advanced(target: slice, by: int, count: int) -> slice:
    """Return a piece of a slice as of `_clocked`: so many of its places, after so many others."""
    step = target.step or 1
    first = target.start + by * step
    stop = first + count * step
    return slice(first, None if stop < 0 else stop, step)
