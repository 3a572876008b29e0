"""The image of a ramp of reads: the slope of every pixel in counts a second (SDN 11.03 section 4.6.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.accumulator import REFERENCE, SATURATION, SCIENCE, Image, image_keywords
from nifsdc.camera.layout import Layout
from nifsdc.readout.coadd import CoaddSum
from nifsdc.readout.linear import LinearFit
from nifsdc.readout.quality import Quality
from nifsdc.timing.infrared import ExposurePlan

UNIT = "adu/s"


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
    """

    def __init__(self, layout: Layout, plan: ExposurePlan) -> None:
        self._layout = layout
        self._plan = plan
        self._fit = LinearFit(layout.pixels_per_read, saturation=SATURATION)
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
        counts = self._fit.fit().slope * np.float32(self._fit.reads - 1)
        self._coadds.add(counts, (self._fit.quality & Quality.SATURATED) != 0)
        self._seconds += seconds

    def images(self) -> tuple[Image, ...]:
        """Return the rates of all exposures, and those of the reference samples."""
        unraveller = self._layout.unraveller
        image, reference = unraveller.unravel(self._coadds.total() / np.float32(self._seconds))
        saturated = unraveller.unravel(self._coadds.saturated)[0]
        unit = {"BUNIT": UNIT}
        return (
            Image(SCIENCE, image, {**image_keywords(image, saturated), **unit}),
            Image(REFERENCE, reference, unit),
        )
