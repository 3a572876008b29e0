"""Compares what our engine did with what the C records did: the categories of ``data/README.md``."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from .player import Player, Step


class Check(NamedTuple):
    """One comparison."""

    category: str
    key: str
    wanted: Any
    got: Any

    @property
    def equal(self) -> bool:
        return equal(self.wanted, self.got)


def equal(a: Any, b: Any) -> bool:
    """Numbers to six digits where one is a float, all else exactly."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    numbers = isinstance(a, (int, float)) and isinstance(b, (int, float))
    if numbers and (isinstance(a, float) or isinstance(b, float)):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
    return bool(a == b)


def compare(trace: dict[str, Any], player: Player, steps: list[Step]) -> Iterator[Check]:
    """All checks of a scenario (metadata apart)."""
    cats = trace["cats"]
    for pv, value in trace["initial"].items():
        yield Check(f"initial:{cats[pv]}", pv, value, player.initial.get(pv))
    wanted = dict(trace["initial"])
    got = player.initial
    for index, (recorded, step) in enumerate(zip(trace["steps"], steps, strict=True)):
        label = f"step {index}"
        results = [result.split(":")[0] for result in recorded["result"]]
        if results:
            yield Check("put", label, results, step.result)
        if "at_done" in recorded:
            yield Check("at_done", label, recorded["at_done"], step.at_done)
        if "done" in recorded:
            both = [recorded["done"], recorded["pending"]]
            yield Check("put", f"{label} completion", both, [step.done, step.pending])
        changed = {pv for pv in step.values if step.values[pv] != got[pv]}
        wanted.update(recorded["delta"])
        got = step.values
        for pv in sorted(changed | set(recorded["delta"])):
            yield Check(f"value:{cats[pv]}", f"{label} {pv}", wanted[pv], got[pv])
        yield from _events(label, cats, [tuple(each[1:]) for each in recorded["events"]], step.events)
        key = [tuple(each[1:]) for each in recorded.get("key", [])]
        if key or step.key:
            yield Check("key", label, key, step.key)


def _events(
    label: str, cats: dict[str, str], recorded: list[Any], ours: list[tuple[str, Any, int, int]]
) -> Iterator[Check]:
    """Sequences of values and alarms per channel, of values per record."""
    values: list[dict[str, list[Any]]] = [defaultdict(list), defaultdict(list)]
    alarms: list[dict[str, list[Any]]] = [defaultdict(list), defaultdict(list)]
    orders: list[dict[str, list[Any]]] = [defaultdict(list), defaultdict(list)]
    for side, events in enumerate((recorded, ours)):
        for pv, value, stat, sevr in events:
            values[side][pv].append(value)
            alarms[side][pv].append([stat, sevr])
            record, _, name = pv.rpartition(".")
            if record and cats.get(pv) == "core":
                orders[side][record].append([name, value])
    for pv in sorted(set(values[0]) | set(values[1])):
        yield Check(f"event:{cats[pv]}", f"{label} {pv}", values[0][pv], values[1][pv])
        if cats[pv] == "core":
            yield Check("alarm:core", f"{label} {pv}", alarms[0][pv], alarms[1][pv])
    for record in sorted(set(orders[0]) | set(orders[1])):
        a, b = orders[0][record], orders[1][record]
        if len(a) > 1 or len(b) > 1:
            yield Check("order", f"{label} {record}", a, b)


def metadata(trace: dict[str, Any], player: Player) -> Iterator[Check]:
    """What the client learns of each field: type, count, access, labels, precision, units, limits."""
    for pv, wanted in trace.get("meta", {}).items():
        got = player.meta(pv)
        for key, value in wanted.items():
            yield Check("meta", f"{pv} {key}", value, got.get(key))
