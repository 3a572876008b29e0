"""A field as a client sees it: type, value, alarm, time stamp and metadata, and the event it posts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .types import FieldType, Value

if TYPE_CHECKING:
    from .record import Record


class Limits(NamedTuple):
    """Lower and upper bound of a range."""

    lower: float
    upper: float


class AlarmLimits(NamedTuple):
    """The four alarm limits; NaN (floats) where the record has none."""

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

    __slots__ = ("dbr", "name", "record", "size")

    record: Record
    """the record it belongs to; ``record.name``, ``record.rtyp``"""
    name: str
    """field name, e.g. ``VALA``"""
    dbr: FieldType
    """native type; link fields and RTYP are STRING, DTYP is ENUM"""
    size: int
    """bytes a string of this field can take, the closing NUL included (40, 61 for NAME and links, 41 for DESC)"""

    def __init__(self, record: Record, name: str, dbr: FieldType, size: int) -> None:
        self.record = record
        self.name = name
        self.dbr = dbr
        self.size = size

    @property
    def pvname(self) -> str:
        """Full channel name with the field: ``nifs:dc:observe.A``."""
        raise NotImplementedError

    @property
    def menu(self) -> tuple[str, ...] | None:
        """Labels of an ENUM or MENU field by index (read each time: bo and mbbo labels can be put), else None."""
        raise NotImplementedError

    @property
    def count(self) -> int:
        """Largest number of elements: 1 for a scalar; ``value`` of an array field is a tuple that may be shorter."""
        raise NotImplementedError

    @property
    def writable(self) -> bool:
        """False where a client's put is refused whatever the value (SPC_NOMOD)."""
        raise NotImplementedError

    @property
    def value(self) -> Value:
        """Present value: str, int (menus too), float, or a tuple for ``count`` > 1."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """Present value as the C server would convert it to a string (PREC, menu labels); arrays: first element."""
        raise NotImplementedError

    @property
    def stat(self) -> int:
        """Alarm status (AlarmStatus index) of the record."""
        raise NotImplementedError

    @property
    def sevr(self) -> int:
        """Alarm severity (Severity index) of the record."""
        raise NotImplementedError

    @property
    def timestamp(self) -> float:
        """Time stamp of the record: seconds since 1970 UTC, 0.0 when never processed."""
        raise NotImplementedError

    @property
    def metadata(self) -> Metadata:
        """Units, precision and limits."""
        raise NotImplementedError

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
