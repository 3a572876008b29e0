"""The reading side of a frame ring."""

from __future__ import annotations

import os
import time
import zlib
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.data.frame import Frame, FrameError, FrameHeader
from nifsdc.data.ring_memory import Page, RingError, RingMemory, Slot, area_bytes, fence, same_file

POLL_SECONDS = 0.005
"""between two looks at a ring in which nothing comes"""
FIRST_POLL_SECONDS = 0.0002
"""between the first two, for what follows soon"""
POLL_SHARE = 8
"""later ones come when an eighth of the time waited up to then has passed"""


class Policy(Enum):
    """Which frames a reader wants."""

    ALL = "all"
    """every frame, in order, as long as it is there"""
    NEWEST = "newest"
    """only the latest; those in between count as missed"""


class Reader:
    """One reader of a ring, with its own place in it.

    Parameters
    ----------
    path
        of the ring
    policy
        which frames it wants

    Raises
    ------
    RingError
        when there is no ring
    """

    def __init__(self, path: Path, policy: Policy) -> None:
        self.path = path
        self.policy = policy
        self.missed = 0
        """frames overwritten, or passed over for a newer one, before they were read"""
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._mapping = RingMemory(self._descriptor, path, write=False)
        except (OSError, RingError) as error:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            raise RingError(f"{path}: no frame ring to read: {error}") from error
        self._seen = self.newest

    @property
    def newest(self) -> int:
        """Sequence number of the newest frame in the ring; 0 before the first."""
        return int(self._mapping.words[Page.WRITTEN])

    @property
    def closed(self) -> bool:
        """Whether the writer has said that nothing more will come."""
        return bool(self._mapping.words[Page.CLOSED])

    @property
    def replaced(self) -> bool:
        """Whether another ring has taken this one's name, or none has it: attach again."""
        return not same_file(self.path, self._descriptor)

    @property
    def last(self) -> int:
        """Sequence number of the frame returned last."""
        return self._seen

    def rewind(self, frames: int | None = None) -> None:
        """Go back by this many frames from the newest, or to the oldest that may still be there."""
        slots = self._mapping.slots
        self._seen = max(0, self.newest - min(slots if frames is None else frames, slots))

    def next(self, timeout: float) -> Frame | None:
        """Return a copy of the next frame, or None when none comes in time.

        Parameters
        ----------
        timeout
            seconds of real time; 0 looks once
        """
        begun = time.monotonic()
        while True:
            frame = self._take()
            if frame is not None:
                return frame
            waited = time.monotonic() - begun
            left = timeout - waited
            if self.closed:
                return self._take()  # what came between the look and the closing
            if left <= 0:
                return None
            time.sleep(min(max(FIRST_POLL_SECONDS, waited / POLL_SHARE), POLL_SECONDS, left))

    def get(self, sequence: int) -> Frame | None:
        """Return a copy of the frame of this number, or None when it was overwritten or is not there yet."""
        control, header, area = self._mapping.slot(sequence)
        if int(control[Slot.LOCK]) != 2 * sequence:
            return None
        fence()
        length = int(control[Slot.HEADER_LENGTH])
        text = header[:length].tobytes()
        if zlib.crc32(text) != int(control[Slot.HEADER_CRC]):
            return None
        try:
            described = FrameHeader.from_json(text)
            arrays = _copy_out(described, area)
        except (FrameError, ValueError) as error:
            if int(control[Slot.LOCK]) == 2 * sequence:
                raise RingError(f"{self.path}: frame {sequence} cannot be read: {error}") from error
            return None
        fence()
        return Frame(described, arrays) if int(control[Slot.LOCK]) == 2 * sequence else None

    def _take(self) -> Frame | None:
        while (newest := self.newest) > self._seen:
            oldest = max(1, newest - self._mapping.slots + 1)
            wanted = newest if self.policy is Policy.NEWEST else max(self._seen + 1, oldest)
            self.missed += wanted - self._seen - 1
            self._seen = wanted
            frame = self.get(wanted)
            if frame is not None:
                return frame
            self.missed += 1
        return None

    def close(self) -> None:
        """Let go of the ring."""
        if self._descriptor >= 0:
            self._mapping.close()
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _copy_out(header: FrameHeader, area: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    arrays = {}
    start = 0
    for spec in header.arrays:
        arrays[spec.name] = area[start : start + spec.nbytes].view(spec.dtype).reshape(spec.shape).copy()
        start += area_bytes(spec.nbytes)
    return arrays
