"""What becomes of the pixels of an observation: taken as they arrive, added up, given out as images.

A camera offers an accumulator for each observation. The Readout task feeds it in the order of the stream and
asks it for the product at the end; what it does in between is the camera's affair.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.corrections import Corrected, Corrections
from nifsdc.camera.layout import Layout
from nifsdc.readout.coadd import CoaddSum
from nifsdc.readout.fowler import FowlerSum, photon_share
from nifsdc.readout.quality import Quality
from nifsdc.readout.reference import ReferenceWatch
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
READ = "read"
COADD = "coadd"
RATE, RATE_SQUARED = "adu/s", "adu2/s2"
QUARTERS = 4
"""parts of the outputs whose bias is shown: the quadrants of a HAWAII-2 as designed"""


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

    def tally(self) -> Mapping[str, float]:
        """Return what is counted and measured after a read, by status record."""

    def so_far(self) -> tuple[Image, ...]:
        """Return the images that the reads of this exposure make so far; none while they make none."""


@runtime_checkable
class Separable(Protocol):
    """An accumulator that can give out each exposure of those that it adds up."""

    def newest(self) -> tuple[Image, ...]:
        """Return the images of the exposure that was finished last, as `images` has those of all of them.

        None if they were not to be kept (`Products.coadds`).
        """


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


class CoaddedImages:
    """The sum of the exposures of an observation, corrected one by one, as images.

    Parameters
    ----------
    layout
        how the detector is read
    products
        what is to be given out
    corrections
        what is done to each exposure
    """

    def __init__(self, layout: Layout, products: Products, corrections: Corrections) -> None:
        self._layout = layout
        self._products = products
        self._corrections = corrections
        self._newest: tuple[Corrected, NDArray[np.uint8]] | None = None
        """the exposure that was added last, with its quality, if each is to be given out"""
        self._sum = CoaddSum(layout.rows * layout.columns)
        self._reference = CoaddSum(math.prod(layout.reference_shape))

    @property
    def count(self) -> int:
        """Exposures added."""
        return self._sum.count

    def add(
        self,
        counts: NDArray[np.float32],
        quality: NDArray[np.uint8],
        variance: NDArray[np.float32] | None = None,
    ) -> None:
        """Add an exposure: counts, `Quality` and variance in the order of the stream, (pixels_per_read,)."""
        one = self._corrections.apply(counts, variance)
        state = self._layout.unraveller.unravel(quality)[0]
        if one.nonlinear is not None:
            state[one.nonlinear] |= np.uint8(Quality.NONLINEAR)
        self._sum.add(
            one.image.reshape(-1),
            (state & Quality.SATURATED).reshape(-1) != 0,
            variance=None if one.variance is None else one.variance.reshape(-1),
            quality=state.reshape(-1),
        )
        self._reference.add(one.reference.reshape(-1))
        if self._products.coadds:
            self._newest = one, state

    def images(self, seconds: float | None = None, keywords: Keywords | None = None) -> tuple[Image, ...]:
        """Return what was asked for: the science image first, then variance and quality, then the reference.

        Parameters
        ----------
        seconds
            what the counts are divided by, if they are to be a rate
        keywords
            more for the header of the science image
        """
        shape = self._layout.shape
        whole = Corrected(
            self._sum.total().reshape(shape),
            self._reference.total().reshape(self._layout.reference_shape),
            self._sum.variance().reshape(shape) if self._products.variance else None,
        )
        saturated = self._sum.saturated.reshape(shape)
        return self._images(
            SCIENCE, whole, saturated, self._sum.quality.reshape(shape), seconds, keywords or {}
        )

    def newest(self, seconds: float | None = None, keywords: Keywords | None = None) -> tuple[Image, ...]:
        """Return the same of the exposure that was added last; none if they are not to be given out."""
        if self._newest is None:
            return ()
        one, quality = self._newest
        saturated = (quality & Quality.SATURATED) != 0
        return self._images(COADD, one, saturated, quality, seconds, keywords or {})

    def _images(
        self,
        name: str,
        one: Corrected,
        saturated: NDArray[np.bool_],
        quality: NDArray[np.uint8],
        seconds: float | None,
        keywords: Keywords,
    ) -> tuple[Image, ...]:
        rate, unit, square = np.float32(seconds or 1.0), {}, {}
        if seconds is not None:
            unit, square = {"BUNIT": RATE}, {"BUNIT": RATE_SQUARED}
        image = one.image / rate
        images = [Image(name, image, {**image_keywords(image, saturated), **unit, **keywords})]
        if self._products.variance and one.variance is not None:
            images.append(Image(VARIANCE, one.variance / rate**2, square))
        if self._products.quality:
            images.append(Image(QUALITY, quality))
        return (*images, Image(REFERENCE, one.reference / rate, unit))


class FowlerAccumulator:
    """Non-destructive reads of an infrared array: sets subtracted, corrected, exposures added.

    Parameters
    ----------
    layout
        how the detector is read
    plan
        the observation
    noise
        of the detector, for the variance
    corrections
        what is done to each exposure
    bad
        bad pixels, in the order of the stream
    """

    def __init__(
        self,
        layout: Layout,
        plan: ExposurePlan,
        noise: Noise,
        corrections: Corrections,
        bad: NDArray[np.bool_] | None = None,
    ) -> None:
        self._layout = layout
        self._plan = plan
        self._noise = noise
        self._corrections = corrections
        self._fowler = FowlerSum(
            layout.pixels_per_read, plan.nreads, sets=plan.sets, saturation=SATURATION, bad=bad
        )
        self._watch = ReferenceWatch(layout.unraveller)
        self._coadds = CoaddedImages(layout, plan.products, corrections)

    def clear(self) -> None:
        """Begin an exposure."""
        self._fowler.clear()

    def take(self, pixels: NDArray[np.uint16], offset: int, number: int) -> None:
        """Add or subtract pixels of a set."""
        self._fowler.add(pixels, offset, number)
        self._watch.add(pixels, offset)

    def finish(self, seconds: float) -> None:
        """Add the exposure to those before it."""
        fowler = self._fowler
        variance = None
        if self._plan.products.variance:
            two = fowler.sets == 2
            share = photon_share(fowler.reads, self._plan.read_time, self._plan.exposure) if two else 1.0
            variance = fowler.variance(self._noise.counts, self._noise.gain, share)
        self._coadds.add(fowler.difference(), fowler.quality, variance)

    def tally(self) -> Mapping[str, float]:
        """Return the saturated pixels of the last set, and the levels of the newest read."""
        fowler = self._fowler
        watching = self._corrections.watching and fowler.complete
        near = self._corrections.near_limit(fowler.difference()) if watching else 0
        saturated = int(np.count_nonzero(fowler.saturated))
        return {"nsaturPix": saturated, "ncosmicPix": 0, "nlinearPix": near, **levels(self._watch)}

    def so_far(self) -> tuple[Image, ...]:
        """Return nothing: there is no image before the second set has ended."""
        return ()

    def newest(self) -> tuple[Image, ...]:
        """Return the exposure that was finished last, if each is to be given out."""
        return self._coadds.newest()

    def images(self) -> tuple[Image, ...]:
        """Return the sum of all exposures, and its reference samples; a lone single read as it was read."""
        single = self._plan.mode is ReadMode.SINGLE and self._coadds.count == 1
        if not (single and self._corrections.none):
            return self._coadds.images()
        image, reference = self._layout.unraveller.unravel(self._fowler.raw())
        science, *beside, samples = self._coadds.images()
        return (
            Image(SCIENCE, image, science.keywords),
            *beside,
            Image(REFERENCE, reference, samples.keywords),
        )


def levels(watch: ReferenceWatch) -> Mapping[str, float]:
    """Return level and noise of the reference samples of each quarter of the outputs, by status record."""
    found = watch.levels()
    if found is None:
        return {}
    quarters = np.array_split(np.arange(len(found.outputs)), QUARTERS)
    return {
        name: round(float(values[quarter].mean()), 3)
        for number, quarter in enumerate(quarters, 1)
        if len(quarter)
        for name, values in ((f"biasLevel{number}", found.outputs), (f"biasNoise{number}", found.noise))
    }
