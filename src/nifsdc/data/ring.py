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
import mmap
import os
import tempfile
import threading
import time
import zlib
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.data.frame import Frame, FrameError, FrameHeader

LOG = logging.getLogger("nifsdc.ring")

MAGIC = 0x474E49524346494E  # "NIFCRING"
VERSION = 1
PAGE = 4096
HEADER_BYTES = 64 * 1024
"""of each slot, for the frame header"""
ALIGNMENT = 64
POLL_SECONDS = 0.005
STANDARD_SLOTS = 4
STANDARD_SLOT_BYTES = 48 * 1024 * 1024
"""science and variance in float32, quality and reference samples of 2048 x 2048 pixels"""

# words of the first page
_MAGIC, _VERSION, _SLOTS, _SLOT_BYTES, _WRITTEN, _CLOSED, _WRITER = range(7)
# words at the head of each slot
_LOCK, _SEQUENCE, _HEADER_LENGTH, _HEADER_CRC = range(4)


class RingError(RuntimeError):
    """A ring that cannot be made, attached to or written; the text says why."""


class Policy(Enum):
    """Which frames a reader wants."""

    ALL = "all"
    """every frame, in order, as long as it is there"""
    NEWEST = "newest"
    """only the latest; those in between count as missed"""


def ring_places(name: str | Path) -> list[Path]:
    """Return where the ring of this name may lie, the best place first.

    A path stands as it is. A bare name lies in shared memory, or in the folder for temporary files where
    shared memory is missing or too small, as in a container with the usual 64 MB of it.
    """
    path = Path(name)
    if path.parent != Path():
        return [path]
    folders = [Path("/dev/shm"), Path(tempfile.gettempdir())]
    return [folder / f"{path}.ring" for folder in folders if folder.is_dir()]


def ring_path(name: str | Path) -> Path:
    """Return where the ring of this name lies, or would be made first."""
    places = ring_places(name)
    return next((place for place in places if place.exists()), places[0])


def _fence() -> None:
    """Order what was stored before and after as other processors see it: a lock's own barriers do that."""
    with threading.Lock():
        pass


class _Mapping:
    """The mapped file, as words and as slots."""

    def __init__(self, descriptor: int, path: Path, *, write: bool) -> None:
        size = os.fstat(descriptor).st_size
        if size < PAGE:
            raise RingError(f"{path}: {size} bytes are no frame ring")
        access = mmap.ACCESS_WRITE if write else mmap.ACCESS_READ
        self._memory = mmap.mmap(descriptor, size, access=access)
        self.bytes: NDArray[np.uint8] = np.frombuffer(self._memory, np.uint8)
        self.words: NDArray[np.uint64] = self.bytes[:PAGE].view(np.uint64)
        if write:
            return
        self.check(path, size)

    def check(self, path: Path, size: int) -> None:
        if int(self.words[_MAGIC]) != MAGIC or int(self.words[_VERSION]) != VERSION:
            raise RingError(f"{path}: not a frame ring of version {VERSION}")
        if size < PAGE + self.slots * self.stride:
            raise RingError(f"{path}: {size} bytes, shorter than its {self.slots} slots")

    @property
    def slots(self) -> int:
        return int(self.words[_SLOTS])

    @property
    def slot_bytes(self) -> int:
        return int(self.words[_SLOT_BYTES])

    @property
    def stride(self) -> int:
        return stride(self.slot_bytes)

    def slot(self, sequence: int) -> tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.uint8]]:
        """Return control words, header area and array area of the slot that a frame has or had."""
        start = PAGE + (sequence - 1) % self.slots * self.stride
        part = self.bytes[start : start + self.stride]
        return (
            part[:ALIGNMENT].view(np.uint64),
            part[ALIGNMENT:HEADER_BYTES],
            part[HEADER_BYTES:],
        )

    def close(self) -> None:
        del self.words, self.bytes
        with contextlib.suppress(BufferError):  # a view of it is still alive; it is unmapped with that
            self._memory.close()


def stride(slot_bytes: int) -> int:
    """Return the bytes from one slot to the next."""
    return (HEADER_BYTES + slot_bytes + PAGE - 1) // PAGE * PAGE


