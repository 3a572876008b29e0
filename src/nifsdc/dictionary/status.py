"""Status by name: what is set reaches its record at once (SDN 11.03 sections 4.11 and 5.1.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .errors import UnknownName
from .validity import Scalar

Publisher = Callable[[str, Any], None]
"""takes a channel and the value to write: a number, text, or the character codes of a long text"""


@dataclass(slots=True)
class _Entry:
    pv: str
    kind: type[int] | type[float] | type[str]
    value: Scalar
    room: int


class StatusDictionary:
    """Status values by name; each belongs to one status record.

    Safe to use from any thread. Values of one name reach the publisher in the order they were set.

    Parameters
    ----------
    publisher
        writes a value into a record; called under the dictionary's lock, so it must not wait
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._entries: dict[str, _Entry] = {}
        # Re-entrant: a publisher that writes at once may lead to code that sets another status.
        self._lock = threading.RLock()

    def add(self, name: str, pv: str, default: Scalar, room: int = 0) -> None:
        """Add a status value; it begins with its default, whose type it keeps.

        Parameters
        ----------
        name
            e.g. ``timeLeft``
        pv
            its record, e.g. ``nifs:sad:dc:timeLeft``
        default
            int, float or text
        room
            characters of a long text (a record of type CHAR), 0 for any other value

        Raises
        ------
        ValueError
            when there is one of this name already
        """
        with self._lock:
            if name in self._entries:
                raise ValueError(f"status {name!r} was added before, for {self._entries[name].pv}")
            kind = int if isinstance(default, int) else float if isinstance(default, float) else str
            self._entries[name] = _Entry(pv, kind, kind(default), room)

    def set(self, name: str, value: Scalar, *, always: bool = False) -> None:
        """Store a value, and write it into its record if it changed.

        Parameters
        ----------
        name
            the status value
        value
            converted to the entry's own type
        always
            write it even if it did not change

        Raises
        ------
        UnknownName
        ValueError, TypeError
            when the value does not fit the type
        """
        with self._lock:
            entry = self._entry(name)
            converted = entry.kind(value)
            if converted == entry.value and not always:
                return
            entry.value = converted
            self._publisher(entry.pv, _published(converted, entry.room))

    def __contains__(self, name: object) -> bool:
        """Tell whether there is a status value of a name."""
        with self._lock:
            return name in self._entries

    def get(self, name: str) -> Scalar:
        """Return the value set last, or the default. Raises UnknownName."""
        with self._lock:
            return self._entry(name).value

    def pv(self, name: str) -> str:
        """Return the record of a status value. Raises UnknownName."""
        return self._entry(name).pv

    def snapshot(self) -> Mapping[str, Scalar]:
        """Return all values, of one moment, by name."""
        with self._lock:
            return MappingProxyType({name: entry.value for name, entry in self._entries.items()})

    def _entry(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise UnknownName("status", name)
        return entry


def _published(value: Scalar, room: int) -> Scalar | tuple[int, ...]:
    """Long text as the codes of its characters, closed by a 0 as C clients expect."""
    if not room:
        return value
    codes = str(value).encode("utf-8", "replace")[: room - 1]
    return (*(code - 256 if code > 127 else code for code in codes), 0)
