"""The structures in which Channel Access carries a value: plain, with alarm, time, or limits.

Source: ``db_access.h`` of EPICS base. A client names a structure by one number: family * 7 + plain type.
"""

from __future__ import annotations

import enum
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .ca_convert import AS_FIELD, CODES, SIZES, Dbr, Wire, as_it_is, reader, text_bytes
from .ca_large import LargePayload, Payload
from .ca_wire import EPICS_EPOCH, padded
from .convert import ConversionError, float_to_int
from .fields import Field
from .types import FieldType, Value

CLASS_NAME = 38
"""the record type as a string"""
LAST_FAMILY_TYPE = 34
LABELS = 16
LABEL_TEXT = 25
"""a DBR_GR_ENUM holds 16 labels of 26 bytes, the closing NUL included"""
UNITS_TEXT = 8


class Family(enum.IntEnum):
    """What comes before the value."""

    PLAIN = 0
    STS = 1
    TIME = 2
    GR = 3
    CTRL = 4


_GAPS = {
    Family.STS: {Dbr.CHAR: 1, Dbr.DOUBLE: 4},
    Family.TIME: {Dbr.SHORT: 2, Dbr.ENUM: 2, Dbr.CHAR: 3, Dbr.DOUBLE: 4},
}
"""alignment bytes before the value"""

Encoder = Callable[[Value, int, int, float], tuple[int, Payload]]
"""(value, status, severity, time stamp) -> (number of elements, payload padded to eight bytes)"""


def split_type(dbr: int) -> tuple[Family, Dbr]:
    """Family and plain type of a request's data type.

    Raises:
        ConversionError: the number names no readable structure.
    """
    if not 0 <= dbr <= LAST_FAMILY_TYPE:
        raise ConversionError(f"data type {dbr} is not one of 0 to {LAST_FAMILY_TYPE} or {CLASS_NAME}")
    family, plain = divmod(dbr, 7)
    return Family(family), Dbr(plain)


def time_stamp(time: float) -> tuple[int, int]:
    """Seconds since 1990 and nanoseconds of a time in seconds since 1970; (0, 0) when never stamped."""
    if time <= EPICS_EPOCH:
        return 0, 0
    whole = math.floor(time)
    return whole - EPICS_EPOCH, int((time - whole) * 1e9)


def _bound(value: float, wire: Dbr) -> int | float:
    """Limit as the wire type; in an integer structure a limit that is not set (NaN) reads 0."""
    if wire in (Dbr.FLOAT, Dbr.DOUBLE):
        return value
    return float_to_int(value, AS_FIELD[wire]) if math.isfinite(value) else 0


def _limits_head(field: Field, family: Family, wire: Dbr, stat: int, sevr: int) -> bytes:
    """Head of a numeric GR or CTRL structure: alarm, precision, units, limits."""
    meta = field.metadata
    bounds = [meta.display.upper, meta.display.lower, meta.alarm.hihi, meta.alarm.high, meta.alarm.low]
    bounds.append(meta.alarm.lolo)
    if family is Family.CTRL:
        bounds += [meta.control.upper, meta.control.lower]
    precision = struct.pack(">h2x", meta.precision) if wire in (Dbr.FLOAT, Dbr.DOUBLE) else b""
    head = struct.pack(">hh", stat, sevr) + precision + text_bytes(meta.units, UNITS_TEXT - 1).ljust(8, b"\0")
    head += struct.pack(f">{len(bounds)}{CODES[wire]}", *(_bound(bound, wire) for bound in bounds))
    return head + b"\0" if wire is Dbr.CHAR else head


def _labels_head(field: Field, stat: int, sevr: int) -> bytes:
    """Head of DBR_GR_ENUM and DBR_CTRL_ENUM: alarm and the first sixteen labels."""
    labels = (field.menu or ())[:LABELS]
    cells = b"".join(text_bytes(label, LABEL_TEXT).ljust(LABEL_TEXT + 1, b"\0") for label in labels)
    return struct.pack(">hhh", stat, sevr, len(labels)) + cells.ljust(LABELS * (LABEL_TEXT + 1), b"\0")


