"""What a detector hands to the controller at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Chunk(NamedTuple):
    """Pixels that are sent together."""

    pixels: NDArray[np.uint16]
    """in the order of the fibre, shape (n,); may be empty"""
    rows: int
    """rows of the detector, all of the same length, that they are"""
    end_ns: int
    """moment at which the last of them was clocked"""
