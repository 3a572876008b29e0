"""Conversions: the expectation is C's own, by ctypes and printf, or epicsStdlib's rules written out."""

from __future__ import annotations

import ctypes
import math
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.records import convert
from nifsdc.records.convert import ConversionError
from nifsdc.records.types import FieldType as T

C_TYPES = {
    T.CHAR: ctypes.c_int8,
    T.UCHAR: ctypes.c_uint8,
    T.SHORT: ctypes.c_int16,
    T.USHORT: ctypes.c_uint16,
    T.LONG: ctypes.c_int32,
    T.ULONG: ctypes.c_uint32,
    T.INT64: ctypes.c_int64,
    T.UINT64: ctypes.c_uint64,
    T.ENUM: ctypes.c_uint16,
}
INTEGERS = sorted(C_TYPES, key=lambda each: each.value)
libc = ctypes.CDLL(None)


def printf(form: str, value: float) -> str:
    buffer = ctypes.create_string_buffer(400)
    libc.snprintf(buffer, 400, form.encode(), ctypes.c_double(value))
    return buffer.value.decode()


@given(st.integers(-(2**70), 2**70), st.sampled_from(INTEGERS))
def test_integers_wrap(value: int, dbf: T) -> None:
    assert convert.to_number(value, dbf) == C_TYPES[dbf](value).value


@given(st.floats(-(2.0**31) + 1, 2.0**31 - 1), st.sampled_from(INTEGERS))
def test_floats_are_truncated_then_wrapped(value: float, dbf: T) -> None:
    assert convert.to_number(value, dbf) == C_TYPES[dbf](math.trunc(value)).value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 2.0**31, -(2.0**31) - 1])
def test_floats_beyond_32_bits_are_indefinite(value: float) -> None:
    """x86-64's cvttsd2si answers 0x80000000; the narrow types keep its low bits."""
    assert convert.to_number(value, T.LONG) == -(2**31)
    assert convert.to_number(value, T.SHORT) == convert.to_number(value, T.CHAR) == 0


@given(st.integers(-(2**31), 2**31 - 1))
def test_decimal_text_to_long(value: int) -> None:
    assert convert.to_number(f" \t{value} counts", T.LONG) == value


@given(st.integers(0, 2**31 - 1))
def test_other_bases(value: int) -> None:
    assert convert.to_number(hex(value), T.LONG) == value
    assert convert.to_number(f"0{value:o}", T.LONG) == value


@given(st.integers(), st.sampled_from(INTEGERS))
def test_text_beyond_the_type_is_refused(value: int, dbf: T) -> None:
    kind = C_TYPES[dbf]
    bits = 8 * ctypes.sizeof(kind)
    signed = kind(-1).value < 0
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (-(2**bits - 1), 2**bits - 1)
    if low <= value <= high:
        assert convert.to_number(str(value), dbf) == kind(value).value
    else:
        with pytest.raises(ConversionError):
            convert.to_number(str(value), dbf)


@pytest.mark.parametrize("text", ["abc", " ", "-", "+x", ".5", "e5", "--1"])
def test_text_without_integer_is_refused(text: str) -> None:
    with pytest.raises(ConversionError, match="does not begin with an integer"):
        convert.to_number(text, T.LONG)


@pytest.mark.parametrize(("text", "value"), [("1.5e3", 1500), ("2.9", 2), (".5", 0), ("12abc", 12), ("", 0)])
def test_unsigned_long_reads_reals_too(text: str, value: int) -> None:
    assert convert.to_number(text, T.ULONG) == value


@given(st.floats(allow_nan=False))
def test_text_to_double(value: float) -> None:
    assert convert.to_number(repr(value), T.DOUBLE) == value
    assert convert.to_number(f"  {value!r} K", T.DOUBLE) == value


@pytest.mark.parametrize("text", ["abc", " ", "-", "K 5", "1e999"])
def test_text_without_number_is_refused(text: str) -> None:
    with pytest.raises(ConversionError):
        convert.to_number(text, T.DOUBLE)