def _head(field: Field, family: Family, wire: Dbr, stat: int, sevr: int, time: float) -> bytes:
    if family is Family.PLAIN:
        return b""
    if family is Family.TIME:
        head = struct.pack(">hhII", stat, sevr, *time_stamp(time))
    elif family is Family.STS or wire is Dbr.STRING:
        return struct.pack(">hh", stat, sevr) + bytes(_GAPS[Family.STS].get(wire, 0))
    elif wire is Dbr.ENUM:
        return _labels_head(field, stat, sevr)
    else:
        return _limits_head(field, family, wire, stat, sevr)
    return head + bytes(_GAPS[Family.TIME].get(wire, 0))


def _body(elements: Sequence[Wire], wire: Dbr) -> bytes:
    if wire is Dbr.STRING:
        return b"".join(element.ljust(40, b"\0") for element in elements if isinstance(element, bytes))
    return struct.pack(f">{len(elements)}{CODES[wire]}", *elements)


def scalar_encoder(field: Field, family: Family, wire: Dbr) -> Encoder:
    """Encoder of a single value; TIME and PLAIN, which monitors use, are packed in one go."""
    convert = reader(field, wire)
    if family is Family.TIME and wire is not Dbr.STRING:
        layout = struct.Struct(f">hhII{_GAPS[family].get(wire, 0)}x{CODES[wire]}")
        pad = bytes(-layout.size % 8)
        pack = layout.pack

        def encode_time(value: Value, stat: int, sevr: int, time: float) -> tuple[int, bytes]:
            seconds, nanoseconds = time_stamp(time)
            return 1, pack(stat, sevr, seconds, nanoseconds, convert(value)) + pad  # type: ignore[arg-type]

        return encode_time

    def encode(value: Value, stat: int, sevr: int, time: float) -> tuple[int, bytes]:
        element = convert(value)  # type: ignore[arg-type]  # a scalar field's value is a scalar
        return 1, padded(_head(field, family, wire, stat, sevr, time) + _body((element,), wire))

    return encode


LARGE = 1 << 17
"""bytes from which an array is encoded while it is written"""


def _wire_type(wire: Dbr) -> np.dtype[np.generic]:
    return np.dtype("u1" if wire is Dbr.CHAR else f">{CODES[wire]}")


def array_encoder(field: Field, family: Family, wire: Dbr, asked: int) -> Encoder:
    """Encoder of an array: ``asked`` elements, filled up with zeros, or all there are when ``asked`` is 0."""
    convert = reader(field, wire)

    def encode(value: Value, stat: int, sevr: int, time: float) -> tuple[int, Payload]:
        count = asked or len(value)  # type: ignore[arg-type]  # an array field's value is a sequence
        head = _head(field, family, wire, stat, sevr, time)
        if isinstance(value, np.ndarray) and wire is not Dbr.STRING:
            if count * SIZES[wire] >= LARGE:
                return count, LargePayload(head, value, _wire_type(wire), count)
            body = value[:count].astype(_wire_type(wire)).tobytes()
        else:
            elements: Sequence[Any] = value[:count]  # type: ignore[index]
            if isinstance(elements, np.ndarray):
                elements = elements.tolist()
            if convert is not as_it_is:
                elements = [convert(element) for element in elements]
            body = _body(elements, wire)
        return count, padded(head + body.ljust(count * SIZES[wire], b"\0"))

    return encode


def long_string_encoder(
    field: Field, text: Callable[[Value], bytes], family: Family, wire: Dbr, asked: int
) -> Encoder:
    """Encoder of a ``$`` channel: the text as CHAR array with its NUL, or as a (cut) string if asked so."""
    if wire not in (Dbr.CHAR, Dbr.STRING):
        raise ConversionError(f"a long-string channel is read as CHAR or STRING, not as {wire.name}")

    def encode(value: Value, stat: int, sevr: int, time: float) -> tuple[int, bytes]:
        data = text(value)
        head = _head(field, family, wire, stat, sevr, time)
        if wire is Dbr.STRING:
            return 1, padded(head + data[:39].ljust(40, b"\0"))
        count = asked or len(data) + 1
        return count, padded(head + (data[: count - 1]).ljust(count, b"\0"))

    return encode


def class_name_encoder(field: Field) -> Encoder:
    """Encoder of DBR_CLASS_NAME: the record type."""
    payload = padded(text_bytes(field.record.rtyp).ljust(40, b"\0"))
    return lambda value, stat, sevr, time: (1, payload)


def is_text(field: Field) -> bool:
    """True for fields that have a ``$`` variant: strings, links, menus."""
    return field.count == 1 and (field.dbr is FieldType.STRING or field.dbr.is_enum)
