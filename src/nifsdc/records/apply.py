"""APPLY: passes directives down a tree of cads and applies, and gathers their answers.

A cycle has two halves. OUT: DIR was written, it is pushed to all children. IN: each event of a child's VAL
processes the record (INPx are CP); when as many have come as there are connected children, their answers are
read. A START that no PRESET came before runs both cycles by itself (``icd/gemini_records.md``, APPLY).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import Field
from .links import Link, Process
from .menus import Directive
from .record import VALUE_LOG, Record
from .spec import LinkKind, RecordType
from .timers import Timer

if TYPE_CHECKING:
    from .database import Database

LETTERS = "ABCDEFGHIJKLMNOPQRST"
"""the C record declares twenty children; databases use A to H"""
STATE_IN, STATE_OUT = 0, 1
"""menuApplyState"""
DEFAULT_TIMEOUT = 3.0
"""seconds"""
TIMED_OUT = "Subsystem timed out"

_INCREMENTS = (Directive.PRESET,)
"""directives that begin a command: MESS is cleared, a top apply counts CLID up"""


class ApplyRecord(Record):
    """An apply record."""

    __slots__ = ("watchdog",)

    def __init__(self, db: Database, rtype: RecordType, name: str) -> None:
        super().__init__(db, rtype, name)
        self.watchdog: Timer | None = None

    def tune_link(self, link: Link) -> None:
        """INPx are CP, OUTx PP, OCLx and INMx plain, whatever their text says."""
        stem = link.name[:3]
        if stem == "INP":
            link.process = Process.CP
            link.channel = not link.is_constant
        elif stem == "OUT" and link.kind is LinkKind.OUTPUT and not link.channel:
            link.process = Process.PP
        elif stem in ("OCL", "INM") and not link.channel:
            link.process = Process.NPP

    def precision(self, field: Field) -> int:
        """One digit, for every field."""
        return 1

    def init(self) -> None:
        """Waiting for a directive, top of the tree until a parent writes CLID."""
        v = self.v
        v["UDF"] = 0
        v["STTE"] = STATE_OUT
        v["LPRO"] = 1
        v["TOP"] = 1
        v["STFG"] = 0
        if v["TOUT"] <= 0.0:
            v["TOUT"] = DEFAULT_TIMEOUT

    def special(self, field: Field) -> None:
        """A put to DIR starts a cycle; one to CLID tells that there is a parent."""
        if field.name == "DIR":
            self.v["LPRO"] = 0
        elif field.name == "CLID":
            self.v["TOP"] = 0

    def process(self) -> bool:
        """One step: a directive to push, or an answer that has come."""
        v = self.v
        if v["STTE"] == STATE_OUT:
            if v["LPRO"]:
                return False
            if not self._begin():
                return False
            v["STTE"] = STATE_IN
        else:
            v["NPRC"] -= 1
            if v["NPRC"] == 0:
                self._finish()
        self.assign("MARK", v["DIR"])
        return False

    # --- OUT
    def _begin(self) -> bool:
        """Push DIR. False when there is nothing to wait for (no children, or MARK)."""
        v = self.v
        v["LPRO"] = 1
        v["NPRC"] += sum(self.links["INP" + letter].connected for letter in LETTERS)
        if not v["NPRC"]:
            return False
        directive = v["DIR"]
        if directive == Directive.MARK:
            self._end_cycle()
            return False
        self._start_watchdog()
        if directive == Directive.START:
            if v["VAL"] < 0 or (v["MARK"] != Directive.PRESET and not v["STFG"]):
                v["STFG"] = 1
                directive = v["DIR"] = int(Directive.PRESET)
            else:
                v["STFG"] = 0
        if directive in _INCREMENTS:
            v["MESS"] = ""
            if v["TOP"]:
                v["CLID"] += 1
        if directive <= Directive.STOP:
            self._push()
        return True

    def _push(self) -> None:
        for letter in LETTERS:
            links = self.links
            self.db.links.put(links["OCL" + letter], self.v["CLID"])
            self.db.links.put(links["OUT" + letter], self.v["DIR"])

    # --- IN
    def _finish(self) -> None:
        """All have answered: gather, post, and go on with START where PRESET was its first half."""
        v = self.v
        self._stop_watchdog()
        if v["DIR"] != Directive.CLEAR:
            self._gather()
            if v["VAL"] >= 0:
                v["VAL"] = v["CLID"]
            else:
                v["STFG"] = 0
        self._end_cycle()
        if v["STFG"]:
            v["LPRO"] = 0
            v["DIR"] = int(Directive.START)
            self.process()

    def _gather(self) -> None:
        """Read the answers in order; the first negative one is the result, with its child's message."""
        for letter in LETTERS:
            if not self.read("INP" + letter, "VAL"):
                return
            if self.v["VAL"] < 0:
                self.read("INM" + letter, "MESS")
                return

    def _end_cycle(self) -> None:
        v = self.v
        v["NPRC"] = 0
        v["STTE"] = STATE_OUT
        self.stamp()
        mask = self.reset_alarms() | VALUE_LOG
        self.post("CLID", mask)
        if v["VAL"] < 0 or v["OMSS"] != v["MESS"]:
            self.post("MESS", mask)
            v["OMSS"] = v["MESS"]
        self.post("VAL", mask)
        self.forward()

    # --- watchdog
    def _start_watchdog(self) -> None:
        self._stop_watchdog()
        self.watchdog = self.db.timers.at(self.db.now() + max(0.0, self.v["TOUT"]), self._time_out)

    def _stop_watchdog(self) -> None:
        if self.watchdog is not None:
            self.watchdog.cancel()
            self.watchdog = None

    def _time_out(self) -> None:
        """Not all children have answered in time."""
        self.watchdog = None
        v = self.v
        if not v["PACT"]:
            v["VAL"] = -1
            v["STFG"] = 0
            v["MESS"] = TIMED_OUT
            self._end_cycle()
