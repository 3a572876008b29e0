"""A field as a client sees it: type, value, alarm, time stamp and metadata, and the event it posts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .convert import double_to_string, float_to_string
from .spec import FieldSpec
from .types import FieldType, Scalar, Value

if TYPE_CHECKING:
    from .links import Link
    from .record import Record


class Limits(NamedTuple):
    """Lower and upper bound of a range."""

    lower: float
    upper: float


class AlarmLimits(NamedTuple):
    """The four alarm limits; NaN where the record has none."""

    lolo: float
    low: float
    high: float
    hihi: float


class Metadata(NamedTuple):
    """What DBR_GR and DBR_CTRL requests tell of a field, beyond its value."""

    units: str
    """engineering units (EGU), "" where the field has none"""
    precision: int
    """digits after the decimal point that a client should show"""
    display: Limits
    control: Limits
    alarm: AlarmLimits


class Field:
    """Handle of one field of one record; made once, on first use, and kept: compare by identity."""

    __slots__ = ("dbr", "followers", "late", "menu_fixed", "name", "record", "size", "spec", "watchers")

    def __init__(self, record: Record, spec: FieldSpec, dbr: FieldType) -> None:
        self.record = record
        """the record it belongs to; ``record.name``, ``record.rtyp``"""
        self.name = spec.name
        """field name, e.g. ``VALA``"""
        self.spec = spec
        self.dbr = dbr
        """native type; link fields and RTYP are STRING, DTYP is MENU"""
        self.size = spec.size
        """bytes a string of this field can take, the closing NUL included (40; NAME 61, links 1024)"""
        self.menu_fixed = spec.menu
        self.late = record.is_late(spec, dbr)
        """True where an event carries the value as it is after the processing chain, not when it was posted
        (text and arrays: the C server's events refer to the record for what is too big to copy)"""
        self.followers: list[Link] = []
        """CA, CP and CPP links of other records that read this field"""
        self.watchers: list[Callable[[Value], None]] = []

    @property
    def pvname(self) -> str:
        """Full channel name with the field: ``nifs:dc:observe.A``."""
        return f"{self.record.name}.{self.name}"

    @property
    def menu(self) -> tuple[str, ...] | None:
        """Labels of an ENUM or MENU field by index (those of bo and mbbo can be put), else None."""
        if self.menu_fixed is not None:
            return self.menu_fixed
        return self.record.labels(self.name) if self.dbr is FieldType.ENUM else None

    @property
    def count(self) -> int:
        """Largest number of elements: 1 for a scalar; an array's ``value`` is a tuple, maybe shorter."""
        return self.record.capacity(self.name)

    @property
    def writable(self) -> bool:
        """False where a client's put is refused whatever the value (SPC_NOMOD)."""
        return not self.spec.nomod

    @property
    def value(self) -> Value:
        """Present value: str, int (menus too), float, or a tuple for ``count`` > 1."""
        value: Value = self.record.v[self.name]
        return value

    @property
    def text(self) -> str:
        """Present value as the C server converts it to a string (PREC, labels); first element of arrays."""
        value = self.value
        tolist = getattr(value, "tolist", None)  # a waveform keeps a numpy array
        if tolist is not None:
            value = tuple(value[:1].tolist())  # type: ignore[index,union-attr]
        return self.format(value if not isinstance(value, tuple) else value[0] if value else "")

    def format(self, value: Scalar) -> str:
        """A value of this field as text: label of a menu, number with the record's precision."""
        if isinstance(value, str):
            return value
        if isinstance(value, float):
            precision = self.record.precision(self)
            if self.dbr is FieldType.FLOAT:
                return float_to_string(value, precision)
            return double_to_string(value, precision)
        labels = self.menu_fixed
        if labels is not None:
            return labels[value] if value < len(labels) else str(value)
        return self.record.label(value) if self.dbr is FieldType.ENUM else str(value)

    @property
    def stat(self) -> int:
        """Alarm status (AlarmStatus index) of the record."""
        stat: int = self.record.v["STAT"]
        return stat

    @property
    def sevr(self) -> int:
        """Alarm severity (Severity index) of the record."""
        sevr: int = self.record.v["SEVR"]
        return sevr

    @property
    def timestamp(self) -> float:
        """Time stamp of the record: seconds since 1970 UTC, 0.0 when never processed."""
        time: float = self.record.v["TIME"]
        return time

    @property
    def metadata(self) -> Metadata:
        """Units, precision and limits."""
        return self.record.metadata(self)

    def __repr__(self) -> str:
        return f"<Field {self.pvname} {self.dbr.value}>"


class Event(NamedTuple):
    """One posted change, in the order the record support posts them."""

    field: Field
    value: Value
    stat: int
    sevr: int
    time: float
    """time stamp of the record, seconds since 1970 UTC"""
    mask: int
    """EventMask bits"""
