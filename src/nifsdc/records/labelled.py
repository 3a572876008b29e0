"""bi, bo, mbbi, mbbo of EPICS base: values with labels, with soft device support."""

from __future__ import annotations

from typing import ClassVar

from .convert import ConversionError, parse_integer, parse_label
from .fields import Field
from .record import VALUE_LOG, Record
from .standard import RAW_SOFT_CHANNEL, InputRecord, OutputRecord
from .tables import STATE_PREFIXES
from .types import AlarmStatus, FieldType, Severity, Value

UNKNOWN_STATE = 65535
LAST_STATE = 15


class LabelledRecord(Record):
    """VAL is one of a few states, each with a label and a severity."""

    __slots__ = ()

    STATES: ClassVar[tuple[str, ...]] = ()
    """fields of the labels"""
    SEVERITIES: ClassVar[tuple[str, ...]] = ()
    """fields of the severities"""
    ILLEGAL: ClassVar[str] = "Illegal_Value"
    """text of a value that is no state"""

    def labels(self, name: str) -> tuple[str, ...] | None:
        """Labels of VAL up to the last one that is not empty."""
        if name != "VAL":
            return None
        v = self.v
        names = [v[state] for state in self.STATES]
        while names and not names[-1]:
            names.pop()
        return tuple(names)

    def label(self, value: int) -> str:
        """Label of a state, which may be empty."""
        if value < len(self.STATES):
            text: str = self.v[self.STATES[value]]
            return text
        return self.ILLEGAL

    def parse_label(self, text: str) -> int:
        """A label or an index; in exact mode also the empty label of a state without one."""
        labels = [self.v[state] for state in self.STATES]
        known = self.labels("VAL") or ()
        if not self.db.exact:
            return parse_label(text, known)
        if text in labels:
            return labels.index(text)
        return parse_label(text, known)

    def check_put(self, field: Field, value: Value) -> str | None:
        """A state without label is a state too, but there are not more than the record has."""
        count = len(self.STATES)
        if field.name == "VAL" and not self.db.exact and isinstance(value, int) and value >= count:
            return f"{value} is no state; a {self.rtyp} has the states 0 to {count - 1}"
        return None

    def check_alarms(self) -> None:
        """Alarm of the state, and of a change of state."""
        v = self.v
        value = v["VAL"]
        if self.undefined_alarm() or not self.state_alarm(value):
            return
        if value != v["LALM"]:
            self.change_alarm(value)

    def change_alarm(self, value: int) -> None:
        """Raise the alarm of a change of state, once."""
        self.set_alarm(AlarmStatus.COS, self.v["COSV"])
        self.v["LALM"] = value

    def state_alarm(self, value: int) -> bool:
        """Raise the state's own alarm. False when a change of state is not looked at either."""
        severity = self.SEVERITIES[value] if value < len(self.SEVERITIES) else "UNSV"
        self.set_alarm(AlarmStatus.STATE, self.v[severity])
        return True

    def monitor(self) -> None:
        """Post VAL and RVAL where they changed."""
        v = self.v
        mask = self.reset_alarms()
        if v["MLST"] != v["VAL"]:
            mask |= VALUE_LOG
            v["MLST"] = v["VAL"]
        if mask:
            self.post("VAL", mask)
        if v["ORAW"] != v["RVAL"]:
            v["ORAW"] = v["RVAL"]
            self.post("RVAL", mask | VALUE_LOG)

    def start(self) -> None:
        """The first value is no change."""
        self.v["MLST"] = self.v["LALM"] = self.v["VAL"]


class _TwoStates(LabelledRecord):
    __slots__ = ()
    STATES = ("ZNAM", "ONAM")
    SEVERITIES = ("ZSV", "OSV")


class _SixteenStates(LabelledRecord):
    __slots__ = ()
    STATES = tuple(prefix + "ST" for prefix in STATE_PREFIXES)
    SEVERITIES = tuple(prefix + "SV" for prefix in STATE_PREFIXES)
    VALUES: ClassVar[tuple[str, ...]] = tuple(prefix + "VL" for prefix in STATE_PREFIXES)
    ILLEGAL = "Illegal Value"

    def prepare(self) -> None:
        """NOBT bits of mask; whether states are defined."""
        v = self.v
        if not v["MASK"] and 0 < v["NOBT"] <= 32:
            v["MASK"] = (1 << v["NOBT"]) - 1
        self.define()

    def change_alarm(self, value: int) -> None:
        """Stays until the value is what it was: C keeps the new value of mbbi and mbbo only without alarm."""
        if not self.set_alarm(AlarmStatus.COS, self.v["COSV"]):
            self.v["LALM"] = value

    def define(self) -> None:
        """SDEF: any state has a label or a value."""
        v = self.v
        v["SDEF"] = int(any(v[name] for name in (*self.STATES, *self.VALUES)))

    def special(self, field: Field) -> None:
        """A label or value of a state was put."""
        if field.name != "SIMM":
            self.define()


