"""The image of a ramp of reads: the slope of every pixel in counts a second (SDN 11.03 section 4.6.1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.accumulator import (
    REFERENCE,
    SATURATION,
    SCIENCE,
    Image,
    Keywords,
    Noise,
    beside,
    image_keywords,
)
from nifsdc.camera.layout import Layout
from nifsdc.readout.coadd import CoaddSum
from nifsdc.readout.cosmic import CosmicRayTest
from nifsdc.readout.linear import LinearFit
from nifsdc.readout.quality import Quality
from nifsdc.timing.infrared import ExposurePlan

UNIT = "adu/s"
LEAST_READS = 2
"""reads through which a line can be laid"""


class LinearAccumulator:
    """LINEAR: a line fitted through each pixel of a ramp while its reads arrive.

    The image is the rate at which a pixel's counts rise. With coadds it is that of all exposures together:
    their counts divided by their time.

    Parameters
    ----------
    layout
        how the detector is read
    plan
        the observation
    noise
        of the detector, for the cosmic ray test
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
        products = plan.products
        cosmic = None
        if products.reject_cosmic_rays:
            cosmic = CosmicRayTest(
                products.cosmic_threshold, products.cosmic_minimum, noise.counts, noise.gain
            )
        self._fit = LinearFit(layout.pixels_per_read, saturation=SATURATION, cosmic=cosmic, bad=bad)
        self._hits = 0
        self._coadds = CoaddSum(layout.pixels_per_read)
        self._seconds = 0.0

    def clear(self) -> None:
        """Begin an exposure."""
        self._fit.clear()

    def take(self, pixels: NDArray[np.uint16], offset: int, number: int) -> None:
        """Add pixels of a read to the sums."""
        self._fit.add(pixels, number * self._fit.pixels + offset)

    def finish(self, seconds: float) -> None:
        """Fit the ramp and add its counts to those of the exposures before it."""
        fit, periods = self._fit.fit(), np.float32(self._fit.reads - 1)
        quality = self._fit.quality
        self._coadds.add(
            fit.slope * periods,
            (quality & Quality.SATURATED) != 0,
            variance=fit.variance * periods**2 if self._plan.products.variance else None,
            quality=quality if self._plan.products.quality else None,
        )
        self._seconds += seconds
        self._hits += self._fit.counts()[1]

    def tally(self) -> Mapping[str, int]:
        """Return how many pixels of this exposure are saturated, and how many were hit."""
        saturated, hits = self._fit.counts()
        return {"nsaturPix": saturated, "ncosmicPix": hits}

    def so_far(self) -> tuple[Image, ...]:
        """Return the rates by the reads of this exposure alone, from the second on."""
        if self._fit.reads < LEAST_READS:
            return ()
        unraveller = self._layout.unraveller
        image, _ = unraveller.unravel(self._fit.fit().slope / np.float32(self._plan.period))
        saturated = unraveller.unravel((self._fit.quality & Quality.SATURATED) != 0)[0]
        return (Image(SCIENCE, image, {**image_keywords(image, saturated), "BUNIT": UNIT}),)

    def images(self) -> tuple[Image, ...]:
        """Return the rates of all exposures, and those of the reference samples."""
        unraveller = self._layout.unraveller
        image, reference = unraveller.unravel(self._coadds.total() / np.float32(self._seconds))
        saturated = unraveller.unravel(self._coadds.saturated)[0]
        unit: Keywords = {"BUNIT": UNIT}
        hits: Keywords = {"NCOSMIC": self._hits} if self._plan.products.reject_cosmic_rays else {}
        return (
            Image(SCIENCE, image, {**image_keywords(image, saturated), **unit, **hits}),
            *beside(self._layout, self._plan.products, self._coadds, self._seconds),
            Image(REFERENCE, reference, unit),
        )
