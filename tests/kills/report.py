"""Write what became of exposures that something happened to into docs/reliability.md.

KILL_FIGURES=figures pytest tests/kills -m soak
python -m tests.kills.report figures
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.report import PAGE, put

from .campaign import Outcome
from .rig import Name
from .roads import Fault

VARIABLE = "KILL_FIGURES"
FILE = "kills.jsonl"
ROWS = (*((name.value, f"{name.value} killed") for name in Name), *((fault.value,) * 2 for fault in Fault))
"""what happened, and how the table calls it"""


def keep(outcome: Outcome) -> None:
    """Add what became of an exposure to the figures, if a folder for them is named."""
    folder = os.environ.get(VARIABLE)
    if folder:
        path = Path(folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Count what became of exposures."""
    found = list(outcomes)
    return {
        "exposures": len(found),
        "IDLE, and the file is there": sum(each.answer == "IDLE" and each.files == 1 for each in found),
        "ERROR with a reason, the file came later": sum(
            each.answer.startswith("ERROR") and each.files == 1 for each in found
        ),
        "ERROR with a reason, no file": sum(
            each.answer.startswith("ERROR") and not each.files for each in found
        ),
        "no answer, the file is there": sum(each.answer == "none" and each.files == 1 for each in found),
        "no answer, told by the next IOC": sum(
            each.answer == "none" and each.reported and not each.files for each in found
        ),
        "lost in silence, or twice": sum(not each.kept for each in found),
    }


def table(outcomes: list[Outcome]) -> str:
    """One line for each kind of thing that happened."""
    columns = list(counts([]))
    lines = [f"| what happened | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    for what, name in ROWS:
        row = counts(each for each in outcomes if each.what == what)
        if row["exposures"]:
            lines.append(f"| {name} | {' | '.join(map(str, row.values()))} |")
    return "\n".join(lines)


def main() -> None:
    """Read the folder of figures and rewrite the page."""
    if len(sys.argv) != 2:
        raise SystemExit((__doc__ or "").strip())
    lines = (Path(sys.argv[1]) / FILE).read_text(encoding="utf-8").splitlines()
    outcomes = [Outcome(**json.loads(line)) for line in lines]
    page = put(PAGE.read_text(encoding="utf-8"), "kills", table(outcomes))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
