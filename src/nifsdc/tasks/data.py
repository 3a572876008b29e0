"""The Data task: takes finished frames out of the ring and sees them stored (SDN 11.03 section 5.1.4).

The Readout task does not wait for it; it waits for the disk and the data server.
"""

from __future__ import annotations

import time

from nifsdc.data.client import DataClient
from nifsdc.data.delivery import Delivery
from nifsdc.data.errors import NotDelivered, StoreFailed
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ring import FrameRing, Policy, Reader
from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.messages import Done, Failed, NotStored, Promote, Reporter, Stored
from nifsdc.tasks.task import Task

STORE_SECONDS = 30.0
"""real seconds that the data server has for one frame before its observation counts as failed"""
RETRY_SECONDS = 5.0
"""real seconds between two attempts to empty the spool"""
PREFLIGHT_SECONDS = 2.0
"""real seconds between two questions whether the data server could store a frame"""
FILE_BYTES = 20_000_000
"""bytes of a science file, for the question whether there is room"""

TEXT_LENGTH = 39
YES, NO = 0, 1


class DataTask(Task[Frame | Promote]):
    """Stores frames, and has scratch files made runs.

    Parameters
    ----------
    ring
        where the Readout task puts them
    client
        the connection to the data server
    delivery
        the spool and the server behind it; outlives the task, and with it what it counts
    status
        status records
    report
        where `Stored` and `NotStored` go
    """

    def __init__(
        self,
        ring: FrameRing,
        client: DataClient,
        delivery: Delivery,
        status: StatusDictionary,
        report: Reporter,
    ) -> None:
        super().__init__("Data", report)
        self._client = client
        self._delivery = delivery
        self._status = status
        self._reader: Reader = ring.reader(Policy.ALL)
        self._next_retry = 0.0
        self._next_preflight = 0.0
        self._refusal = ""

    @property
    def problem(self) -> str:
        """Why frames cannot be stored now; empty when they can. From any thread."""
        return self._client.problem or self._refusal

    def store_refusal(self) -> str | None:
        """Say in a few words why no observation can be stored now, or None; never waits. From the loop."""
        if not self._client.connected:
            return "data server not connected"
        return self._refusal or None

    def next_message(self, seconds: float) -> Frame | Promote | None:
        """Take the next request, or else the next frame out of the ring."""
        return super().next_message(0.0) or self._reader.next(seconds)

    def handle(self, message: Frame | Promote) -> None:
        """Store a science frame; others are for displays, which read the ring themselves."""
        if isinstance(message, Promote):
            self._promote(message)
        else:
            self._store(message)

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

    def _store(self, message: Frame) -> None:
        if message.header.kind is not FrameKind.SCIENCE:
            return
        exposure_id = message.header.exposure_id
        self._status.set("dataState", 1)
        try:
            stored = self._delivery.deliver(message, STORE_SECONDS)
        except NotDelivered as error:
            self.log.error("%s", error)
            reason = "not stored; kept in the spool" if error.spooled else f"not stored, not spooled: {error}"
            self._report(NotStored(exposure_id, reason))
        else:
            self.log.info("%s stored as %s", exposure_id, stored.path)
            self._report(Stored(exposure_id, stored.path, bool(message.header.scratch)))
        finally:
            self._status.set("dataState", 0)
            self._status.set("framesSpooled", self._delivery.spooled)
            self.show()

    def idle(self) -> None:
        """Ask whether a frame could be stored, and send what waits in the spool."""
        now = time.monotonic()
        if now >= self._next_preflight:
            self._next_preflight = now + PREFLIGHT_SECONDS
            self._status.set("framesSpooled", self._delivery.spooled)
            told = self._client.preflight(FILE_BYTES)
            # A server that did not answer is the client's problem, which ends when it is there again.
            self._refusal = told.problem if told.answered else ""
        if now >= self._next_retry:
            self._next_retry = now + RETRY_SECONDS
            for frame, stored in self._delivery.retry_pending(STORE_SECONDS, most=1):
                self.log.info("%s stored from the spool as %s", frame.header.exposure_id, stored.path)
                self._report(Stored(frame.header.exposure_id, stored.path, bool(frame.header.scratch)))

    def finish(self) -> None:
        """Put frames that nobody has taken yet into the spool, and let go of the ring."""
        while (frame := self._reader.next(0.0)) is not None:
            if frame.header.kind is FrameKind.SCIENCE:
                self._delivery.keep(frame)
                self.log.info("%s is left in the spool", frame.header.exposure_id)
        self._reader.close()

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
        self._status.set("framesStored", counters.stored)
        self._status.set("framesMissed", self._reader.missed)
