"""Arrays that begin at a cache line: vectors and records in them do not lie across two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

CACHE_LINE = 64
"""bytes; also those of the widest vector"""


def from_cache_line(shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
    """Return a contiguous array with whatever its memory held, its first element at a cache line."""
    return _placed(np.empty, shape, np.dtype(kind))


def zeros_from_cache_line(shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
    """As `from_cache_line`, all 0; takes no memory before it is used."""
    return _placed(np.zeros, shape, np.dtype(kind))


def _placed(
    make: Callable[..., NDArray[Any]], shape: tuple[int, ...], element: np.dtype[Any]
) -> NDArray[Any]:
    size = int(np.prod(shape)) * element.itemsize
    room = make(size + CACHE_LINE, np.uint8)
    start = -room.ctypes.data % CACHE_LINE
    return room[start : start + size].view(element).reshape(shape)


def address_of(array: NDArray[Any]) -> int:
    """Return where its first element is; quicker than ``array.ctypes.data``."""
    return int(array.__array_interface__["data"][0])
