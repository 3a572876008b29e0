"""DCS, Fowler sampling and single reads: sums kept in the order of the stream as pixels arrive.

SDN 11.03 section 4.6.1: reads before the exposure are averaged, reads after it are averaged, the result is
the difference (Fowler & Gatley 1990); double correlated sampling is the case of one read each. Saturation can
be seen in the second set only, and is marked per pixel.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from nifsdc.readout.fowler_loops import add_and_mark, add_reads, divided
from nifsdc.readout.memory import from_cache_line, zeros_from_cache_line
from nifsdc.readout.parts import each, ranges
from nifsdc.readout.quality import Quality

LEAST_PART = 1 << 16
"""pixels that are worth another thread; a multiple of what a cache line holds"""
MOST_COUNTS = 65535
"""the greatest sample"""
MOST_READS = 32767
"""reads of 65,535 counts that a signed 32-bit sum holds"""


class FowlerSum:
    """Sum of the second set of reads minus the sum of the first, and which pixels saturated.

    The sums are integers and exact: any division of a set into chunks gives the same result.

    Parameters
    ----------
    pixels
        pixels of one read
    reads
        reads in each set
    sets
        2; or 1 for SINGLE, where nothing is subtracted
    saturation
        counts from which a pixel of the last set is marked; None marks none
    bad
        pixels marked as bad in the quality, shape (pixels,), in stream order; None for none
    threads, pool
        how many parts to work on at once, and where; they serve chunks of more than `LEAST_PART`
    """

    def __init__(
        self,
        pixels: int,
        reads: int = 1,
        *,
        sets: int = 2,
        saturation: int | None = None,
        bad: NDArray[np.bool_] | None = None,
        threads: int = 1,
        pool: Executor | None = None,
    ) -> None:
        if not 1 <= reads <= MOST_READS:
            raise ValueError(f"{reads} reads a set; expected 1 to {MOST_READS}")
        if sets not in (1, 2):
            raise ValueError(f"{sets} sets of reads; expected 2, or 1 for a single read")
        if bad is not None and bad.shape != (pixels,):
            raise ValueError(f"bad pixels of shape {bad.shape}; expected ({pixels},), in stream order")
        self.pixels = pixels
        self.reads = reads
        self._bad = bad
        self.sets = sets
        self.saturation = saturation
        self._threads = threads
        self._pool = pool
        self._sum = zeros_from_cache_line((pixels,), np.int32)
        self._saturated = zeros_from_cache_line((pixels,), np.bool_)
        self._arrived = [0] * sets

    def clear(self) -> None:
        """Begin another exposure with the same settings."""
        self._sum.fill(0)
        self._saturated.fill(False)
        self._arrived = [0] * self.sets

    def add(self, chunk: NDArray[np.uint16], offset: int, number: int) -> None:
        """Take pixels that arrived.

        Parameters
        ----------
        chunk
            shape (n,), counts; may run over the end of a read into the next
        offset
            index of the first of them in its set, which has ``reads`` times ``pixels`` of them
        number
            which set: 0 or 1

        Raises
        ------
        ValueError
            when pixels were left out, come twice, or are more than the set has
        """
        if not 0 <= number < self.sets:
            raise ValueError(f"set {number} of {self.sets}: sets are counted from 0")
        if offset != self._arrived[number]:
            raise ValueError(
                f"pixel {offset} of set {number} came where pixel {self._arrived[number]} was expected: "
                "chunks follow each other without gaps"
            )
        end = offset + len(chunk)
        if end > self.reads * self.pixels:
            raise ValueError(f"set {number} has {self.reads * self.pixels} pixels; {end} were given")
        taken = 0
        while taken < len(chunk):
            start = (offset + taken) % self.pixels
            count = min(len(chunk) - taken, self.pixels - start)
            self._add(chunk[taken : taken + count], start, number)
            taken += count
        self._arrived[number] = end

    def _add(self, pixels: NDArray[np.uint16], start: int, number: int) -> None:
        last = number == self.sets - 1
        full = MOST_COUNTS + 1 if self.saturation is None or not last else self.saturation

        def add(part: tuple[int, int]) -> None:
            own, place = slice(*part), slice(start + part[0], start + part[1])
            if full <= MOST_COUNTS:
                add_and_mark(pixels[own], self._sum[place], self._saturated[place].view(np.uint8), full)
            else:
                add_reads(pixels[own], self._sum[place], 1 if last else -1)

        each(add, ranges(0, len(pixels), self._threads, LEAST_PART), self._threads, self._pool)

    @property
    def complete(self) -> bool:
        """Whether every pixel of every set has been taken."""
        return all(arrived == self.reads * self.pixels for arrived in self._arrived)

    @property
    def saturated(self) -> NDArray[np.bool_]:
        """Which pixels reached the limit in any read of the last set; shape (pixels,), in stream order."""
        return self._saturated

    @property
    def sums(self) -> NDArray[np.int32]:
        """Sum of the last set minus sum of the first; shape (pixels,), counts, exact."""
        return self._sum

    def difference(self, into: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return mean of the last set minus mean of the first; shape (pixels,), counts, in stream order.

        A new array, or the contiguous one that is given.
        """
        result = from_cache_line((self.pixels,), np.float32) if into is None else into

        def divide(part: tuple[int, int]) -> None:
            divided(self._sum[slice(*part)], self.reads, result[slice(*part)])

        each(divide, ranges(0, self.pixels, self._threads, LEAST_PART), self._threads, self._pool)
        return result

    def variance(self, read_noise: float, gain: float, correlated: float = 1.0) -> NDArray[np.float32]:
        """Return the variance of the difference, from the noise of reading and of the photons.

        Two sets of n reads: 2 r^2 / n and signal / gain, less what the photons that arrive within the sets
        have in common (Garnett & Forrest 1993). A single read has r^2 / n, and its level above bias is not
        known, so that its photons are not counted.

        Parameters
        ----------
        read_noise
            r, counts
        gain
            electrons a count
        correlated
            what is left of the photons' variance: 1 - (n^2 - 1) t / (3 n T) for reads every t seconds and
            sets that begin T seconds apart; 1 for n = 1 (`photon_share`)

        Returns
        -------
        shape (pixels,), counts squared, in stream order
        """
        by_reading = self.sets * read_noise**2 / self.reads
        if self.sets == 1:
            return np.full(self.pixels, by_reading, np.float32)
        signal = np.maximum(self.difference(), np.float32(0.0))
        return np.asarray(signal * np.float32(correlated / gain) + np.float32(by_reading))

    @property
    def quality(self) -> NDArray[np.uint8]:
        """`Quality` of each pixel; shape (pixels,), in stream order."""
        result = np.where(self._saturated, np.uint8(Quality.SATURATED), np.uint8(0))
        if self._bad is not None:
            result[self._bad] |= np.uint8(Quality.BAD)
        return result

    def raw(self) -> NDArray[np.uint16]:
        """Return a single read as it was read; shape (pixels,), counts.

        Raises
        ------
        ValueError
            when there is more than one read, which a 16-bit number could not hold
        """
        if self.sets != 1 or self.reads != 1:
            raise ValueError(
                f"{self.sets} sets of {self.reads} reads are not a single read: use difference()"
            )
        return self._sum.astype(np.uint16)


def photon_share(reads: int, read_time: float, apart: float) -> float:
    """Return what averaging within the sets leaves of the photons' variance (Garnett & Forrest 1993).

    Parameters
    ----------
    reads
        in each set, n
    read_time
        seconds from one read to the next
    apart
        seconds from the beginning of the first set to that of the second, at least n read times

    Raises
    ------
    ValueError
        when the sets would overlap
    """
    if apart < reads * read_time or apart <= 0.0:
        raise ValueError(f"sets of {reads} reads of {read_time} s that begin {apart} s apart overlap")
    return 1 - (reads**2 - 1) * read_time / (3 * reads * apart)
