"""Run every benchmark, print its rows, and write them all to ``benchmarks/results.json``.

``benchmarks/README.md`` says how to read them. Names of benchmarks as arguments run those alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SHARED = {"run.py", "rows.py", "up.py"}
"""no benchmarks themselves"""
MOST_SECONDS = 1800
"""within which a benchmark ends on a busy machine"""


def run(script: Path) -> tuple[list[dict[str, object]], str]:
    """Run one benchmark; return its rows, and what went wrong or nothing."""
    problem = ""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "rows.json"
        try:
            ended = subprocess.run(
                [sys.executable, str(script), "--json", str(result)], check=False, timeout=MOST_SECONDS
            )
            if ended.returncode != 0:
                problem = f"{script.stem} ended with {ended.returncode}"
        except subprocess.TimeoutExpired:
            problem = f"{script.stem} did not end within {MOST_SECONDS} s"
        return json.loads(result.read_text()) if result.exists() else [], problem


def main() -> int:
    """Run the benchmarks one after the other; non-zero if one failed."""
    rows: list[dict[str, object]] = []
    problems: list[str] = []
    scripts = sorted(path for path in HERE.glob("*.py") if path.name not in SHARED)
    unknown = set(sys.argv[1:]) - {script.stem for script in scripts}
    if unknown:
        known = ", ".join(script.stem for script in scripts)
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {known}", file=sys.stderr)
        return 2
    for script in scripts:
        if len(sys.argv) > 1 and script.stem not in sys.argv[1:]:
            continue
        load = os.getloadavg()[0]
        print(f"== {script.stem} ({os.cpu_count()} cores, {load:.1f} programs at work before)", flush=True)
        start = time.monotonic()
        found, problem = run(script)
        rows += found
        problems += [problem] if problem else []
        print(f"   {script.stem} took {time.monotonic() - start:.0f} s", flush=True)
    (HERE / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(rows)} rows in {HERE.name}/results.json" + "".join(f"; {problem}" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
