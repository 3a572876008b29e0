"""calc of EPICS base."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .expression import LETTERS, Code, ExpressionError, compile_expression
from .fields import Field
from .record import ALARM, VALUE_LOG
from .spec import RecordType
from .standard import NumericRecord
from .types import AlarmStatus, Severity, Value

if TYPE_CHECKING:
    from .database import Database


class CalcRecord(NumericRecord):
    """A number worked out of up to twenty-one others."""

    __slots__ = ("code",)

    def __init__(self, db: Database, rtype: RecordType, name: str) -> None:
        super().__init__(db, rtype, name)
        self.code: Code = compile_expression("0")

    def problems(self) -> list[str]:
        """CALC that cannot be read."""
        try:
            self.code = compile_expression(self.v["CALC"])
        except ExpressionError as exc:
            return [f"CALC {exc}"]
        return []

    def init(self) -> None:
        """Constant inputs."""
        for letter in LETTERS:
            self.load_constant("INP" + letter, letter)
        self.start_deadbands()

    def check_put(self, field: Field, value: Value) -> str | None:
        """CALC must be an expression."""
        if field.name == "CALC":
            try:
                compile_expression(str(value))
            except ExpressionError as exc:
                return str(exc)
        return None

    def special(self, field: Field) -> None:
        """A new CALC."""
        if field.name == "CALC":
            self.problems()

    def process(self) -> bool:
        """Read the inputs, calculate, check, post."""
        v = self.v
        fine = True
        for letter in LETTERS:
            link = self.links["INP" + letter]
            if link.text.constant is None:
                fine = self.read(link.name, letter) and fine
        if fine:
            inputs = [v[letter] for letter in LETTERS]
            inputs.append(v["VAL"])
            try:
                v["VAL"] = float(self.code(inputs))
                v["UDF"] = int(math.isnan(v["VAL"]))
            except (ArithmeticError, ValueError):
                self.set_alarm(AlarmStatus.CALC, Severity.INVALID)
            for letter, number in zip(LETTERS, inputs, strict=False):
                v[letter] = number
        self.stamp()
        self.check_alarms()
        mask = self.monitor()
        for letter in LETTERS:
            last = "L" + letter
            if v[letter] != v[last] or mask & ALARM:
                v[last] = v[letter]
                self.post(letter, mask | VALUE_LOG)
        self.forward()
        return False
