"""Conversions between native types as the database access of a C IOC does them.

Text to number follows ``epicsStdlib`` (leading blanks, base prefix, what follows the number is ignored),
numbers to integers wrap as C casts do on x86-64, numbers to text follow ``cvtFast`` with the record's
precision. Text that no number starts, a number beyond the type when it comes as text, an unknown label:
ConversionError.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Sequence

from .types import STRING_SIZE, FieldType, Scalar

T = FieldType

_BITS: dict[FieldType, tuple[int, bool]] = {
    T.CHAR: (8, True),
    T.UCHAR: (8, False),
    T.SHORT: (16, True),
    T.USHORT: (16, False),
    T.LONG: (32, True),
    T.ULONG: (32, False),
    T.INT64: (64, True),
    T.UINT64: (64, False),
    T.ENUM: (16, False),
    T.MENU: (16, False),
}
FLT_MAX = 3.4028234663852886e38
FLT_MIN = 1.1754943508222875e-38
_FLOAT = struct.Struct("=f")

_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_REAL = re.compile(
    r"[ \t\n\v\f\r]*([+-]?(?:0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
    r"|inf(?:inity)?|nan|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))",
    re.IGNORECASE,
)


class ConversionError(ValueError):
    """A value that cannot be stored in the type asked for; the message says why, without the field's name."""


