"""Unravelling, Fowler sums and the IFU image of a read of 2048 x 2112 pixels against the bytes they need."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import yaml
from numba import uint32

from nifsdc.camera.layout import Amplifier, Layout
from nifsdc.readout.coadd import CoaddSum
from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.fowler import FowlerSum
from nifsdc.readout.ifu import Ifu
from nifsdc.readout.statistics import statistics
from rows import Rows, best

DATABASE = Path(__file__).parents[1] / "db"
LAYOUT = DATABASE / "detectors" / "hawaii2-nifs.yaml"
SIDE = 2048
SECONDS = 3.0
MILLI = 1e3


def stripes(channels: int) -> Layout:
    """A HAWAII-2 read upwards in stripes side by side: four as it flew, or all of its 32 channels."""
    width = SIDE // channels
    amplifiers = (Amplifier(number * width, 0, width, SIDE, 1, 1, "row", 0) for number in range(channels))
    return Layout(f"{channels} stripes", SIDE, SIDE, tuple(amplifiers))


def unravelling(rows: Rows, name: str, layout: Layout, kind: type) -> None:
    sorter = layout.unraveller
    stream = np.random.default_rng(1).integers(0, 65536, sorter.pixels_per_read).astype(kind)
    copy = np.empty_like(stream)
    image, reference = sorter.empty(stream.dtype)
    times = best(
        {
            "memcpy": lambda: np.copyto(copy, stream),
            "unravel": lambda: sorter.unravel_into(stream, image, reference),
        },
        SECONDS,
    )
    name = f"{name}, {np.dtype(kind).name}"
    rows.add(f"memcpy, {name}", times["memcpy"] * MILLI, "ms")
    ratio = times["unravel"] / times["memcpy"]
    rows.add(f"unravel, {name}", times["unravel"] * MILLI, "ms", ratio, "memcpy")


def sums(rows: Rows, pixels: int) -> None:
    read = np.random.default_rng(1).integers(0, 60000, pixels).astype(np.uint16)
    copy = np.empty_like(read)
    total = FowlerSum(pixels, saturation=50000)
    last = FowlerSum(pixels, sets=1, saturation=50000)
    plain = FowlerSum(pixels, sets=1)
    ones, counts = np.ones(pixels, np.int32), np.zeros(pixels, np.int32)
    coadds = CoaddSum(pixels)
    difference = total.difference()

    def add(sum_: FowlerSum) -> None:
        sum_._arrived[0] = 0
        sum_.add(read, 0, 0)

    times = best(
        {
            "memcpy": lambda: np.copyto(copy, read),
            "touch": lambda: np.add(counts, ones, out=counts),
            "plain": lambda: add(plain),
            "marked": lambda: add(last),
            "difference": total.difference,
            "dcs": lambda: (add(total), total.difference()),
            "coadd": lambda: coadds.add(difference, total.saturated),
            "statistics": lambda: statistics(difference, total.saturated),
        },
        SECONDS,
    )
    names = {
        "plain": "Fowler add of a read",
        "marked": "Fowler add of a read, saturation marked",
        "difference": "Fowler difference",
        "dcs": "DCS: add of a read and difference",
        "coadd": "coadd of an exposure",
        "statistics": "statistics of an exposure",
    }
    rows.add(
        "add of two int32 arrays of a read",
        times["touch"] * MILLI,
        "ms",
        times["touch"] / times["memcpy"],
        "memcpy",
    )
    for key, name in names.items():
        rows.add(name, times[key] * MILLI, "ms", times[key] / times["memcpy"], "memcpy")


@compiled(uint32(vector(uint32)))
def read_words(words: np.ndarray) -> int:
    """Read every word once, as fast as memory gives them."""
    total = uint32(0)
    for j in range(len(words)):
        total = uint32(total ^ words[j])
    return total


def ifu_image(rows: Rows) -> None:
    ifu = Ifu.from_mapping(yaml.safe_load((DATABASE / "ifu.yaml").read_text()))
    image = np.random.default_rng(1).normal(100.0, 5.0, ifu.shape).astype(np.float32)
    words = image.view(np.uint32).reshape(-1)
    everything = (0.0, 10.0)
    times = best(
        {
            "read": lambda: read_words(words),
            "whole": lambda: ifu.display_image(ifu.compressed(image, "K", everything)),
            "acquisition": lambda: ifu.display_image(ifu.acquisition(image)),
            "cube": lambda: ifu.cube(image, "K"),
        },
        SECONDS,
    )
    rows.add("one read of a float32 image", times["read"] * MILLI, "ms")
    names = {
        "whole": "IFU image, all wavelengths",
        "acquisition": "IFU acquisition image",
        "cube": "IFU cube",
    }
    for key, name in names.items():
        rows.add(name, times[key] * MILLI, "ms", times[key] / times["read"], "one read")


def main() -> int:
    rows = Rows(__doc__)
    layout = Layout.load(LAYOUT)
    layouts = {"four rotated quadrants": layout, "four stripes": stripes(4), "32 channels": stripes(32)}
    for name, one in layouts.items():
        for kind in (np.uint16, np.float32):
            unravelling(rows, name, one, kind)
    sums(rows, layout.pixels_per_read)
    ifu_image(rows)
    rows.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
