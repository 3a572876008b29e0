"""Run every benchmark, print its rows, and write them all to ``benchmarks/results.json``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SHARED = {"run.py", "rows.py", "up.py"}
"""no benchmarks themselves"""


def main() -> int:
    """Run the benchmarks one after the other; non-zero if one failed."""
    rows: list[dict[str, object]] = []
    failed: list[str] = []
    for script in sorted(path for path in HERE.glob("*.py") if path.name not in SHARED):
        print(f"== {script.stem}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "rows.json"
            ended = subprocess.run([sys.executable, str(script), "--json", str(result)], check=False)
            if ended.returncode != 0:
                failed.append(script.stem)
            if result.exists():
                rows += json.loads(result.read_text())
    (HERE / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(
        f"{len(rows)} rows in {HERE.name}/results.json" + (f"; failed: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
