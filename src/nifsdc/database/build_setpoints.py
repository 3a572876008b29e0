"""Set-point channels: the second door to a parameter, with the native type that clients expect."""

from __future__ import annotations

from nifsdc.database.definition import Definition, ParameterDef, SetpointDef
from nifsdc.database.names import Names
from nifsdc.records.definition import RecordDef
from nifsdc.records.tables import STATE_PREFIXES


def setpoint_records(definition: Definition, names: Names) -> list[RecordDef]:
    """Return the set-points and the genSubs that some of them pass through."""
    inputs = {
        argument.parameter: f"{command.name}.{argument.letter}"
        for command in definition.commands
        for argument in command.arguments
        if argument.parameter is not None
    }
    records: list[RecordDef] = []
    for parameter in definition.parameters:
        setpoint = parameter.setpoint
        if setpoint is None:
            continue
        target = names.dc(inputs[parameter.name])
        if setpoint.via:
            records.append(_translator(setpoint, parameter, target, names))
            target = names.dc(f"{setpoint.via}.A")
        records += [
            _setpoint(name, setpoint, parameter, target, names) for name in (setpoint.name, *setpoint.also)
        ]
    return records


def _setpoint(
    name: str, setpoint: SetpointDef, parameter: ParameterDef, target: str, names: Names
) -> RecordDef:
    fields = {"DESC": parameter.doc, "OUT": f"{target} NPP NMS"}
    if setpoint.rtyp in ("longout", "ao"):
        fields["EGU"] = parameter.unit
        fields["LOPR"], fields["HOPR"] = f"{parameter.low:.10g}", f"{parameter.high:.10g}"
    if setpoint.rtyp == "ao":
        fields["PREC"] = str(setpoint.precision)
    if setpoint.rtyp == "mbbo":
        for prefix, label in zip(STATE_PREFIXES, parameter.choices, strict=False):
            fields[f"{prefix}ST"] = label
    if setpoint.rtyp == "bo":
        fields["ZNAM"], fields["ONAM"] = parameter.choices
    fields["VAL"] = str(
        parameter.validity.ordinal(parameter.default) if parameter.type == "choice" else parameter.default
    )
    if setpoint.via:
        fields["FLNK"] = names.dc(setpoint.via)
    return RecordDef(setpoint.rtyp, names.dc(name), fields)


def _translator(setpoint: SetpointDef, parameter: ParameterDef, target: str, names: Names) -> RecordDef:
    """A genSub that turns the set-point's text into what the command's input takes; `dcNAME` does it."""
    fields = {
        "DESC": f"{parameter.doc}, from letters to a word"[:40],
        "SNAM": f"dc{setpoint.via}",
        "EFLG": "ON CHANGE",
        "FTA": "STRING",
        "FTVA": "LONG",
        "OUTA": f"{target} NPP NMS",
    }
    return RecordDef("genSub", names.dc(setpoint.via), fields)
