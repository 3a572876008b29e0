"""What all record types have in common: values, alarms, time stamps, forward links, metadata.

A record type of its own (``cad``, ``apply``, ``calc`` ...) overrides ``init``, ``process``, ``special`` and
what clients are told about its values.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar

from .convert import ConversionError, parse_label, scalar, to_number, to_text
from .fields import AlarmLimits, Field, Limits, Metadata
from .links import Link
from .spec import FieldSpec, RecordType
from .types import AlarmStatus, EventMask, FieldType, Severity, Value

if TYPE_CHECKING:
    from .database import Database
    from .notify import Notify

log = logging.getLogger("nifsdc.records")

Subroutine = Callable[[Any], "int | None"]
"""SNAM, INAM: takes the record, returns 0 (or nothing) for success and a negative number for failure."""

VALUE = int(EventMask.VALUE)
LOG = int(EventMask.LOG)
ALARM = int(EventMask.ALARM)
VALUE_LOG = VALUE | LOG
NO_RANGE = Limits(0.0, 0.0)
NO_ALARM_LIMITS = AlarmLimits(math.nan, math.nan, math.nan, math.nan)
DEFAULT_PRECISION = 6
BAD_SUBROUTINE = -2
"""what a subroutine that raised an exception counts as having returned"""


class Letters(MutableMapping[str, Value]):
    """The lettered fields of a record (``A``.., ``VALA``..) for its subroutine: read and write by letter."""

    __slots__ = ("_letters", "_prefix", "_record")

    def __init__(self, record: Record, prefix: str, letters: str) -> None:
        self._record = record
        self._prefix = prefix
        self._letters = letters

    def _name(self, letter: str) -> str:
        if len(letter) != 1 or letter not in self._letters:
            raise KeyError(f"{self._record.name}: {letter!r} is none of {self._letters}")
        return self._prefix + letter

    def __getitem__(self, letter: str) -> Value:
        value: Value = self._record.v[self._name(letter)]
        return value

    def __setitem__(self, letter: str, value: object) -> None:
        self._record.assign(self._name(letter), value)

    def __delitem__(self, letter: str) -> None:
        raise TypeError("a field cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(self._letters)

    def __len__(self) -> int:
        return len(self._letters)


class Record:
    """One record of a database.

    Attributes:
        name, rtyp: as defined.
        v: values by field name, each of its field's type; link fields hold their text.
        links: the link fields.
        info: ``info()`` items of its definition.
    """

    __slots__ = (
        "active",
        "aliases",
        "db",
        "handles",
        "info",
        "links",
        "name",
        "notify",
        "queue",
        "rtyp",
        "type",
        "v",
    )

    LABELS: ClassVar[str] = ""
    """name of the ENUM field whose labels the record holds"""

    def __init__(self, db: Database, rtype: RecordType, name: str) -> None:
        self.db = db
        self.type = rtype
        self.name = name
        self.rtyp = rtype.name
        self.v: dict[str, Any] = dict(rtype.defaults)
        self.v["NAME"] = name
        self.v["TIME"] = 0.0
        self.links: dict[str, Link] = {}
        self.handles: dict[str, Field] = {}
        self.info: dict[str, str] = {}
        self.aliases: tuple[str, ...] = ()
        self.active = False
        """processing is on the stack (an asynchronous record has PACT but is not active)"""
        self.notify: Notify | None = None
        self.queue: list[Notify] = []

    def __repr__(self) -> str:
        return f"<{self.rtyp} {self.name}>"

    # --- fields
    def field(self, name: str) -> Field | None:
        """Handle of a field by name, made on first use; None for an unknown or inaccessible one."""
        handle = self.handles.get(name)
        if handle is None:
            spec = self.type.fields.get(name)
            if spec is None or not self.accessible(name):
                return None
            handle = self.handles[name] = Field(self, spec, self.native_type(spec))
        return handle

    def accessible(self, name: str) -> bool:
        """False for fields of the type that this record has no memory for (CAD: VALx beyond CTYP)."""
        return True

    def native_type(self, spec: FieldSpec) -> FieldType:
        """Type of a field in this record; overridden where a field tells another's type."""
        return spec.dbf

    def is_late(self, spec: FieldSpec, dbr: FieldType) -> bool:
        """See ``Field.late``."""
        return dbr is FieldType.STRING or self.capacity(spec.name) > 1

    def capacity(self, name: str) -> int:
        """Largest number of elements of a field."""
        return 1

    def labels(self, name: str) -> tuple[str, ...] | None:
        """Labels of an ENUM field."""
        return None

    def label(self, value: int) -> str:
        """Text of a value of an ENUM field."""
        return ""

    def parse_label(self, text: str) -> int:
        """Value of an ENUM field by its text. Raises ConversionError."""
        raise ConversionError(f"{text!r}: this field has no labels, only numbers")

    def convert(self, field: Field, value: object) -> Value:
        """A value as this field stores it. Raises ConversionError."""
        tolist = getattr(value, "tolist", None)  # numpy arrays and scalars
        if callable(tolist):
            value = tolist()
        if isinstance(value, (tuple, list)):
            count = self.capacity(field.name)
            if not value:
                raise ConversionError("no value given")
            if count == 1:
                return self.convert(field, value[0])
            return tuple(self._convert_scalar(field, element) for element in value[:count])
        single = self._convert_scalar(field, value)
        return (single,) if self.capacity(field.name) > 1 else single

    def _convert_scalar(self, field: Field, value: object) -> str | int | float:
        value = scalar(value)
        dbr = field.dbr
        if dbr is FieldType.STRING:
            precision = self.precision(field) if isinstance(value, float) else 0
            return to_text(value, field.size, precision)
        if dbr is FieldType.MENU or dbr is FieldType.ENUM:
            labels = field.menu
            if isinstance(value, str):
                return parse_label(value, labels or ()) if dbr is FieldType.MENU else self.parse_label(value)
            index = int(to_number(value, dbr))
            if not self.db.exact and labels and not (value == index and index < len(labels)):
                raise ConversionError(f"{value} is no index of the choices {', '.join(labels)}")
            return index
        return to_number(value, dbr)

    def assign(self, name: str, value: object) -> None:
        """Store a value converted to its field's type, without posting or processing (for subroutines).

        Raises KeyError for an unknown field, ConversionError when the value does not fit.
        """
        field = self.field(name)
        if field is None:
            raise KeyError(f"{self.name} ({self.rtyp}) has no field {name}")
        self.v[name] = self.convert(field, value)

    # --- what a record type defines
    def problems(self) -> list[str]:
        """What is wrong with this record's definition beyond single fields (empty when nothing is)."""
        return []

    def tune_link(self, link: Link) -> None:
        """Change a new link before it is used (apply: INPx are CP whatever their text says)."""

    def prepare(self) -> None:
        """Once, when the values of the definition are in, before links are made (init_record, first pass)."""

    def init(self) -> None:
        """Once, after all links are made (init_record)."""

    def process(self) -> bool:
        """Process the record. True when it takes time: PACT stays until the record ends it (``finish``)."""
        self.forward()
        return False

    def special(self, field: Field) -> None:
        """Called after a put to a field flagged ``special`` (in exact mode even when the put failed)."""

    def after_put(self, field: Field) -> None:
        """Called after a value was stored in a dynamic array field (put_array_info)."""

    def check_put(self, field: Field, value: Value) -> str | None:
        """Reason to refuse a converted value, or None."""
        return None

    # --- metadata
    def precision(self, field: Field) -> int:
        """Digits after the point of a number in this field when written as text."""
        return DEFAULT_PRECISION

    def record_precision(self, field: Field) -> int:
        """PREC for VAL; 0 for other integers; PREC within 0..15 for other floats (recGblGetPrec)."""
        if field.name == "VERS":
            return 1
        precision: int = self.v["PREC"]
        if field.name == "VAL":
            return precision
        if field.dbr.is_integer:
            return 0
        return precision if 0 <= precision <= 15 else 15

    def units(self, field: Field) -> str:
        """Engineering units of a field."""
        return ""

    def display_limits(self, field: Field) -> Limits:
        """Range a client should show."""
        return NO_RANGE

    def control_limits(self, field: Field) -> Limits:
        """Range a client should offer."""
        return NO_RANGE

    def alarm_limits(self, field: Field) -> AlarmLimits:
        """Limits beyond which the value alarms."""
        return NO_ALARM_LIMITS

    def metadata(self, field: Field) -> Metadata:
        """All of it (see fields.Metadata)."""
        precision = self.precision(field) if field.dbr.is_float else 0
        return Metadata(
            self.units(field),
            precision,
            self.display_limits(field),
            self.control_limits(field),
            self.alarm_limits(field),
        )

    # --- processing helpers
    def set_alarm(self, stat: int, sevr: int) -> bool:
        """Raise the alarm of this processing if worse than what it has (recGblSetSevr). True if it was."""
        v = self.v
        if v["NSEV"] < sevr:
            v["NSTA"] = int(stat)
            v["NSEV"] = int(sevr)
            return True
        return False

    def reset_alarms(self) -> int:
        """Make the new alarm the present one, post SEVR, STAT and ACKS where changed (recGblResetAlarms).

        Returns:
            ALARM if the alarm changed, else 0: the mask to start the value's events with.
        """
        v = self.v
        old_stat, old_sevr = v["STAT"], v["SEVR"]
        stat, sevr = v["NSTA"], v["NSEV"]
        if old_stat == stat and old_sevr == sevr and not sevr:
            return 0
        v["STAT"], v["SEVR"], v["NSTA"], v["NSEV"] = stat, sevr, 0, 0
        mask = 0
        if old_sevr != sevr:
            mask = ALARM
            self.post("SEVR", VALUE)
        if old_stat != stat:
            mask |= VALUE
        if not mask:
            return 0
        self.post("STAT", mask)
        if v["ACKS"] != sevr and (not v["ACKT"] or sevr >= v["ACKS"]):
            v["ACKS"] = sevr
            self.post("ACKS", VALUE)
        return ALARM

    def post(self, name: str, mask: int) -> None:
        """Post an event of a field with its present value."""
        self.db.post(self, name, mask)

    def stamp(self) -> None:
        """Take the time of this processing (recGblGetTimeStamp).

        TSEL may lead to another record's TIME, which is taken, or to a number for TSE; a TSE of -2 says that
        the record sets its own time.
        """
        link = self.links["TSEL"]
        if link.text.constant is None:
            if link.target is not None and link.target.name == "TIME":
                self.v["TIME"] = link.target.timestamp
                return
            self.read("TSEL", "TSE")
        if self.v["TSE"] != -2:
            self.v["TIME"] = self.db.now()

    def forward(self) -> None:
        """End of processing: forward link, completion of a put that waits, reprocessing (recGblFwdLink)."""
        self.db.links.follow(self.links["FLNK"])
        if self.notify is not None:
            self.notify.finished(self)
        elif self.queue:
            self.db.later(self.queue.pop(0).begin)
        v = self.v
        if v["RPRO"]:
            v["RPRO"] = 0
            self.db.process_later(self)
        v["PUTF"] = 0

    def call(self, subroutine: Subroutine) -> int:
        """Run a subroutine; one that raises an exception is logged and counts as failed."""
        try:
            return int(subroutine(self) or 0)
        except Exception:
            log.exception(
                "%s: its subroutine %s raised an exception", self.name, getattr(subroutine, "__name__", "?")
            )
            return BAD_SUBROUTINE

    def load_constant(self, link_name: str, value_name: str) -> bool:
        """Put a constant link's value into a field at start-up (recGblInitConstantLink).

        False when it is empty, no constant, or no number where one belongs; constants of menus are numbers.
        """
        constant = self.links[link_name].constant
        if not constant:
            return False
        try:
            if self.type.fields[value_name].dbf.is_enum:
                self.v[value_name] = int(to_number(constant, FieldType.USHORT))
            else:
                self.assign(value_name, constant)
        except ConversionError:
            return False
        return True

    def read(self, link_name: str, value_name: str) -> bool:
        """Read an input link into a field (dbGetLink). False when it failed; constants do nothing."""
        link = self.links[link_name]
        if link.text.constant is not None:
            return True
        field = self.field(value_name)
        assert field is not None, value_name
        return self.db.links.get(link, field)

    def undefined_alarm(self) -> bool:
        """Raise UDF_ALARM when the value is undefined. True if it is."""
        if self.v["UDF"]:
            self.set_alarm(AlarmStatus.UDF, Severity(self.v["UDFS"]))
            return True
        return False
