"""A ring of frames in shared memory: one writer, any number of readers in any process.

The ring is a file that is mapped into memory, in ``/dev/shm`` unless a path says otherwise. The writer never
waits and never looks at a reader, so a reader that sleeps or dies harms nobody: its frames are overwritten
and it learns how many. Each slot has a sequence lock (its version is odd while it is being written), by
which a reader tells whether what it copied was one frame from beginning to end.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nifsdc.data.frame import Frame
from nifsdc.data.ring_memory import (
    ALIGNMENT,
    HEADER_BYTES,
    MAGIC,
    PAGE,
    VERSION,
    Page,
    RingError,
    RingMemory,
    Slot,
    area_bytes,
    fence,
    ring_path,
    ring_places,
    same_file,
    stride,
)
from nifsdc.data.ring_reader import Policy, Reader

__all__ = ["FrameRing", "Policy", "Reader", "RingError", "ring_path"]

LOG = logging.getLogger("nifsdc.ring")

STANDARD_SLOTS = 4
STANDARD_SLOT_BYTES = 48 * 1024 * 1024
"""science and variance in float32, quality and reference samples of 2048 x 2048 pixels"""


class FrameRing:
    """The writer's side, made by `create`; readers in any process come from `reader` and `attach`."""

    def __init__(self, path: Path, descriptor: int, mapping: RingMemory) -> None:
        self.path = path
        self._descriptor = descriptor
        self._mapping = mapping
        self._written = 0
        self._lock = threading.Lock()

    @classmethod
    def create(
        cls, name: str | Path, slots: int = STANDARD_SLOTS, slot_bytes: int = STANDARD_SLOT_BYTES
    ) -> FrameRing:
        """Make a ring; one that a dead writer left behind under the name is replaced.

        Parameters
        ----------
        name
            a path, or a bare name for shared memory
        slots
            frames it holds, at least 2
        slot_bytes
            bytes for the arrays of one frame

        Raises
        ------
        RingError
            when another writer has it, or memory does not suffice
        """
        if slots < 2:
            raise RingError(f"a ring of {slots} slots: a reader could never finish; expected at least 2")
        places = ring_places(name)
        refuse_if_written(name)
        for place in places[:-1]:
            try:
                return cls._create(place, slots, slot_bytes)
            except RingError as error:
                LOG.warning("%s; the ring goes to %s", error, places[-1].parent)
                with contextlib.suppress(OSError):
                    place.unlink(missing_ok=True)  # a dead writer's, which readers would find first
        return cls._create(places[-1], slots, slot_bytes)

    @classmethod
    def _create(cls, path: Path, slots: int, slot_bytes: int) -> FrameRing:
        size = PAGE + slots * stride(slot_bytes)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        descriptor = -1
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(descriptor, 0, size)  # now, rather than a bus error at the first frame
            mapping = RingMemory(descriptor, path, write=True)
            mapping.words[[Page.SLOTS, Page.SLOT_BYTES, Page.WRITER, Page.VERSION]] = (
                slots,
                slot_bytes,
                os.getpid(),
                VERSION,
            )
            fence()
            mapping.words[Page.MAGIC] = MAGIC
            fresh.replace(path)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
                fresh.unlink(missing_ok=True)
            raise RingError(f"{path}: a ring of {size} bytes cannot be made: {error}") from error
        return cls(path, descriptor, mapping)

    @staticmethod
    def attach(name: str | Path, policy: Policy = Policy.NEWEST) -> Reader:
        """Read a ring of another process; see `Reader`."""
        return Reader(ring_path(name), policy)

    @property
    def slot_bytes(self) -> int:
        """Bytes that the arrays of one frame may have."""
        return self._mapping.slot_bytes

    @property
    def written(self) -> int:
        """Frames written so far, which is the sequence number of the newest."""
        return self._written

    def write(self, frame: Frame) -> int:
        """Put a frame into the ring, over the oldest one, and return its sequence number, from 1.

        Raises
        ------
        RingError
            when it is larger than a slot
        """
        text = frame.header.to_json()
        needed = sum(area_bytes(spec.nbytes) for spec in frame.header.arrays)
        if needed > self.slot_bytes or len(text) > HEADER_BYTES - ALIGNMENT:
            raise RingError(
                f"frame {frame.header.key} needs {needed} bytes and {len(text)} for its header; a slot of "
                f"{self.path} has {self.slot_bytes} and {HEADER_BYTES - ALIGNMENT}: make the ring larger"
            )
        with self._lock:
            sequence = self._written + 1
            control, header, area = self._mapping.slot(sequence)
            control[Slot.LOCK] = 2 * sequence - 1
            fence()
            control[Slot.SEQUENCE] = sequence
            control[Slot.HEADER_LENGTH] = len(text)
            control[Slot.HEADER_CRC] = zlib.crc32(text)
            header[: len(text)] = np.frombuffer(text, np.uint8)
            _copy_in(frame, area)
            fence()
            control[Slot.LOCK] = 2 * sequence
            fence()
            self._mapping.words[Page.WRITTEN] = sequence
            self._written = sequence
        return sequence

    def reader(self, policy: Policy = Policy.ALL) -> Reader:
        """Return a reader that sees the frames written from now on."""
        return Reader(self.path, policy)

    def close(self) -> None:
        """Tell the readers that nothing more will come, and take the file away."""
        if self._descriptor < 0:
            return
        self._mapping.words[Page.CLOSED] = 1
        self._mapping.close()
        if same_file(self.path, self._descriptor):
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> FrameRing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _copy_in(frame: Frame, area: NDArray[np.uint8]) -> None:
    start = 0
    for spec in frame.header.arrays:
        target = area[start : start + spec.nbytes].view(spec.dtype).reshape(spec.shape)
        np.copyto(target, frame.arrays[spec.name])
        start += area_bytes(spec.nbytes)


def refuse_if_written(name: str | Path) -> None:
    """Make sure that no process writes the ring of this name; raises RingError."""
    for place in ring_places(name):
        _refuse_if_written(place)


def _refuse_if_written(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RingError(f"{path}: cannot be opened: {error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RingError(
            f"{path}: another process writes this ring: stop it, or choose another name"
        ) from error
    finally:
        os.close(descriptor)
