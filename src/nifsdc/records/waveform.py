"""waveform of EPICS base: an array, kept as a read-only numpy array whatever its size.

An image of four million elements is taken in without looking at each, and the server sends it in pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .convert import ConversionError
from .fields import Field, Limits
from .limits import RANGES
from .record import LOG, VALUE, Record
from .spec import FieldSpec, RecordType
from .types import FieldType, Scalar, Value

if TYPE_CHECKING:
    from .database import Database

_FTYPES = tuple(FieldType)[:12]  # menuFtype is in the order of FieldType up to ENUM
_NUMPY = {
    FieldType.CHAR: "i1",
    FieldType.UCHAR: "u1",
    FieldType.SHORT: "i2",
    FieldType.USHORT: "u2",
    FieldType.LONG: "i4",
    FieldType.ULONG: "u4",
    FieldType.INT64: "i8",
    FieldType.UINT64: "u8",
    FieldType.FLOAT: "f4",
    FieldType.DOUBLE: "f8",
    FieldType.ENUM: "u2",
}
_ON_CHANGE = 1


class WaveformRecord(Record):
    """An array of NELM elements of type FTVL, of which NORD are there."""

    __slots__ = ("archived", "monitored")

    def __init__(self, db: Database, rtype: RecordType, name: str) -> None:
        super().__init__(db, rtype, name)
        self.monitored: object = None
        self.archived: object = None

    # --- types
    def native_type(self, spec: FieldSpec) -> FieldType:
        """VAL is of type FTVL."""
        return _FTYPES[self.v["FTVL"]] if spec.dynamic else spec.dbf

    def capacity(self, name: str) -> int:
        """NELM for VAL."""
        return max(1, int(self.v["NELM"])) if name == "VAL" else 1

    def precision(self, field: Field) -> int:
        """PREC."""
        return self.record_precision(field)

    def units(self, field: Field) -> str:
        """EGU of VAL, HOPR and LOPR."""
        egu: str = self.v["EGU"] if field.name in ("VAL", "HOPR", "LOPR") else ""
        return egu

    def display_limits(self, field: Field) -> Limits:
        """LOPR and HOPR."""
        if field.name in ("VAL", "HOPR", "LOPR"):
            return Limits(self.v["LOPR"], self.v["HOPR"])
        return RANGES.get(field.dbr, Limits(0, 0))

    def control_limits(self, field: Field) -> Limits:
        """The display range."""
        return self.display_limits(field)

    # --- values
    def convert(self, field: Field, value: object) -> Value:
        """A value as VAL keeps it: a read-only array; the writer's own if it is read-only already."""
        kind = _NUMPY.get(field.dbr)
        if field.name != "VAL" or self.capacity("VAL") == 1 or kind is None:
            return super().convert(field, value)
        if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
            array: npt.NDArray[Any] = value.reshape(-1)[: self.capacity("VAL")]
            with np.errstate(invalid="ignore", over="ignore"):
                array = array.astype(kind, copy=array.flags.writeable)
        else:
            array = np.array(super().convert(field, value), kind)
        if not array.size:
            raise ConversionError("no value given")
        array.flags.writeable = False
        return array  # type: ignore[return-value]  # an array stands for the tuple of its elements

    def prepare(self) -> None:
        """Room for NELM elements; none is there yet."""
        v = self.v
        v["NELM"] = max(1, v["NELM"])
        kind = _NUMPY.get(_FTYPES[v["FTVL"]])
        zero: Scalar = "" if kind is None else 0.0 if kind[0] == "f" else 0
        if v["NELM"] == 1:
            v["VAL"] = zero
        elif kind is None:
            v["VAL"] = ()
        else:
            v["VAL"] = np.zeros(0, kind)
            v["VAL"].flags.writeable = False

    def init(self) -> None:
        """A constant INP is the first value."""
        self.load_constant("SIML", "SIMM")
        if self.load_constant("INP", "VAL"):
            self.v["UDF"] = 0
            self._count()

    def _keep(self, value: Value) -> None:
        """Keep what a link brought, which may be nothing."""
        kind = _NUMPY.get(_FTYPES[self.v["FTVL"]])
        if self.capacity("VAL") > 1 and kind is not None:
            self.v["VAL"] = np.array(value, kind)
            self.v["VAL"].flags.writeable = False

    def _count(self) -> bool:
        """NORD is the number of elements. True when it changed."""
        value = self.v["VAL"]
        count = 1 if self.capacity("VAL") == 1 else len(value)
        changed = bool(self.v["NORD"] != count)
        self.v["NORD"] = count
        return changed

    def after_put(self, field: Field) -> None:
        """NORD follows a put."""
        if self._count():
            self.post("NORD", VALUE | LOG)

    def process(self) -> bool:
        """Take the value in from INP or the simulation, or as it was put; post."""
        v = self.v
        self.read("SIML", "SIMM")
        if self.read("SIOL" if v["SIMM"] else "INP", "VAL") and not self.links["INP"].is_constant:
            self._keep(v["VAL"])
            if self._count():
                self.post("NORD", VALUE | LOG)
        v["UDF"] = 0
        self.stamp()
        self._monitor()
        self.forward()
        return False

    def _monitor(self) -> None:
        v = self.v
        mask = self.reset_alarms()
        value = v["VAL"]
        if v["MPST"] != _ON_CHANGE or not _same(self.monitored, value):
            mask |= VALUE
        if v["APST"] != _ON_CHANGE or not _same(self.archived, value):
            mask |= LOG
        self.monitored, self.archived = (
            value if v["MPST"] == _ON_CHANGE else None,
            value if v["APST"] == _ON_CHANGE else None,
        )
        if mask:
            self.post("VAL", mask)


def _same(old: object, new: object) -> bool:
    return old is new or (old is not None and bool(np.array_equal(old, new)))  # type: ignore[arg-type]
