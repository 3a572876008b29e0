"""From the definition to records: the list of all of them, in the order of the exported database."""

from __future__ import annotations

from nifsdc.database.build_commands import apply_records, command_records
from nifsdc.database.build_responses import response_records
from nifsdc.database.build_setpoints import setpoint_records
from nifsdc.database.build_status import status_records
from nifsdc.database.definition import Definition
from nifsdc.database.names import Names
from nifsdc.records.definition import RecordDef


def build_records(definition: Definition, top: str) -> list[RecordDef]:
    """Return every record of a definition.

    Parameters
    ----------
    definition
        the database as data
    top
        prefix of every record, ``nifs:`` at the telescope
    """
    names = Names(top)
    return [
        *apply_records(definition, names),
        *command_records(definition, names),
        *response_records(definition, names),
        *setpoint_records(definition, names),
        *status_records(definition, names),
    ]
