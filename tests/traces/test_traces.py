"""Every recorded scenario, played against the engine, shows what the C records showed."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest

from . import oracle
from .checks import Check, compare, metadata
from .player import Player

SCENARIOS: dict[str, dict[str, Any]] = {each["name"]: each for each in oracle.load("scenarios.json")}


@cache
def recorded() -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in oracle.load("traces.json.gz")}


@cache
def unstable() -> frozenset[tuple[str, str, str]]:
    return frozenset((scenario, category, key) for scenario, category, key in oracle.load("unstable.json"))


def play(name: str) -> list[Check]:
    """All checks of a scenario that the C server itself reproduces."""
    player = Player(SCENARIOS[name])
    steps = player.play()
    checks = [*compare(recorded()[name], player, steps), *metadata(recorded()[name], player)]
    return [each for each in checks if (name, each.category, each.key) not in unstable()]


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_equals_c_records(name: str) -> None:
    checks = play(name)
    different = [each for each in checks if not each.equal]
    assert checks
    assert not different, "\n".join(
        f"{each.category} {each.key}: C {each.wanted!r}, ours {each.got!r}" for each in different[:20]
    )


def test_all_categories_are_compared() -> None:
    """The harness really looks at everything the recorder noted."""
    names = ("init_tree", "init_rest", "tree_start_all", "part_answer", "tree_put_completion", "tout_start")
    counts = Counter(check.category for name in names for check in play(name))
    assert set(counts) == {
        "alarm:core",
        "at_done",
        "event:core",
        "event:links",
        "initial:core",
        "initial:internal",
        "initial:links",
        "key",
        "meta",
        "order",
        "put",
        "value:core",
        "value:internal",
        "value:links",
    }


def test_a_difference_is_seen() -> None:
    """A changed event, value or alarm in a trace makes checks fail (the comparison is not blind)."""
    name = "tree_start_one"
    trace = {**recorded()[name]}
    player = Player(SCENARIOS[name])
    steps = player.play()
    steps[1].events[0] = (*steps[1].events[0][:2], 99, 3)
    steps[1].values["apply.VAL"] = 77
    failed = {each.category for each in compare(trace, player, steps) if not each.equal}
    assert {"alarm:core", "value:core"} <= failed
