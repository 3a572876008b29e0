"""What the benchmarks share: alternating repeats, and rows to print and to keep."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def best(runs: Mapping[str, Callable[[], object]], seconds: float, least: int = 3) -> dict[str, float]:
    """Return the shortest time of each run in seconds, the runs taken in turn for about this long."""
    for run in runs.values():
        run()
    shortest = dict.fromkeys(runs, float("inf"))
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < least or time.perf_counter() < end:
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            shortest[name] = min(shortest[name], time.perf_counter() - start)
        rounds += 1
    return shortest


class Rows:
    """Rows of ``{name, value, unit, ratio, against}``, printed as they come.

    Reads ``--json FILE`` from the command line, unless ``options`` has it from there already.
    """

    def __init__(self, description: str | None, options: argparse.Namespace | None = None) -> None:
        if options is None:
            parser = argparse.ArgumentParser(description=description)
            parser.add_argument("--json", type=Path, help="file to which the rows are added")
            options = parser.parse_args()
        self._path: Path | None = options.json
        self._rows: list[dict[str, object]] = []

    def add(self, name: str, value: float, unit: str, ratio: float | None = None, against: str = "") -> None:
        """Print a row and keep it."""
        row: dict[str, object] = {
            "name": name,
            "value": round(value, 4),
            "unit": unit,
            "ratio": None if ratio is None else round(ratio, 3),
            "against": against,
        }
        self._rows.append(row)
        compared = "" if ratio is None else f"   {ratio:6.2f} x {against}"
        print(f"{name:<44} {value:10.3f} {unit:<6}{compared}", flush=True)

    def save(self) -> None:
        """Add the rows to the file that was asked for."""
        if self._path is not None:
            before = json.loads(self._path.read_text()) if self._path.exists() else []
            self._path.write_text(json.dumps(before + self._rows, indent=1) + "\n")
