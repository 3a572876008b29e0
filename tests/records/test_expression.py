"""CALC: expressions whose values EPICS documents, and the same arithmetic in Python."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.records.expression import LETTERS, ExpressionError, compile_expression


def value(text: str, *inputs: float) -> float:
    return compile_expression(text)([*inputs, *[0.0] * (13 - len(inputs))])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("2^3", 8),
        ("2**3", 8),
        ("-2+5", 3),
        ("7%3", 1),
        ("10/4", 2.5),
        ("1<2", 1),
        ("2<=1", 0),
        ("1=1", 1),
        ("1#1", 0),
        ("1!=2", 1),
        ("1&&0", 0),
        ("1||0", 1),
        ("!0", 1),
        ("5&3", 1),
        ("5|3", 7),
        ("5 XOR 3", 6),
        ("5 AND 3", 1),
        ("5 OR 3", 7),
        ("~0", -1),
        ("1<<4", 16),
        ("-16>>2", -4),
        ("1?2:3", 2),
        ("0?2:1?4:5", 4),
        ("0x1F", 31),
        ("1.5e2", 150),
        ("abs(-3)", 3),
        ("SQR(16)", 4),
        ("MAX(1,5,3)", 5),
        ("min(4,2)", 2),
        ("NINT(2.6)", 3),
        ("NINT(-2.6)", -3),
        ("CEIL(1.2)", 2),
        ("FLOOR(-1.2)", -2),
        ("LOG(1000)", 3),
        ("LN(1)", 0),
        ("ISINF(1/0)", 1),
        ("ISNAN(0/0)", 1),
        ("FINITE(1,2)", 1),
        ("180*D2R-PI", 0),
        ("B:=5;B*2", 10),
        ("3;A:=1", 3),
    ],
)
def test_value(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "1+", "(1", "A B", "1;2", "A:=1", "FOO(1)", "1?2", "$", "ABS(1,2)", "ATAN2(1)", "Z"]
)
def test_bad_text(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text)


def test_inputs_and_last_value() -> None:
    assert value("A+B*L", 1, 2, *[0] * 9, 4) == 9
    assert compile_expression("VAL+1")([0.0] * len(LETTERS) + [41.0]) == 42


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_arithmetic_is_pythons(a: float, b: float) -> None:
    assert value("A+B", a, b) == a + b
    assert value("A*B-A", a, b) == a * b - a
    assert value("A>B?A:B", a, b) == max(a, b)
    if b:
        assert value("A/B", a, b) == a / b


@pytest.mark.parametrize("text", ["1/0", "LOG(0)", "SQRT(-1)", "5%0", "0^-1", "EXP(1e6)", "ASIN(2)"])
def test_mathematical_errors_give_numbers(text: str) -> None:
    assert not math.isfinite(value(text))
