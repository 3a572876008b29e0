"""Response records and the tree of combiners above them (SDN 11.03 section 4.2.1)."""

from __future__ import annotations

from nifsdc.database.definition import CombinerDef, Definition
from nifsdc.database.names import Names
from nifsdc.database.subroutines import COMBINE_CARS
from nifsdc.records.definition import RecordDef

TRIPLES = ("ABC", "DEF", "GHI")
"""letters of state, error and message of a combiner's inputs"""
RESULT = "ABC"
RESPONSE_FIELDS = ("VAL", "OERR", "OMSS")
INPUT_FIELDS = ("IVAL", "IERR", "IMSS")
FIELD_TYPES = ("LONG", "LONG", "STRING")


def response_records(definition: Definition, names: Names) -> list[RecordDef]:
    """Return the cars, then the combiners; what changes processes what is above it."""
    above = {each: combiner.name for combiner in definition.combiners for each in combiner.inputs}
    records = []
    for car in definition.cars:
        fields = {"DESC": car.doc, "ICID": f"{names.dc(car.icid)} NPP NMS"}
        if car.name in above:
            fields["FLNK"] = names.dc(above[car.name])
        records.append(RecordDef("car", names.dc(car.name), fields))
    combiners = {combiner.name: combiner for combiner in definition.combiners}
    for combiner in definition.combiners:
        records.append(_combiner(combiner, combiners, above, definition.combined, names))
    return records


def _combiner(
    combiner: CombinerDef,
    combiners: dict[str, CombinerDef],
    above: dict[str, str],
    combined: str,
    names: Names,
) -> RecordDef:
    fields = {
        "DESC": f"Greatest of {', '.join(combiner.inputs)}"[:40],
        "SNAM": COMBINE_CARS,
        "LFLG": "IGNORE",
        "EFLG": "ALWAYS",
    }
    for triple in TRIPLES:
        fields |= {f"FT{letter}": kind for letter, kind in zip(triple, FIELD_TYPES, strict=True)}
    fields |= {f"FTV{letter}": kind for letter, kind in zip(RESULT, FIELD_TYPES, strict=True)}
    for triple, name in zip(TRIPLES, combiner.inputs, strict=False):
        if name not in combiners:  # a combiner below pushes its result instead
            for letter, source in zip(triple, RESPONSE_FIELDS, strict=True):
                fields[f"INP{letter}"] = f"{names.dc(name)}.{source} NPP NMS"
    if combiner.name in above:
        upper = combiners[above[combiner.name]]
        targets = tuple(TRIPLES[upper.inputs.index(combiner.name)])
        record = names.dc(upper.name)
    else:
        targets = INPUT_FIELDS
        record = names.dc(combined)
    for letter, target in zip(RESULT, targets, strict=True):
        fields[f"OUT{letter}"] = f"{record}.{target} NPP NMS"
    fields["FLNK"] = record
    return RecordDef("genSub", names.dc(combiner.name), fields)
