"""The image of a ramp of reads: the slope of every pixel in counts a second (SDN 11.03 section 4.6.1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.accumulator import (
    RATE,
    SATURATION,
    SCIENCE,
    CoaddedImages,
    Image,
    Keywords,
    Noise,
    levels,
)
from nifsdc.camera.corrections import Corrections
from nifsdc.camera.layout import Layout
from nifsdc.readout.cosmic import CosmicRayTest
from nifsdc.readout.linear import LinearFit
from nifsdc.readout.reference import ReferenceWatch
from nifsdc.timing.infrared import ExposurePlan, Products

LEAST_READS = 2
"""reads through which a line can be laid"""


class LinearAccumulator:
    """LINEAR: a line fitted through each pixel of a ramp while its reads arrive.

    The image is the rate at which a pixel's counts rise. With coadds it is that of all exposures together:
    their counts divided by their time. Corrections are made to the counts of a ramp: slope times duration.

    Parameters
    ----------
    layout
        how the detector is read
    plan
        the observation
    noise
        of the detector, for the cosmic ray test
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
        self._corrections = corrections
        self._fit = LinearFit(
            layout.pixels_per_read,
            saturation=SATURATION,
            cosmic=_cosmic_ray_test(plan.products, noise),
            bad=bad,
        )
        self._watch = ReferenceWatch(layout.unraveller)
        self._hits = 0
        self._coadds = CoaddedImages(layout, plan.products, corrections)
        self._seconds = 0.0
        self._newest_seconds, self._newest_hits = 0.0, 0

    def clear(self) -> None:
        """Begin an exposure."""
        self._fit.clear()

    def take(self, pixels: NDArray[np.uint16], offset: int, number: int) -> None:
        """Add pixels of a read to the sums."""
        self._fit.add(pixels, number * self._fit.pixels + offset)
        self._watch.add(pixels, offset)

    def finish(self, seconds: float) -> None:
        """Fit the ramp and add its counts to those of the exposures before it."""
        fit, periods = self._fit.fit(), np.float32(self._fit.reads - 1)
        variance = fit.variance * periods**2 if self._plan.products.variance else None
        self._coadds.add(fit.slope * periods, self._fit.quality, variance)
        self._newest_seconds, self._newest_hits = seconds, self._fit.counts()[1]
        self._seconds += self._newest_seconds
        self._hits += self._newest_hits

    def tally(self) -> Mapping[str, float]:
        """Return how many pixels of this exposure are saturated, hit, or near the end of linearity."""
        saturated, hits = self._fit.counts()
        near = self._corrections.near_limit(self._counts()) if self._corrections.watching else 0
        counts = {"nsaturPix": saturated, "ncosmicPix": hits, "nlinearPix": near}
        return {**counts, **levels(self._watch)}

    def so_far(self) -> tuple[Image, ...]:
        """Return the rates by the reads of this exposure alone, from the second on."""
        if self._fit.reads < LEAST_READS:
            return ()
        seconds = np.float32((self._fit.reads - 1) * self._plan.period)
        image = self._corrections.apply(self._counts()).image / seconds
        return (Image(SCIENCE, image, {"BUNIT": RATE}),)

    def _counts(self) -> NDArray[np.float32]:
        """Return the counts by which the line has risen from its first read to its last."""
        return self._fit.fit().slope * np.float32(self._fit.reads - 1)

    def images(self) -> tuple[Image, ...]:
        """Return the rates of all exposures, and those of the reference samples."""
        return self._coadds.images(self._seconds, self._hit_keywords(self._hits))

    def newest(self) -> tuple[Image, ...]:
        """Return the rates of the exposure that was finished last, if each is to be given out."""
        return self._coadds.newest(self._newest_seconds, self._hit_keywords(self._newest_hits))

    def _hit_keywords(self, hits: int) -> Keywords:
        return {"NCOSMIC": hits} if self._plan.products.reject_cosmic_rays else {}


def _cosmic_ray_test(products: Products, noise: Noise) -> CosmicRayTest | None:
    if not products.reject_cosmic_rays:
        return None
    return CosmicRayTest(products.cosmic_threshold, products.cosmic_minimum, noise.counts, noise.gain)
