"""The port under attack: no crash, bounded memory, nobody else loses an update."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.attacks import ATTACKS, RECORDED_PREFIX, attack
from tests.records.conftest import Ioc

QUICK_SECONDS = 4.0
SOAK_SECONDS = 100.0
MEMORY = {"connections": 40, "stopped readers": 500}
"""MB by which the server may grow during an attack; 20 where nothing is said"""


@pytest.fixture(scope="module")
def target() -> Iterator[Ioc]:
    server = Ioc(RECORDED_PREFIX)
    yield server
    log = server.close()
    assert "Traceback" not in log, log[-4000:]
    assert server.process.returncode == 0


def check(target: Ioc, name: str, count: int, seconds: float) -> None:
    figures = attack(target, name, count, seconds)
    folder = os.environ.get("FUZZ_FIGURES")  # for docs/reliability.md: see tests/fuzz/report.py
    if folder:
        path = Path(folder) / f"{name.replace(' ', '-')}.json"
        path.write_text(json.dumps(dataclasses.asdict(figures)))
    assert figures.count > 0
    assert figures.lost == 0
    assert figures.growth < 1024 * MEMORY.get(name, 20)


@pytest.mark.parametrize("name", ATTACKS)
def test_quick(target: Ioc, name: str) -> None:
    check(target, name, ATTACKS[name][1], QUICK_SECONDS)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ATTACKS)
def test_long(target: Ioc, name: str) -> None:
    check(target, name, ATTACKS[name][2], SOAK_SECONDS)
