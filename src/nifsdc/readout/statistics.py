"""A few numbers that tell whether an image is what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Statistics:
    """Summary of an image, in its own units; the extremes and the mean leave out what is not finite."""

    minimum: float
    maximum: float
    mean: float
    saturated: int
    """pixels that were marked as saturated"""


def statistics(image: NDArray[Any], saturated: NDArray[np.bool_] | None = None) -> Statistics:
    """Summarise an image of any shape; an image without a finite pixel gives zeros.

    Parameters
    ----------
    image
        counts
    saturated
        mask of the same shape
    """
    count = 0 if saturated is None else int(np.count_nonzero(saturated))
    minimum, maximum, mean = float(image.min()), float(image.max()), float(image.mean(dtype=np.float64))
    if not np.isfinite(mean):
        finite = image[np.isfinite(image)]
        if finite.size == 0:
            return Statistics(0.0, 0.0, 0.0, count)
        minimum, maximum = float(finite.min()), float(finite.max())
        mean = float(finite.mean(dtype=np.float64))
    return Statistics(minimum, maximum, mean, count)
