"""The Data task: takes finished frames out of the rings and sees them stored (SDN 11.03 section 5.1.4).

The Readout task does not wait for it; it waits for the disk and the data server.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from nifsdc.data.client import DataClient
from nifsdc.data.delivery import Delivery
from nifsdc.data.errors import NotDelivered, SpoolError, StoreFailed
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ring import FrameRing, Policy, Reader
from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.keeping import MEGA, STORE_SECONDS, Keeping
from nifsdc.tasks.messages import Done, Failed, Imageless, NotStored, Promote, Reporter, Stored
from nifsdc.tasks.store_rate import StoreRate
from nifsdc.tasks.task import Task

RETRY_SECONDS = 5.0
"""real seconds between two attempts to empty the spool"""
PREFLIGHT_SECONDS = 2.0
"""real seconds between two questions whether the data server could store a frame"""
FILE_BYTES = 20_000_000
"""bytes of a science file, for the question whether there is room"""
LOOK_SECONDS = 0.005
"""real seconds between two looks at the rings"""

TEXT_LENGTH = 39
YES, NO = 0, 1

BESIDE = (FrameKind.READ, FrameKind.COADD)
"""frames that are stored beside an image"""


@dataclass(frozen=True)
class SingleReads:
    """What the Data task must know of single reads; outlives it."""

    ring: FrameRing
    """where they come from"""
    nbytes: int
    """of one"""
    rate: StoreRate
    """how fast they can be stored"""


class DataTask(Task[Frame | Promote | Imageless]):
    """Stores frames, has scratch files made runs, and has what was given up removed.

    Parameters
    ----------
    ring
        where the Readout task puts images and coadds
    client
        the connection to the data server
    delivery
        the spool and the server behind it; outlives the task, and with it what it counts
    status
        status records
    report
        where `Stored` and `NotStored` go
    singles
        where the Readout task puts single reads; None for a camera that gives out none
    """

    def __init__(
        self,
        ring: FrameRing,
        client: DataClient,
        delivery: Delivery,
        status: StatusDictionary,
        report: Reporter,
        singles: SingleReads | None = None,
    ) -> None:
        super().__init__("Data", report)
        self._client = client
        self._delivery = delivery
        self._status = status
        self._reader: Reader = ring.reader(Policy.ALL)
        self._reads: Reader | None = None if singles is None else singles.ring.reader(Policy.ALL)
        self._read_bytes = 0 if singles is None else singles.nbytes
        self._rate = StoreRate() if singles is None else singles.rate
        self._keeping = Keeping(client, delivery, status, self._rate)
        self._next_retry = 0.0
        self._next_preflight = 0.0
        self._refusal = ""
        self._spare_bytes = 0
        self._unclaimed_told = self._reads is None

    @property
    def problem(self) -> str:
        """Why frames cannot be stored now; empty when they can. From any thread."""
        return self._client.problem or self._refusal

    def store_refusal(self, beside_bytes: int = 0) -> str | None:
        """Say in a few words why no observation can be stored now, or None; never waits. From the loop.

        Parameters
        ----------
        beside_bytes
            bytes of the reads and coadds that are to be stored with it
        """
        if not self._client.connected:
            return "data server not connected"
        if beside_bytes and not self._rate.known:
            return "store rate not measured yet: wait"
        if beside_bytes > self._spare_bytes:
            return f"no room: needs {beside_bytes / 1e9:.1f} GB, has {self._spare_bytes / 1e9:.1f}"
        return self._refusal or None

    def next_message(self, seconds: float) -> Frame | Promote | Imageless | None:
        """Take the next request, or else the next frame out of the rings."""
        deadline = time.monotonic() + seconds
        while True:
            message = super().next_message(0.0) or self._next_frame()
            if message is not None or time.monotonic() >= deadline or self._ending.is_set():
                return message
            time.sleep(LOOK_SECONDS)

    def _next_frame(self) -> Frame | None:
        """Return the next frame: of images and coadds, which are dearer, or else of single reads."""
        frame = self._reader.next(0.0)
        return frame if frame is not None or self._reads is None else self._reads.next(0.0)

    def handle(self, message: Frame | Promote | Imageless) -> None:
        """Store a frame that is to be stored; others are for displays, which read the ring themselves."""
        match message:
            case Promote():
                self._promote(message)
            case Imageless(exposure_id, discard) if self._reads is not None:
                self._imageless(exposure_id, discard=discard)
            case Frame() if message.header.kind in BESIDE:
                self._busy_with(message)
            case Frame() if message.header.kind is FrameKind.SCIENCE:
                self._busy_with(message)

    def _imageless(self, exposure_id: str, *, discard: bool) -> None:
        if discard:
            self._keeping.discard(exposure_id)
        else:
            self._empty_reads()
            self._keeping.abandon(exposure_id)

    def _promote(self, request: Promote) -> None:
        try:
            stored = self._client.promote(request.name, STORE_SECONDS)
        except StoreFailed as error:
            self.log.error("%s: %s", request.command, error)
            self._report(Failed(request, error.short[:TEXT_LENGTH]))
        else:
            self.log.info("scratch file %s is run %s", request.name, stored.path)
            self._report(Stored("", stored.path))
            self._report(Done(request))

    def _busy_with(self, frame: Frame) -> None:
        self._status.set("dataState", 1)
        try:
            if frame.header.kind in BESIDE:
                self._keeping.keep(frame)
            else:
                self._store(frame)
        finally:
            self._status.set("dataState", 0)
            self._status.set("framesSpooled", self._delivery.spooled)
            self.show()

    def _store(self, frame: Frame) -> None:
        """Store the image that ends an exposure, and before it the reads that are still in their ring."""
        exposure_id = frame.header.exposure_id
        self._empty_reads()
        frame, problem = self._keeping.settle(frame)
        try:
            stored = self._delivery.deliver(frame, STORE_SECONDS)
        except NotDelivered as error:
            self.log.error("%s", error)
            reason = "not stored; kept in the spool" if error.spooled else f"not stored, not spooled: {error}"
            self._report(NotStored(exposure_id, reason))
        else:
            self.log.info("%s stored as %s", exposure_id, stored.path)
            self._report(Stored(exposure_id, stored.path, bool(frame.header.scratch), problem))

    def _empty_reads(self, *, now: bool = True) -> None:
        """Keep what has been put into the ring of reads up to now."""
        while self._reads is not None and (frame := self._reads.next(0.0)) is not None:
            self._keeping.keep(frame, now=now)

    def idle(self) -> None:
        """Ask whether a frame could be stored, and send what waits in the spool."""
        now = time.monotonic()
        if now >= self._next_preflight:
            self._next_preflight = now + PREFLIGHT_SECONDS
            self._status.set("framesSpooled", self._delivery.spooled)
            told = self._client.preflight(FILE_BYTES)
            # A server that did not answer is the client's problem, which ends when it is there again.
            self._refusal = told.problem if told.answered else ""
            self._spare_bytes = told.spare_bytes
            if told.ok and self._reads is not None and not self._rate.known:
                self._measure()
        if now >= self._next_retry:
            self._next_retry = now + RETRY_SECONDS
            for frame, stored in self._delivery.retry_pending(STORE_SECONDS, most=1):
                self._next_retry = 0.0
                self.log.info("%s stored from the spool as %s", frame.header.key, stored.path)
                if frame.header.kind is FrameKind.SCIENCE:
                    scratch = bool(frame.header.scratch)
                    self._report(Stored(frame.header.exposure_id, stored.path, scratch))
            self._keeping.discard_pending()
        if not self._unclaimed_told and self._client.connected and not self._delivery.spooled:
            self._unclaimed_told = self._keeping.report_unclaimed()

    def _measure(self) -> None:
        """Measure how long the storing of one read takes: all of the way, and nothing of it stays."""
        count = self._read_bytes // 2
        pattern = np.arange(count, dtype=np.uint32).astype(np.uint16)
        frame = Frame.build("trial", FrameKind.READ, {"read": pattern.reshape(1, count)}, night="")
        try:
            self._rate.note(self._read_bytes, self._delivery.trial(frame, STORE_SECONDS))
        except (StoreFailed, SpoolError) as error:
            self.log.warning("how fast reads can be stored is not known: %s", error)
        else:
            self.log.info("reads can be stored at %.1f MB/s", self._rate.bytes_per_second / MEGA)
            self._status.set("storeRate", round(self._rate.bytes_per_second / MEGA, 3))

    def finish(self) -> None:
        """Put frames that nobody has taken yet into the spool, and let go of the rings."""
        while (frame := self._reader.next(0.0)) is not None:
            if frame.header.kind in BESIDE:
                self._keeping.keep(frame, now=False)
            elif frame.header.kind is FrameKind.SCIENCE:
                self._empty_reads(now=False)
                self._delivery.keep(self._keeping.settle(frame, now=False)[0])
                self.log.info("%s is left in the spool", frame.header.exposure_id)
        self._empty_reads(now=False)
        self._reader.close()
        if self._reads is not None:
            self._reads.close()

    def show(self) -> None:
        """Show the connection and what became of frames."""
        up = self._client.connected
        for name in ("dhsAvailable", "dhsConnected", "fitsAvailable", "fitsConnected"):
            self._status.set(name, YES if up else NO)
        problem = self.problem
        for flag, text in (("dhsProblem", "dhsProblemMsg"), ("fitsProblem", "fitsProbMsg")):
            self._status.set(text, problem[:TEXT_LENGTH])
            self._status.set(flag, 1 if problem else 0)
        counters = self._delivery.counters
        missed = 0 if self._reads is None else self._reads.missed
        self._status.set("framesStored", counters.stored)
        self._status.set("framesMissed", self._reader.missed + missed + counters.lost)