@pytest.mark.parametrize(
    ("text", "value"), [("0x10", 16.0), ("inf", math.inf), ("-Infinity", -math.inf), ("5.", 5.0)]
)
def test_unusual_numbers(text: str, value: float) -> None:
    assert convert.to_number(text, T.DOUBLE) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_double_to_float(value: float) -> None:
    biggest, least = 3.4028234663852886e38, 1.1754943508222875e-38
    if value == 0:
        expected = 0.0
    elif abs(value) >= biggest:
        expected = math.copysign(biggest, value)
    elif abs(value) <= least:
        expected = math.copysign(least, value)
    else:
        expected = ctypes.c_float(value).value
    assert convert.to_number(value, T.FLOAT) == expected


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_double_to_string_rounds_to_the_precision(scaled: int, precision: int) -> None:
    """Numbers with few digits: what the decimal number rounds to, sign kept for what rounds to zero."""
    value = scaled / 10**5
    if abs(value) > 1e7:
        return
    exact = Decimal(value).copy_abs()
    near_tie = exact * 10**precision % 1 - Decimal("0.5")
    if abs(near_tie) < Decimal("1e-4"):
        return
    digits = exact.quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP)
    assert convert.double_to_string(value, precision) == ("-" if value < 0 else "") + str(digits)


@given(st.floats(allow_nan=False).filter(lambda value: abs(value) > 1e7), st.integers(0, 20))
def test_big_doubles_are_printed_by_printf(value: float, precision: int) -> None:
    if precision > 8 or abs(value) > 1e16:
        precision = min(precision, 17)
        expected = printf(f"%{precision + 7}.{precision}e", value)
    else:
        expected = printf(f"%.{min(precision, 3)}f", value)
    assert convert.double_to_string(value, precision) == expected


@given(st.floats(width=32, allow_nan=False).filter(lambda value: abs(value) > 1e7), st.integers(0, 15))
def test_big_floats_are_printed_by_printf(value: float, precision: int) -> None:
    if precision > 8 or abs(value) >= 1e8:
        precision = min(precision, 12)
        expected = printf(f"%{precision + 6}.{precision}e", value)
    else:
        expected = printf(f"%.{min(precision, 3)}f", value)
    assert convert.float_to_string(value, precision) == expected


# recorded: a cad's argument with PREC 5 (icd traces, scenario cad_arg_numbers)
@pytest.mark.parametrize(
    ("value", "text"),
    [(2.25, "2.25000"), (1.0, "1.00000"), (0.1, "0.10000"), (123456789.123, "123456789.123")],
)
def test_recorded_numbers(value: float, text: str) -> None:
    assert convert.double_to_string(value, 5) == text


@pytest.mark.parametrize(
    ("value", "precision", "text"), [(-0.0, 2, "0.00"), (-0.001, 2, "-0.00"), (0.995, 2, "1.00")]
)
def test_rounding_corners(value: float, precision: int, text: str) -> None:
    """-0.001 keeps its sign and 0.995 rounds up: cvtFast works on scaled integers, half up."""
    assert convert.double_to_string(value, precision) == text


@given(st.text(max_size=60), st.integers(2, 61))
def test_clip_counts_bytes(text: str, size: int) -> None:
    data = text.encode().split(b"\0")[0]
    clipped = convert.clip(text, size)
    assert convert.to_bytes(clipped) == data[: size - 1]


@given(st.binary(max_size=60))
def test_bytes_survive(data: bytes) -> None:
    assert convert.to_bytes(convert.from_bytes(data)) == data.split(b"\0")[0]


LABELS = ("MARK", "CLEAR", "PRESET", "START", "STOP")


@pytest.mark.parametrize(
    ("text", "index"), [("MARK", 0), ("STOP", 4), ("3", 3), (" 2 ", 2), ("+1", 1), ("0x1", 1), ("03", 3)]
)
def test_label_or_index(text: str, index: int) -> None:
    assert convert.parse_label(text, LABELS) == index


@pytest.mark.parametrize("text", ["start", "STAR", " START", "START ", "", "5", "-1", "1.0", "0x5", "1 x"])
def test_no_label(text: str) -> None:
    with pytest.raises(ConversionError, match="none of the choices MARK, CLEAR, PRESET, START, STOP"):
        convert.parse_label(text, LABELS)


def test_scalars_of_other_libraries() -> None:
    numpy = pytest.importorskip("numpy")
    assert convert.scalar(numpy.float32(1.5)) == 1.5
    assert convert.scalar(numpy.int16(-3)) == -3
    assert convert.scalar(b"text\0junk") == "text"
    with pytest.raises(ConversionError):
        convert.scalar(object())
