"""Processes killed during observations: nothing is lost silently, nothing is written twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from .campaign import campaign, check
from .report import keep
from .rig import Name, running


@pytest.mark.timeout(900)
def test_some_kills_of_each_process_lose_nothing_silently(tmp_path: Path) -> None:
    with running(tmp_path, speed="60") as rig:
        check(rig, campaign(rig, [*Name] * 2, seed=1))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", list(Name), ids=lambda name: name.name.lower())
def test_two_hundred_kills_lose_nothing_silently(tmp_path: Path, name: Name) -> None:
    with running(tmp_path, speed="60") as rig:
        outcomes = campaign(rig, [name] * 200, seed=2)
        keep(name, outcomes)
        check(rig, outcomes)
