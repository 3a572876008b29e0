"""``parameters.yaml``: the entries of the parameter dictionary and their set-points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nifsdc.database.definition import ParameterDef, SetpointDef
from nifsdc.database.source import GIVEN_TWICE, Entry, expand_modes
from nifsdc.dictionary import InvalidValue, ParameterDictionary, Scalar

TYPES = ("int", "float", "choice", "text", "mnemonic")
SETPOINT_TYPES = {
    "int": ("longout",),
    "float": ("ao",),
    "choice": ("mbbo", "bo"),
    "text": ("stringout",),
    "mnemonic": ("stringout",),
}
"""record types that a set-point of a parameter can have: what decides its native type for clients"""
LABEL_LENGTH = 25
"""characters that a label of mbbo, mbbi and bo can have"""
STRING_LENGTH = 39
AO_PRECISION = 3


def read_parameters(files: Sequence[Entry], modes: Sequence[str]) -> tuple[ParameterDef, ...]:
    """Return the parameters, those of each file together; their doors are not known yet.

    Parameters
    ----------
    files
        ``parameters.yaml`` of each folder
    modes
        what ``$(mode)`` stands for
    """
    parameters: dict[str, ParameterDef] = {}
    for file in files:
        section = file.take("parameters", "section")
        file.finish()
        for name, tree in expand_modes(section, modes):
            entry = file.child(name, tree)
            if name in parameters:
                entry.problem(GIVEN_TWICE)
            parameters[name] = _parameter(entry, name)
    return tuple(parameters.values())


def _parameter(entry: Entry, name: str) -> ParameterDef:
    given = [kind for kind in TYPES if entry.has(kind)]
    if len(given) != 1:
        entry.problem(f"has {', '.join(given) or 'no type'}; expected exactly one of {', '.join(TYPES)}")
    kind = given[0] if given else "text"
    values: dict[str, Any] = {}
    if kind in ("int", "float"):
        values["low"], values["high"] = _bounds(entry, kind)
        values["hexadecimal"] = kind == "int" and entry.take("hexadecimal", "true or false", False)
    elif kind == "choice":
        values["choices"] = _labels(entry)
    elif kind == "mnemonic":
        entry.take("mnemonic", "true or false", True)
    else:
        values["max_length"] = _length(entry)
    parameter = ParameterDef(
        name=name,
        type=kind,
        default=_default(entry, kind),
        unit=entry.take("unit", "text", ""),
        doc=entry.description("doc"),
        setpoint=_setpoint(entry, name, kind),
        **values,
    )
    entry.finish((*TYPES, "hexadecimal"))
    _check_default(entry, parameter)
    return parameter


def _bounds(entry: Entry, kind: str) -> tuple[float, float]:
    bounds = entry.take(kind, "list")
    numbers = [each for each in bounds if isinstance(each, (int, float)) and not isinstance(each, bool)]
    if len(bounds) != 2 or len(numbers) != 2 or numbers[0] > numbers[1]:
        entry.problem(f"{kind} is {bounds!r}; expected [low, high], two numbers, the lower one first")
        return 0.0, 0.0
    return numbers[0], numbers[1]


def _labels(entry: Entry) -> tuple[str, ...]:
    labels = entry.texts("choice")
    if not 1 <= len(labels) <= 16 or len({label.casefold() for label in labels}) != len(labels):
        entry.problem(f"choice is {list(labels)!r}; expected 1 to 16 labels, none twice in any case")
    for label in labels:
        if not 1 <= len(label) <= LABEL_LENGTH:
            entry.problem(f"label {label!r} has {len(label)} characters; expected 1 to {LABEL_LENGTH}")
    return labels


def _length(entry: Entry) -> int:
    length = entry.take("text", "whole number", STRING_LENGTH)
    if not 1 <= length <= STRING_LENGTH:
        entry.problem(f"text is {length}; a command input holds 1 to {STRING_LENGTH} characters")
        return STRING_LENGTH
    return int(length)


def _default(entry: Entry, kind: str) -> Scalar:
    if kind == "float":
        return float(entry.take("default", "number"))
    value: Scalar = entry.take("default", "whole number" if kind == "int" else "text")
    return value


def _setpoint(entry: Entry, name: str, kind: str) -> SetpointDef | None:
    if not entry.has("setpoint"):
        return None
    tree = entry.tree["setpoint"]
    entry.take("setpoint", "text" if isinstance(tree, str) else "section")
    given = entry.child("setpoint", {"type": tree} if isinstance(tree, str) else tree)
    rtyp = given.take("type", "text")
    if rtyp not in SETPOINT_TYPES[kind]:
        given.problem(
            f"type {rtyp!r}; expected {' or '.join(SETPOINT_TYPES[kind])} for a parameter of type {kind}"
        )
    if rtyp == "bo" and len(entry.tree.get("choice", ())) != 2:
        given.problem("type bo has two labels; give two choices, or use mbbo")
    setpoint = SetpointDef(
        name=given.take("name", "text", name),
        rtyp=rtyp,
        precision=given.take("precision", "whole number", AO_PRECISION if rtyp == "ao" else 0),
        via=given.take("via", "text", ""),
        also=given.texts("also"),
    )
    given.finish()
    return setpoint


def _check_default(entry: Entry, parameter: ParameterDef) -> None:
    try:
        ParameterDictionary().add(parameter.name, "", parameter.default, parameter.validity)
    except InvalidValue as error:
        entry.problem(f"default {error.given!r}; expected {error.expected}")
    except ValueError as error:
        entry.problem(str(error))
