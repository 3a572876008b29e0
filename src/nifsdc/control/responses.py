"""The CAR records of the commands: who is busy for whom, and how it ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from nifsdc.records.database import Database

IDLE, PAUSED, BUSY, ERROR = range(4)
"""menuCarstates"""
ERROR_NUMBER = 1
"""what OERR shows of a command that failed; the text is in OMSS"""
TEXT_LENGTH = 39

_log = logging.getLogger("nifsdc.control")


class Responses:
    """Moves the CARs; on the loop that owns the records.

    Parameters
    ----------
    database
        the records
    prefix
        of the DC records, ``nifs:dc:``
    cars
        command name to the name of its CAR, for the commands that have one
    id_records
        command name to the longin that holds the client id of the CAR
    """

    def __init__(
        self, database: Database, prefix: str, cars: Mapping[str, str], id_records: Mapping[str, str]
    ) -> None:
        self._database = database
        self._prefix = prefix
        self._cars = cars
        self._id_records = id_records

    def client_id(self, command: str) -> int:
        """Return the client id that a command record was last started with."""
        return self._number(f"{command}.OCID")

    def car(self, command: str) -> str | None:
        """Return the name of a command's CAR, if it has one."""
        return self._cars.get(command)

    def release(self, keep: str, reason: str) -> None:
        """Put every BUSY or PAUSED CAR but that of one command into ERROR: nobody will answer for them."""
        for command in self._id_records:
            car = self._cars[command]
            if car != self._cars[keep] and self._state(car) in (PAUSED, BUSY):
                self.error(command, reason)

    def busy(self, command: str) -> None:
        """Show that a command is being carried out, under the client id it came with."""
        car = self._cars.get(command)
        if car is None:
            return
        if command in self._id_records:
            self._database.set(self._prefix + self._id_records[command], self.client_id(command))
        self._move(car, BUSY)

    def paused(self, command: str) -> None:
        """Show that a command stands still and can go on."""
        car = self._cars.get(command)
        if car is not None:
            self._move(car, PAUSED)

    def idle(self, command: str) -> None:
        """Show that a command was carried out."""
        car = self._cars.get(command)
        if car is not None and self._state(car) != IDLE:
            self._move(car, IDLE)

    def error(self, command: str, reason: str) -> None:
        """Show that a command failed, and why, in OMSS."""
        _log.error("%s failed: %s", command, reason)
        car = self._cars.get(command)
        if car is None:
            return
        self._database.set(f"{self._prefix}{car}.IMSS", reason[:TEXT_LENGTH])
        self._database.set(f"{self._prefix}{car}.IERR", ERROR_NUMBER)
        self._move(car, ERROR)

    def acknowledge_errors(self) -> None:
        """Take every CAR out of ERROR: a new command was accepted, so the old failure has been seen.

        The combined response is the greatest of its members (SDN 11.03 section 4.2.1); a failure left
        standing would cover every later command.
        """
        for car in sorted(set(self._cars.values())):
            if self._state(car) == ERROR:
                self._move(car, IDLE)

    def _state(self, car: str) -> int:
        return self._number(f"{car}.VAL")

    def _number(self, name: str) -> int:
        field = self._database.find(self._prefix + name)
        if field is None or not isinstance(field.value, int):
            raise KeyError(f"{self._prefix}{name} is no number of the database")
        return field.value

    def _move(self, car: str, state: int) -> None:
        self._database.set(f"{self._prefix}{car}.IVAL", state)