class _Reading(InputRecord, LabelledRecord):
    __slots__ = ()

    def init(self) -> None:
        """See InputRecord."""
        super().init()
        self.start()

    def process(self) -> bool:
        """Read, check, post."""
        if self.read_input():
            self.v["UDF"] = 0
        self.stamp()
        self.check_alarms()
        self.monitor()
        self.forward()
        return False


class BiRecord(_Reading, _TwoStates):
    """One of two states from somewhere."""

    __slots__ = ()

    def state_alarm(self, value: int) -> bool:
        """Nothing for what is no state."""
        return value < len(self.STATES) and super().state_alarm(value)

    def from_raw(self) -> None:
        """1 for any raw number but 0."""
        if self.v["MASK"]:
            self.v["RVAL"] &= self.v["MASK"]
        self.v["VAL"] = int(self.v["RVAL"] != 0)


class MbbiRecord(_Reading, _SixteenStates):
    """One of sixteen states from somewhere."""

    __slots__ = ()

    def from_raw(self) -> None:
        """The state whose value the raw number is, or the number itself where no state is defined."""
        v = self.v
        if v["MASK"]:
            v["RVAL"] &= v["MASK"] << v["SHFT"]
        raw = v["RVAL"] >> v["SHFT"]
        if not v["SDEF"]:
            v["VAL"] = raw & 0xFFFF
            return
        values = [v[name] for name in self.VALUES]
        v["VAL"] = values.index(raw) if raw in values else UNKNOWN_STATE


class _Writing(OutputRecord, LabelledRecord):
    __slots__ = ()

    def init(self) -> None:
        """See OutputRecord."""
        super().init()
        self.to_raw()
        self.v["ORAW"] = self.v["RVAL"]
        self.start()

    def process(self) -> bool:
        """Fetch, check, write, post."""
        if self.fetch():
            self.v["UDF"] = 0
            self.to_raw()
        self.check_alarms()
        self.drive()
        self.stamp()
        self.after_write()
        self.monitor()
        self.forward()
        return False

    def after_write(self) -> None:
        """Once the value is out."""

    def output(self) -> Value:
        """The index (RVAL for raw devices): as a number, not its label."""
        value: Value = self.v["RVAL" if self.v["DTYP"] == RAW_SOFT_CHANNEL else "VAL"]
        return value


class BoRecord(_Writing, _TwoStates):
    """One of two states to somewhere; falls back to 0 after HIGH seconds."""

    __slots__ = ()

    def state_alarm(self, value: int) -> bool:
        """Anything but 0 counts as 1."""
        return super().state_alarm(min(value, 1))

    def to_raw(self) -> None:
        """MASK (or 1) for state 1."""
        self.v["RVAL"] = (self.v["MASK"] or self.v["VAL"]) if self.v["VAL"] else 0

    def after_write(self) -> None:
        """A momentary output falls back."""
        v = self.v
        if v["VAL"] == 1 and v["HIGH"] > 0.0:
            self.db.timers.at(self.db.now() + v["HIGH"], self._fall_back)

    def _fall_back(self) -> None:
        if self.v["VAL"] == 1:
            self.v["VAL"] = 0
            self.db.processing.process(self)


class MbboRecord(_Writing, _SixteenStates):
    """One of sixteen states to somewhere."""

    __slots__ = ()

    def parse_label(self, text: str) -> int:
        """In exact mode what follows an index is ignored."""
        try:
            return super().parse_label(text)
        except ConversionError:
            if not self.db.exact:
                raise
            index = parse_integer(text, FieldType.USHORT)
            if index >= len(self.labels("VAL") or ()):
                raise
            return index

    def state_alarm(self, value: int) -> bool:
        """What is no state cannot be written."""
        if value > LAST_STATE:
            self.set_alarm(AlarmStatus.SOFT, Severity.INVALID)
        return super().state_alarm(value)

    def to_raw(self) -> None:
        """The state's value (or the index where no state is defined), shifted."""
        v = self.v
        value = v["VAL"]
        if v["SDEF"]:
            if value > LAST_STATE:
                return
            value = v[self.VALUES[value]]
        v["RVAL"] = (value << v["SHFT"]) & 0xFFFFFFFF
