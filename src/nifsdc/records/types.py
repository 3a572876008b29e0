"""The words every part of the record engine shares: native types, event masks, alarms, and who is writing.

Names and numbers are those of EPICS base (``dbFldTypes.h``, ``caeventmask.h``, ``alarm.h``).
"""

from __future__ import annotations

import enum
from typing import TypeAlias

Scalar: TypeAlias = str | int | float
Value: TypeAlias = Scalar | tuple[Scalar, ...]
"""What a field holds: text, an integer (also the index of a menu), a float; a tuple for an array field."""

STRING_SIZE = 40
"""Bytes of an EPICS string, the closing NUL included: 39 bytes of text at most."""


class FieldType(enum.Enum):
    """Native type of a field (the DBF types that a client can meet)."""

    STRING = "STRING"
    """text of at most 39 bytes (``Field.size`` - 1)"""
    CHAR = "CHAR"
    """signed 8 bit (Channel Access knows one 8-bit type and shows it unsigned)"""
    UCHAR = "UCHAR"
    SHORT = "SHORT"
    USHORT = "USHORT"
    LONG = "LONG"
    ULONG = "ULONG"
    INT64 = "INT64"
    UINT64 = "UINT64"
    FLOAT = "FLOAT"
    DOUBLE = "DOUBLE"
    ENUM = "ENUM"
    """index with labels of the record (bi, bo, mbbi, mbbo VAL) or none (sir with FTVL=ENUM)"""
    MENU = "MENU"
    """index into a fixed menu; DBR_ENUM on the wire"""
    NOACCESS = "NOACCESS"
    """internal to the record: no client can reach it"""

    @property
    def is_integer(self) -> bool:
        """True for the integer types (menus and enumerations not counted)."""
        return self in _INTEGERS

    @property
    def is_float(self) -> bool:
        """True for FLOAT and DOUBLE."""
        return self is FieldType.FLOAT or self is FieldType.DOUBLE

    @property
    def is_enum(self) -> bool:
        """True for ENUM and MENU, which are one type on the wire."""
        return self is FieldType.ENUM or self is FieldType.MENU


_INTEGERS = frozenset(
    {
        FieldType.CHAR,
        FieldType.UCHAR,
        FieldType.SHORT,
        FieldType.USHORT,
        FieldType.LONG,
        FieldType.ULONG,
        FieldType.INT64,
        FieldType.UINT64,
    }
)


class EventMask(enum.IntFlag):
    """Why an event is posted (DBE bits); a monitor gets the events that share a bit with its own mask."""

    NONE = 0
    VALUE = 1
    LOG = 2
    ALARM = 4
    PROPERTY = 8


class PutSource(enum.Enum):
    """Who writes: decides whether read-only fields may be written."""

    CLIENT = "client"
    """a Channel Access client or a shell: read-only (SPC_NOMOD) fields are refused"""
    LINK = "link"
    """a database link of another record"""
    INTERNAL = "internal"
    """our own device and sequence code: may write read-only fields"""


class Severity(enum.IntEnum):
    """menuAlarmSevr."""

    NO_ALARM = 0
    MINOR = 1
    MAJOR = 2
    INVALID = 3


class AlarmStatus(enum.IntEnum):
    """menuAlarmStat; the index is what STAT holds."""

    NO_ALARM = 0
    READ = 1
    WRITE = 2
    HIHI = 3
    HIGH = 4
    LOLO = 5
    LOW = 6
    STATE = 7
    COS = 8
    COMM = 9
    TIMEOUT = 10
    HWLIMIT = 11
    CALC = 12
    SCAN = 13
    LINK = 14
    SOFT = 15
    BAD_SUB = 16
    UDF = 17
    DISABLE = 18
    SIMM = 19
    READ_ACCESS = 20
    WRITE_ACCESS = 21
