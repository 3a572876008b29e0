"""CAR, Command Action Response: how far a command's action is (``icd/gemini_records.md``, CAR)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .fields import Field
from .menus import CarState, Simulation
from .record import LOG, VALUE, Record
from .types import AlarmStatus

_S = CarState

TRANSITIONS: Mapping[CarState, frozenset[CarState]] = MappingProxyType(
    {
        _S.IDLE: frozenset({_S.BUSY}),
        _S.BUSY: frozenset({_S.IDLE, _S.BUSY, _S.PAUSED, _S.ERROR}),
        _S.PAUSED: frozenset({_S.BUSY, _S.IDLE, _S.ERROR}),
        _S.ERROR: frozenset({_S.BUSY, _S.IDLE}),
    }
)
"""States that IVAL may lead to from each state; any other IVAL leaves VAL as it is."""

INVALID_INPUT = "INVALID INPUT"
INVALID_INPUT_CODE = 1

_LAST = (("MVAL", "MCID", "MMSS", "MERR", VALUE), ("AVAL", "ACID", "AMSS", "AERR", LOG))
"""fields that keep what was posted last, and the mask they guard"""


class CarRecord(Record):
    """A car record."""

    __slots__ = ()

    def precision(self, field: Field) -> int:
        """One digit, for every field."""
        return 1

    def init(self) -> None:
        """IDLE, no message."""
        v = self.v
        self.load_constant("SIML", "SIMM")
        self.load_constant("SIOL", "SVAL")
        v["VAL"] = int(CarState.IDLE)
        v["IMSS"] = ""
        v["OERR"] = 0
        self.load_constant("ICID", "CLID")
        v["UDF"] = 0

    def process(self) -> bool:
        """Take IVAL, IMSS and IERR in."""
        v = self.v
        if not self.read("ICID", "CLID") or not self.read("SIML", "SIMM"):
            return False
        simulated = v["SIMM"] != Simulation.NONE
        if simulated:
            fine = self.read("SIOL", "SVAL")
            self.set_alarm(AlarmStatus.SIMM, v["SIMS"])
            if not fine:
                return False
        if v["IVAL"] in TRANSITIONS:
            if v["IVAL"] in TRANSITIONS[v["VAL"]]:
                v["VAL"] = v["IVAL"]
            v["OMSS"] = v["IMSS"] if v["IVAL"] == CarState.ERROR else ""
            if v["VAL"] == CarState.ERROR and not simulated:
                self.set_alarm(AlarmStatus.SOFT, v["ERSV"])
            v["OERR"] = v["SVAL"] if simulated else v["IERR"]
        else:
            v["OMSS"] = INVALID_INPUT
            v["OERR"] = INVALID_INPUT_CODE
        self.stamp()
        self._monitor()
        self.forward()
        return False

    def _monitor(self) -> None:
        """Post CLID, OMSS, OERR and VAL, in this order, when state or client id changed."""
        v = self.v
        mask = self.reset_alarms()
        message_changed = False
        for value, clid, message, error, bit in _LAST:
            if v["VAL"] != v[value] or v["CLID"] != v[clid]:
                mask |= bit
                message_changed |= v[message] != v["OMSS"]
                v[value], v[clid], v[message], v[error] = v["VAL"], v["CLID"], v["OMSS"], v["OERR"]
        if mask:
            self.post("CLID", mask)
            if message_changed:
                self.post("OMSS", mask)
            self.post("OERR", mask)
            self.post("VAL", mask)
