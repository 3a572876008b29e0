"""Making a read beside drawing its random numbers, and beside real time."""

from __future__ import annotations

import numpy as np

from nifsdc_sim.detector import Detector, Video
from nifsdc_sim.scene import Scene
from rows import Rows, best

SECONDS = 3.0
REAL_READ_S = 5.3
SAMPLE_NS = 1e9 / 204_027
MILLI = 1e3


def reads(rows: Rows) -> None:
    """Making a read with all its noise, beside drawing its two normal numbers a pixel alone."""
    detector = Detector(1, Scene.default(1))
    random = np.random.Generator(np.random.SFC64(1))
    numbers = np.empty(detector.layout.shape, dtype=np.float32)
    start = 0

    def make() -> None:
        nonlocal start
        start += 5_300_000_000
        for _ in detector.read(start, SAMPLE_NS, Video.DATA):
            pass

    def draw() -> None:
        for _ in range(2):
            random.standard_normal(dtype=np.float32, out=numbers)

    times = best({"make": make, "draw": draw}, SECONDS)
    rows.add(
        "make a read of 2048 x 2112", times["make"] * MILLI, "ms", times["make"] / times["draw"], "drawing"
    )
    rows.add("speed it allows", REAL_READ_S / times["make"], "x", REAL_READ_S / times["make"], "real time")


def main() -> None:
    """Run them."""
    rows = Rows(__doc__)
    reads(rows)
    rows.save()


if __name__ == "__main__":
    main()
