"""What the pages of docs/ show of sessions at a shell is what happens now, but for the time it takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TIMES = re.compile(r"^ *\d+\.\d{6} ", re.MULTILINE)
"""time stamps of a trace"""


@pytest.mark.parametrize("name", ["controller.md"])
def test_a_session_runs_as_shown(name: str, tmp_path: Path) -> None:
    shown = (DOCS / name).read_text(encoding="utf-8")
    page = tmp_path / name
    page.write_text(shown, encoding="utf-8")
    subprocess.run([sys.executable, str(DOCS / "sessions.py"), str(page)], check=True, timeout=280)
    happened = page.read_text(encoding="utf-8")
    assert shown.count("\n$ ") > 10
    assert TIMES.sub("TIME ", happened) == TIMES.sub("TIME ", shown)
