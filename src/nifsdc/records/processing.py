"""What processing a record is: whether it may now, and for whom it is done."""

from __future__ import annotations

from collections.abc import Callable

from .record import ALARM, VALUE, VALUE_LOG, Record, log
from .types import AlarmStatus, Severity

MAX_LOCK = 10
"""times an active record may be asked to process before it is in SCAN_ALARM"""


class Processing:
    """Processes the records of a database.

    Args:
        post: posts a field of a record to those who watch it, with an event mask.
    """

    def __init__(self, post: Callable[[Record, str, int], None]) -> None:
        self._post = post

    def process_passive(self, source: Record, target: Record) -> None:
        """Process a record for another one, if it is passive (dbScanPassive)."""
        if target.v["SCAN"] == 0:
            self.process_target(source, target)

    def process_target(self, source: Record, target: Record) -> None:
        """Process a record for another one, which counts as active meanwhile (processTarget)."""
        sv, tv = source.v, target.v
        was_active = sv["PACT"]
        sv["PACT"] = 1
        if not tv["PACT"]:
            tv["PUTF"] = sv["PUTF"]
            if source.notify is not None and target.notify is None:
                source.notify.add(target)
        elif sv["PUTF"] and not target.active:
            tv["RPRO"] = 1
        self.process(target)
        sv["PACT"] = was_active

    def process(self, record: Record) -> None:
        """Process a record now (dbProcess): nothing when it is active or disabled."""
        v = record.v
        if v["PACT"]:
            self._already_active(record)
            return
        v["LCNT"] = 0
        disable = record.links["SDIS"]
        if disable.text.constant is None:
            record.read("SDIS", "DISA")
        if v["DISA"] == v["DISV"]:
            self._disabled(record)
            return
        if v["TPRO"]:
            log.info("process %s (%s)", record.name, record.rtyp)
        v["PACT"] = 1
        record.active = True
        stays = False
        try:
            stays = record.process()
        finally:
            record.active = False
            if not stays:
                v["PACT"] = 0

    def _already_active(self, record: Record) -> None:
        v = record.v
        if v["STAT"] == AlarmStatus.SCAN or v["SEVR"] >= Severity.INVALID:
            return
        v["LCNT"] = min(v["LCNT"] + 1, 255)
        if v["LCNT"] <= MAX_LOCK:
            return
        record.set_alarm(AlarmStatus.SCAN, Severity.INVALID)
        self._post(record, "VAL", record.reset_alarms() | VALUE_LOG)

    def _disabled(self, record: Record) -> None:
        v = record.v
        v["RPRO"] = v["PUTF"] = 0
        if v["STAT"] != AlarmStatus.DISABLE:
            v["STAT"], v["SEVR"] = int(AlarmStatus.DISABLE), v["DISS"]
            v["NSTA"] = v["NSEV"] = 0
            self._post(record, "STAT", VALUE)
            self._post(record, "SEVR", VALUE)
            self._post(record, "VAL", VALUE | ALARM)
        if record.notify is not None:
            record.notify.finished(record)
