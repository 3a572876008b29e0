"""Keeps the ledger of exposures that have begun, by what the tasks report of them."""

from __future__ import annotations

from datetime import UTC, datetime

from nifsdc.data.ledger import Begun, Ledger
from nifsdc.tasks.messages import (
    Aborted,
    ExposureAsked,
    ExposureBegun,
    Failed,
    NotStored,
    ObservationSettings,
    Observe,
    Report,
    Reporter,
    Stored,
)
from nifsdc.timing.utc import utc_stamp


def noting(report: Reporter, ledger: Ledger) -> Reporter:
    """Return what passes reports on once the ledger knows of them; called on tasks' threads and the loop."""

    def note(told: Report) -> None:
        match told:
            case ExposureAsked(settings) if settings.stored:
                ledger.ask(_begun(settings))
            case ExposureBegun(settings) if settings.stored:
                ledger.begin(_begun(settings))
            case Aborted(exposure_id) | Stored(exposure_id) | NotStored(exposure_id):
                ledger.end(exposure_id)
            case Failed(Observe(settings)):
                ledger.end(settings.exposure_id)
        report(told)

    return note


def _begun(settings: ObservationSettings) -> Begun:
    started = utc_stamp(datetime.now(UTC))
    return Begun(settings.exposure_id, settings.label, settings.command, started)
