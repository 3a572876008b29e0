"""DATASUM and CHECKSUM of the FITS standard 4.0 (section 4.4.2.7 and appendix J).

The sum is the ones' complement sum of the unit's bytes as big-endian words of 32 bits. A float32 array in the
machine's own byte order has the same words as in the file, so it is summed without being turned round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MASK = 0xFFFFFFFF
ZERO = "0" * 16
"""what CHECKSUM holds while the sum is taken"""
_PUNCTUATION = frozenset(range(0x3A, 0x41)) | frozenset(range(0x5B, 0x61))
"""characters between digits, capitals and small letters, which a checksum must not contain"""


def fold(total: int) -> int:
    """Return a sum with the carries above 32 bits added in at the bottom."""
    while total > MASK:
        total = (total & MASK) + (total >> 32)
    return total


def sum_bytes(data: bytes | bytearray | memoryview | NDArray[Any]) -> int:
    """Return the ones' complement sum of bytes whose number is a multiple of 4, as they stand in the file."""
    flat = np.frombuffer(data, np.uint8)
    return fold(int(flat.view(">u4").sum(dtype=np.uint64)))


def sum_words(words: NDArray[np.uint32]) -> int:
    """Return the sum of words that are already numbers, such as a float32 array viewed as uint32."""
    return fold(int(words.sum(dtype=np.uint64)))


def encode(total: int) -> str:
    """Return the 16 characters of CHECKSUM that bring a unit with this sum to minus zero.

    Each byte of the complement is spread over four characters above ``0``, which are then shifted in pairs
    away from punctuation; the string stands rotated by one place, as its card's value begins at byte 12.
    """
    complement = MASK - total
    columns = [_spread(complement >> shift & 0xFF) for shift in (24, 16, 8, 0)]
    text = "".join(chr(columns[byte][place]) for place in range(4) for byte in range(4))
    return text[-1] + text[:-1]


def _spread(byte: int) -> list[int]:
    quarters = [byte // 4 + 0x30] * 4
    quarters[0] += byte % 4
    while any(character in _PUNCTUATION for character in quarters):
        for low in (0, 2):
            if quarters[low] in _PUNCTUATION or quarters[low + 1] in _PUNCTUATION:
                quarters[low] += 1
                quarters[low + 1] -= 1
    return quarters
