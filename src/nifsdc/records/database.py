"""The database: all records of an IOC, their links, and the order in which things happen to them.

Nothing here opens a socket, starts a thread or reads a clock but the ``now`` it is given. Not thread-safe:
one thread (the server's loop) owns a database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .definition import RecordDef
from .fields import Event, Field
from .types import PutSource, Value


class Database:
    """Records by name, with puts, processing, posted events, internal monitors and timers.

    Args:
        defs: the records; a problem in any of them (unknown type, field, menu label, link text or subroutine,
            double name) is collected, and all are raised at once as ``DatabaseError``.
        subroutines: SNAM and INAM by name.
        now: seconds since 1970 UTC.
    """

    def __init__(
        self,
        defs: Iterable[RecordDef],
        subroutines: Mapping[str, Callable[[Any], int | None]] | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        raise NotImplementedError

    def init(self) -> None:
        """As iocInit: constant links into their fields, INAM, alarm state, then PINI records. Once."""
        raise NotImplementedError

    def find(self, pvname: str) -> Field | None:
        """Handle of ``rec``, ``rec.VAL``, ``alias.A`` (no ``$``), the same object each time; None if not hosted."""
        raise NotImplementedError

    def names(self) -> Iterable[str]:
        """Record names, then aliases."""
        raise NotImplementedError

    def put(self, field: Field, value: object, *, source: PutSource = PutSource.CLIENT) -> None:
        """Write as ``dbPutField``: convert, store, post, process when the field says so, then all work it caused.

        Args:
            field: from ``find``.
            value: str, int, float, bytes (of a string), or a sequence of them for an array field.
            source: see PutSource.

        Raises:
            PutRefused: read-only field or unusable value; nothing was changed.
        """
        raise NotImplementedError

    def put_notify(self, field: Field, value: object, done: Callable[[], None]) -> None:
        """``put`` of a client that waits for completion: ``done`` is called once all processing it started ended.

        Called before ``put_notify`` returns unless a record in the chain takes time (a seq with delays).

        Raises:
            PutRefused: as ``put``; ``done`` is not called.
        """
        raise NotImplementedError

    def get(self, field: Field) -> Value:
        """Present value."""
        raise NotImplementedError

    def set(self, pvname: str, value: object) -> None:
        """Write from our own code: as ``put`` with ``PutSource.INTERNAL``; VAL and other process-passive fields process.

        Raises:
            KeyError: no such field. PutRefused: the value does not fit.
        """
        raise NotImplementedError

    def process(self, record: str) -> None:
        """Process a record by name (as a put to PROC). Raises KeyError for an unknown one."""
        raise NotImplementedError

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Have ``callback`` called with every posted event, in order, as it is posted (in the midst of processing).

        Returns:
            A function that ends the subscription.
        """
        raise NotImplementedError

    def watch(self, pvname: str, callback: Callable[[Value], None]) -> Callable[[], None]:
        """Have ``callback`` called with the value of each event of a field, after the chain that posted it has ended.

        Order of posting is kept. This is what a sequence program sees of a Channel Access monitor.

        Returns:
            A function that ends the watch.

        Raises:
            KeyError: no such field.
        """
        raise NotImplementedError

    def next_timer(self) -> float | None:
        """Time (as ``now`` counts) of the next due watchdog, delay or periodic scan; None when there is none."""
        raise NotImplementedError

    def run_timers(self, now: float) -> None:
        """Do everything that is due at ``now``."""
        raise NotImplementedError
