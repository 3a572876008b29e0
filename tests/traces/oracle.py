"""The small tree the traces were recorded on, and its subroutines, for our engine.

The subroutines do what ``data/README.md`` says of the C ones (oracleCad, oracleSir, oracleGenSub).
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nifsdc.records.cad import CadRecord
from nifsdc.records.convert import clip, to_bytes
from nifsdc.records.definition import RecordDef
from nifsdc.records.gensub import GenSubRecord
from nifsdc.records.sir import SirRecord
from nifsdc.records.types import FieldType

DATA = Path(__file__).parent / "data"

_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")
_REAL = re.compile(
    r"[ \t\n\v\f\r]*[+-]?(0[xX][0-9a-fA-F]+|inf(inity)?|nan|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)",
    re.IGNORECASE,
)


def load(name: str) -> Any:
    """One of the data files, plain or compressed JSON."""
    path = DATA / name
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return json.load(stream)
    return json.loads(path.read_text(encoding="utf-8"))


def tree(prefix: str = "") -> list[RecordDef]:
    """The tree's records; ``prefix`` stands in for ``$(P)``."""
    return [
        RecordDef(
            each["type"],
            prefix + each["name"],
            {field: text.replace("$(P)", prefix) for field, text in each["fields"].items()},
        )
        for each in load("topology.json")
    ]


def oracle_cad(cad: CadRecord) -> int:
    """Obey the control string; on PRESET convert the arguments."""
    directive = cad.directive.name
    letters = cad.letters
    control = next(
        (
            str(cad.args[x])
            for x in letters
            if cad.native_type(cad.type.fields["VAL" + x]) is FieldType.STRING
        ),
        "",
    )
    for token in control.split():
        word, _, number = token.partition("=")
        if token == f"REJECT_{directive}":
            cad.message = f"rejected {directive.lower()}"
            return -1
        if word == f"RC_{directive}" and number:
            code = int(number)
            cad.message = f"rc {code} {directive.lower()}"
            if code:
                return code
        if token == f"NOTE_{directive}":
            cad.message = f"note {directive.lower()}"
            return 0
    return _convert(cad) if directive == "PRESET" else 0


def _convert(cad: CadRecord) -> int:
    for letter in cad.letters:
        text = str(cad.args[letter])
        dbf = cad.native_type(cad.type.fields["VAL" + letter])
        if dbf is FieldType.STRING:
            cad.outputs[letter] = clip(text)
            continue
        match = (_INTEGER if dbf is FieldType.LONG else _REAL).match(text)
        number = match.group() if match else "0"
        cad.outputs[letter] = int(number) if dbf is FieldType.LONG else float(number)
        if text[match.end() if match else 0 :].strip():
            cad.message = f"{letter}: not a number"
            return -1
    return 0


def oracle_sir(sir: SirRecord) -> int:
    """Double the value; a negative one is an error."""
    if sir.vtype is not FieldType.DOUBLE:
        return 0
    value = sir.value
    assert isinstance(value, float)
    if value < 0:
        return -1
    sir.value = value * 2
    return 0


def oracle_gensub(gensub: GenSubRecord) -> int:
    """VALA = 2 A, VALB = B + 1, VALC = C; A < 0 is an error."""
    a, b = gensub.inputs["A"], gensub.inputs["B"]
    assert isinstance(a, float)
    assert isinstance(b, int)
    if a < 0:
        return -1
    gensub.outputs["A"] = 2 * a
    gensub.outputs["B"] = b + 1
    gensub.outputs["C"] = gensub.inputs["C"]
    return 0


SUBROUTINES: dict[str, Callable[[Any], int | None]] = {
    "oracleCad": oracle_cad,
    "oracleSir": oracle_sir,
    "oracleGenSub": oracle_gensub,
    "oracleGenSubInit": lambda record: 0,
}


def as_client_text(text: str) -> str:
    """Text as the recording client decoded it: each byte a character."""
    return to_bytes(text).decode("latin-1")
