"""ai, ao, longin, longout of EPICS base, with soft device support."""

from __future__ import annotations

import math

from .record import VALUE_LOG
from .standard import CLOSED_LOOP, RAW_SOFT_CHANNEL, InputRecord, NumericRecord, OutputRecord
from .types import AlarmStatus, FieldType, Severity, Value

LINEAR = (1, 2)
"""menuConvert SLOPE and LINEAR: VAL = raw * ESLO + EOFF"""
INCREMENTAL = 1


class LonginRecord(InputRecord, NumericRecord):
    """An integer from somewhere."""

    __slots__ = ()

    def init(self) -> None:
        """See InputRecord."""
        super().init()
        self.start_deadbands()

    def process(self) -> bool:
        """Read, check, post."""
        if self.read_input():
            self.v["UDF"] = 0
        self.stamp()
        self.check_alarms()
        self.monitor()
        self.forward()
        return False


class AiRecord(LonginRecord):
    """A number from somewhere, raw numbers converted (LINR SLOPE and LINEAR)."""

    __slots__ = ()

    def process(self) -> bool:
        """Read, check, post."""
        if self.read_input():
            self.v["UDF"] = int(math.isnan(self.v["VAL"]))
        self.stamp()
        self.check_alarms()
        self.monitor()
        if self.v["ORAW"] != self.v["RVAL"]:
            self.v["ORAW"] = self.v["RVAL"]
            self.post("RVAL", VALUE_LOG)
        self.forward()
        return False

    def from_raw(self) -> None:
        """ROFF, ASLO, AOFF, then LINR, then smoothing."""
        v = self.v
        value = float(v["RVAL"] + v["ROFF"])
        value = value * (v["ASLO"] or 1.0) + v["AOFF"]
        if v["LINR"] in LINEAR:
            value = value * v["ESLO"] + v["EOFF"]
        if v["SMOO"] and not v["UDF"] and math.isfinite(v["VAL"]):
            value = v["VAL"] * v["SMOO"] + value * (1.0 - v["SMOO"])
        v["VAL"] = value


class LongoutRecord(OutputRecord, NumericRecord):
    """An integer to somewhere, within DRVL and DRVH."""

    __slots__ = ()

    def init(self) -> None:
        """See OutputRecord."""
        super().init()
        self.start_deadbands()

    def process(self) -> bool:
        """Fetch, limit, check, write, post."""
        v = self.v
        fine = self.fetch()
        if fine and v["DRVL"] < v["DRVH"]:
            v["VAL"] = min(max(v["VAL"], v["DRVL"]), v["DRVH"])
        if fine:
            v["UDF"] = 0
        self.check_alarms()
        self.drive()
        self.stamp()
        self.monitor()
        self.forward()
        return False


class AoRecord(OutputRecord, NumericRecord):
    """A number to somewhere: limited (DRVL, DRVH), approached in steps (OROC), converted to raw."""

    __slots__ = ()

    def init(self) -> None:
        """See OutputRecord."""
        super().init()
        v = self.v
        v["OVAL"] = v["PVAL"] = v["VAL"]
        if v["UDF"] == 0:
            v["UDF"] = int(math.isnan(v["VAL"]))
        self.start_deadbands()

    def process(self) -> bool:
        """Fetch, convert, check, write, post."""
        v = self.v
        old = v["OVAL"]
        if self._fetch_value():
            v["UDF"] = int(math.isnan(v["VAL"]))
            self._convert()
        self.check_alarms()
        self.drive()
        self.stamp()
        mask = self.monitor()
        if v["OVAL"] != old:
            self.post("OVAL", mask | VALUE_LOG)
        if v["ORAW"] != v["RVAL"]:
            v["ORAW"] = v["RVAL"]
            self.post("RVAL", mask | VALUE_LOG)
        self.forward()
        return False

    def _fetch_value(self) -> bool:
        v = self.v
        if v["OMSL"] != CLOSED_LOOP or self.links["DOL"].is_constant:
            return True
        value = self.db.links.value(self.links["DOL"], FieldType.DOUBLE)
        if value is None:
            return False
        number = value[0] if isinstance(value, tuple) else value
        assert isinstance(number, float)
        v["VAL"] = v["VAL"] + number if v["OIF"] == INCREMENTAL else number
        return True

    def _convert(self) -> None:
        v = self.v
        value = v["VAL"]
        if v["DRVH"] > v["DRVL"]:
            value = min(max(value, v["DRVL"]), v["DRVH"])
        v["VAL"] = v["PVAL"] = value
        if v["OROC"] != 0.0:
            step = value - v["OVAL"]
            if abs(step) > v["OROC"]:
                value = v["OVAL"] + math.copysign(v["OROC"], step)
        v["OVAL"] = value
        self.to_raw()

    def to_raw(self) -> None:
        """RVAL of OVAL."""
        v = self.v
        if v["NSEV"] >= Severity.INVALID:
            v["OVAL"] = v["VAL"]
        if v["DTYP"] != RAW_SOFT_CHANNEL or not math.isfinite(v["OVAL"]):
            return
        value = v["OVAL"]
        if v["LINR"] in LINEAR:
            if v["ESLO"] == 0.0:
                self.set_alarm(AlarmStatus.SOFT, Severity.INVALID)
                return
            value = (value - v["EOFF"]) / v["ESLO"]
        value = (value - v["AOFF"]) / (v["ASLO"] or 1.0)
        v["RVAL"] = min(max(math.floor(value + 0.5) - v["ROFF"], -0x80000000), 0x7FFFFFFF)

    def output(self) -> Value:
        """OVAL, or RVAL for raw devices."""
        value: Value = self.v["RVAL"] if self.v["DTYP"] == RAW_SOFT_CHANNEL else self.v["OVAL"]
        return value
