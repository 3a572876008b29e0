"""A file of frames that grows, and is a good FITS file at every moment.

A frame is written behind the rows that are there; then the two cards that count it are written, all at once.
Whoever opens the file meanwhile, or finds it after the writer was killed, has every frame that was counted.
`commit` says so to others only when the frames, and then the count, were forced to disk.

Room is taken in pieces, with space on the disk for them, and one piece before frames need it: the file's
length changes seldom, and what is behind the end that a reader has just been told is zeros for long enough to
notice nothing.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nifsdc.data import checksum, cube_header, disk
from nifsdc.data.cube_layout import EXTENSION, CubeFrame, CubeLayout
from nifsdc.data.errors import DataError
from nifsdc.data.fits_file import PIECE, Written, filename_card, write_new
from nifsdc.data.fits_image import BLOCK
from nifsdc.data.frame import Card, FrameError
from nifsdc.data.header import card

LOG = logging.getLogger("nifsdc.cube")

ROOM = 32 << 20
"""bytes by which a file grows"""
FIRST_ROOM = 100 * BLOCK
"""bytes that it has before anybody writes frames"""


class CubeError(DataError):
    """A file of frames that cannot be used; the text says why and what to do."""


class CubeBusy(CubeError):
    """Another process writes the file."""


@dataclass(frozen=True)
class CubeHeaders:
    """The two headers of a file of frames, as they are on disk."""

    primary: bytes
    table: bytes
    layout: CubeLayout
    frames: int
    """that are counted"""
    complete: bool
    """whether the run was closed"""

    @property
    def data_at(self) -> int:
        """Where the first row begins."""
        return len(self.primary) + len(self.table)

    @property
    def data_end(self) -> int:
        """Where the last counted row ends."""
        return self.data_at + self.frames * self.layout.row_bytes

    @classmethod
    def read(cls, descriptor: int, path: Path) -> CubeHeaders:
        """Read them; raises CubeError when this is no file of frames, OSError when it cannot be read."""
        primary = _header(descriptor, 0, path)
        table = _header(descriptor, len(primary), path)
        try:
            cards = cube_header.parsed(table)
            layout = CubeLayout.from_header(cards)
            complete = bool(cube_header.parsed(primary)["COMPLETE"])
            return cls(primary, table, layout, int(cards["NAXIS2"]), complete)
        except (FrameError, KeyError, ValueError) as error:
            raise CubeError(f"{path} is no file of frames: {error}") from error


def _header(descriptor: int, place: int, path: Path) -> bytes:
    header = b""
    while not any(
        header[at : at + 80] == b"END".ljust(80) for at in range(max(0, len(header) - BLOCK), len(header), 80)
    ):
        block = os.pread(descriptor, BLOCK, place + len(header))
        if len(block) != BLOCK:
            raise CubeError(f"{path} is no file of frames: it ends in a header")
        header += block
    return header


def create(
    folder: Path,
    names: Iterator[str],
    layout: CubeLayout,
    cards: Sequence[Card] = (),
    announce: Callable[[Written], None] = lambda written: None,
) -> Path:
    """Make a file of frames that has none yet, under the first of these names that is free, and return it.

    Parameters
    ----------
    folder
        which exists
    names, announce
        as of `nifsdc.data.fits_file.write_new`
    layout
        windows of its frames
    cards
        of the primary header, or of the table's (extension ``FRAMES``)

    Raises
    ------
    OSError
        when it cannot be written
    """

    def content(name: str) -> list[bytes | memoryview]:
        named = [filename_card(name)]
        if not any(given.keyword == "DATALAB" for given in cards):
            named.append(card("DATALAB", Path(name).stem))
        first = cube_header.primary([*cards, *named])
        return [first, cube_header.table(layout, cards, FIRST_ROOM), bytes(FIRST_ROOM)]

    return write_new(folder, names, content, announce).path


class CubeFile:
    """A file of frames, open for more; to be used by one thread at a time.

    Opening it mends what a writer that was killed has left: frames that were written and not counted are
    forgotten, and what they and the room for others take is counted as a gap.

    Parameters
    ----------
    path
        made by `create`
    room
        bytes by which it grows
    durable
        whether `commit` forces it to disk; without, its frames outlive the process but not a power cut

    Raises
    ------
    CubeBusy
        when another process writes it
    CubeError
        when it is no file of frames, or was closed
    OSError
        when it cannot be opened
    """

    def __init__(self, path: Path, *, room: int = ROOM, durable: bool = True) -> None:
        self.path = path
        self._room = -(-room // BLOCK) * BLOCK
        self._durable = durable
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._lock()
            self._headers = CubeHeaders.read(self._descriptor, path)
            if self._headers.complete:
                raise CubeError(f"{path} is closed: its run has ended")
            self.layout = self._headers.layout
            self._mend()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._full = False
        """whether the disk had no piece more"""
        self._written = self.frames
        self._make_room(self._headers.data_at + self.frames * self.layout.row_bytes)
        self._sum: int | None = 0 if self.frames == 0 and durable else None
        """of the rows; not known of a file that was opened again, or is in the spool and never closed"""

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CubeBusy(f"{self.path} is being written by another process") from error

    def _mend(self) -> None:
        headers = self._headers
        self._size = os.fstat(self._descriptor).st_size
        self.frames = headers.frames
        if headers.data_end > self._size:
            self.frames = (self._size - headers.data_at) // self.layout.row_bytes
            LOG.error(
                "%s: its last %d frames are not on the disk, which lost them",
                self.path,
                headers.frames - self.frames,
            )
        if self._size % BLOCK:
            self._size += -self._size % BLOCK
            os.ftruncate(self._descriptor, self._size)
        self._count()
        self._sync()

    @property
    def written(self) -> int:
        """Frames that are written, counted or not."""
        return self._written

    def append(self, frame: CubeFrame) -> None:
        """Write a frame behind the others; raises OSError, and FrameError when it does not fit the layout."""
        self.append_rows(self.layout.pack(frame).data, 1)

    def append_rows(self, rows: memoryview | bytes, count: int) -> None:
        """Write frames that are rows of the table already.

        Parameters
        ----------
        rows
            bytes of all of them
        count
            how many they are

        Raises
        ------
        OSError
            when they cannot be written: the frames before stay as they are
        FrameError
            when the bytes are not so many rows
        """
        if len(rows) != count * self.layout.row_bytes:
            raise FrameError(f"{len(rows)} bytes; expected {count} rows of {self.layout.row_bytes}")
        start = self._written * self.layout.row_bytes
        self._make_room(self._headers.data_at + start + len(rows))
        place, rest = self._headers.data_at + start, memoryview(rows)
        while rest:
            done = os.pwrite(self._descriptor, rest[: disk.MOST_AT_ONCE], place)
            place, rest = place + done, rest[done:]
        if self._sum is not None:
            self._sum = checksum.fold(self._sum + sum_at(start, rows))
        self._written += count

    def commit(self) -> int:
        """Count what is written, and return the frames of the file: they are on disk once this returns.

        Raises OSError when they are not, and then they are not counted.
        """
        if self._written != self.frames:
            self._sync()
            self.frames = self._written
            self._count()
        self._sync()
        return self.frames

    def _make_room(self, end: int) -> None:
        """See to it that the file is long enough, with a piece in reserve as long as the disk has one."""
        if end + (0 if self._full else self._room) <= self._size:
            return
        start = self._headers.data_at
        size = start + (1 - -(end - start) // self._room) * self._room
        try:
            os.posix_fallocate(self._descriptor, self._size, size - self._size)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot
                os.ftruncate(self._descriptor, size)
            else:
                self._full = True
                if end <= self._size:
                    return
                size = end + (-end % BLOCK)  # the last pieces of a disk
                os.posix_fallocate(self._descriptor, self._size, size - self._size)
        self._size = size
        self._count()

    def _count(self) -> None:
        rows = self.frames * self.layout.row_bytes
        cards = cube_header.counts(self.frames, self._size - self._headers.data_at - rows)
        place = len(self._headers.primary) + cube_header.COUNTS_AT
        if os.pwrite(self._descriptor, cards, place) != len(cards):
            raise OSError(errno.EIO, "two cards of a header were not written as a whole", str(self.path))

    def _sync(self) -> None:
        if self._durable:
            os.fdatasync(self._descriptor)

    def finish(self, cards: Sequence[Card] = ()) -> Written:
        """Count what is written, give back the room that is left, write last cards and checksums.

        Its checksum is the table's DATASUM.

        Parameters
        ----------
        cards
            more of the primary header, or of the table's (extension ``FRAMES``)

        Raises
        ------
        OSError
            when the disk does not take it; the file stays one that can be opened again
        """
        self.commit()
        end = self._headers.data_at + self.frames * self.layout.row_bytes
        padded = end + (-end % BLOCK)
        self._make_room(padded)
        os.pwrite(self._descriptor, bytes(padded - end), end)
        data_sum = self._data_sum(padded)
        table = bytearray(self._headers.table)
        place = cube_header.COUNTS_AT
        table[place : place + cube_header.COUNTS] = cube_header.counts(self.frames, 0)
        last = cube_header.closed(bytes(table), cards, data_sum, EXTENSION)
        ended = (card("COMPLETE", True), card("NFRAMES", self.frames), *cards)
        first = cube_header.closed(self._headers.primary, ended, 0)
        os.pwrite(self._descriptor, last, len(first))
        os.ftruncate(self._descriptor, padded)
        self._size = padded
        os.fsync(self._descriptor)
        # COMPLETE stands in the first sector, which comes last: a file that says it is complete is.
        os.pwrite(self._descriptor, first[cube_header.SECTOR :], cube_header.SECTOR)
        os.fsync(self._descriptor)
        os.pwrite(self._descriptor, first[: cube_header.SECTOR], 0)
        os.fsync(self._descriptor)
        return Written(self.path, padded, f"datasum:{data_sum}")

    def _data_sum(self, end: int) -> int:
        if self._sum is not None:
            return self._sum
        return sum_of_file(self._descriptor, self._headers.data_at, end)

    def close(self) -> None:
        """Let others have the file; what was not committed is forgotten when it is opened again."""
        os.close(self._descriptor)

    def __enter__(self) -> CubeFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sum_at(place: int, data: bytes | memoryview) -> int:
    """Return the sum (see `nifsdc.data.checksum`) of bytes that begin so far behind a word's beginning."""
    before, behind = place % 4, -(place + len(data)) % 4
    if before or behind:
        data = bytes(before) + bytes(data) + bytes(behind)
    return checksum.sum_bytes(data)


def sum_of_file(descriptor: int, start: int, end: int) -> int:
    """Return the sum of a part of a file, whose ends are at beginnings of words; raises OSError."""
    total, place = 0, start
    while place < end:
        piece = os.pread(descriptor, min(PIECE, end - place), place)
        if not piece:
            raise OSError(errno.EIO, f"the file ends at byte {place}; expected {end}")
        if len(piece) % 4 and place + len(piece) < end:
            piece = piece[: len(piece) // 4 * 4]
        total = checksum.fold(total + sum_at(0, piece))
        place += len(piece)
    return total