def to_bytes(text: str) -> bytes:
    """Bytes of a stored string; bytes that were no UTF-8 when they came in come out as they were."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """Text of bytes up to the first NUL; what is no UTF-8 is kept as surrogates (see ``to_bytes``)."""
    return data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def clip(text: str, size: int = STRING_SIZE) -> str:
    """Text as it fits in ``size`` bytes with its closing NUL: cut at the byte, and at a NUL."""
    if "\0" in text:
        text = text.split("\0", 1)[0]
    if len(text) < size and text.isascii():
        return text
    data = to_bytes(text)
    return text if len(data) < size else from_bytes(data[: size - 1])


def wrap(value: int, dbf: FieldType) -> int:
    """Integer as it reads after a C cast to ``dbf``."""
    bits, signed = _BITS[dbf]
    value &= (1 << bits) - 1
    if signed and value >> (bits - 1):
        value -= 1 << bits
    return value


def float_to_int(value: float, dbf: FieldType) -> int:
    """Float as it reads after a C cast to ``dbf``: truncated; too big ones are "indefinite"."""
    wide = 64 if dbf in (T.ULONG, T.INT64, T.UINT64) else 32
    limit = 1 << (wide - 1)
    if dbf is T.UINT64 and math.isfinite(value) and limit <= value < 2.0 * limit:
        return int(value)
    number = int(value) if math.isfinite(value) and -limit - 1 < value < limit else -limit
    return wrap(number, dbf)


def to_float32(value: float) -> float:
    """Double to the nearest float; finite values beyond its range become its extremes, as EPICS does."""
    size = abs(value)
    if size and math.isfinite(value):
        if size >= FLT_MAX:
            return math.copysign(FLT_MAX, value)
        if size <= FLT_MIN:
            return math.copysign(FLT_MIN, value)
    result: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    return result


def parse_integer(text: str, dbf: FieldType) -> int:
    """Integer at the beginning of a text: decimal, 0x hexadecimal or 0 octal; empty text is 0."""
    if not text:
        return 0
    match = _INTEGER.match(text)
    bits, signed = _BITS[dbf]
    if match is None:
        if dbf is T.ULONG:
            return _parse_ulong_as_real(text)
        raise ConversionError(f"{text!r} does not begin with an integer")
    number = _digits_value(match[2])
    if match[1] == "-":
        number = -number
    if dbf is T.ULONG and text[match.end() : match.end() + 1] in (".", "e", "E"):
        return _parse_ulong_as_real(text)
    low = -(1 << (bits - 1)) if signed else -((1 << bits) - 1)
    high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1
    if not low <= number <= high:
        raise ConversionError(f"{text!r} does not fit in a {dbf.value}")
    return wrap(number, dbf)


def _digits_value(digits: str) -> int:
    """Value of digits with their base prefix."""
    return int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits, 8 if digits[0] == "0" else 10)


def _parse_ulong_as_real(text: str) -> int:
    number = parse_real(text, T.DOUBLE)
    if not 0 <= number <= 0xFFFFFFFF:
        raise ConversionError(f"{text!r} does not fit in a ULONG")
    return int(number)


def parse_real(text: str, dbf: FieldType) -> float:
    """Number at the beginning of a text, as ``strtod`` reads it; empty text is 0."""
    if not text:
        return 0.0
    match = _REAL.match(text)
    if match is None:
        raise ConversionError(f"{text!r} does not begin with a number")
    word = match[1]
    number = float.fromhex(word) if "x" in word.lower() else float(word)
    if math.isinf(number) and "inf" not in word.lower():
        raise ConversionError(f"{text!r} does not fit in a {dbf.value}")
    if dbf is T.FLOAT and math.isfinite(number):
        if abs(number) > FLT_MAX or 0 < abs(number) < FLT_MIN:
            raise ConversionError(f"{text!r} does not fit in a FLOAT")
        return to_float32(number)
    return number


def double_to_string(value: float, precision: int) -> str:
    """Double with ``precision`` digits after the point as the database writes it (``cvtDoubleToString``)."""
    precision &= 0xFFFF
    if math.isnan(value) or precision > 8 or abs(value) > 1e7:
        if precision > 8 or abs(value) > 1e16:
            precision = min(precision, 17)
            return _c_number(f"{value:{precision + 7}.{precision}e}", value, precision + 7)
        return _c_number(f"{value:.{min(precision, 3)}f}", value, 0)
    return _digits(value < 0, abs(value), precision, lambda part, scale: int(part * scale * 10))


def float_to_string(value: float, precision: int) -> str:
    """The same for a FLOAT (``cvtFloatToString``): its arithmetic is done in single precision."""
    precision &= 0xFFFF
    if math.isnan(value) or precision > 8 or abs(value) > 1e7:
        if precision > 8 or abs(value) >= 1e8:
            precision = min(precision, 12)
            return _c_number(f"{value:{precision + 6}.{precision}e}", value, precision + 6)
        return _c_number(f"{value:.{min(precision, 3)}f}", value, 0)

    def scaled(part: float, scale: int) -> int:
        part32: float = _FLOAT.unpack(_FLOAT.pack(part))[0]
        once: float = _FLOAT.unpack(_FLOAT.pack(part32 * scale))[0]
        twice: float = _FLOAT.unpack(_FLOAT.pack(once * 10))[0]
        return float_to_int(twice, T.LONG)

    return _digits(value < 0, abs(value), precision, scaled)


def _c_number(text: str, value: float, width: int) -> str:
    """Python writes inf and nan like C, but for the sign of a negative nan and the padding."""
    return (
        text
        if math.isfinite(value)
        else f"{'-' if math.copysign(1, value) < 0 else ''}{abs(value)}".rjust(width)
    )


def _digits(negative: bool, size: float, precision: int, scaled: Callable[[float, int], int]) -> str:
    whole = int(size)
    scale = 10**precision
    fraction = (scaled(size - whole, scale) + 5) // 10
    if fraction // scale >= 1:
        whole += 1
        fraction -= scale
    sign = "-" if negative else ""
    return f"{sign}{whole}.{fraction:0{precision}d}" if precision else f"{sign}{whole}"


def parse_label(text: str, labels: Sequence[str]) -> int:
    """Index of a label, or of an index given as text (decimal, 0x hexadecimal or 0 octal, blanks around)."""
    try:
        return labels.index(text)
    except ValueError:
        pass
    match = _INTEGER.fullmatch(text.rstrip(" \t\n\v\f\r"))
    if match is not None and match[1] != "-":
        index = _digits_value(match[2])
        if index < len(labels):
            return index
    choices = ", ".join(label for label in labels if label)
    raise ConversionError(f"{text!r} is none of the choices {choices or '(none)'}")


def scalar(value: object) -> Scalar:
    """Any single value a caller may hand in, as str, int or float."""
    if isinstance(value, (str, float)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (bytes, bytearray)):
        return from_bytes(bytes(value))
    item = getattr(value, "item", None)
    if callable(item):
        return scalar(item())
    raise ConversionError(f"{value!r} is neither text nor a number")


def to_text(value: Scalar, size: int, precision: int) -> str:
    """A value as a string field stores it."""
    if isinstance(value, str):
        return clip(value, size)
    if isinstance(value, float):
        return clip(double_to_string(value, precision), size)
    return str(value)


def to_number(value: Scalar, dbf: FieldType) -> int | float:
    """A value as a numeric (or unlabelled ENUM) field stores it."""
    if dbf is T.DOUBLE:
        return parse_real(value, dbf) if isinstance(value, str) else _as_double(value)
    if dbf is T.FLOAT:
        return parse_real(value, dbf) if isinstance(value, str) else to_float32(_as_double(value))
    if isinstance(value, str):
        return parse_integer(value, dbf)
    if isinstance(value, float):
        return float_to_int(value, dbf)
    return wrap(value, dbf)


def _as_double(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError as exc:
        raise ConversionError(f"{value} does not fit in a DOUBLE") from exc
