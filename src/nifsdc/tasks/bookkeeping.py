"""Keeps the ledger of exposures that have begun, by what the tasks report of them."""

from __future__ import annotations

from datetime import UTC, datetime

from nifsdc.data.ledger import Begun, Ledger
from nifsdc.tasks.messages import (
    Aborted,
    ExposureBegun,
    Failed,
    NotStored,
    Observe,
    Report,
    Reporter,
    Stored,
)
from nifsdc.timing.utc import utc_stamp


def noting(report: Reporter, ledger: Ledger) -> Reporter:
    """Return what passes reports on once the ledger knows of them; it is called on the tasks' threads."""

    def note(told: Report) -> None:
        match told:
            case ExposureBegun(settings) if settings.stored:
                started = utc_stamp(datetime.now(UTC))
                ledger.begin(Begun(settings.exposure_id, settings.label, settings.command, started))
            case Aborted(exposure_id) | Stored(exposure_id) | NotStored(exposure_id):
                ledger.end(exposure_id)
            case Failed(Observe(settings)):
                ledger.end(settings.exposure_id)
        report(told)

    return note
