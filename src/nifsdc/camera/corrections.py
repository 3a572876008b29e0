"""Corrections of an image: reference samples, then linearity (SDN 11.03 sections 4.6.2, 4.6.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.camera.layout import Layout
from nifsdc.readout.linearity import Linearity
from nifsdc.readout.reference import correct_by_reference, reference_levels
from nifsdc.timing.infrared import Products, ReferenceCorrection

SMOOTHED_LINES = 9
"""lines over which a line's level is averaged: 32 samples of one line would add a sixth of a read's noise"""


@dataclass(frozen=True)
class Corrected:
    """One image with what is known of it; shape (rows, columns) each."""

    image: NDArray[Any]
    reference: NDArray[Any]
    """shape (outputs, lines, samples)"""
    variance: NDArray[np.float32] | None = None
    nonlinear: NDArray[np.bool_] | None = None
    """pixels beyond the limit of the linearity correction, if one was made"""


class Corrections:
    """Carries out the corrections that were asked for.

    Parameters
    ----------
    layout
        how the detector is read
    products
        what was asked for
    linearity
        the detector's; the limit is watched whether or not the correction was asked for
    """

    def __init__(self, layout: Layout, products: Products, linearity: Linearity | None) -> None:
        self._layout = layout
        self._reference = products.reference
        self._linearity = linearity
        self._linearise = products.linearise and linearity is not None

    @property
    def none(self) -> bool:
        """Whether images stay as they are."""
        return self._reference is ReferenceCorrection.NONE and not self._linearise

    @property
    def watching(self) -> bool:
        """Whether the limit of linearity is known."""
        return self._linearity is not None

    def near_limit(self, stream: NDArray[np.float32]) -> int:
        """Return how many pixels are near or beyond the limit of linearity, 0 where it is not known.

        Parameters
        ----------
        stream
            as for `apply`
        """
        if self._linearity is None:
            return 0
        return self._linearity.near_limit(self._layout.unraveller.unravel(stream)[0])

    def apply(self, stream: NDArray[Any], variance: NDArray[np.float32] | None = None) -> Corrected:
        """Sort one exposure into an image and correct it.

        Parameters
        ----------
        stream
            counts above those of its first reads, shape (pixels_per_read,), in the order of the stream
        variance
            of it, likewise, counts squared
        """
        unraveller = self._layout.unraveller
        image, reference = unraveller.unravel(stream)
        spread = None if variance is None else unraveller.unravel(variance)[0]
        if self._reference is not ReferenceCorrection.NONE:
            correct_by_reference(
                image,
                reference_levels(reference, SMOOTHED_LINES),
                self._layout.amplifiers,
                per_output=self._reference.per_output,
                per_line=self._reference.per_line,
            )
        if not self._linearise or self._linearity is None:
            return Corrected(image, reference, spread)
        if spread is not None:
            spread *= self._linearity.slope(image) ** 2
        image, beyond = self._linearity.correct(image)
        return Corrected(image, reference, spread, beyond)
