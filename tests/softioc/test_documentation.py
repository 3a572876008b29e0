"""The example of docs/softioc.md works as it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "softioc.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, language
    return found[1]


def test_the_example(start: Callable[..., Any], wait: Callable[..., Any], pv: Any, tmp_path: Path) -> None:
    (tmp_path / "toy.db").write_text(block("epics"))
    (tmp_path / "toy.py").write_text(block("python"))
    server = start(tmp_path / "toy.db", "-m", "top=toy:", "--subroutines", tmp_path / "toy.py")
    assert server.ready["records"] == 5
    pv.watch("toy:moveC")
    pv.put("toy:move.A", "12.5")
    pv.put("toy:apply.DIR", "START")
    wait(
        lambda: [value for _, value in pv.events] == ["IDLE", "BUSY", "IDLE"], f"the CAR; so far {pv.events}"
    )
    assert (pv.get("toy:apply.VAL"), pv.get("toy:sad:demand")) == (1, 12.5)
    pv.put("toy:move.A", "26")
    pv.put("toy:apply.DIR", "START")
    assert (pv.get("toy:apply.VAL"), pv.get("toy:apply.MESS")) == (-1, "26.0 mm is beyond 25.0 mm")
