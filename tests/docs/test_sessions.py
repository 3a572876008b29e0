"""What the pages of docs/ show of sessions is what happens now, but for the time it takes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from .. import ports

DOCS = Path(__file__).parents[2] / "docs"
TIMES = re.compile(r"^ *\d+\.\d{6} ", re.MULTILINE)
"""time stamps of a trace"""


def sessions() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sessions", DOCS / "sessions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["controller.md", "tutorial.md"])
def test_a_session_runs_as_shown(name: str) -> None:
    shown = (DOCS / name).read_text(encoding="utf-8")
    happened = sessions().page(shown, ports.free_port)
    assert shown.count("\n$ ") > 10
    assert TIMES.sub("TIME ", happened) == TIMES.sub("TIME ", shown)


def test_a_session_that_runs_otherwise_is_shown_as_it_runs() -> None:
    page = (
        "```console\n$ echo one; false\ntwo\n```\n\n"
        "```pycon\n>>> 1 + 1\n3\n>>> for n in (1, 2):\n...     n\n```\n"
    )
    assert sessions().page(page) == (
        "```console\n$ echo one; false\none\n[exit status 1]\n```\n\n"
        "```pycon\n>>> 1 + 1\n2\n>>> for n in (1, 2):\n...     n\n1\n2\n```\n"
    )
