"""A database the size of the GNIRS detector controller's: 206 command and 220 status records, as EPICS text.

``python gnirs.py FOLDER`` writes ``dcTop.db`` and ``dcSadTop.db``. Names, types, choices and links are those
of ``data/gnirs.tsv``; as the schematic editors do that such databases come from, the text names many fields
that have their default, so that its length is real, too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "gnirs.tsv"
STATUS_PREFIX = "$(top)sad:dc:"
FILES = ("dcTop.db", "dcSadTop.db")

NO_LINK = "0.000000000000000e+00"
LETTERS = "ABCDEFGHIJKLMNOPQRST"
COMMON = {
    "SCAN": "Passive",
    "PINI": "NO",
    "PHAS": "0",
    "EVNT": "0",
    "DISV": "1",
    "SDIS": "",
    "DISS": "NO_ALARM",
    "PRIO": "LOW",
    "ASG": "",
    "FLNK": NO_LINK,
}
LIMITS = dict.fromkeys(("HIHI", "LOLO", "HIGH", "LOW", "HYST", "ADEL", "MDEL"), "0.0")
RANGE = {"HOPR": "0.0", "LOPR": "0.0"}
SEVERITIES = dict.fromkeys(("HHSV", "LLSV", "HSV", "LSV"), "NO_ALARM")
DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "cad": {"SIOL": NO_LINK, "SIML": NO_LINK, "SIMS": "NO_ALARM", "ERSV": "NO_ALARM", "PREC": "0"}
    | {f"OUT{letter}": NO_LINK for letter in LETTERS}
    | {f"{link}LNK": NO_LINK for link in ("M", "C", "P")},
    "apply": {f"{link}{letter}": "0.0" for link in ("OUT", "OCL", "INP", "INM") for letter in LETTERS[:8]},
    "car": {"SIOL": NO_LINK, "SIML": NO_LINK, "SIMS": "NO_ALARM", "ERSV": "NO_ALARM"},
    "sir": {"NELM": "1", "PREC": "0", "BRSV": "NO_ALARM", "SIML": NO_LINK, "SIOL": NO_LINK}
    | LIMITS
    | SEVERITIES,
    "genSub": {f"OUT{letter}": NO_LINK for letter in LETTERS[:10]}
    | {f"NO{letter}": "1" for letter in LETTERS},
    "calc": {f"INP{letter}": NO_LINK for letter in LETTERS[:12]} | RANGE | LIMITS | SEVERITIES,
    "seq": {f"DLY{n}": "0.0" for n in range(1, 10)} | {f"DOL{n}": NO_LINK for n in range(1, 10)},
    "mbbo": {"OMSL": "supervisory", "DTYP": "Soft Channel"},
    "mbbi": {"DTYP": "Soft Channel"},
    "ai": {"DTYP": "Soft Channel", "LINR": "NO CONVERSION", "EGU": "volts"} | RANGE | LIMITS | SEVERITIES,
    "ao": {"DTYP": "Soft Channel", "LINR": "NO CONVERSION", "EGU": "volts"} | RANGE | LIMITS | SEVERITIES,
}


def rows() -> list[tuple[str, str, dict[str, str]]]:
    """Type, name and fields of every record, macros as they stand."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    parts = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(each[0], each[1], dict(field.split("=", 1) for field in each[2:])) for each in parts]


def text(*, status: bool) -> str:
    """The database of the status records, or of all others."""
    chosen = [row for row in rows() if row[1].startswith(STATUS_PREFIX) == status]
    return "\n".join(record_text(*row) for row in chosen)


def record_text(rtyp: str, name: str, fields: dict[str, str]) -> str:
    """One record as a database file has it."""
    everything = COMMON | {"DESC": f"Gemini {rtyp.upper()} record"} | DEFAULTS.get(rtyp, {}) | fields
    lines = [f'grecord({rtyp},"{name}") {{']
    lines += [f'\tfield({field},"{value}")' for field, value in everything.items()]
    return "\n".join([*lines, "}\n"])


def write(folder: Path) -> tuple[Path, Path]:
    """Write both files into a folder and return their paths."""
    top, sad = folder / FILES[0], folder / FILES[1]
    top.write_text(text(status=False), encoding="utf-8")
    sad.write_text(text(status=True), encoding="utf-8")
    return top, sad


if __name__ == "__main__":
    write(Path(sys.argv[1]))
