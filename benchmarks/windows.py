"""Images of windows from the pixel stream of a CCD, against copying the same bytes."""

from __future__ import annotations

import sys

import numpy as np

from nifsdc.sdsu.windows import CcdGeometry, Corner, Window, WindowPlan
from rows import Rows, best

CORNERS = tuple(Corner)
SECONDS = 2.0
GIGA = 1e9
WINDOWS = (Window(300, 300, 200, 200), Window(400, 400, 300, 200), Window(1500, 1500, 400, 300))


def geometry(outputs: int) -> CcdGeometry:
    rows = 2048 if outputs < 4 else 1024
    columns = 2048 if outputs == 1 else 1024
    return CcdGeometry(rows, columns, CORNERS[:outputs])


def decoding(rows: Rows, name: str, plan: WindowPlan) -> None:
    stream = np.random.default_rng(1).integers(0, 65536, plan.pixels).astype(np.uint16)
    copy = np.empty_like(stream)
    times = best(
        {"memcpy": lambda: np.copyto(copy, stream), "images": lambda: plan.images(stream)},
        SECONDS,
    )
    rows.add(f"memcpy, {name}", stream.nbytes / times["memcpy"] / GIGA, "GB/s")
    rows.add(
        f"images, {name}",
        stream.nbytes / times["images"] / GIGA,
        "GB/s",
        times["images"] / times["memcpy"],
        "memcpy (time)",
    )


def main() -> int:
    """Run the benchmark."""
    rows = Rows(__doc__)
    for outputs in (1, 2, 4):
        decoding(rows, f"full frame of {outputs} output(s)", WindowPlan.full(geometry(outputs)))
        decoding(rows, f"three windows, {outputs} output(s)", WindowPlan.build(WINDOWS, geometry(outputs)))
    building = best({"build": lambda: WindowPlan.build(WINDOWS, geometry(4))}, SECONDS)
    rows.add("plan of three windows on 4 outputs", building["build"] * 1e6, "us")
    rows.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
