"""Large arrays on the wire: encoded piece by piece while they are written, and shared by all who get them.

A 16 MB image encoded in one go would stop the loop for tens of milliseconds, and a copy for each client
would fill the memory. Its payload therefore only refers to the (read-only) array; a piece is converted to the
wire's byte order when the first client needs it, and kept until the last one has had it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

PIECE = 1 << 16
"""bytes converted at a time"""


class LargePayload:
    """The payload of one event or reply with a large array.

    Args:
        head: what comes before the elements (alarm, time stamp, limits).
        values: the elements, one-dimensional; must not change any more.
        wire: element type on the wire.
        count: elements sent; missing ones are zero.
    """

    __slots__ = (
        "__weakref__",
        "_count",
        "_head",
        "_left",
        "_per_piece",
        "_pieces",
        "_size",
        "_values",
        "_wire",
    )

    def __init__(
        self, head: bytes, values: npt.NDArray[np.generic], wire: np.dtype[np.generic], count: int
    ) -> None:
        self._head = head
        self._values = values[:count]
        self._wire = wire
        self._count = count
        self._size = -(-(len(head) + count * wire.itemsize) // 8) * 8
        self._per_piece = PIECE // wire.itemsize
        self._pieces: dict[int, bytes] = {}
        self._left: dict[int, int] = {}

    def __len__(self) -> int:
        return self._size

    @property
    def pieces(self) -> int:
        """Number of pieces."""
        return max(1, -(-self._count // self._per_piece))

    def share(self, clients: int) -> None:
        """Say how many clients are going to take each piece; those of a single one are not kept."""
        if clients > 1:
            self._left = dict.fromkeys(range(self.pieces), clients)

    def piece(self, number: int) -> bytes:
        """Bytes of one piece; all of them, one after the other, are the payload."""
        data = self._pieces.get(number)
        if data is None:
            data = self._encode(number)
        left = self._left.get(number, 1) - 1
        if left > 0:
            self._left[number] = left
            self._pieces[number] = data
        else:
            self._left.pop(number, None)
            self._pieces.pop(number, None)
        return data

    def _encode(self, number: int) -> bytes:
        first = number * self._per_piece
        last = min(first + self._per_piece, self._count)
        data = (
            self._values[first:last]
            .astype(self._wire)
            .tobytes()
            .ljust((last - first) * self._wire.itemsize, b"\0")
        )
        if number == 0:
            data = self._head + data
        if last == self._count:
            data += bytes(self._size - len(self._head) - self._count * self._wire.itemsize)
        return data


Payload: TypeAlias = bytes | LargePayload
"""What follows a header; its length is a multiple of eight."""


class Cursor:
    """How far one client has got with a payload."""

    __slots__ = ("_next", "payload")

    def __init__(self, payload: LargePayload) -> None:
        self.payload = payload
        self._next = 0

    def take(self) -> bytes:
        """The next piece."""
        self._next += 1
        return self.payload.piece(self._next - 1)

    @property
    def done(self) -> bool:
        """True when nothing is left."""
        return self._next >= self.payload.pieces
