"""Plays a recorded scenario against the engine, with a clock of its own, noting what the recorder noted."""

from __future__ import annotations

import fnmatch
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nifsdc.records.convert import clip, to_bytes
from nifsdc.records.database import Database
from nifsdc.records.errors import PutRefused
from nifsdc.records.fields import Event, Field
from nifsdc.records.types import FieldType

from . import oracle

FIELDS = {
    "apply": "DIR VAL MESS OMSS CLID TOUT MARK TOP STFG STTE NPRC LPRO STAT SEVR",
    "cad": "DIR MARK VAL MESS OMSS ODIR ICID OCID OSIM SIMM A B C D VALA VALB VALC VALD STAT SEVR",
    "car": "VAL IVAL CLID OMSS IMSS OERR IERR SIMM STAT SEVR",
    "sir": "VAL IMSS OMSS RVAL NORD NELM LALM SIMM HIHI HIGH LOW LOLO STAT SEVR",
    "genSub": "VAL A B C VALA VALB VALC STAT SEVR",
}
INTERNAL = {"apply": "MARK TOP STFG STTE NPRC LPRO", "sir": "RVAL NORD NELM LALM"}
UNMONITORED = {"STAT", "SEVR"}
MONITOR_MASK = 5
"""the recorder's monitors: value and alarm"""
SETTLE = 0.12
"""seconds without an event that end a step"""
LONGEST_STEP = 6.0
PUT_TIMEOUT = 5.0
KEY_CHANNELS = 36
START = 1_000_000.0
LONGEST_TEXT = 39
"""longer text is refused by the client library before it reaches a server"""
CLIENT_TYPES = {FieldType.ULONG: FieldType.DOUBLE, FieldType.USHORT: FieldType.LONG}
"""native types Channel Access has no equal for"""


def watched(scenario: dict[str, Any], topology: list[dict[str, Any]]) -> dict[str, str]:
    """Channels of a scenario and their categories, in the recorder's order."""
    found: dict[str, str] = {}
    for pattern in scenario["watch"]:
        if pattern.endswith("$"):
            found.setdefault(pattern, "core")
            continue
        for record in topology:
            name, rtyp = record["name"], record["type"]
            if not fnmatch.fnmatchcase(name, pattern):
                continue
            if rtyp in FIELDS:
                internal = INTERNAL.get(rtyp, "").split()
                for each in FIELDS[rtyp].split():
                    found.setdefault(f"{name}.{each}", "internal" if each in internal else "core")
            elif not name.endswith(":busy"):
                found.setdefault(name, "links")
    return found


