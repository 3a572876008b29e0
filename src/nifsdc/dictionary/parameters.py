"""Parameters by name, checked, typed, under one lock (SDN 11.03 section 5.1.5)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .errors import InvalidValue, UnknownName
from .validity import Refused, Scalar, Validity


@dataclass(slots=True)
class _Entry:
    pv: str
    default: Scalar
    validity: Validity
    value: Scalar


class ParameterDictionary:
    """Parameters by name; the command records are its doors.

    Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def add(self, name: str, pv: str, default: Scalar, validity: Validity) -> None:
        """Add a parameter; it begins with its default, whose type it keeps.

        Parameters
        ----------
        name
            what it is called, e.g. ``obs_nfowler``
        pv
            the channel it is set by, e.g. ``nifs:dc:seqObserve.C``
        default
            int, float or text
        validity
            what it can be: `Bounds`, `MaxLength`, `Choices` or `Mnemonic`

        Raises
        ------
        ValueError
            when there is one of this name already
        InvalidValue
            when the default is itself not valid
        """
        value = _convert(name, default, default, validity, None)
        with self._lock:
            if name in self._entries:
                raise ValueError(f"parameter {name!r} was added before, for {self._entries[name].pv}")
            self._entries[name] = _Entry(pv, value, validity, value)

    def check(self, name: str, given: object) -> Scalar:
        """Return the value that `set` would store, without storing it.

        Parameters
        ----------
        name
            the parameter
        given
            text as a command record has it, or a number

        Raises
        ------
        InvalidValue
            when it cannot be taken; ``short`` fits MESS
        UnknownName
        """
        entry = self._entry(name)
        return _convert(name, given, entry.default, entry.validity, entry.value)

    def set(self, name: str, given: object) -> Scalar:
        """Check and store a value, and return it in the parameter's own type.

        Raises
        ------
        InvalidValue
            when it cannot be taken; the old value stays
        UnknownName
        """
        value = self.check(name, given)
        with self._lock:
            self._entries[name].value = value
        return value

    def get(self, name: str) -> Scalar:
        """Return the present value. Raises UnknownName."""
        entry = self._entry(name)
        with self._lock:
            return entry.value

    def ordinal(self, name: str, value: Scalar | None = None) -> int:
        """Return the number that stands for a choice or a mnemonic, by default of the present value.

        Raises
        ------
        UnknownName
        TypeError
            when the parameter is a number or free text
        """
        return self._entry(name).validity.ordinal(self.get(name) if value is None else value)

    def pv(self, name: str) -> str:
        """Return the channel a parameter is set by. Raises UnknownName."""
        return self._entry(name).pv

    def snapshot(self) -> Mapping[str, Scalar]:
        """Return all present values, of one moment, by name."""
        with self._lock:
            return MappingProxyType({name: entry.value for name, entry in self._entries.items()})

    def _entry(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise UnknownName("parameter", name)
        return entry


def _convert(name: str, given: object, default: Scalar, validity: Validity, stays: Scalar | None) -> Scalar:
    try:
        return validity.convert(given, default)
    except Refused as refused:
        raise InvalidValue(name, given, refused.expected, refused.brief, stays) from None
