"""genSub: a subroutine with up to 21 typed inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import Field
from .record import VALUE_LOG, Letters, Record
from .spec import FieldSpec, RecordType
from .types import AlarmStatus, FieldType, Scalar, Value

if TYPE_CHECKING:
    from .database import Database

LETTERS = "ABCDEFGHIJKLMNOPQRSTU"
LFLG_READ = 1
EFLG_NEVER, EFLG_ON_CHANGE, EFLG_ALWAYS = 0, 1, 2
BAD_SUB = -3
"""what a missing subroutine counts as having returned"""

_FTYPES = tuple(FieldType)[:12]  # menuFtype is in the order of FieldType up to ENUM


class GenSubRecord(Record):
    """A genSub record. A subroutine uses ``inputs`` and ``outputs``."""

    __slots__ = ("inputs", "outputs", "posted_sub")

    def __init__(self, db: Database, rtype: RecordType, name: str) -> None:
        super().__init__(db, rtype, name)
        self.inputs = Letters(self, "", LETTERS)
        """A..U, each of type FTx; a tuple where NOx is more than 1"""
        self.outputs = Letters(self, "VAL", LETTERS)
        """VALA..VALU, converted to FTVx on assignment"""
        self.posted_sub = ""

    def _shape(self, name: str) -> tuple[str, str]:
        """Names of the fields that hold type and size of a dynamic field."""
        letter = name[-1]
        return ("FT" + letter, "NO" + letter) if len(name) == 1 else ("FTV" + letter, "NOV" + letter)

    def native_type(self, spec: FieldSpec) -> FieldType:
        """Inputs follow FTx, outputs FTVx."""
        return _FTYPES[self.v[self._shape(spec.name)[0]]] if spec.dynamic else spec.dbf

    def capacity(self, name: str) -> int:
        """NOx and NOVx."""
        return max(1, int(self.v[self._shape(name)[1]])) if self.type.fields[name].dynamic else 1

    def precision(self, field: Field) -> int:
        """PREC."""
        return self.record_precision(field)

    def prepare(self) -> None:
        """Inputs and outputs start empty or 0."""
        for name, spec in self.type.fields.items():
            if spec.dynamic and self.v[name] == "":
                dbf, count = self.native_type(spec), self.capacity(name)
                zero: Scalar = "" if dbf is FieldType.STRING else 0.0 if dbf.is_float else 0
                self.v[name] = (zero,) * count if count > 1 else zero

    def init(self) -> None:
        """Constant inputs, then INAM."""
        v = self.v
        if v["LFLG"] == LFLG_READ and self.load_constant("SUBL", "SNAM") and v["SNAM"].startswith("0.0"):
            v["SNAM"] = " "
        for letter in LETTERS:
            if self.capacity(letter) < 2 and self.load_constant("INP" + letter, letter):
                v["UDF"] = 0
                if isinstance(v[letter], str) and v[letter].startswith("0.0"):
                    v[letter] = " "
        if v["INAM"]:
            self.call(self.db.subroutines[v["INAM"]])

    def check_put(self, field: Field, value: Value) -> str | None:
        """SNAM must name a subroutine there is."""
        if (
            field.name == "SNAM"
            and value
            and self.v["LFLG"] != LFLG_READ
            and value not in self.db.subroutines
        ):
            return f"no subroutine {value!r}; known: {', '.join(sorted(self.db.subroutines)) or '(none)'}"
        return None

    def process(self) -> bool:
        """Read the inputs, run SNAM, write the outputs, post."""
        v = self.v
        fine = True
        if v["LFLG"] == LFLG_READ:
            fine = self.read("SUBL", "SNAM")
            v["ONAM"] = v["SNAM"] if fine else v["ONAM"]
        for letter in LETTERS:
            if not fine:
                break
            fine = self.read("INP" + letter, letter)
        if fine:
            v["VAL"] = self._run()
            for letter in LETTERS:
                self.db.links.put(self.links["OUT" + letter], v["VAL" + letter])
        self.stamp()
        self._monitor()
        self.forward()
        return False

    def _run(self) -> int:
        name = self.v["SNAM"]
        if not name:
            return 0
        subroutine = self.db.subroutines.get(name)
        if subroutine is None:
            return BAD_SUB
        status = self.call(subroutine)
        if status < 0:
            self.set_alarm(AlarmStatus.SOFT, self.v["BRSV"])
        else:
            self.v["UDF"] = 0
        return status

    def _monitor(self) -> None:
        v = self.v
        mask = self.reset_alarms() | VALUE_LOG
        if self.posted_sub != v["SNAM"]:
            self.posted_sub = v["SNAM"]
            self.post("SADR", mask)
        if v["VAL"] != v["OVAL"]:
            v["OVAL"] = v["VAL"]
            self.post("VAL", mask)
        if v["EFLG"] == EFLG_NEVER:
            return
        for letter in LETTERS:
            old, new = "OVL" + letter, "VAL" + letter
            if v["EFLG"] == EFLG_ALWAYS:
                self.post(new, mask)
            elif v[old] != v[new]:
                v[old] = v[new]
                self.post(new, mask)
