"""Expressions of calc records (CALC), compiled once to closures over the inputs A to U.

The language of EPICS ``postfix``: numbers, A..U, VAL, PI, D2R, R2D, RNDM; ``+ - * / % ^ **``, comparisons
(``= == != # < <= > >=``), ``&& || !``, bitwise ``& | ^^ ~ << >>`` and the words AND OR XOR NOT, ``? :``,
functions, assignments ``A:=...`` and several expressions behind one another with ``;``, the last but
assignments being the result.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, MutableSequence
from typing import TypeAlias

LETTERS = "ABCDEFGHIJKLMNOPQRSTU"
"""inputs of a calc record of EPICS base 7.0.9 and later (before that A to L)"""
Inputs: TypeAlias = MutableSequence[float]
"""A to U, and the last result (VAL) behind them"""
Code: TypeAlias = Callable[[Inputs], float]
VAL = len(LETTERS)

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*)"
    r"|(?P<sign>:=|\*\*|==|!=|<=|>=|&&|\|\||<<|>>|[-+*/%^()<>=#!&|~?:;,]))"
)


class ExpressionError(ValueError):
    """An expression that cannot be read; the message tells where and what was expected."""


def _int(value: float) -> int:
    """Double to 32 bit integer as calc does it: bit patterns up to 2**32 are kept."""
    if not math.isfinite(value):
        return 0
    number = int(value) & 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number


def _divide(a: float, b: float) -> float:
    if b == 0.0:
        return math.nan if a == 0.0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def _modulo(a: float, b: float) -> float:
    divisor = _int(b)
    return math.nan if divisor == 0 else float(math.fmod(_int(a), divisor))


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _safe(function: Callable[[float], float]) -> Callable[[float], float]:
    """Mathematical functions give NaN or infinity where Python raises."""

    def safe(value: float) -> float:
        try:
            return function(value)
        except ValueError:
            return -math.inf if value == 0.0 else math.nan
        except OverflowError:
            return math.inf

    return safe


def _nint(value: float) -> float:
    return float(_int(value + 0.5 if value >= 0 else value - 0.5))


_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "ACOS": _safe(math.acos),
    "ASIN": _safe(math.asin),
    "ATAN": math.atan,
    "CEIL": _safe(lambda value: float(math.ceil(value))),
    "COS": _safe(math.cos),
    "COSH": _safe(math.cosh),
    "EXP": _safe(math.exp),
    "FLOOR": _safe(lambda value: float(math.floor(value))),
    "INT": _nint,
    "ISINF": lambda value: float(math.isinf(value)),
    "LN": _safe(math.log),
    "LOG": _safe(math.log10),
    "LOGE": _safe(math.log),
    "NINT": _nint,
    "NOT": lambda value: float(value == 0.0),
    "SIN": _safe(math.sin),
    "SINH": _safe(math.sinh),
    "SQR": _safe(math.sqrt),
    "SQRT": _safe(math.sqrt),
    "TAN": _safe(math.tan),
    "TANH": math.tanh,
}
_MANY: dict[str, Callable[[list[float]], float]] = {
    "MAX": lambda values: math.nan if any(map(math.isnan, values)) else max(values),
    "MIN": lambda values: math.nan if any(map(math.isnan, values)) else min(values),
    "ISNAN": lambda values: float(any(map(math.isnan, values))),
    "FINITE": lambda values: float(all(map(math.isfinite, values))),
    "ATAN2": lambda values: math.atan2(values[1], values[0]),
}
_CONSTANTS = {"PI": math.pi, "D2R": math.pi / 180.0, "R2D": 180.0 / math.pi}

_Binary: TypeAlias = Callable[[float, float], float]
_LEVELS: tuple[dict[str, _Binary], ...] = (
    {"||": lambda a, b: float(bool(a) or bool(b))},
    {"&&": lambda a, b: float(bool(a) and bool(b))},
    {"|": lambda a, b: float(_int(a) | _int(b)), "OR": lambda a, b: float(_int(a) | _int(b))},
    {"XOR": lambda a, b: float(_int(a) ^ _int(b))},
    {"&": lambda a, b: float(_int(a) & _int(b)), "AND": lambda a, b: float(_int(a) & _int(b))},
    {
        "=": lambda a, b: float(a == b),
        "==": lambda a, b: float(a == b),
        "!=": lambda a, b: float(a != b),
        "#": lambda a, b: float(a != b),
        "<": lambda a, b: float(a < b),
        "<=": lambda a, b: float(a <= b),
        ">": lambda a, b: float(a > b),
        ">=": lambda a, b: float(a >= b),
    },
    {
        "<<": lambda a, b: float(_int(float(_int(a) << (_int(b) & 31)))),
        ">>": lambda a, b: float(_int(a) >> (_int(b) & 31)),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": _divide, "%": _modulo},
    {"^": _power, "**": _power},
)
"""Binary operators from the loosest to the tightest."""


def compile_expression(text: str) -> Code:
    """Compile an expression. Raises ExpressionError."""
    return _Parser(text).statements()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise ExpressionError(
                    f"{text!r}: {text[position:].strip()[:1]!r} is no part of an expression"
                )
            self.tokens.append(match.group().strip().upper())
            position = match.end()
        self.tokens.append("")
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at]

    def take(self, wanted: str = "") -> str:
        token = self.tokens[self.at]
        if wanted and token != wanted:
            raise ExpressionError(f"{self.text!r}: {wanted!r} expected before {token or 'the end'!r}")
        self.at += 1
        return token

    def statements(self) -> Code:
        result: Code | None = None
        stores: list[tuple[int, Code]] = []
        order: list[Code] = []
        while self.peek():
            name = self.peek()
            if len(name) == 1 and name in LETTERS and self.tokens[self.at + 1] == ":=":
                self.take()
                self.take()
                stores.append((LETTERS.index(name), self.conditional()))
                order.append(_store(*stores[-1]))
            elif result is not None:
                raise ExpressionError(f"{self.text!r}: two results")
            else:
                result = self.conditional()
                order.append(result)
            if self.peek():
                self.take(";")
        if result is None:
            raise ExpressionError(f"{self.text!r}: no result")
        if not stores:
            return result
        return _sequence(order, order.index(result))

    def conditional(self) -> Code:
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take()
        yes = self.conditional()
        self.take(":")
        no = self.conditional()
        return lambda inputs: yes(inputs) if condition(inputs) else no(inputs)

    def binary(self, level: int) -> Code:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while (operator := _LEVELS[level].get(self.peek())) is not None:
            self.take()
            left = _apply(operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Code:
        sign = self.peek()
        if sign in ("-", "+", "!", "~", "NOT"):
            self.take()
            operand = self.unary()
            if sign == "-":
                return lambda inputs: -operand(inputs)
            if sign == "!" or sign == "NOT":
                return lambda inputs: float(not operand(inputs))
            if sign == "~":
                return lambda inputs: float(~_int(operand(inputs)))
            return operand
        return self.primary()

    def primary(self) -> Code:
        token = self.take()
        if token == "(":
            inner = self.conditional()
            self.take(")")
            return inner
        if token[:1].isdigit() or (token[:1] == "." and token != "."):
            return _constant(float(int(token, 16)) if token[:2] == "0X" else float(token))
        if token == "VAL":
            return lambda inputs: inputs[VAL]
        if token == "RNDM":
            return lambda inputs: random.random()
        if token in _CONSTANTS:
            return _constant(_CONSTANTS[token])
        if len(token) == 1 and token in LETTERS:
            index = LETTERS.index(token)
            return lambda inputs: inputs[index]
        if token in _FUNCTIONS:
            function, argument = _FUNCTIONS[token], self.arguments()
            if len(argument) != 1:
                raise ExpressionError(f"{self.text!r}: {token} takes one argument")
            only = argument[0]
            return lambda inputs: function(only(inputs))
        if token in _MANY:
            many, arguments = _MANY[token], self.arguments()
            if token == "ATAN2" and len(arguments) != 2:
                raise ExpressionError(f"{self.text!r}: ATAN2 takes two arguments")
            return lambda inputs: many([argument(inputs) for argument in arguments])
        raise ExpressionError(f"{self.text!r}: a value expected before {token or 'the end'!r}")

    def arguments(self) -> list[Code]:
        if self.peek() != "(":
            return [self.unary()]
        self.take()
        arguments = [self.conditional()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.conditional())
        self.take(")")
        return arguments


def _apply(operator: _Binary, left: Code, right: Code) -> Code:
    return lambda inputs: operator(left(inputs), right(inputs))


def _constant(value: float) -> Code:
    return lambda inputs: value


def _store(index: int, code: Code) -> Code:
    def store(inputs: Inputs) -> float:
        inputs[index] = code(inputs)
        return inputs[index]

    return store


def _sequence(order: list[Code], result: int) -> Code:
    return lambda inputs: [code(inputs) for code in order][result]
