"""The way of a frame to its file: spool, data server, out of the spool again."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Protocol

from nifsdc.data.errors import NotDelivered, SpoolError, StoreFailed
from nifsdc.data.frame import Frame
from nifsdc.data.spool import Spool, SpoolEntry

LOG = logging.getLogger("nifsdc.delivery")


@dataclass(frozen=True)
class Stored:
    """A product that is complete, on disk and read back."""

    path: str
    """as the data server sees it"""
    nbytes: int
    """of the file"""
    checksum: str
    """CRC-32 of the whole file, ``crc32:0123abcd``"""
    duplicate: bool = False
    """whether it had been stored before and was only found again"""


class Store(Protocol):
    """Where frames are stored: a `nifsdc.data.client.DataClient`."""

    @property
    def connected(self) -> bool:
        """Whether it is worth trying."""

    def store(self, frame: Frame, deadline_s: float) -> Stored:
        """Store a frame or raise StoreFailed."""

    def trial(self, frame: Frame, deadline_s: float) -> None:
        """Write a frame and remove it again, or raise StoreFailed."""


@dataclass
class Counters:
    """What has become of frames since the start."""

    stored: int = 0
    """acknowledged by the data server"""
    failed: int = 0
    """attempts that were not acknowledged"""
    lost: int = 0
    """frames that neither the server nor the spool would take"""
    damaged: int = 0
    """spool entries that could not be read back and were set aside"""


class Delivery:
    """Sees to it that a frame is stored, now or later. For one thread at a time.

    Parameters
    ----------
    store
        the data server
    spool
        where frames wait for it
    """

    def __init__(self, store: Store, spool: Spool) -> None:
        self._store = store
        self._spool = spool
        self.counters = Counters()
        self._tried: set[str] = set()
        """entries tried in this round: one that is refused must not keep others from being tried"""

    @property
    def spooled(self) -> int:
        """Frames that wait."""
        return len(self._spool.pending())

    def deliver(self, frame: Frame, deadline_s: float) -> Stored:
        """Store a frame: spool it, send it, take it out of the spool when it is acknowledged.

        Parameters
        ----------
        frame
            to be stored
        deadline_s
            seconds of real time the data server has

        Raises
        ------
        NotDelivered
            when the server has not acknowledged it; unless its ``spooled`` is false, `retry_pending` will
            send it again, in this process or the next
        """
        entry: SpoolEntry | None = None
        unspooled = ""
        try:
            entry = self._spool.put(frame)
        except SpoolError as error:
            unspooled = str(error)
            LOG.error("%s", error)
        try:
            stored = self._store.store(frame, deadline_s)
        except StoreFailed as error:
            self.counters.failed += 1
            if entry is None:
                self.counters.lost += 1
                raise NotDelivered(f"{error}; {unspooled}", spooled=False) from error
            raise NotDelivered(f"{error} (the frame is kept in {entry.path})", spooled=True) from error
        self.counters.stored += 1
        if entry is not None:
            self._forget(entry)
        return stored

    def trial(self, frame: Frame, deadline_s: float) -> float:
        """Do what `deliver` does for a frame that is not to stay, and return the real seconds that it took.

        Raises
        ------
        StoreFailed, SpoolError
            when it could not be stored, or not be spooled
        """
        begun = time.monotonic()
        entry = self._spool.put(frame)
        try:
            self._store.trial(frame, deadline_s)
        finally:
            self._spool.remove(entry)
        return time.monotonic() - begun

    def waiting(self, exposure_id: str) -> int:
        """Return how many frames of an exposure wait."""
        return len(self._spool.of(exposure_id))

    def forget(self, exposure_id: str) -> int:
        """Give up the frames of an exposure that wait, and return how many there were; raises OSError."""
        entries = self._spool.of(exposure_id)
        for entry in entries:
            self._spool.remove(entry)
        return len(entries)

    def keep(self, frame: Frame) -> None:
        """Put a frame into the spool without sending it now; raises SpoolError."""
        self._spool.put(frame)

    def retry_pending(
        self, deadline_s: float, most: int | None = None, only: str = ""
    ) -> list[tuple[Frame, Stored]]:
        """Send what waits, oldest first, and return what was acknowledged.

        It ends at once when the server is not connected, and at the first frame that it does not answer; one
        that it refuses is left where it is.

        Parameters
        ----------
        deadline_s
            seconds of real time for each frame
        most
            how many to try at most, for a caller that has other things to do
        only
            an exposure whose frames alone are sent; empty for any
        """
        acknowledged: list[tuple[Frame, Stored]] = []
        for entry in self._spool.of(only) if only else self._next_round()[:most]:
            self._tried.add(entry.path.name)
            if not self._store.connected:
                self._tried.discard(entry.path.name)
                break
            try:
                frame = self._spool.load(entry)
            except SpoolError as error:
                self.counters.damaged += 1
                LOG.error("%s", error)
                continue
            try:
                stored = self._store.store(frame, deadline_s)
            except StoreFailed as error:
                self.counters.failed += 1
                LOG.warning("%s stays in the spool: %s", entry.path.name, error)
                if error.refused:
                    continue
                break
            self.counters.stored += 1
            self._forget(entry)
            acknowledged.append((frame, stored))
        return acknowledged

    def _next_round(self) -> list[SpoolEntry]:
        """Return what waits and was not tried in this round, or all of it for a new one."""
        pending = self._spool.pending()
        untried = [entry for entry in pending if entry.path.name not in self._tried]
        if not untried:
            self._tried.clear()
        return untried or pending

    def _forget(self, entry: SpoolEntry) -> None:
        try:
            self._spool.remove(entry)
        except OSError as error:  # it will be sent again, and found to be stored already
            LOG.warning("%s is stored but cannot be removed: %s", entry.path, error)
