"""The records of the status and alarm database."""

from __future__ import annotations

from nifsdc.database.definition import Definition, StatusDef
from nifsdc.database.names import Names
from nifsdc.records.definition import RecordDef
from nifsdc.records.tables import STATE_PREFIXES

SEVERITY_FIELDS = {"HIHI": "HHSV", "HIGH": "HSV", "LOW": "LSV", "LOLO": "LLSV"}
FDSC_LENGTH = 39


def status_records(definition: Definition, names: Names) -> list[RecordDef]:
    """Return the status records; each answers under its other name too."""
    return [_status(status, names) for status in definition.status]


def _status(status: StatusDef, names: Names) -> RecordDef:
    fields = {"DESC": status.description}
    if status.rtyp == "sir":
        fields |= {"FDSC": status.description[:FDSC_LENGTH], "FTVL": status.ftvl}
    if status.ftvl == "CHAR":
        fields["NELM"] = str(status.length)
    if status.rtyp in ("sir", "calc", "longin"):
        fields["EGU"] = status.unit
    if status.rtyp in ("sir", "calc"):
        fields["PREC"] = str(status.precision)
    for prefix, label in zip(STATE_PREFIXES, status.choices, strict=False):
        fields[f"{prefix}ST"] = label
        if label in status.severities:
            fields[f"{prefix}SV"] = status.severities[label]
    for name, limit in status.limits.items():
        fields[name] = f"{limit.value:.10g}"
        fields[SEVERITY_FIELDS[name]] = limit.severity
    if status.hysteresis:
        fields["HYST"] = f"{status.hysteresis:.10g}"
    if status.settable and status.ftvl != "CHAR":
        # A sir in C takes no VAL from a file; a constant INP is where its first number comes from.
        first = "INP" if status.ftvl in ("LONG", "DOUBLE") else "VAL"
        fields[first] = str(status.default)
        # Processed once at start: alarm and time stamp are those of the first value, and the records that
        # show it as a label or as text have it too. What nobody knows yet stays undefined.
        fields["PINI"] = "NO" if status.unknown else "YES"
    fields |= {name: names.link(text) for name, text in status.fields.items()}
    if status.dc:
        return RecordDef(status.rtyp, names.dc(status.name), fields)
    return RecordDef(status.rtyp, names.sad(status.name), fields, (names.sad_alias(status.name),))
