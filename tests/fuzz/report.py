"""Write the figures of the long runs into docs/reliability.md.

FUZZ_FIGURES=figures pytest tests/fuzz -m soak
python benchmarks/load.py --soak --json figures/load.json
python -m tests.fuzz.report figures
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.fuzz.attacks import ATTACKS, Figures

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: {} -->", "<!-- end of figures: {} -->"


def attacks_table(folder: Path) -> str:
    """One line an attack."""
    lines = [
        "| attack | how many | in | server's memory | longest gap of the client beside | updates it missed |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in ATTACKS:
        path = folder / f"{name.replace(' ', '-')}.json"
        if path.is_file():
            f = Figures(**json.loads(path.read_text()))
            lines.append(
                f"| {f.name} | {f.count:,} | {f.seconds:.1f} s | {f.growth / 1024:+.1f} MB "
                f"| {1000 * f.gap:.0f} ms | {f.lost} |"
            )
    return "\n".join(lines)


def load_table(path: Path) -> str:
    """One line a figure of the load."""
    lines = ["| figure | value |", "| --- | ---: |"]
    for row in json.loads(path.read_text()):
        lines.append(f"| {row['name'].removeprefix('load: ')} | {row['value']:.2f} {row['unit']} |")
    return "\n".join(lines)


def put(page: str, name: str, table: str) -> str:
    """The page with a table between its marks."""
    begin, end = BEGIN.format(name), END.format(name)
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{PAGE.name} has no marks {begin} and {end}")
    return f"{before}{begin}\n{table}\n{end}{after}"


def main() -> None:
    """Read the folder of figures and rewrite the page."""
    if len(sys.argv) != 2:
        raise SystemExit((__doc__ or "").strip())
    folder = Path(sys.argv[1])
    page = put(PAGE.read_text(encoding="utf-8"), "attacks", attacks_table(folder))
    if (folder / "load.json").is_file():
        page = put(page, "load", load_table(folder / "load.json"))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
