"""``status/*.yaml``: the records of the status and alarm database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nifsdc.database.definition import AlarmLimit, StatusDef
from nifsdc.database.source import Entry, expand_modes
from nifsdc.dictionary import Scalar

YES_NO = ("Yes", "No")
"""labels of a flag: 0 is Yes"""
FIELD = r"[A-Z][A-Z0-9]{2,3}|[A-U]"
"""what a field of a record looks like, as against our own keys"""
TYPES = {
    "sir": ("STRING", "LONG", "DOUBLE", "CHAR"),
    "longin": ("",),
    "stringin": ("",),
    "stringout": ("",),
    "mbbi": ("",),
    "calc": ("",),
    "fanout": ("",),
    "genSub": ("",),
    "flag": ("",),
}
LIMITS = ("HIHI", "HIGH", "LOW", "LOLO")
SEVERITIES = ("MINOR", "MAJOR", "INVALID")
LONGEST_TEXT = 4096


def read_status(file: Entry, modes: Sequence[str]) -> tuple[StatusDef, ...]:
    """Return the status records of one file.

    Parameters
    ----------
    file
        it
    modes
        what ``$(mode)`` stands for
    """
    group = file.take("group", "text")
    section = file.take("records", "section")
    file.finish()
    return tuple(
        status
        for name, tree in expand_modes(section, modes)
        for status in _record(file.child(name, tree), name, group)
    )


def _record(entry: Entry, name: str, group: str) -> Iterator[StatusDef]:
    rtyp, _, ftvl = str(entry.take("type", "text")).partition(" ")
    if rtyp not in TYPES or ftvl not in TYPES[rtyp]:
        known = ", ".join(f"{kind} {each}".strip() for kind, options in TYPES.items() for each in options)
        entry.problem(f"type {rtyp} {ftvl}: expected one of {known}")
        rtyp, ftvl = "sir", "STRING"
    doc = entry.description("desc")
    dc = entry.take("dc", "true or false", False)
    if rtyp == "flag":
        yield from _flag(entry, name, group, doc)
        return
    choices = _choices(entry) if rtyp == "mbbi" else ()
    length = entry.take("length", "whole number", 0) if ftvl == "CHAR" else 0
    if ftvl == "CHAR" and not 1 <= length <= LONGEST_TEXT:
        entry.problem(f"length is {length}; a sir CHAR holds 1 to {LONGEST_TEXT} characters")
    numeric = ftvl in ("LONG", "DOUBLE")
    status = StatusDef(
        name=name,
        group=group,
        rtyp=rtyp,
        ftvl=ftvl,
        choices=choices,
        description=doc,
        unit=entry.take("egu", "text", ""),
        precision=entry.take("prec", "whole number", 0),
        default=_default(entry, rtyp, ftvl, choices),
        length=length,
        limits=_limits(entry) if numeric else {},
        hysteresis=float(entry.take("hyst", "number", 0.0)) if numeric else 0.0,
        severities=_severities(entry, choices) if rtyp == "mbbi" else {},
        unknown=entry.take("unknown", "true or false", False),
        fields=entry.rest(FIELD),
        dc=dc,
    )
    entry.finish(("choices", "length", "alarm", "hyst", "label"))
    yield status


def _flag(entry: Entry, name: str, group: str, doc: str) -> Iterator[StatusDef]:
    label = entry.take("label", "text")
    default = entry.take("default", "whole number", 0)
    severities = _severities(entry, YES_NO)
    entry.finish()
    yield StatusDef(name, group, "sir", doc, ftvl="LONG", default=default, fields={"FLNK": f"$(sad){label}"})
    yield StatusDef(
        label,
        group,
        "mbbi",
        doc,
        choices=YES_NO,
        default=0,
        severities=severities,
        fields={"INP": f"$(sad){name}.VAL NPP NMS"},
    )


def _choices(entry: Entry) -> tuple[str, ...]:
    choices = entry.texts("choices")
    if not 1 <= len(choices) <= 16 or any(not 1 <= len(label) <= 25 for label in choices):
        entry.problem(f"choices are {list(choices)!r}; expected 1 to 16 labels of 1 to 25 characters")
    return choices[:16]


def _default(entry: Entry, rtyp: str, ftvl: str, choices: tuple[str, ...]) -> Scalar:
    if rtyp == "sir" and ftvl == "DOUBLE":
        return float(entry.take("default", "number", 0.0))
    if rtyp == "longin" or ftvl == "LONG":
        return int(entry.take("default", "whole number", 0))
    if rtyp == "mbbi":
        label = entry.take("default", "text", choices[0] if choices else "")
        if choices and label not in choices:
            entry.problem(f"default is {label!r}; expected one of {', '.join(choices)}")
            return 0
        return choices.index(label) if choices else 0
    if rtyp in ("sir", "stringin", "stringout"):
        text: str = entry.take("default", "text", "")
        return text
    return ""


def _limits(entry: Entry) -> dict[str, AlarmLimit]:
    limits: dict[str, AlarmLimit] = {}
    for name, given in entry.take("alarm", "section", {}).items():
        number, _, severity = str(given).partition(" ")
        if name not in LIMITS or severity not in SEVERITIES or not _is_number(number):
            expected = f"{' or '.join(LIMITS)}: NUMBER {' or '.join(SEVERITIES)}"
            entry.problem(f"alarm {name}: {given!r}; expected {expected}")
        else:
            limits[name] = AlarmLimit(float(number), severity)
    values = [limits[name].value for name in LIMITS if name in limits]
    if values != sorted(values, reverse=True):
        entry.problem(f"alarm limits {values} do not go down from HIHI over HIGH and LOW to LOLO")
    return limits


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _severities(entry: Entry, choices: tuple[str, ...]) -> dict[str, str]:
    severities: dict[str, Any] = entry.take("alarm", "section", {})
    for label, severity in severities.items():
        if label not in choices or severity not in SEVERITIES:
            expected = f"{' or '.join(choices)}: {' or '.join(SEVERITIES)}"
            entry.problem(f"alarm {label}: {severity!r}; expected {expected}")
    return severities
