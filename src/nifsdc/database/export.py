"""The database as text that an EPICS IOC with Gemini's record types loads."""

from __future__ import annotations

from collections.abc import Iterable

from nifsdc.records.definition import RecordDef

HEADING = "# Made by `nifsdc records export` from nifsdc's db/*.yaml; change those, not this."


def export_db(records: Iterable[RecordDef]) -> str:
    """Return records in the syntax of an EPICS ``.db`` file.

    The first text of a sir stands in ``info(VAL)``: the record support in C takes no VAL from a file, so it
    is for the IOC's own code to write.

    Parameters
    ----------
    records
        names complete, as `Definition.records` returns them
    """
    return "\n".join([HEADING, *map(_record, records)]) + "\n"


def _record(record: RecordDef) -> str:
    lines = [f"record({record.rtyp}, {_quoted(record.name)}) {{"]
    lines += [f"  alias({_quoted(alias)})" for alias in record.aliases]
    for name, text in record.fields.items():
        keyword = "info" if record.rtyp == "sir" and name == "VAL" else "field"
        lines.append(f"  {keyword}({name}, {_quoted(text)})")
    lines += [f"  info({name}, {_quoted(text)})" for name, text in record.info.items()]
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
