"""LINEAR: a line fitted through every pixel of a ramp of reads, while the reads arrive.

SDN 11.03 section 4.6.1: least squares through samples at equal intervals (Chapman et al. 1990) with the
variance of the slope (Neter & Wasserman 1974); sections 4.6.1.1 to 4.6.1.3: a pixel stops at saturation and
keeps its slope; a cosmic ray begins a second set of sums, and the two slopes are combined by their weights; a
second hit ends the pixel. Bad pixels take no part.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nifsdc.readout.cosmic import CosmicRayTest, limits
from nifsdc.readout.linear_lines import fit_pixels
from nifsdc.readout.linear_loops import add_pixels
from nifsdc.readout.linear_sums import BAD, BLOCK, ENTRY, LOST, STOPPED, empty_sums
from nifsdc.readout.memory import from_cache_line
from nifsdc.readout.parts import each
from nifsdc.readout.quality import Quality

MOST_READS = 254
"""reads that the arrays S and C can number (SDN 11.03 section 4.6.1.1)"""
FIRST_ENTRIES = 2 * BLOCK
"""hit pixels there is room for at first; the room doubles when it is used up"""
SECTION = 256
"""blocks of a section at most, where several threads take sections in turn"""
WHOLE_SCALE = 65536
"""one more than the greatest sample: a pixel never saturates"""


@dataclass(frozen=True)
class Fit:
    """Lines fitted to a ramp; shape (pixels,) each, in the order of the stream; NaN where there is no fit."""

    slope: NDArray[np.float32]
    """counts a read"""
    variance: NDArray[np.float32]
    """variance of the slope from the samples' distances to the line, counts squared; NaN below three reads"""
    intercept: NDArray[np.float32] | None
    """counts at the first read, if they were asked for"""
    reads: int
    """complete reads that were fitted"""