@dataclass
class Step:
    """What one step of a scenario showed."""

    result: list[str] = field(default_factory=list)
    events: list[tuple[str, Any, int, int]] = field(default_factory=list)
    key: list[tuple[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    at_done: Any = None
    done: list[list[str]] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)


class Player:
    """One database, one scenario."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        topology = oracle.load("topology.json")
        self.now = START
        self.db = Database(oracle.tree(), oracle.SUBROUTINES, now=lambda: self.now, exact=True)
        self.scenario = scenario
        self.cats = watched(scenario, topology)
        types = {record["name"]: record["type"] for record in topology}
        self.fields = {pv: self.find(pv) for pv in self.cats}
        monitored = {pv: f for pv, f in self.fields.items() if pv.rpartition(".")[2] not in UNMONITORED}
        self.names: dict[int, list[str]] = {}
        for pv, handle in monitored.items():
            self.names.setdefault(id(handle), []).append(pv)
        key = [
            pv
            for pv, cat in self.cats.items()
            if cat == "core"
            and pv.rpartition(".")[2] in ("VAL", "MARK", "CLID")
            and types[pv.rpartition(".")[0]] in ("apply", "cad", "car")
        ]
        if len(key) > KEY_CHANNELS:
            key = [pv for pv in key if pv.endswith(".VAL")]
        self.key = set(key[:KEY_CHANNELS])
        self.step = Step()
        self.last_event = self.now
        self.waiting: list[tuple[str, list[str]]] = []
        self.db.subscribe(self._event)
        self.db.init()
        self._advance(self.now + 1.0)
        self.initial = self._values()

    def find(self, pv: str) -> Field:
        found = self.db.find(pv.removesuffix("$"))
        assert found is not None, f"{pv} is not hosted"
        return found

    def play(self) -> list[Step]:
        """All steps."""
        return [self._play(step) for step in self.scenario["steps"]]

    # --- what a client sees
    def meta(self, pv: str) -> dict[str, Any]:
        """What Channel Access tells of a field, in the recorder's words."""
        handle = self.find(pv)
        meta = handle.metadata
        dbr = CLIENT_TYPES.get(handle.dbr, handle.dbr)
        kind = "enum" if dbr.is_enum else "char" if dbr is FieldType.UCHAR else dbr.value.lower()
        told: dict[str, Any] = {"type": kind, "count": handle.count, "write": int(handle.writable)}
        if kind == "enum":
            told["enums"] = list(handle.menu or ())[:16]
        elif kind != "string":
            alarm = meta.alarm
            limits = [
                meta.display.upper,
                meta.display.lower,
                alarm.hihi,
                alarm.high,
                alarm.low,
                alarm.lolo,
                meta.control.upper,
                meta.control.lower,
            ]
            told["units"] = meta.units
            if dbr.is_float:
                told["prec"] = meta.precision
                told["limits"] = ["nan" if math.isnan(limit) else limit for limit in limits]
            else:
                told["limits"] = [0 if math.isnan(limit) else int(limit) for limit in limits]
        return told

    def shown(self, pv: str, value: Any) -> Any:
        """A value as the recording client wrote it."""
        handle = self.fields[pv]
        if pv.endswith("$"):
            data = [*to_bytes(str(value)), 0]
            return data if len(data) > 1 else 0
        if isinstance(value, tuple):
            shown = [self._one(handle, each) for each in value]
            return shown[0] if len(shown) == 1 else shown
        return self._one(handle, value)

    def _one(self, handle: Field, value: Any) -> Any:
        if handle.dbr.is_enum:
            labels = (handle.menu or ())[:16]
            return f"{labels[value] if value < len(labels) else '?'}({value})"
        if isinstance(value, str):
            return oracle.as_client_text(value)
        if handle.dbr is FieldType.CHAR:
            return value & 0xFF
        if isinstance(value, float) and math.isnan(value):
            return "nan"
        return value

    def _values(self) -> dict[str, Any]:
        return {pv: self.shown(pv, handle.value) for pv, handle in self.fields.items()}

    def _event(self, event: Event) -> None:
        if not event.mask & MONITOR_MASK:
            return
        for pv in self.names.get(id(event.field), ()):
            value = self.shown(pv, event.value)
            self.step.events.append((pv, value, event.stat, event.sevr))
            if pv in self.key:
                self.step.key.append((pv, value))
            self.last_event = self.now

    # --- time
    def _advance(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Run timers up to ``until``, or until ``stop`` says so."""
        while not stop():
            due = self.db.next_timer()
            if due is None or due > until:
                self.now = max(self.now, until)
                return
            self.now = max(self.now, due)
            self.db.run_timers(self.now)

    def _settle(self, began: float, least: float) -> None:
        """Until a silence after the step's least time."""
        while True:
            end = max(began + least, max(self.last_event, began) + SETTLE)
            self._advance(min(end, began + LONGEST_STEP))
            if self.now >= end or self.now >= began + LONGEST_STEP:
                return
            if max(began + least, max(self.last_event, began) + SETTLE) <= self.now:
                return

    # --- puts
    def _play(self, given: dict[str, Any]) -> Step:
        step = self.step = Step()
        began = self.now
        if "put" in given:
            self._put(step, given["put"], given["v"], given["t"])
        if "aput" in given:
            done = self._start(given["aput"], given["v"], given["t"])
            if isinstance(done, str):
                step.result.append(done)
            else:
                self.waiting.append((given["aput"], done))
        for pv, value, kind in given.get("puts", []):
            step.result.append(self._plain(pv, value, kind))
        self._settle(began, max(SETTLE, given.get("wait", 0), given.get("sleep", 0)))
        step.values = self._values()
        step.done = [[pv, done[0]] for pv, done in self.waiting if done]
        step.pending = [pv for pv, done in self.waiting if not done]
        self.waiting = [each for each in self.waiting if not each[1]]
        return step

    def _put(self, step: Step, pv: str, value: Any, kind: str) -> None:
        """A write that is waited for."""
        done = self._start(pv, value, kind)
        if isinstance(done, str):
            step.result.append(done)
        else:
            self._advance(self.now + PUT_TIMEOUT, lambda: bool(done))
            step.result.append(done[0] if done else "timeout")
        answer = pv.split(".")[0] + ".VAL"
        if answer in self.fields and answer != pv:
            step.at_done = self.shown(answer, self.fields[answer].value)

    def _start(self, pv: str, value: Any, kind: str) -> list[str] | str:
        handle = self.find(pv)
        if not handle.writable:
            return "client"
        try:
            packed = _pack(handle, value, kind, long=pv.endswith("$"))
            outcome: list[str] = []
            self.db.put_notify(
                handle, packed, lambda: outcome.append("ok"), lambda refusal: outcome.append("server")
            )
        except TooLongError:
            return "client"
        return outcome

    def _plain(self, pv: str, value: Any, kind: str) -> str:
        """A write nobody waits for."""
        handle = self.find(pv)
        if not handle.writable:
            return "client"
        try:
            self.db.put(handle, _pack(handle, value, kind))
        except TooLongError:
            return "client"
        except PutRefused:
            pass
        return "sent"


class TooLongError(Exception):
    """The client library refuses the value itself."""


def _pack(handle: Field, value: Any, kind: str, *, long: bool = False) -> Any:
    """A value as it comes out of the client's request of the given type."""
    if kind in ("string", "char"):
        text = value if isinstance(value, str) else str(value)
        size = len(text.encode()) + 1
        if size > handle.size or (kind == "string" and size > LONGEST_TEXT + 1):
            raise TooLongError
        return clip(text) if not long else clip(text, handle.size)
    letter = {"short": "h", "enum": "H", "long": "i", "float": "f", "double": "d"}[kind]
    values = value if isinstance(value, list) else [value]
    unpacked = struct.unpack(f"={len(values)}{letter}", struct.pack(f"={len(values)}{letter}", *values))
    return list(unpacked) if isinstance(value, list) else unpacked[0]
