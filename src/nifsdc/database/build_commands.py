"""Apply and command records, and the small records that belong to each command."""

from __future__ import annotations

from nifsdc.database.definition import ApplyDef, CommandDef, Definition
from nifsdc.database.names import Names
from nifsdc.database.read_commands import APPLY_LETTERS, CONTROL
from nifsdc.database.subroutines import INITIAL_OUTPUTS
from nifsdc.records.definition import RecordDef

APPLY_TIMEOUT = "3.0"
"""seconds in which all children of an apply must have answered; the record's own default"""
CAD_ARGUMENTS = "20"
"""CTYP: every command has all inputs and outputs A to T, so that each of its fields answers"""
CAD_PRECISION = "6"
"""digits after the point that a number keeps when a set-point writes it into an input, which is text"""
TOGGLE_SECONDS = "1.0"
"""how long the CAR of a command without an action is BUSY"""
PULSE = "B=0?A+1:A"
"""a pulse counter goes up by one when the command was accepted (its VAL is 0)"""
BUSY, IDLE = "2", "0"


def apply_records(definition: Definition, names: Names) -> list[RecordDef]:
    """Return the apply records with all their links."""
    applies = {apply.name for apply in definition.applies}
    return [_apply(apply, applies, names) for apply in definition.applies]


def _apply(apply: ApplyDef, applies: set[str], names: Names) -> RecordDef:
    fields = {"DESC": apply.doc, "TOUT": APPLY_TIMEOUT}
    for letter, child in zip(APPLY_LETTERS, apply.children, strict=False):
        if child is None:
            continue
        record = names.dc(child)
        client_id = "CLID" if child in applies else "ICID"
        fields[f"OUT{letter}"] = f"{record}.DIR PP NMS"
        fields[f"OCL{letter}"] = f"{record}.{client_id} NPP NMS"
        fields[f"INP{letter}"] = f"{record}.VAL CP NMS"
        fields[f"INM{letter}"] = f"{record}.MESS NPP NMS"
    return RecordDef("apply", names.dc(apply.name), fields)


def command_records(definition: Definition, names: Names) -> list[RecordDef]:
    """Return the command records, each followed by its pulse counters or its toggle; then the client ids."""
    records: list[RecordDef] = []
    for command in definition.commands:
        records.append(_cad(command, names))
        records += _pulses(command, names) if command.kind == CONTROL else [_toggle(command, names)]
    ids: dict[str, list[str]] = {}
    for command in definition.commands:
        if command.id_record is not None:
            ids.setdefault(command.id_record, []).append(command.name)
    for name, commands in ids.items():
        text = f"Client id of {commands[0]}" if len(commands) == 1 else "Client id of the present command"
        records.append(RecordDef("longin", names.dc(name), {"DESC": text, "VAL": "0"}))
    return records


def _cad(command: CommandDef, names: Names) -> RecordDef:
    fields = {
        "DESC": command.doc,
        "SNAM": command.snam,
        "INAM": INITIAL_OUTPUTS,
        "CTYP": CAD_ARGUMENTS,
        "MFLG": "THREE STATES",
        "PREC": CAD_PRECISION,
    }
    for argument in command.arguments:
        letter = argument.letter
        fields[f"FTV{letter}"] = argument.ftv
        if argument.inp:
            fields[f"INP{letter}"] = names.link(argument.inp)
        elif argument.default:
            fields[letter] = argument.default
        if argument.out:
            fields[f"OUT{letter}"] = names.link(argument.out)
    if command.kind == CONTROL:
        fields["STLK"] = names.dc(f"{command.name}P:st")
        fields["SPLK"] = names.dc(f"{command.name}P:sp")
    else:
        fields["STLK"] = names.dc(f"{command.name}Toggle")
    return RecordDef("cad", names.dc(command.name), fields)


def _pulses(command: CommandDef, names: Names) -> list[RecordDef]:
    """The counters that the control tasks watch: one for START, one for STOP."""
    records = []
    for suffix, what in (("st", "Starts"), ("sp", "Stops")):
        name = names.dc(f"{command.name}P:{suffix}")
        fields = {
            "DESC": f"{what} of {command.name} accepted",
            "EGU": "count",
            "PREC": "0",
            "CALC": PULSE,
            "INPA": f"{name}.VAL NPP NMS",
            "INPB": f"{names.dc(command.name)}.VAL NPP NMS",
        }
        records.append(RecordDef("calc", name, fields))
    return records


def _toggle(command: CommandDef, names: Names) -> RecordDef:
    """The sequence that answers for a command without an action."""
    target = f"{names.dc(command.car or '')}.IVAL PP NMS"
    fields = {
        "DESC": f"Answers for {command.name}",
        "SELM": "All",
        "DLY1": "0.0",
        "DOL1": BUSY,
        "LNK1": target,
        "DLY2": TOGGLE_SECONDS,
        "DOL2": IDLE,
        "LNK2": target,
    }
    return RecordDef("seq", names.dc(f"{command.name}Toggle"), fields)