class _Section:
    """A run of whole blocks of pixels, worked on by one thread at a time."""

    def __init__(self, first: int, pixels: int) -> None:
        self.first = first
        self.pixels = pixels
        blocks = -(-pixels // BLOCK)
        self.sums = empty_sums(blocks, FIRST_ENTRIES)

    def clear(self, bad: NDArray[np.bool_] | None) -> None:
        sums = self.sums
        for array in (sums.words, sums.last, sums.state, sums.stops, sums.hits, sums.used):
            array.fill(0)
        sums.head.fill(-1)
        if bad is not None:
            own = bad[self.first : self.first + self.pixels]
            sums.state.reshape(-1)[: self.pixels][own] = STOPPED
            sums.stops.reshape(-1)[: self.pixels][own] = BAD

    def add(
        self, pixels: NDArray[np.uint16], first: int, number: int, full: int, limit: NDArray[np.float32]
    ) -> None:
        done = 0
        while done < len(pixels):
            begin = first + done - self.first
            done += add_pixels(pixels[done:], begin, number, np.uint32(full), limit, self.sums)
            if done < len(pixels):
                self._make_room()

    def _make_room(self) -> None:
        before = self.sums.second
        second = from_cache_line((2 * len(before), ENTRY), np.int64)
        second[: len(before)] = before
        self.sums = self.sums._replace(second=second)

    def fit(self, reads: int, begin: int, end: int, into: Fit) -> None:
        """Fit the pixels from ``begin`` to ``end`` of the stream, as far as they are of this section."""
        begin, end = max(begin, self.first), min(end, self.first + self.pixels)
        if begin >= end:
            return
        intercept = np.empty(0, np.float32) if into.intercept is None else into.intercept[begin:end]
        slope, variance = into.slope[begin:end], into.variance[begin:end]
        fit_pixels(begin - self.first, reads, self.sums, slope, variance, intercept)


class LinearFit:
    """Sums of a ramp, and the lines through it after any read.

    The sums are exact integers, so a fit does not depend on how the pixels came in pieces, and the fit after
    read k is that of a ramp of k reads. A sample that saturates or is a hit takes no part in the sums before
    it. One thread at a time may use an object.

    Parameters
    ----------
    pixels
        pixels of one read, reference samples included
    saturation
        counts from which a sample is saturated; None for never
    cosmic
        limits of the cosmic ray test; None makes no test
    bad
        pixels to leave out, shape (pixels,), in the order of the stream
    threads, pool
        how many sections to work on at once, and where; they serve chunks of more than a section

    Raises
    ------
    ValueError
        when an argument is out of its range or of the wrong shape
    """

    def __init__(
        self,
        pixels: int,
        *,
        saturation: int | None = None,
        cosmic: CosmicRayTest | None = None,
        bad: NDArray[np.bool_] | None = None,
        threads: int = 1,
        pool: Executor | None = None,
    ) -> None:
        if pixels < 1 or threads < 1:
            raise ValueError(f"{pixels} pixels in {threads} parts; expected at least one of each")
        if saturation is not None and not 1 <= saturation <= WHOLE_SCALE:
            raise ValueError(f"saturation at {saturation} counts; expected 1 to {WHOLE_SCALE}")
        if bad is not None and bad.shape != (pixels,):
            raise ValueError(f"bad pixels of shape {bad.shape}; expected ({pixels},), in stream order")
        self.pixels = pixels
        self.saturation = saturation
        self.cosmic = cosmic
        self._bad = bad
        self._threads = threads
        self._pool = pool
        share = -(-pixels // (threads * BLOCK)) * BLOCK
        if threads > 1:
            share = min(share, SECTION * BLOCK)
        self._sections = [_Section(first, min(share, pixels - first)) for first in range(0, pixels, share)]
        self._arrived = 0
        self.clear()

    def clear(self) -> None:
        """Begin another ramp with the same settings."""
        for section in self._sections:
            section.clear(self._bad)
        self._arrived = 0

    @property
    def reads(self) -> int:
        """Reads that are complete."""
        return self._arrived // self.pixels

    def add(self, chunk: NDArray[np.uint16], offset: int) -> None:
        """Take pixels that arrived.

        Parameters
        ----------
        chunk
            shape (n,), counts, contiguous; may run over the end of a read into the next
        offset
            index of the first of them in the ramp, whose reads follow each other

        Raises
        ------
        ValueError
            when pixels were left out, come twice, or are more than 254 reads have
        """
        if offset != self._arrived:
            raise ValueError(
                f"pixel {offset} of the ramp came where pixel {self._arrived} was expected: "
                "chunks follow each other without gaps"
            )
        if offset + len(chunk) > MOST_READS * self.pixels:
            raise ValueError(f"a ramp has at most {MOST_READS} reads; more were given: fit fewer reads")
        taken = 0
        while taken < len(chunk):
            number, start = divmod(offset + taken, self.pixels)
            count = min(len(chunk) - taken, self.pixels - start)
            self._add(chunk[taken : taken + count], start, number)
            taken += count
            self._arrived = offset + taken

    def _add(self, part: NDArray[np.uint16], start: int, number: int) -> None:
        full = WHOLE_SCALE if self.saturation is None else self.saturation
        limit = limits(self.cosmic, number)
        end = start + len(part)

        def add_to(section: _Section) -> None:
            begin, stop = max(start, section.first), min(end, section.first + section.pixels)
            section.add(part[begin - start : stop - start], begin, number, full, limit)

        self._each(add_to, start, end)

    def _each(self, work: Callable[[_Section], None], first: int, last: int) -> None:
        """Do it for the sections that have any pixels from ``first`` up to ``last``."""
        share = self._sections[0].pixels
        each(work, self._sections[first // share : -(-last // share)], self._threads, self._pool)

    def fit(self, *, intercept: bool = False) -> Fit:
        """Fit the samples that have arrived; the sums are left as they are, and more reads may follow.

        Within a read, the pixels that have arrived are fitted with one read more than the others.
        """
        result = Fit(
            np.empty(self.pixels, np.float32),
            np.empty(self.pixels, np.float32),
            np.empty(self.pixels, np.float32) if intercept else None,
            self.reads,
        )
        reads, part = divmod(self._arrived, self.pixels)

        def fit_section(section: _Section) -> None:
            section.fit(reads + 1, 0, part, result)
            section.fit(reads, part, self.pixels, result)

        self._each(fit_section, 0, self.pixels)
        return result

    def _gather(self, name: str) -> NDArray[np.uint8]:
        return np.concatenate(
            [getattr(section.sums, name).reshape(-1)[: section.pixels] for section in self._sections]
        )

    @property
    def stops(self) -> NDArray[np.uint8]:
        """The array S, shape (pixels,): the read, from 1, at which a pixel stopped; 0 for none, 255 bad."""
        return self._gather("stops")

    @property
    def hits(self) -> NDArray[np.uint8]:
        """The array C, shape (pixels,): the read, from 1, that was the first after a hit; 0 for none."""
        return self._gather("hits")

    @property
    def quality(self) -> NDArray[np.uint8]:
        """`Quality` of each pixel, shape (pixels,), as far as the ramp has come."""
        stops, hits, state = self.stops, self.hits, self._gather("state")
        saturated = (state == STOPPED) & (stops != BAD)
        result = np.where(stops == BAD, np.uint8(Quality.BAD | Quality.NO_VALUE), np.uint8(0))
        result[saturated] |= np.uint8(Quality.SATURATED)
        result[saturated & (stops <= 2)] |= np.uint8(Quality.NO_VALUE)
        result[hits != 0] |= np.uint8(Quality.COSMIC_RAY)
        result[state == LOST] |= np.uint8(Quality.LOST)
        return result

    def counts(self) -> tuple[int, int]:
        """Return how many pixels are saturated and how many were hit, at least once; bad ones apart."""
        saturated = sum(
            int(np.count_nonzero((part.sums.state == STOPPED) & (part.sums.stops != BAD)))
            for part in self._sections
        )
        return saturated, sum(int(np.count_nonzero(part.sums.hits)) for part in self._sections)
