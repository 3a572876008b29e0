"""SIR, Status Item Record: one value of the status and alarm database (``icd/gemini_records.md``, SIR)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .fields import Field
from .limits import in_alarm
from .menus import Simulation
from .record import LOG, VALUE, Record
from .spec import FieldSpec, RecordType
from .types import AlarmStatus, FieldType, Scalar, Value

if TYPE_CHECKING:
    from .database import Database

_FTYPES = tuple(FieldType)[:12]  # menuFtype is in the order of FieldType up to ENUM
_COPIES = ("VAL", "RVAL", "SVAL")
_C_TYPES = (FieldType.LONG, FieldType.DOUBLE)
"""numeric types whose changes and limits the C record looks at"""


class SirRecord(Record):
    """A sir record. A subroutine uses ``value`` and ``message``."""

    __slots__ = ("archived", "monitored", "room", "vtype")

    def __init__(self, db: Database, rtype: RecordType, name: str) -> None:
        super().__init__(db, rtype, name)
        self.vtype = FieldType.STRING
        self.room = 1
        """elements there is memory for; NELM shrinks to the number last put"""
        self.monitored: tuple[Scalar, ...] = ()
        self.archived: tuple[Scalar, ...] = ()

    # --- for subroutines
    @property
    def value(self) -> Value:
        """VAL: a tuple when NELM is more than 1."""
        value: Value = self.v["VAL"]
        return value

    @value.setter
    def value(self, value: object) -> None:
        self.assign("VAL", value)

    @property
    def message(self) -> str:
        """IMSS, which becomes OMSS when the processing ends."""
        text: str = self.v["IMSS"]
        return text

    @message.setter
    def message(self, text: str) -> None:
        self.assign("IMSS", text)

    # --- types
    def native_type(self, spec: FieldSpec) -> FieldType:
        """VAL, RVAL and SVAL follow FTVL."""
        return _FTYPES[self.v["FTVL"]] if spec.dynamic else spec.dbf

    def capacity(self, name: str) -> int:
        """NELM as defined, for VAL, RVAL and SVAL."""
        return max(1, int(self.v["NELM"]), self.room) if name in _COPIES else 1

    def is_late(self, spec: FieldSpec, dbr: FieldType) -> bool:
        """Events of dynamic fields refer to the record for types whose size the C record does not know."""
        unsized = spec.dynamic and dbr in (FieldType.DOUBLE, FieldType.ENUM)
        return unsized or super().is_late(spec, dbr)

    def precision(self, field: Field) -> int:
        """PREC."""
        if field.name == "VERS":
            return 1
        precision: int = self.v["PREC"]
        if field.dbr.is_integer:
            return 0
        return precision if 0 <= precision <= 15 else 15

    def units(self, field: Field) -> str:
        """EGU, for every field."""
        egu: str = self.v["EGU"]
        return egu

    # --- life
    def prepare(self) -> None:
        """Room for NELM elements of type FTVL."""
        v = self.v
        self.vtype = _FTYPES[v["FTVL"]]
        v["NELM"] = self.room = max(1, v["NELM"])
        zero: Scalar = "" if self.vtype is FieldType.STRING else 0.0 if self.vtype.is_float else 0
        for name in _COPIES:
            if v[name] == "":
                v[name] = (zero,) * self.room if self.room > 1 else zero
        self.monitored = self.archived = (zero,) * self.room

    def init(self) -> None:
        """Constant links into SIMM, SVAL and VAL."""
        self.load_constant("SIML", "SIMM")
        for link, name in (("SIOL", "SVAL"), ("INP", "VAL")):
            loaded = self.room < 2 and self.load_constant(link, name)
            if loaded and self.vtype is FieldType.STRING and self.v[name].startswith("0.0"):
                self.v[name] = " "
        self.v["UDF"] = 0

    def after_put(self, field: Field) -> None:
        """A put of fewer elements makes the array that short."""
        if self.room > 1:
            self.v["NELM"] = len(self.v[field.name])

    def process(self) -> bool:
        """Take the value in (from INP, the simulation, or as put), run SNAM, check, post."""
        v = self.v
        if not self.read("SIML", "SIMM"):
            return False
        if v["SIMM"] != Simulation.NONE:
            if not self.read("SIOL", "SVAL"):
                return False
            v["RVAL"] = v["SVAL"]
            self.set_alarm(AlarmStatus.SIMM, v["SIMS"])
        elif not self.links["INP"].is_constant:
            if not self.read("INP", "RVAL"):
                return False
        else:
            v["RVAL"] = v["VAL"]
        v["NORD"] = v["NELM"]
        v["VAL"] = v["RVAL"]
        if v["SNAM"] and self.call(self.db.subroutines[v["SNAM"]]):
            self.set_alarm(AlarmStatus.SOFT, v["BRSV"])
        v["OMSS"] = v["IMSS"]
        self.stamp()
        self._check_alarms()
        self._monitor()
        self.forward()
        return False

    def _elements(self) -> tuple[Scalar, ...]:
        value: Value = self.v["VAL"]
        return value if isinstance(value, tuple) else (value,)

    def _numbers(self) -> tuple[float, ...]:
        """Elements as the alarm and deadband checks see them; none for types they do not look at."""
        if self.vtype is FieldType.STRING or (self.db.exact and self.vtype not in _C_TYPES):
            return ()
        numbers = cast("tuple[float, ...]", self._elements())
        if self.db.exact and self.vtype is FieldType.LONG:
            return tuple(int(number) & 0xFFFFFFFF for number in numbers)
        return numbers

    def _check_alarms(self) -> None:
        v = self.v
        if self.undefined_alarm():
            return
        numbers = self._numbers()
        if any(in_alarm(self, number) for number in numbers):
            return
        if numbers:
            v["LALM"] = float(numbers[-1])

    def _monitor(self) -> None:
        v = self.v
        mask = self.reset_alarms()
        current: tuple[Scalar, ...] = self._elements()
        if self.vtype is FieldType.STRING:
            mask |= (VALUE if current != self.monitored else 0) | (LOG if current != self.archived else 0)
            self.monitored = self.archived = current
        else:
            numbers = self._numbers()
            self.monitored, changed = _beyond(self.monitored, numbers, v["MDEL"])
            self.archived, archive = _beyond(self.archived, numbers, v["ADEL"])
            mask |= (VALUE if changed else 0) | (LOG if archive else 0)
        if mask:
            self.post("VAL", mask)
        mask = 0
        for name, bit in (("MMSS", VALUE), ("AMSS", LOG)):
            if v[name] != v["OMSS"]:
                v[name] = v["OMSS"]
                mask |= bit
        if mask:
            self.post("OMSS", mask)


def _beyond(
    old: tuple[Scalar, ...], new: tuple[float, ...], deadband: float
) -> tuple[tuple[Scalar, ...], bool]:
    """Elements posted last, renewed where they moved by more than the deadband; whether any did."""
    kept = list(old)
    changed = False
    for index, number in enumerate(new):
        if abs(cast("float", old[index]) - number) > deadband:
            kept[index] = number
            changed = True
    return tuple(kept), changed
