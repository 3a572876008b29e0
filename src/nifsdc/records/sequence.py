"""seq and fanout of EPICS base: one record that sets several others going."""

from __future__ import annotations

from functools import partial

from .fields import Field
from .record import VALUE_LOG, Record
from .types import AlarmStatus, FieldType, Severity

STEPS = "0123456789ABCDEF"
ALL, SPECIFIED, MASK = 0, 1, 2
"""SELM"""


class _Selecting(Record):
    __slots__ = ()

    def init(self) -> None:
        """SELN from a constant SELL."""
        self.load_constant("SELL", "SELN")
        self.v["UDF"] = 0

    def _select(self) -> list[str] | None:
        """Steps that SELM and SELN choose; None (and an alarm) for a choice there is not."""
        v = self.v
        self.read("SELL", "SELN")
        if v["SELM"] == ALL:
            return list(STEPS)
        if v["SELM"] == SPECIFIED:
            index = v["SELN"] + v["OFFS"]
            if 0 <= index < len(STEPS):
                return [STEPS[index]]
        else:
            shift = v["SHFT"]
            if -15 <= shift <= 15:
                mask = v["SELN"] >> shift if shift >= 0 else v["SELN"] << -shift
                return [step for index, step in enumerate(STEPS) if mask >> index & 1]
        self.set_alarm(AlarmStatus.SOFT, Severity.INVALID)
        return None


class FanoutRecord(_Selecting):
    """Processes up to sixteen records, all or some."""

    __slots__ = ()

    def process(self) -> bool:
        """Follow the chosen links."""
        for step in self._select() or ():
            self.db.links.follow(self.links["LNK" + step])
        self.stamp()
        self.v["UDF"] = 0
        mask = self.reset_alarms()
        if mask:
            self.post("VAL", mask)
        self.forward()
        return False


class SeqRecord(_Selecting):
    """Writes up to sixteen values one after the other, each after its delay."""

    __slots__ = ()

    def precision(self, field: Field) -> int:
        """PREC."""
        return self.record_precision(field)

    def init(self) -> None:
        """Constant DOLx into DOx."""
        super().init()
        for step in STEPS:
            self.load_constant("DOL" + step, "DO" + step)

    def process(self) -> bool:
        """Start with the first chosen step; the record stays active until the last one is done."""
        chosen = [
            step
            for step in self._select() or ()
            if not (self.links["LNK" + step].is_constant and self.links["DOL" + step].is_constant)
        ]
        if not chosen:
            self._end()
            return False
        self._next(chosen)
        return True

    def _next(self, steps: list[str]) -> None:
        """Wait for the first of ``steps``, then do it."""
        delay = self.v["DLY" + steps[0]]
        action = partial(self._step, steps)
        if delay > 0.0:
            self.db.timers.at(self.db.now() + delay, action)
        else:
            self.db.later(action)

    def _step(self, steps: list[str]) -> None:
        v = self.v
        step = steps[0]
        name = "DO" + step
        old = v[name]
        if not self.links["DOL" + step].is_constant:
            value = self.db.links.value(self.links["DOL" + step], FieldType.DOUBLE)
            if value is not None:
                v[name] = value[0] if isinstance(value, tuple) else value
        self.db.links.put(self.links["LNK" + step], v[name])
        if v[name] != old:
            self.post(name, VALUE_LOG)
        if len(steps) > 1:
            self._next(steps[1:])
        else:
            self._end()
            v["PACT"] = 0

    def _end(self) -> None:
        self.v["UDF"] = 0
        self.stamp()
        mask = self.reset_alarms()
        if mask:
            self.post("VAL", mask)
        self.forward()
