"""CAD, Command Action Directive: the door of one command.

What a directive does depends on MARK alone; both tables below are the whole state machine
(``icd/gemini_records.md``, CAD). The C record's order of events is kept: it is what clients rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from .fields import Field
from .menus import Directive, Simulation
from .record import VALUE, VALUE_LOG, Letters, Record
from .spec import FieldSpec, RecordType
from .types import AlarmStatus, FieldType, Value

if TYPE_CHECKING:
    from .database import Database

LETTERS = "ABCDEFGHIJKLMNOPQRST"
UNKNOWN_DIRECTIVE = 1
"""error of a directive that is none (exact mode stores any number in DIR)"""

_FTYPES = tuple(FieldType)[:12]  # menuFtype is in the order of FieldType up to ENUM
_OUTPUT_TYPES = (FieldType.STRING, FieldType.LONG, FieldType.DOUBLE)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one directive does."""

    link: str
    """forward link fired when the subroutine accepted"""
    mark: int | None
    """MARK after acceptance; None for the base state"""
    drive_outputs: bool = True
    """write OUTx when VAL is 0"""
    marked_only: bool = True
    """with MARK 0 nothing runs but VAL's event and FLNK"""
    always_mark: bool = False
    """MARK also after a rejection"""


EFFECTS: Mapping[Directive, Effect] = MappingProxyType(
    {
        Directive.MARK: Effect("MLNK", 1, marked_only=False),
        Directive.CLEAR: Effect("CLNK", None, drive_outputs=False, marked_only=False),
        Directive.PRESET: Effect("PLNK", 2),
        Directive.START: Effect("STLK", None, always_mark=True),
        Directive.STOP: Effect("SPLK", None),
    }
)


