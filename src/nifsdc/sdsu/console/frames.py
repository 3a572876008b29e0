"""Pixels of a readout, taken from the interface card's buffer as they come, and into a file."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from nifsdc.sdsu.commands import LONGEST_SECONDS
from nifsdc.sdsu.console.language import Mistake
from nifsdc.sdsu.errors import LinkLost, PixelTimeout
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.pixels import PixelsLost

POLL_SECONDS = 0.002


@dataclass(frozen=True)
class Expected:
    """What a command that reads the detector sends."""

    label: str
    blocks: int | None
    """initialisations of the image address; None for any number until ABR"""
    reads: int
    """reads in a block"""
    columns: int
    rows: int

    @property
    def pixels(self) -> int:
        """Pixels of a block."""
        return self.reads * self.columns * self.rows


@dataclass
class _Block:
    parts: list[NDArray[np.uint16]] = field(default_factory=list)
    pixels: int = 0


class Pixels(Protocol):
    """The pixels of a readout, whoever took them."""

    expected: Expected
    problem: Exception | None

    @property
    def complete(self) -> bool:
        """Whether every pixel expected has come."""
        ...

    @property
    def counts(self) -> tuple[int, ...]:
        """Pixels kept of each block."""

    def stream(self) -> NDArray[np.uint16]:
        """Return all pixels in the order in which they came, shape (n,)."""

    def wait(self, seconds: float) -> bool:
        """Wait for the last pixel; tell whether the readout is over."""

    def stop(self) -> None:
        """Keep what has come and look no more."""


class Collector:
    """Copies the pixels of one readout out of the buffer, so that the next block may come.

    Parameters
    ----------
    link
        where they come from
    expected
        what comes
    """

    def __init__(self, link: Link, expected: Expected) -> None:
        self.expected = expected
        self.problem: Exception | None = None
        """why it ended early, None where it did not"""
        self._link = link
        self._first = link.progress().block + 1
        self._blocks: list[_Block] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pixels", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Keep what has come and look no more."""
        self._ending.set()
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Wait for the last pixel; tell whether it came, or the readout ended otherwise."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def complete(self) -> bool:
        """Whether every pixel expected has come."""
        blocks, expected = self._blocks, self.expected
        whole = len(blocks) == expected.blocks or (expected.blocks is None and bool(blocks))
        return whole and all(block.pixels == expected.pixels for block in blocks)

    @property
    def counts(self) -> tuple[int, ...]:
        """Pixels kept of each block."""
        return tuple(block.pixels for block in self._blocks)

    def stream(self) -> NDArray[np.uint16]:
        """Return all pixels in the order in which they came, shape (n,)."""
        parts = [part for block in self._blocks for part in block.parts]
        return np.concatenate(parts) if parts else np.empty(0, np.uint16)

    def _run(self) -> None:
        moment = time.monotonic()
        try:
            while not self._ending.is_set():
                before = self.counts
                self._look()
                if self.counts != before:
                    moment = time.monotonic()
                elif len(self._blocks) == self.expected.blocks and not self._mid_block:
                    return
                elif self._mid_block and time.monotonic() - moment > LONGEST_SECONDS:
                    raise PixelTimeout(
                        f"{self.expected.label}: no pixel for {LONGEST_SECONDS:.0f} s after "
                        f"{self._blocks[-1].pixels} of {self.expected.pixels} in block {len(self._blocks)}: "
                        "ABR, then RST"
                    )
                else:
                    self._ending.wait(POLL_SECONDS)
            self._look()
        except (LinkLost, PixelTimeout, PixelsLost) as error:
            self.problem = error

    @property
    def _mid_block(self) -> bool:
        return bool(self._blocks) and self._blocks[-1].pixels < self.expected.pixels

    def _look(self) -> None:
        progress = self._link.progress()
        number = progress.block - self._first
        if number < 0:
            return
        while len(self._blocks) <= number:
            self._blocks.append(_Block())
        block = self._blocks[number]
        buffer = self._link.buffer
        while block.pixels < progress.pixels:
            start = block.pixels % buffer.size
            part = buffer[start : start + min(progress.pixels - block.pixels, buffer.size - start)].copy()
            self._check_kept(progress.block, block.pixels)
            block.parts.append(part)
            block.pixels += part.size
        self._link.consumed(*progress)

    def _check_kept(self, number: int, first: int) -> None:
        """Make sure that nothing was written over a block's pixels from ``first`` to the buffer's end."""
        block, pixels = self._link.progress()
        size = self._link.buffer.size
        kept = pixels - first <= size if block == number else block == number + 1 and pixels <= first % size
        if not kept:
            raise PixelsLost(
                f"{self.expected.label}: block {number - self._first + 1} was overwritten from pixel {first} "
                "on before it was taken; the host is overloaded: repeat it"
            )


def save(collector: Pixels, path: Path) -> str:
    """Write what has come to a new file, ``.npy`` or FITS, and describe it.

    A whole readout has the shape (reads of all blocks, rows, columns), or (rows, columns) where there is one
    read; the pixels of several outputs stay interleaved as they came. Pixels of a readout that broke off are
    written as they came, shape (pixels,).

    Raises
    ------
    Mistake
        when there is nothing, the name has no such ending, or the file exists
    OSError
        when it cannot be written
    """
    stream, expected = collector.stream(), collector.expected
    if not stream.size:
        raise Mistake(f"{expected.label} has brought no pixel: nothing to write")
    if collector.complete:
        stream = stream.reshape(-1, expected.rows, expected.columns)
        stream = stream[0] if len(stream) == 1 else stream
    if path.suffix not in (".npy", ".fits", ".fit"):
        raise Mistake(f"{path}: expected a name that ends with .npy or .fits")
    try:
        with path.open("xb") as file:
            if path.suffix == ".npy":
                np.save(file, stream)
            else:
                whole = io.BytesIO()  # astropy takes no file that must be new
                fits.PrimaryHDU(stream).writeto(whole, checksum=True)
                file.write(whole.getbuffer())
    except FileExistsError:
        raise Mistake(f"{path} exists: nothing is ever overwritten, give another name") from None
    shape = " x ".join(str(length) for length in stream.shape)
    state = "" if collector.complete else f", broken off: blocks of {', '.join(map(str, collector.counts))}"
    return f"{path}: {shape} pixels{state}"