def _area(nbytes: int) -> int:
    return (nbytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


class FrameRing:
    """The writer's side, made by `create`; readers in any process come from `reader` and `attach`."""

    def __init__(self, path: Path, descriptor: int, mapping: _Mapping) -> None:
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
        for place in places:
            _refuse_if_written(place)
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
            mapping = _Mapping(descriptor, path, write=True)
            mapping.words[[_SLOTS, _SLOT_BYTES, _WRITER, _VERSION]] = slots, slot_bytes, os.getpid(), VERSION
            _fence()
            mapping.words[_MAGIC] = MAGIC
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
        needed = sum(_area(spec.nbytes) for spec in frame.header.arrays)
        if needed > self.slot_bytes or len(text) > HEADER_BYTES - ALIGNMENT:
            raise RingError(
                f"frame {frame.header.key} needs {needed} bytes and {len(text)} for its header; a slot of "
                f"{self.path} has {self.slot_bytes} and {HEADER_BYTES - ALIGNMENT}: make the ring larger"
            )
        with self._lock:
            sequence = self._written + 1
            control, header, area = self._mapping.slot(sequence)
            control[_LOCK] = 2 * sequence - 1
            _fence()
            control[_SEQUENCE] = sequence
            control[_HEADER_LENGTH] = len(text)
            control[_HEADER_CRC] = zlib.crc32(text)
            header[: len(text)] = np.frombuffer(text, np.uint8)
            _copy_in(frame, area)
            _fence()
            control[_LOCK] = 2 * sequence
            _fence()
            self._mapping.words[_WRITTEN] = sequence
            self._written = sequence
        return sequence

    def reader(self, policy: Policy = Policy.ALL) -> Reader:
        """Return a reader that sees the frames written from now on."""
        return Reader(self.path, policy)

    def close(self) -> None:
        """Tell the readers that nothing more will come, and take the file away."""
        if self._descriptor < 0:
            return
        self._mapping.words[_CLOSED] = 1
        self._mapping.close()
        if _same_file(self.path, self._descriptor):
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
        start += _area(spec.nbytes)


def _same_file(path: Path, descriptor: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


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
            self._mapping = _Mapping(self._descriptor, path, write=False)
        except (OSError, RingError) as error:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            raise RingError(f"{path}: no frame ring to read: {error}") from error
        self._seen = self.newest

    @property
    def newest(self) -> int:
        """Sequence number of the newest frame in the ring; 0 before the first."""
        return int(self._mapping.words[_WRITTEN])

    @property
    def closed(self) -> bool:
        """Whether the writer has said that nothing more will come."""
        return bool(self._mapping.words[_CLOSED])

    @property
    def replaced(self) -> bool:
        """Whether another ring has taken this one's name, or none has it: attach again."""
        return not _same_file(self.path, self._descriptor)

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
        deadline = time.monotonic() + timeout
        while True:
            frame = self._take()
            if frame is not None:
                return frame
            left = deadline - time.monotonic()
            if self.closed:
                return self._take()  # what came between the look and the closing
            if left <= 0:
                return None
            time.sleep(min(POLL_SECONDS, left))

    def get(self, sequence: int) -> Frame | None:
        """Return a copy of the frame of this number, or None when it was overwritten or is not there yet."""
        control, header, area = self._mapping.slot(sequence)
        if int(control[_LOCK]) != 2 * sequence:
            return None
        _fence()
        length = int(control[_HEADER_LENGTH])
        text = header[:length].tobytes()
        if zlib.crc32(text) != int(control[_HEADER_CRC]):
            return None
        try:
            described = FrameHeader.from_json(text)
            arrays = _copy_out(described, area)
        except (FrameError, ValueError) as error:
            if int(control[_LOCK]) == 2 * sequence:
                raise RingError(f"{self.path}: frame {sequence} cannot be read: {error}") from error
            return None
        _fence()
        return Frame(described, arrays) if int(control[_LOCK]) == 2 * sequence else None

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
        start += _area(spec.nbytes)
    return arrays