class CadRecord(Record):
    """A cad record. A subroutine uses ``directive``, ``args``, ``outputs`` and ``message``."""

    __slots__ = ("args", "letters", "outputs")

    def __init__(self, db: Database, rtype: RecordType, name: str) -> None:
        super().__init__(db, rtype, name)
        self.letters = LETTERS
        self.args = Letters(self, "", LETTERS)
        """inputs A..T as text"""
        self.outputs = Letters(self, "VAL", LETTERS)
        """VALA..VALT, converted to FTVx on assignment"""

    # --- for subroutines
    @property
    def directive(self) -> Directive:
        """The directive that is being carried out."""
        return Directive(self.v["DIR"])

    @property
    def message(self) -> str:
        """MESS: why the command is rejected; emptied by the record when the subroutine accepts."""
        text: str = self.v["MESS"]
        return text

    @message.setter
    def message(self, text: str) -> None:
        self.assign("MESS", text)

    # --- types
    def accessible(self, name: str) -> bool:
        """VALx and OLDx exist for the first CTYP letters."""
        if len(name) == 4 and name[:3] in ("VAL", "OLD"):
            return LETTERS.index(name[3]) < int(self.v["CTYP"])
        return True

    def native_type(self, spec: FieldSpec) -> FieldType:
        """VALx and OLDx follow FTVx."""
        return _FTYPES[self.v["FTV" + spec.name[3]]] if spec.dynamic else spec.dbf

    def precision(self, field: Field) -> int:
        """PREC."""
        return self.record_precision(field)

    def problems(self) -> list[str]:
        """CTYP out of range, or an FTVx that a cad cannot have."""
        count = int(self.v["CTYP"])
        if not 0 <= count <= len(LETTERS):
            return [f"CTYP {count} is not within 0 and {len(LETTERS)}"]
        return [
            f"FTV{letter} {_FTYPES[self.v['FTV' + letter]].value}: a cad has STRING, LONG and DOUBLE outputs"
            for letter in LETTERS[:count]
            if _FTYPES[self.v["FTV" + letter]] not in _OUTPUT_TYPES
        ]

    # --- life
    def prepare(self) -> None:
        """Outputs start empty or 0, as their types say."""
        for letter in LETTERS[: self.v["CTYP"]]:
            if _FTYPES[self.v["FTV" + letter]] is not FieldType.STRING:
                for name in ("VAL" + letter, "OLD" + letter):
                    if self.v[name] == "":
                        self.assign(name, 0)

    def init(self) -> None:
        """Constant inputs, INAM, DIR CLEAR, MARK at its base."""
        v = self.v
        count = max(0, min(int(v["CTYP"]), len(LETTERS)))
        self.letters = LETTERS[:count]
        v["BASE"] = int(v["MFLG"])
        self.load_constant("SIML", "SIMM")
        self.load_constant("SIOL", "SVAL")
        for letter in self.letters:
            if self.load_constant("INP" + letter, letter) and v[letter].startswith("0.0"):
                v[letter] = " "
        failed = 0
        if v["INAM"]:
            failed = self.call(self.db.subroutines[v["INAM"]])
        if not failed:
            v["DIR"] = int(Directive.CLEAR)
            v["MARK"] = v["BASE"]
            v["UDF"] = 0

    def special(self, field: Field) -> None:
        """Any put to an input marks the command; it does not process."""
        self.v["MARK"] = 1
        self.post("MARK", VALUE)

    def process(self) -> bool:
        """Carry out DIR."""
        v = self.v
        directive = v["DIR"]
        effect = EFFECTS.get(directive)
        if effect is not None and effect.marked_only and v["MARK"] == 0:
            self.post("VAL", VALUE)
        elif self._read_inputs():
            self._carry_out(effect)
        self.forward()
        return False

    def _read_inputs(self) -> bool:
        """SIML, SIOL and INPx; False when nothing may run (SIML failed, or the last INPx)."""
        v = self.v
        if not self.read("SIML", "SIMM"):
            return False
        if v["SIMM"] != Simulation.NONE:
            fine = self.read("SIOL", "SVAL")
            self.set_alarm(AlarmStatus.SIMM, v["SIMS"])
            if not fine:
                return False
        fine = True
        for letter in self.letters:
            fine = self.read("INP" + letter, letter)
        return fine

    def _carry_out(self, effect: Effect | None) -> None:
        v = self.v
        error = UNKNOWN_DIRECTIVE
        if effect is not None:
            if self._must_preset_first():
                error = self._preset_first() or self._run()
            else:
                error = self._run() if self._runs() else 0
            self._set_mark(effect, error)
        if v["VAL"] == 0:
            v["MESS"] = ""
            if effect is None or effect.drive_outputs:
                self._drive_outputs()
        self.stamp()
        self._monitor(self.reset_alarms())
        if effect is not None and not error:
            self.db.links.follow(self.links[effect.link])

    def _must_preset_first(self) -> bool:
        return bool(self.v["DIR"] == Directive.START and self.v["MARK"] == 1)

    def _runs(self) -> bool:
        """False for marks that only a client can have set and that START and STOP do not know."""
        mark = self.v["MARK"]
        if self.v["DIR"] == Directive.START:
            return bool(mark == 2)
        return bool(self.v["DIR"] != Directive.STOP or mark > 0)

    def _set_mark(self, effect: Effect, error: int) -> None:
        v = self.v
        if effect.always_mark:
            if v["MARK"] in (1, 2):
                v["MARK"] = v["BASE"]
        elif not error:
            v["MARK"] = v["BASE"] if effect.mark is None else effect.mark

    def _preset_first(self) -> int:
        """START of a marked command: a full PRESET before it. Its code; DIR is START again if it was 0."""
        v = self.v
        v["DIR"] = int(Directive.PRESET)
        error = self._run(simulated=False)
        if error:
            return error
        self.db.links.follow(self.links["PLNK"])
        v["MARK"] = 2
        self._drive_outputs()
        self.stamp()
        self._monitor(0)
        v["DIR"] = int(Directive.START)
        return 0

    def _run(self, *, simulated: bool = True) -> int:
        """Run SNAM; its code (or the simulated one) becomes VAL."""
        v = self.v
        error = 0
        if v["SNAM"]:
            error = self.call(self.db.subroutines[v["SNAM"]])
            if error and v["SIMM"] == Simulation.NONE:
                self.set_alarm(AlarmStatus.SOFT, v["ERSV"])
        if simulated and v["SIMM"] != Simulation.NONE:
            error = int(v["SVAL"])
        v["VAL"] = error
        v["OSIM"] = v["SIMM"]
        v["OCID"] = v["ICID"]
        return error

    def _drive_outputs(self) -> None:
        for letter in self.letters:
            link = self.links["OUT" + letter]
            if link.text.constant is None:
                value: Value = self.v["VAL" + letter]
                self.db.links.put(link, value)

    def _monitor(self, mask: int) -> None:
        """Post what clients follow, in the order of the C record."""
        v = self.v
        mask |= VALUE_LOG
        if v["VAL"] != 0 or v["OMSS"] != v["MESS"]:
            self.post("MESS", mask)
            v["OMSS"] = v["MESS"]
        for name in ("VAL", "OSIM", "OCID", "MARK"):
            self.post(name, mask)
        for letter in self.letters:
            old, new = "OLD" + letter, "VAL" + letter
            if v[old] != v[new]:
                self.post(new, mask)
                v[old] = v[new]
        if v["VAL"] == 0:
            v["ODIR"] = v["DIR"]
            self.post("ODIR", mask)
