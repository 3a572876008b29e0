"""Which records an EPICS Archiver Appliance is to keep, as its management interface takes them.

The form is that of ``POST /mgmt/bpl/archivePV`` with a JSON array: ``pv``, ``samplingmethod`` (MONITOR or
SCAN) and ``samplingperiod`` (seconds, as text).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from nifsdc.database.definition import Definition, StatusDef
from nifsdc.database.names import Names

EVERY_SECOND = ("heartBeat", "uptime", "utnow")
"""status records that only tell the time: nobody will ask for yesterday's"""
PROGRESS = "progress"
"""group of status records that move all the time while something is exposed"""
MONITOR_SECONDS, SCAN_SECONDS = 1.0, 10.0
"""least time between values of a record that changes when it has to; of one that moves all the time"""
LONG_TEXT = "CHAR"
MOVING = "DOUBLE"


def archiver_requests(definition: Definition, top: str) -> list[dict[str, str]]:
    """Return what is to be archived: set-points, commands' responses, and status.

    Parameters
    ----------
    definition
        the database
    top
        prefix of the records
    """
    names = Names(top)
    setpoints = [parameter.setpoint for parameter in definition.parameters if parameter.setpoint]
    watched = [
        *(names.dc(setpoint.name) for setpoint in setpoints),
        *(names.dc(car.name) for car in definition.cars),
        names.dc(definition.top_apply),
    ]
    return [_request(name, "MONITOR", MONITOR_SECONDS) for name in watched] + list(
        _of_status(definition, names)
    )


def archiver_json(definition: Definition, top: str) -> str:
    """Return the same as text, a line a record, to be sent as it is."""
    lines = ",\n".join(json.dumps(request) for request in archiver_requests(definition, top))
    return f"[\n{lines}\n]\n"


def _of_status(definition: Definition, names: Names) -> Iterator[dict[str, str]]:
    for status in definition.status:
        if not status.settable or status.ftvl == LONG_TEXT or status.name in EVERY_SECOND:
            continue
        name = names.sad(status.name)
        if _moves(status):
            yield _request(name, "SCAN", SCAN_SECONDS)
        else:
            yield _request(name, "MONITOR", MONITOR_SECONDS)


def _moves(status: StatusDef) -> bool:
    return status.group == PROGRESS and status.ftvl == MOVING


def _request(name: str, method: str, seconds: float) -> dict[str, str]:
    return {"pv": name, "samplingmethod": method, "samplingperiod": f"{seconds:.1f}"}
