"""Run as ``python -m tests.data.cube_taker SPOOL PORT``: takes a run of frames without end, as an IOC does.

It says ``TAKEN {"added": n, "stored": m}`` after each frame: added to the spool, on the server's disk.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from nifsdc.data.client import DataClient
from nifsdc.data.cube_names import RunNames
from nifsdc.data.cube_run import CubeRun

from .cube_frames import LAYOUT, frame

NAMES = RunNames("20260301T235959_taker", "20260301", "taken")


def main() -> None:
    spool, port = Path(sys.argv[1]), int(sys.argv[2])
    with DataClient("127.0.0.1", port) as client:
        run = CubeRun(spool, client, NAMES, LAYOUT)
        for number in range(1, sys.maxsize):
            run.add(frame(number))
            os.write(1, b"TAKEN " + json.dumps({"added": number, "stored": run.stored}).encode() + b"\n")


if __name__ == "__main__":
    main()
