"""What docs/library.md says is so: every block of it is run, and libca drives its example instrument."""

from __future__ import annotations

import doctest
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nifsdc.client.subscription import Subscription

from .. import waiting

DEADLINE_S = 60.0
DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "library.md"
EXAMPLE = DOCS / "examples" / "instrument.py"
CAR_STATES = ("IDLE", "PAUSED", "BUSY", "ERROR")  # icd/gemini_records.md, menuCarstates
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_python_block_does_what_it_shows() -> None:
    namespace: dict[str, Any] = {"__name__": "library"}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert blocks
    assert text.count("```python") == len(blocks)
    for block in blocks:
        line = text[: block.start()].count("\n") + 1
        if ">>>" not in block[1]:
            exec(compile("\n" * line + block[1], str(PAGE), "exec"), namespace)
            continue
        test = doctest.DocTestParser().get_doctest(block[1], namespace, PAGE.name, str(PAGE), line)
        test.globs = namespace  # one namespace for the page: a block goes on where the one before ended
        runner.run(test, out=said.append, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_the_example_has_at_most_forty_lines_and_all_five_records() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert {rtyp: text.count(f'RecordDef("{rtyp}"') for rtyp in ("apply", "cad", "car", "sir")} == {
        "apply": 1,
        "cad": 2,
        "car": 1,
        "sir": 1,
    }


@pytest.fixture
def instrument() -> Iterator[None]:
    """The example as a process of its own, at the port this run's clients look at."""
    process = subprocess.Popen([sys.executable, str(EXAMPLE)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], DEADLINE_S)[0], "the example did not start"
        assert process.stdout.readline().startswith(b"READY")
        yield
        process.terminate()
        errors = process.communicate(timeout=60)[1].decode()
        assert errors == ""
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def channel(instrument: None) -> Iterator[Callable[..., Any]]:
    import epics

    made: list[Any] = []

    def make(name: str) -> Any:
        made.append(waiting.channel(f"lib:{name}"))
        return made[-1]

    yield make
    for pv in made:
        pv.disconnect()
    epics.ca.clear_cache()


def wait_for_equal(seen: list[str], expected: list[str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while seen != expected and time.monotonic() < deadline:
        time.sleep(0.005)
    assert seen == expected


def test_the_example_instrument_behaves_as_gemini_clients_expect(channel: Callable[..., Any]) -> None:
    assert os.environ["EPICS_CA_SERVER_PORT"] == os.environ["EPICS_CAS_SERVER_PORT"]
    states: list[str] = []
    with closing(
        Subscription("lib:wheelC", lambda value=0, **_: states.append(CAR_STATES[value]), DEADLINE_S)
    ):
        position, message, result = channel("position"), channel("apply.MESS"), channel("apply.VAL")
        apply, argument, park = channel("apply.DIR"), channel("filter.A"), channel("park.DIR")
        wait_for_equal(states, ["IDLE"])

        argument.put("L", wait=True)
        apply.put("START", wait=True)
        assert result.get(use_monitor=False) == -1
        assert message.get(use_monitor=False) == "no filter L: expected J H K"
        assert states == ["IDLE"]

        argument.put("K", wait=True)
        apply.put("START", wait=True)
        client = result.get(use_monitor=False)
        assert client > 0
        wait_for_equal(states, ["IDLE", "BUSY", "IDLE"])
        assert position.get(use_monitor=False) == "K"
        assert channel("wheelC.CLID").get() == client

        park.put("MARK", wait=True)
        apply.put("START", wait=True)
        wait_for_equal(states, ["IDLE", "BUSY", "IDLE", "BUSY", "IDLE"])
        assert position.get(use_monitor=False) == "parked"
