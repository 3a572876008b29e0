"""What becomes of the pixels of an observation: taken as they arrive, added up, given out as images.

A camera offers an accumulator for each observation. The Readout task feeds it in the order of the stream and
asks it for the product at the end; what it does in between is the camera's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.layout import Layout
from nifsdc.readout.coadd import CoaddSum
from nifsdc.readout.fowler import FowlerSum, photon_share
from nifsdc.readout.statistics import statistics
from nifsdc.timing.infrared import ExposurePlan, Products, ReadMode

Value = str | int | float | bool | None
Keywords = Mapping[str, Value]

SATURATION = 65535
"""counts at which the converter has no more to say; a pixel of the last set that reaches it is marked"""
SCIENCE = "science"
REFERENCE = "reference"
VARIANCE = "variance"
QUALITY = "quality"


@dataclass(frozen=True)
class Noise:
    """What a detector's noise is reckoned from."""

    gain: float
    """electrons a count"""
    read_noise: float
    """electrons of one read"""

    @property
    def counts(self) -> float:
        """Noise of one read in counts."""
        return self.read_noise / self.gain


@dataclass(frozen=True)
class Image:
    """One image of an observation."""

    name: str
    """``science``, ``science:2``, ``reference``: the arrays of a frame"""
    pixels: NDArray[Any]
    """shape (rows, columns), row 0 at the bottom; reference samples (amplifiers, lines, samples)"""
    keywords: Keywords = field(default_factory=dict)
    """what its header says of it"""


class Accumulator(Protocol):
    """Takes the pixels of one observation; for one thread."""

    def clear(self) -> None:
        """Begin an exposure."""

    def take(self, pixels: NDArray[np.uint16], offset: int, number: int) -> None:
        """Take pixels that arrived.

        Parameters
        ----------
        pixels
            shape (n,), counts
        offset
            index of the first of them in its set of reads
        number
            which set: 0 or 1
        """

    def finish(self, seconds: float) -> None:
        """End an exposure after its last pixel; it was exposed for so many seconds."""

    def images(self) -> tuple[Image, ...]:
        """Return the images of the observation, the one to look at first."""


@runtime_checkable
class Progressive(Protocol):
    """An accumulator that can tell of an exposure before it has ended."""

    def tally(self) -> Mapping[str, int]:
        """Return what is counted, by status record."""

    def so_far(self) -> tuple[Image, ...]:
        """Return the images that the reads of this exposure make so far; none while they make none."""


def image_keywords(image: NDArray[Any], saturated: NDArray[np.bool_]) -> Keywords:
    """Return what a header says of the pixels of an image: extremes, mean, saturated ones."""
    summary = statistics(image, saturated)
    return {
        "SATLEVEL": SATURATION,
        "NSATUR": summary.saturated,
        "DATAMIN": summary.minimum,
        "DATAMAX": summary.maximum,
        "DATAMEAN": summary.mean,
    }


class FowlerAccumulator:
    """Non-destructive reads of an infrared array: sets subtracted, exposures added, then unravelled.

    Parameters
    ----------
    layout
        how the detector is read
    plan
        the observation
    noise
        of the detector, for the variance
    bad
        bad pixels, in the order of the stream
    """

    def __init__(
        self,
        layout: Layout,
        plan: ExposurePlan,
        noise: Noise,
        bad: NDArray[np.bool_] | None = None,
    ) -> None:
        self._layout = layout
        self._plan = plan
        self._noise = noise
        self._mode = plan.mode
        pixels = layout.pixels_per_read
        self._fowler = FowlerSum(pixels, plan.nreads, sets=plan.sets, saturation=SATURATION, bad=bad)
        self._coadds = CoaddSum(pixels)

    def clear(self) -> None:
        """Begin an exposure."""
        self._fowler.clear()

    def take(self, pixels: NDArray[np.uint16], offset: int, number: int) -> None:
        """Add or subtract pixels of a set."""
        self._fowler.add(pixels, offset, number)

    def finish(self, seconds: float) -> None:
        """Add the exposure to those before it."""
        products, fowler = self._plan.products, self._fowler
        variance = None
        if products.variance:
            two = fowler.sets == 2
            share = photon_share(fowler.reads, self._plan.read_time, self._plan.exposure) if two else 1.0
            variance = fowler.variance(self._noise.counts, self._noise.gain, share)
        quality = fowler.quality if products.quality else None
        self._coadds.add(fowler.difference(), fowler.saturated, variance=variance, quality=quality)

    def images(self) -> tuple[Image, ...]:
        """Return the sum of all exposures, and its reference samples; a lone single read as it was read."""
        single = self._mode is ReadMode.SINGLE and self._coadds.count == 1
        stream: NDArray[Any] = self._fowler.raw() if single else self._coadds.total()
        unraveller = self._layout.unraveller
        image, reference = unraveller.unravel(stream)
        saturated = unraveller.unravel(self._coadds.saturated)[0]
        return (
            Image(SCIENCE, image, image_keywords(image, saturated)),
            *beside(self._layout, self._plan.products, self._coadds),
            Image(REFERENCE, reference),
        )


def beside(
    layout: Layout, products: Products, coadds: CoaddSum, seconds: float | None = None
) -> tuple[Image, ...]:
    """Return the variance and the quality of a sum, as far as they were asked for.

    Parameters
    ----------
    layout
        how the detector is read
    products
        what was asked for
    coadds
        the sum
    seconds
        what its counts are divided by, if they are
    """
    images: tuple[Image, ...] = ()
    if products.variance:
        variance, keywords = coadds.variance(), {}
        if seconds is not None:
            variance, keywords = variance / np.float32(seconds**2), {"BUNIT": "adu2/s2"}
        images += (Image(VARIANCE, layout.unraveller.unravel(variance)[0], keywords),)
    if products.quality:
        images += (Image(QUALITY, layout.unraveller.unravel(coadds.quality)[0]),)
    return images
