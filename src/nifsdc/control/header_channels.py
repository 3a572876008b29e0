"""Channels of other servers that a header template names, as records of this IOC.

Each is a record ``<top>dc:header:<KEYWORD>`` whose input is the channel, so that anybody sees what the next
header will say, and by its alarm whether the source is there. Nothing waits for a server: libca's monitors
bring the values, and a header takes the last.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nifsdc.config import ConfigError, IocConfig
from nifsdc.data.frame import CardValue
from nifsdc.data.header import Kind
from nifsdc.data.template import Entry, HeaderTemplate, Source, TemplateError
from nifsdc.dictionary import ParameterDictionary, StatusDictionary, UnknownName
from nifsdc.records.ca_links import ExternalLinks
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.fields import Field
from nifsdc.records.types import Severity, Value
from nifsdc.tasks.template_cards import NoValue

TYPES: dict[Kind, str] = {"text": "stringin", "int": "longin", "float": "ai", "bool": "longin"}
"""record types by kind of value"""
DESC_LENGTH = 40


@dataclass(frozen=True)
class _Last:
    """What a channel said last."""

    value: Value
    lost: float | None = None
    """moment from which it had no valid value any more"""


def header_template(config: IocConfig) -> HeaderTemplate:
    """Return the header template of a configuration, an empty one where it has none; raises ConfigError."""
    try:
        return HeaderTemplate.load(Path(config.header)) if config.header else HeaderTemplate()
    except TemplateError as error:
        raise ConfigError(f"header template {error}") from error


def check_names(template: HeaderTemplate, parameters: ParameterDictionary, status: StatusDictionary) -> None:
    """Make sure that the parameters and status values of a template exist; raises ConfigError."""
    known: dict[Source, Callable[[str], object]] = {
        Source.PARAMETER: parameters.get,
        Source.STATUS: status.get,
    }
    for entry in template.entries:
        try:
            known.get(entry.source, str)(str(entry.of))
        except UnknownName as error:
            raise ConfigError(f"header template: {entry.keyword}: {error}") from error


class HeaderChannels:
    """Keeps what the channels of a template said last.

    Parameters
    ----------
    template
        whose channels
    top
        prefix of the IOC's records
    """

    def __init__(self, template: HeaderTemplate, top: str) -> None:
        self._entries = template.channels
        self._prefix = f"{top}dc:header:"
        self._lock = threading.Lock()
        self._last: dict[str, _Last] = {}
        self._links: ExternalLinks | None = None

    @property
    def records(self) -> list[RecordDef]:
        """The records that show the channels."""
        return [
            RecordDef(
                TYPES[entry.kind],
                self._name(entry),
                {"INP": f"{entry.of} CP MS", "DESC": (entry.comment or entry.keyword)[:DESC_LENGTH]},
            )
            for entry in self._entries
        ]

    def start(self, database: Database, call: Callable[[Callable[[], None]], None]) -> None:
        """Connect the channels; on the thread of the database, whose server's ``call`` it gets."""
        if not self._entries:
            return
        for entry in self._entries:
            channel = f"{self._name(entry)}.VAL"
            field = database.find(channel)
            if field is None:
                raise KeyError(channel)
            database.watch(channel, partial(self._changed, entry.keyword, field))
        self._links = ExternalLinks(database, call)
        self._links.start()

    def close(self) -> None:
        """Disconnect the channels."""
        if self._links is not None:
            self._links.close()

    def value(self, entry: Entry) -> CardValue:
        """Return the last value of an entry's channel; from any thread.

        Raises
        ------
        NoValue
            when it never had a valid one, or has had none for longer than the entry allows
        """
        with self._lock:
            last = self._last.get(entry.keyword)
        if last is None:
            raise NoValue("no server has answered with a valid value")
        if last.lost is not None and (gone := time.monotonic() - last.lost) > entry.timeout:
            raise NoValue(f"disconnected or invalid for {gone:.0f} s")
        return last.value if isinstance(last.value, (str, int, float)) else str(last.value)

    def _name(self, entry: Entry) -> str:
        return self._prefix + entry.keyword.replace(" ", "_")

    def _changed(self, keyword: str, field: Field, value: Value) -> None:
        with self._lock:
            last = self._last.get(keyword)
            if field.sevr != Severity.INVALID:
                self._last[keyword] = _Last(value)
            elif last is not None and last.lost is None:
                self._last[keyword] = _Last(last.value, time.monotonic())
