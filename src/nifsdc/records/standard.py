"""What the simple input and output records of EPICS base share: device, simulation, alarms, deadbands."""

from __future__ import annotations

from typing import ClassVar

from .fields import AlarmLimits, Field, Limits
from .limits import RANGES, alarm_limits, beyond, in_alarm
from .record import LOG, NO_ALARM_LIMITS, VALUE, Record
from .types import AlarmStatus, Severity, Value

RAW_SOFT_CHANNEL = 1
CLOSED_LOOP = 1
IVOA_CONTINUE, IVOA_NONE, IVOA_IVOV = 0, 1, 2


class InputRecord(Record):
    """Takes VAL from INP (DTYP Soft Channel), from the simulation, or as it was put."""

    __slots__ = ()

    def init(self) -> None:
        """A constant INP is the first value."""
        self.load_constant("SIML", "SIMM")
        self.load_constant("SIOL", "SVAL")
        if self.load_constant("INP", "VAL"):
            self.v["UDF"] = 0

    def read_input(self) -> bool:
        """Read INP or the simulated value. False when that failed (VAL is as it was)."""
        v = self.v
        self.read("SIML", "SIMM")
        if v["SIMM"]:
            fine = self.read("SIOL", "SVAL")
            if fine:
                v["VAL"] = self.v["SVAL"]
            self.set_alarm(AlarmStatus.SIMM, v["SIMS"])
            return fine
        if v["DTYP"] == RAW_SOFT_CHANNEL and "RVAL" in v:
            if self.read("INP", "RVAL"):
                self.from_raw()
                return True
            return False
        return self.read("INP", "VAL")

    def from_raw(self) -> None:
        """VAL from RVAL."""


class OutputRecord(Record):
    """Writes its value through OUT (or SIOL in simulation)."""

    __slots__ = ()

    def init(self) -> None:
        """A constant DOL is the first value."""
        self.load_constant("SIML", "SIMM")
        if self.load_constant("DOL", "VAL"):
            self.v["UDF"] = 0

    def fetch(self) -> bool:
        """In closed loop, VAL from DOL. False when that failed."""
        v = self.v
        if v["OMSL"] != CLOSED_LOOP or self.links["DOL"].is_constant:
            return True
        if self.read("DOL", "VAL"):
            v["UDF"] = 0
            return True
        return False

    def drive(self) -> None:
        """Write unless the record is INVALID and IVOA forbids it."""
        v = self.v
        if v["NSEV"] >= Severity.INVALID and v["IVOA"] != IVOA_CONTINUE:
            if v["IVOA"] == IVOA_NONE:
                return
            v["VAL"] = v["IVOV"]
            self.to_raw()
        self.read("SIML", "SIMM")
        if v["SIMM"]:
            self.db.links.put(self.links["SIOL"], self.output())
            self.set_alarm(AlarmStatus.SIMM, v["SIMS"])
        else:
            self.db.links.put(self.links["OUT"], self.output())

    def to_raw(self) -> None:
        """RVAL (or OVAL) from VAL."""

    def output(self) -> Value:
        """What is written."""
        value: Value = self.v["VAL"]
        if self.v["DTYP"] == RAW_SOFT_CHANNEL and "RVAL" in self.v:
            value = self.v["RVAL"]
        return value


class NumericRecord(Record):
    """VAL is a number with limits: ai, ao, calc, longin, longout."""

    __slots__ = ()

    SHOWN: ClassVar[frozenset[str]] = frozenset(
        {"VAL", "HIHI", "HIGH", "LOW", "LOLO", "LALM", "ALST", "MLST", "SVAL"}
    )
    """fields in units of the value, with its range"""

    def start_deadbands(self) -> None:
        """LALM, ALST and MLST start at the first value."""
        v = self.v
        v["LALM"] = v["ALST"] = v["MLST"] = v["VAL"]

    def check_alarms(self) -> None:
        """Undefined, or beyond a limit."""
        if not self.undefined_alarm() and not in_alarm(self, self.v["VAL"]):
            self.v["LALM"] = self.v["VAL"]

    def monitor(self) -> int:
        """Post VAL where alarm or deadbands ask for it. Returns the mask it was posted with."""
        v = self.v
        mask = self.reset_alarms()
        value = v["VAL"]
        for last, deadband, bit in (("MLST", "MDEL", VALUE), ("ALST", "ADEL", LOG)):
            if beyond(v[last], value, v[deadband]):
                mask |= bit
                v[last] = value
        if mask:
            self.post("VAL", mask)
        return mask

    def precision(self, field: Field) -> int:
        """PREC (0 where the record has none)."""
        return self.record_precision(field) if "PREC" in self.v else 0

    def units(self, field: Field) -> str:
        """EGU, for fields of the value's type."""
        egu: str = self.v["EGU"] if field.spec.dbf is self.type.fields["VAL"].dbf else ""
        return egu

    def display_limits(self, field: Field) -> Limits:
        """LOPR and HOPR for the value and its limits."""
        if field.name in self.SHOWN:
            return Limits(self.v["LOPR"], self.v["HOPR"])
        return RANGES.get(field.dbr, Limits(0, 0))

    def control_limits(self, field: Field) -> Limits:
        """DRVL and DRVH of an output, the display range of others."""
        if field.name == "VAL" and "DRVH" in self.v:
            return Limits(self.v["DRVL"], self.v["DRVH"])
        return self.display_limits(field)

    def alarm_limits(self, field: Field) -> AlarmLimits:
        """Of VAL."""
        return alarm_limits(self) if field.name == "VAL" else NO_ALARM_LIMITS
