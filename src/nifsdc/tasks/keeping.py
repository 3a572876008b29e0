"""Reads and coadds on their way to the disk, and what is told of them (SDN 11.03 sections 4.6.5, 5.1.4)."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import deque
from dataclasses import dataclass

from nifsdc.data.client import DataClient
from nifsdc.data.delivery import Delivery
from nifsdc.data.errors import NotDelivered, SpoolError, StoreFailed
from nifsdc.data.frame import Card, Frame, FrameHeader, FrameKind
from nifsdc.data.header import card
from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.store_rate import StoreRate

STORE_SECONDS = 30.0
"""real seconds that the data server has for one frame before its observation counts as failed"""
REMEMBERED = 16
"""exposures that were given up whose frames may still come out of the rings"""
MEGA = 1e6

_log = logging.getLogger("nifsdc.data")


@dataclass
class Tally:
    """What has become of the reads and coadds of one exposure."""

    exposure_id: str = ""
    folder: str = ""
    """below the data of the server"""
    reads: int = 0
    """on the server's disk, or in the spool"""
    coadds: int = 0

    def add(self, kind: FrameKind) -> None:
        """Count one that is safe."""
        if kind is FrameKind.READ:
            self.reads += 1
        else:
            self.coadds += 1


class Keeping:
    """Stores reads and coadds, counts them by exposure, and tells what is missing; for the Data task.

    Parameters
    ----------
    client, delivery
        the data server, and the way to it
    status
        status records
    rate
        where it is noted how long storing takes
    """

    def __init__(
        self, client: DataClient, delivery: Delivery, status: StatusDictionary, rate: StoreRate
    ) -> None:
        self._client = client
        self._delivery = delivery
        self._status = status
        self._rate = rate
        self._tally = Tally()
        self._given_up: deque[str] = deque(maxlen=REMEMBERED)
        self._to_discard: list[str] = []

    def keep(self, frame: Frame, *, now: bool = True) -> None:
        """See a read or a coadd to the disk: the server's, or else the spool's.

        Parameters
        ----------
        frame
            the read or coadd
        now
            whether to try the server; it goes to the spool alone otherwise
        """
        header = frame.header
        if header.exposure_id in self._given_up:
            return
        if header.exposure_id != self._tally.exposure_id:
            self._begin(header)
        if self._is_safe(frame, now=now and self._client.connected):
            self._tally.add(header.kind)
        self._show()

    def _begin(self, header: FrameHeader) -> None:
        self._tell_imageless()
        self._tally = Tally(header.exposure_id, f"{header.night}/{header.folder}")
        self._status.set("readsLost", 0)
        self._status.set("coaddsLost", 0)

    def _is_safe(self, frame: Frame, *, now: bool) -> bool:
        try:
            if not now:
                self._delivery.keep(frame)
                return True
            begun = time.monotonic()
            self._delivery.deliver(frame, STORE_SECONDS)
            self._rate.note(frame.header.nbytes, time.monotonic() - begun)
        except NotDelivered as error:
            _log.error("%s", error)
            return error.spooled
        except SpoolError as error:
            self._delivery.counters.lost += 1
            _log.error("%s is lost: %s", frame.header.key, error)
            return False
        return True

    def settle(self, image: Frame, *, now: bool = True) -> tuple[Frame, str]:
        """Return an image whose header tells what became of its reads and coadds, and what is wrong there.

        What waits in the spool of its exposure is sent before, as far as the server takes it.

        Parameters
        ----------
        image
            the frame that ends its exposure
        now
            whether to try the server
        """
        header = image.header
        if not header.reads and not header.coadds:
            return image, ""
        if header.exposure_id != self._tally.exposure_id:
            self._begin(header)
        tally, self._tally = self._tally, Tally()
        lost = header.reads - tally.reads, header.coadds - tally.coadds
        self._status.set("readsLost", lost[0])
        self._status.set("coaddsLost", lost[1])
        if any(lost):
            _log.error("exposure %s: %d reads and %d coadds are lost", header.exposure_id, *lost)
        told = _with(
            image,
            card("NDRSAVED", tally.reads),
            card("NDRLOST", lost[0]),
            card("COASAVED", tally.coadds),
            card("COALOST", lost[1]),
        )
        waiting = self._waiting(header.exposure_id, now=now)
        if any(lost):
            return told, f"stored, but {lost[0]} reads, {lost[1]} coadds lost"
        return told, f"{waiting} reads or coadds still in the spool" if waiting else ""

    def _waiting(self, exposure_id: str, *, now: bool) -> int:
        if now and self._client.connected and self._delivery.waiting(exposure_id):
            self._delivery.retry_pending(STORE_SECONDS, only=exposure_id)
        return self._delivery.waiting(exposure_id)

    # --- exposures that were given up ---------------------------------------------------------------------

    def abandon(self, exposure_id: str) -> None:
        """Note that an exposure will have no image, and tell of the reads and coadds that there are."""
        if exposure_id == self._tally.exposure_id:
            self._tell_imageless()
            self._tally = Tally()

    def _tell_imageless(self) -> None:
        tally = self._tally
        if tally.reads or tally.coadds:
            _log.warning(
                "%s: %d reads or coadds of an exposure without an image",
                *(tally.folder, tally.reads + tally.coadds),
            )
            self._status.set("unclaimed", int(self._status.get("unclaimed")) + 1)

    def discard(self, exposure_id: str) -> None:
        """Give up what there is of an exposure, here and on the server; from now on nothing of it is kept."""
        self._given_up.append(exposure_id)
        self._to_discard.append(exposure_id)
        if exposure_id == self._tally.exposure_id:
            self._tally = Tally()
        try:
            self._delivery.forget(exposure_id)
        except OSError as error:
            _log.warning(
                "reads of exposure %s, which was given up, stay in the spool: %s", exposure_id, error
            )
        self._show()
        self.discard_pending()

    def discard_pending(self) -> None:
        """Have the server remove what it has of exposures that were given up, if it can be asked now."""
        while self._to_discard and self._client.connected:
            exposure_id = self._to_discard[0]
            try:
                files = self._client.discard(exposure_id, STORE_SECONDS)
            except StoreFailed as error:
                _log.warning(
                    "reads of exposure %s, which was given up, are not removed: %s", exposure_id, error
                )
                if not error.refused:
                    return
            else:
                _log.info("%d files of exposure %s, which was given up, are removed", files, exposure_id)
            self._to_discard.pop(0)

    def report_unclaimed(self) -> bool:
        """Tell of exposures that left reads or coadds and no image; whether the server could say."""
        try:
            found = self._client.unclaimed(STORE_SECONDS)
        except StoreFailed as error:
            _log.info("%s", error)
            return False
        for one in found:
            _log.warning("%s: %d reads or coadds of an exposure without an image", one.folder, one.files)
        self._status.set("unclaimed", len(found))
        return True

    # --- status -------------------------------------------------------------------------------------------

    def _show(self) -> None:
        self._status.set("readsSaved", self._tally.reads)
        self._status.set("coaddsSaved", self._tally.coadds)
        self._status.set("storeRate", round(self._rate.bytes_per_second / MEGA, 3))


def _with(frame: Frame, *changed: Card) -> Frame:
    """Return an image with other values on some of its cards, which tell now what became of the rest."""
    new = {one.keyword: one for one in changed}
    cards = tuple(new.get(one.keyword, one) if not one.extension else one for one in frame.header.cards)
    return Frame(dataclasses.replace(frame.header, cards=cards, reads=0, coadds=0), frame.arrays)
