"""Write what became of exposures whose processes were killed into docs/reliability.md.

KILL_FIGURES=figures pytest tests/kills -m soak
python -m tests.kills.report figures
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.fuzz.report import PAGE, put

from .campaign import Outcome
from .rig import Name

VARIABLE = "KILL_FIGURES"


def keep(name: Name, outcomes: list[Outcome]) -> None:
    """Write the counts of a campaign, if a folder for them is named."""
    folder = os.environ.get(VARIABLE)
    if folder:
        path = Path(folder) / f"kills-{name.name.lower()}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(counts(outcomes)), encoding="utf-8")


def counts(outcomes: list[Outcome]) -> dict[str, int]:
    """Count what became of exposures."""
    return {
        "kills": len(outcomes),
        "IDLE, and the file is there": sum(each.answer == "IDLE" and each.files == 1 for each in outcomes),
        "ERROR with a reason, no file": sum(
            each.answer.startswith("ERROR") and not each.files for each in outcomes
        ),
        "no IDLE, the file is there": sum(each.answer != "IDLE" and each.files == 1 for each in outcomes),
        "no answer, told by the next IOC": sum(
            each.answer == "none" and each.reported and not each.files for each in outcomes
        ),
        "lost in silence, or twice": sum(not each.kept for each in outcomes),
    }


def table(folder: Path) -> str:
    """One line a process."""
    found = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name in Name
        if (path := folder / f"kills-{name.name.lower()}.json").is_file()
    }
    columns = list(next(iter(found.values())))
    lines = [f"| killed | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    lines += [
        f"| {name.value} | {' | '.join(str(row[column]) for column in columns)} |"
        for name, row in found.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Read the folder of figures and rewrite the page."""
    if len(sys.argv) != 2:
        raise SystemExit((__doc__ or "").strip())
    page = put(PAGE.read_text(encoding="utf-8"), "kills", table(Path(sys.argv[1])))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
