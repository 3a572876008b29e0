"""What is to be said of a record: in a list, and in full, with the parameters behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nifsdc.database.definition import Definition, ParameterDef
from nifsdc.records.definition import RecordDef

NATIVE = {
    "apply": "LONG",
    "ao": "DOUBLE",
    "bo": "ENUM",
    "cad": "LONG",
    "calc": "DOUBLE",
    "car": "ENUM",
    "genSub": "LONG",
    "longin": "LONG",
    "longout": "LONG",
    "mbbi": "ENUM",
    "mbbo": "ENUM",
    "stringin": "STRING",
    "stringout": "STRING",
}
"""native type of VAL by record type; a sir's stands in its FTVL"""
LABEL_FIELDS = ("ZNAM", "ONAM")


@dataclass(frozen=True)
class Row:
    """What a list shows of one record."""

    name: str
    type: str
    value: str
    """native type of VAL"""
    unit: str
    description: str
    choices: tuple[str, ...]
    aliases: tuple[str, ...]


def row(record: RecordDef) -> Row:
    """Return what a list shows of a record."""
    fields = record.fields
    labels = tuple(text for name, text in fields.items() if name in LABEL_FIELDS or name.endswith("ST"))
    return Row(
        name=record.name,
        type=record.rtyp,
        value=fields.get("FTVL") or NATIVE.get(record.rtyp, ""),
        unit=fields.get("EGU", ""),
        description=fields.get("DESC", ""),
        choices=labels if record.rtyp in ("bo", "mbbo", "mbbi") else (),
        aliases=record.aliases,
    )


def find(records: Iterable[RecordDef], name: str, top: str) -> list[RecordDef]:
    """Return the records of a name: the whole name or alias wins over forms without a prefix."""
    named = [(record, (record.name, *record.aliases)) for record in records]
    exact = [record for record, names in named if name in names]
    return exact or [record for record, names in named if any(name in forms(each, top) for each in names)]


def forms(name: str, top: str) -> tuple[str, ...]:
    """Return a name as people write it: whole, without the top, without any prefix."""
    short = name.removeprefix(top)
    return name, short, short.removeprefix("sad:").removeprefix("dc:")


def valid(parameter: ParameterDef) -> str:
    """Say what a parameter can be."""
    if parameter.type in ("int", "float"):
        return f"{parameter.low:.10g} to {parameter.high:.10g}"
    if parameter.type == "choice":
        return ", ".join(parameter.choices)
    return "three letters" if parameter.type == "mnemonic" else f"at most {parameter.max_length} characters"


def description(record: RecordDef, definition: Definition, top: str) -> dict[str, Any]:
    """Return everything that is known of a record, for JSON: name, type, aliases, fields, parameters."""
    short = record.name.removeprefix(f"{top}dc:")
    described: dict[str, Any] = {
        "name": record.name,
        "type": record.rtyp,
        "aliases": list(record.aliases),
        "fields": dict(record.fields),
    }
    parameters = [
        parameter
        for parameter in definition.parameters
        if any(short in (door, door.partition(".")[0]) for door in parameter.doors)
    ]
    if parameters:
        described["parameters"] = [_parameter(parameter, top) for parameter in parameters]
    return described


def described_text(described: dict[str, Any]) -> str:
    """Return what `description` gave, as lines for people."""
    lines = [f"{described['name']}  ({described['type']})"]
    lines += [f"  also {alias}" for alias in described["aliases"]]
    width = max(map(len, described["fields"]), default=0)
    lines += [f"  {name:{width}}  {text}" for name, text in described["fields"].items()]
    for parameter in described.get("parameters", ()):
        unit = f" {parameter['unit']}" if parameter["unit"] else ""
        lines.append(f"  parameter {parameter['name']}: {parameter['doc']}")
        lines.append(f"    {parameter['type']}, {parameter['valid']}{unit}, default {parameter['default']!r}")
        lines.append(f"    set by {', '.join(parameter['doors'])}")
    return "\n".join(lines)


def _parameter(parameter: ParameterDef, top: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "doc": parameter.doc,
        "type": parameter.type,
        "valid": valid(parameter),
        "unit": parameter.unit,
        "default": parameter.default,
        "doors": [f"{top}dc:{door}" for door in parameter.doors],
    }
