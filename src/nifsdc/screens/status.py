"""Pages of status records, of alarms and of responses: a line each."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from nifsdc.database import Definition, StatusDef
from nifsdc.screens.panel import dc, sad
from nifsdc.screens.widgets import ROW, STRONG, Box, label, shown

COLUMN_WIDTH = 620
"""of a column of status records, pixels"""
ROWS_OF_ONE_COLUMN = 24
"""status records that stand below each other before a second column is begun"""
_LINE = ROW + 2
_LIMITS = ("HIHI", "HIGH", "LOW", "LOLO")


def status_columns(records: Sequence[StatusDef]) -> int:
    """Return in how many columns records are shown."""
    return 1 if len(records) <= ROWS_OF_ONE_COLUMN else 2


def status_height(records: Sequence[StatusDef]) -> int:
    """Return the height of records, pixels."""
    columns = status_columns(records)
    return -(-len(records) // columns) * _LINE


def status_rows(records: Sequence[StatusDef], x: int, y: int) -> list[Element]:
    """Return a line for each record: name, value with unit and alarm, and what it is."""
    rows = -(-len(records) // status_columns(records))
    made: list[Element] = []
    for index, record in enumerate(records):
        column, row = divmod(index, rows)
        left, top = x + column * COLUMN_WIDTH, y + row * _LINE
        made += [
            label(record.name, Box(left, top, 135)),
            shown(channel_of(record), Box(left + 140, top, 180), long_text=record.ftvl == "CHAR"),
            label(record.description, Box(left + 330, top, COLUMN_WIDTH - 340)),
        ]
    return made


def channel_of(record: StatusDef) -> str:
    """Return the channel of a status record."""
    return dc(record.name) if record.dc else sad(record.name)


def alarm_records(definition: Definition) -> list[StatusDef]:
    """Return the status records that can be in alarm, those of the health first."""
    health = [each for each in definition.status if each.group == "health" and each.ftvl == "STRING"]
    limited = [each for each in definition.status if each.limits or each.severities]
    return health + limited


def alarm_rows(records: Sequence[StatusDef], x: int, y: int) -> list[Element]:
    """Return a line for each record: value, severity, status, its limits, and what it is or why it is so."""
    left = {"record": x, "value": x + 150, "severity": x + 310, "status": x + 400}
    left |= {name: x + 490 + 80 * index for index, name in enumerate(_LIMITS)}
    left["meaning"] = x + 490 + 80 * len(_LIMITS)
    made = [label(text, Box(position, y, 140), STRONG) for text, position in left.items()]
    for number, record in enumerate(records, 1):
        top = y + number * _LINE
        channel = channel_of(record)
        made += [
            label(record.name, Box(left["record"], top, 145)),
            shown(channel, Box(left["value"], top, 150)),
            shown(f"{channel}.SEVR", Box(left["severity"], top, 80)),
            shown(f"{channel}.STAT", Box(left["status"], top, 80)),
            *(label(f"{limit.value:g}", Box(left[name], top, 75)) for name, limit in record.limits.items()),
        ]
        if record.group == "health":
            made.append(shown(f"{channel}.OMSS", Box(left["meaning"], top, 300)))
        else:
            made.append(label(record.description, Box(left["meaning"], top, 300)))
    return made


def response_rows(definition: Definition, x: int, y: int) -> list[Element]:
    """Return a line for each response record: state, client, error and message."""
    left = {"response": x, "state": x + 150, "client": x + 250, "error": x + 340, "message": x + 430}
    made = [label(text, Box(position, y, 140), STRONG) for text, position in left.items()]
    for number, name in enumerate((car.name for car in definition.cars), 1):
        top = y + number * _LINE
        made += [
            label(name, Box(left["response"], top, 145)),
            shown(dc(name), Box(left["state"], top, 90)),
            shown(dc(f"{name}.CLID"), Box(left["client"], top, 80)),
            shown(dc(f"{name}.OERR"), Box(left["error"], top, 80)),
            shown(dc(f"{name}.OMSS"), Box(left["message"], top, 350)),
        ]
    return made
