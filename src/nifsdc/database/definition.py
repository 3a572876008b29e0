"""The record database as data: frozen objects, one kind for each kind of entry in ``db/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nifsdc.dictionary import (
    Bounds,
    Choices,
    MaxLength,
    Mnemonic,
    ParameterDictionary,
    Publisher,
    StatusDictionary,
)
from nifsdc.dictionary import Scalar as Scalar
from nifsdc.records.definition import RecordDef

DEFAULT_TOP = "nifs:"


@dataclass(frozen=True)
class SetpointDef:
    """A channel that is written directly and feeds a parameter's command input, marking the command."""

    name: str
    """record below ``$(top)dc:``"""
    rtyp: str
    """longout, ao, mbbo, bo or stringout: what decides its native type"""
    precision: int
    via: str = ""
    """genSub that the value passes through on its way, empty for none"""
    also: tuple[str, ...] = ()
    """further records of the same kind and purpose"""


@dataclass(frozen=True)
class ParameterDef:
    """One entry of the parameter dictionary."""

    name: str
    type: str
    """int, float, text, choice or mnemonic"""
    default: Scalar
    unit: str
    doc: str
    """one line of at most 40 characters: the DESC of its records"""
    low: float = 0.0
    high: float = 0.0
    hexadecimal: bool = False
    choices: tuple[str, ...] = ()
    max_length: int = 0
    setpoint: SetpointDef | None = None
    doors: tuple[str, ...] = ()
    """the channels below ``$(top)dc:`` that set it, command input first: ``seqObserve.C``, ``obs_nfowler``"""

    @property
    def validity(self) -> Bounds | MaxLength | Choices | Mnemonic:
        """What it can be."""
        if self.type in ("int", "float"):
            return Bounds(self.low, self.high, self.hexadecimal)
        if self.type == "choice":
            return Choices(self.choices)
        return Mnemonic() if self.type == "mnemonic" else MaxLength(self.max_length)


@dataclass(frozen=True)
class ArgumentDef:
    """One input of a command record."""

    letter: str
    """A to T"""
    parameter: str | None
    """the parameter it sets; None for one that the records use among themselves"""
    ftv: str
    """type of the output VALx: STRING, LONG or DOUBLE"""
    default: str = ""
    """text that the input begins with"""
    inp: str = ""
    """link the input is read from instead"""
    out: str = ""
    """where VALx is written: link text with ``$(dc)`` and ``$(sad)``"""
    clearable: bool = False
    """whether empty text is a value; otherwise it means: leave the parameter as it is"""


@dataclass(frozen=True)
class CommandDef:
    """One command record (cad)."""

    name: str
    apply: str
    """the apply record it belongs to"""
    letter: str
    """its place there"""
    kind: str
    """``control``: the control tasks carry it out; ``noop``: the database toggles its CAR"""
    doc: str
    arguments: tuple[ArgumentDef, ...] = ()
    car: str | None = None
    id_record: str | None = None
    """longin that holds the client id of its CAR; None where the CAR reads it from the command record"""

    @property
    def snam(self) -> str:
        """Name of its subroutine."""
        return f"dcCAD{self.name}"


@dataclass(frozen=True)
class ApplyDef:
    """One apply record."""

    name: str
    doc: str
    children: tuple[str | None, ...]
    """apply or command records in the order of their letters A, B, ...; None leaves a letter free"""


@dataclass(frozen=True)
class CarDef:
    """One response record (car)."""

    name: str
    doc: str
    icid: str
    """where its client id comes from, below ``$(top)dc:``"""


@dataclass(frozen=True)
class CombinerDef:
    """A genSub that passes on the greatest of up to three responses (SDN 11.03 section 4.2.1)."""

    name: str
    inputs: tuple[str, ...]
    """cars, or combiners below it"""


@dataclass(frozen=True)
class AlarmLimit:
    """One limit of a numeric status record."""

    value: float
    severity: str
    """MINOR, MAJOR or INVALID"""


@dataclass(frozen=True)
class StatusDef:
    """One record of the status and alarm database."""

    name: str
    """below ``$(top)sad:dc:``"""
    group: str
    """system, sdsu, exposure, progress, data or health: the file it stands in"""
    rtyp: str
    description: str
    ftvl: str = ""
    """native type of a sir: STRING, LONG, DOUBLE or CHAR (long text)"""
    choices: tuple[str, ...] = ()
    unit: str = ""
    precision: int = 0
    default: Scalar = ""
    length: int = 0
    """characters of a long text"""
    limits: Mapping[str, AlarmLimit] = field(default_factory=dict)
    """by HIHI, HIGH, LOW, LOLO"""
    hysteresis: float = 0.0
    severities: Mapping[str, str] = field(default_factory=dict)
    """severity of a state of an mbbi, by label"""
    unknown: bool = False
    """whether it is undefined until it is set for the first time"""
    fields: Mapping[str, str] = field(default_factory=dict)
    """further fields as they are; links with ``$(dc)`` and ``$(sad)``"""
    dc: bool = False
    """whether it stands below ``$(top)dc:`` although it serves the status records"""

    @property
    def settable(self) -> bool:
        """Whether our code writes it: it is a value, and does not take it from elsewhere."""
        return self.rtyp in _VALUES and "INP" not in self.fields and not self.dc


_VALUES = ("sir", "longin", "stringin", "mbbi")


@dataclass(frozen=True)
class Definition:
    """The whole database."""

    parameters: tuple[ParameterDef, ...]
    commands: tuple[CommandDef, ...]
    applies: tuple[ApplyDef, ...]
    cars: tuple[CarDef, ...]
    combiners: tuple[CombinerDef, ...]
    status: tuple[StatusDef, ...]
    combined: str = "applyC"
    """the car that shows the combined response"""

    @property
    def top_apply(self) -> str:
        """Name of the apply record that clients use."""
        return self.applies[0].name

    def records(self, top: str = DEFAULT_TOP) -> list[RecordDef]:
        """Return every record, its names beginning with ``top``."""
        from nifsdc.database.build import build_records

        return build_records(self, top)

    def parameter_dictionary(self, top: str = DEFAULT_TOP) -> ParameterDictionary:
        """Return a new parameter dictionary with every parameter at its default."""
        dictionary = ParameterDictionary()
        for each in self.parameters:
            pv = f"{top}dc:{each.doors[0]}" if each.doors else ""
            dictionary.add(each.name, pv, each.default, each.validity)
        return dictionary

    def status_dictionary(self, top: str, publisher: Publisher) -> StatusDictionary:
        """Return a new status dictionary with every status value that our code sets.

        Parameters
        ----------
        top
            prefix of the records
        publisher
            writes a value into its record
        """
        dictionary = StatusDictionary(publisher)
        for each in self.status:
            if each.settable:
                dictionary.add(each.name, f"{top}sad:dc:{each.name}", each.default, each.length)
        return dictionary
