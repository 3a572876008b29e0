"""Values between a field's native type and the seven types of Channel Access.

Reading converts a field's value to what the client asked for, with the conversions of the record engine
(``convert``). Writing only unpacks what the client sent, because the engine converts it to the field.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .convert import ConversionError, from_bytes, to_bytes, to_number
from .fields import Field
from .types import FieldType, Scalar

STRING_TEXT = 39
"""bytes of text in an EPICS string; the fortieth is the closing NUL"""
Wire = bytes | int | float


class Dbr(enum.IntEnum):
    """The plain types of Channel Access; STS, TIME, GR and CTRL are these plus 7, 14, 21 and 28."""

    STRING = 0
    SHORT = 1
    FLOAT = 2
    ENUM = 3
    CHAR = 4
    LONG = 5
    DOUBLE = 6


CODES = {Dbr.SHORT: "h", Dbr.FLOAT: "f", Dbr.ENUM: "H", Dbr.CHAR: "B", Dbr.LONG: "i", Dbr.DOUBLE: "d"}
"""struct codes of the numeric types"""
SIZES = {Dbr.STRING: 40, Dbr.SHORT: 2, Dbr.FLOAT: 4, Dbr.ENUM: 2, Dbr.CHAR: 1, Dbr.LONG: 4, Dbr.DOUBLE: 8}
"""bytes of one element"""
AS_FIELD = {
    Dbr.SHORT: FieldType.SHORT,
    Dbr.FLOAT: FieldType.FLOAT,
    Dbr.ENUM: FieldType.ENUM,
    Dbr.CHAR: FieldType.UCHAR,
    Dbr.LONG: FieldType.LONG,
    Dbr.DOUBLE: FieldType.DOUBLE,
}
"""native type with the range of each numeric type; CHAR is shown unsigned"""
NATIVE = {
    FieldType.STRING: Dbr.STRING,
    FieldType.CHAR: Dbr.CHAR,
    FieldType.UCHAR: Dbr.CHAR,
    FieldType.SHORT: Dbr.SHORT,
    FieldType.USHORT: Dbr.LONG,
    FieldType.LONG: Dbr.LONG,
    FieldType.ULONG: Dbr.DOUBLE,
    FieldType.INT64: Dbr.DOUBLE,
    FieldType.UINT64: Dbr.DOUBLE,
    FieldType.FLOAT: Dbr.FLOAT,
    FieldType.DOUBLE: Dbr.DOUBLE,
    FieldType.ENUM: Dbr.ENUM,
    FieldType.MENU: Dbr.ENUM,
}
"""what a client is told of each native type (``db_access.c``)"""
_EXACT = {
    (FieldType.SHORT, Dbr.SHORT),
    (FieldType.LONG, Dbr.LONG),
    (FieldType.USHORT, Dbr.LONG),
    (FieldType.UCHAR, Dbr.CHAR),
    (FieldType.FLOAT, Dbr.FLOAT),
    (FieldType.DOUBLE, Dbr.DOUBLE),
    (FieldType.ENUM, Dbr.ENUM),
    (FieldType.MENU, Dbr.ENUM),
}
"""pairs whose values need no conversion: what the engine stores fits the wire type"""


def text_bytes(text: str, most: int = STRING_TEXT) -> bytes:
    """Encode text as UTF-8, cut to ``most`` bytes at the end of a character."""
    data = to_bytes(text)
    if len(data) <= most:
        return data
    while most and data[most] & 0xC0 == 0x80:
        most -= 1
    return data[:most]


def as_it_is(value: Scalar) -> Wire:
    """Conversion of a value that needs none."""
    return value  # type: ignore[return-value]  # _EXACT pairs are numbers


def _to_string(field: Field) -> Callable[[Scalar], bytes]:
    if field.dbr is FieldType.STRING:
        return lambda value: text_bytes(str(value))
    return lambda value: text_bytes(field.format(value))


def reader(field: Field, wire: Dbr) -> Callable[[Scalar], Wire]:
    """Return the function that converts one element of ``field`` to ``wire`` (bytes for STRING).

    The function raises ConversionError when there is no such form (text that is not a number).
    """
    if wire is Dbr.STRING:
        return _to_string(field)
    if (field.dbr, wire) in _EXACT:
        return as_it_is
    target = AS_FIELD[wire]
    return lambda value: to_number(value, target)


def unpack(wire: Dbr, count: int, payload: bytes, *, unsigned_char: bool = False) -> Sequence[Scalar]:
    """Elements of a write request.

    Args:
        wire: type the client sent.
        count: elements it announced.
        payload: bytes; may be shorter than ``count`` elements for a single string, which ends at its NUL.
        unsigned_char: read CHAR as 0..255; C servers take it as signed unless the field itself is unsigned.

    Raises:
        ConversionError: the payload is shorter than it says.
    """
    if wire is Dbr.STRING:
        if count > 1 and len(payload) < 40 * count:
            raise ConversionError(
                f"{count} strings announced, {len(payload)} bytes sent; expected 40 bytes each"
            )
        return tuple(from_bytes(payload[40 * i : 40 * i + 40]) for i in range(count))
    if len(payload) < SIZES[wire] * count:
        raise ConversionError(f"{count} values announced, {len(payload)} bytes sent")
    code = "b" if wire is Dbr.CHAR and not unsigned_char else CODES[wire]
    return struct.unpack_from(f">{count}{code}", payload)


def unpack_array(wire: Dbr, count: int, payload: bytes, native: FieldType) -> npt.NDArray[Any]:
    """Elements of a write request to an array that is kept as a numpy array; see ``unpack``."""
    if len(payload) < SIZES[wire] * count:
        raise ConversionError(f"{count} values announced, {len(payload)} bytes sent")
    code = "b" if wire is Dbr.CHAR and native is not FieldType.UCHAR else CODES[wire].replace("B", "u1")
    return np.frombuffer(payload, np.dtype(f">{code}"), count)
