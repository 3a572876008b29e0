"""Unravelling, Fowler sums and the IFU image of a read of 2048 x 2112 pixels against the bytes they need."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from numba import uint16, uint32, void

from nifsdc.camera.layout import Amplifier, Layout
from nifsdc.readout.coadd import CoaddSum
from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.fowler import FowlerSum
from nifsdc.readout.ifu import Ifu
from nifsdc.readout.memory import from_cache_line
from nifsdc.readout.parts import each
from nifsdc.readout.statistics import statistics
from rows import Rows, best

DATABASE = Path(__file__).parents[1] / "db"
LAYOUT = DATABASE / "detectors" / "hawaii2-nifs.yaml"
SIDE = 2048
COUNTED = {1: "one thread", 2: "two threads"}
SECONDS = 3.0
MILLI = 1e3


def stripes(channels: int) -> Layout:
    """A HAWAII-2 read upwards in stripes side by side: four as it flew, or all of its 32 channels."""
    width = SIDE // channels
    amplifiers = (Amplifier(number * width, 0, width, SIDE, 1, 1, "row", 0) for number in range(channels))
    return Layout(f"{channels} stripes", SIDE, SIDE, tuple(amplifiers))


def unravelling(rows: Rows, pool: ThreadPoolExecutor, name: str, layout: Layout, kind: type) -> None:
    sorter = layout.unraveller
    # As the hardware's buffer and a frame do, all begin at a cache line.
    stream = from_cache_line((sorter.pixels_per_read,), kind)
    stream[:] = np.random.default_rng(1).integers(0, 65536, len(stream))
    copy = from_cache_line(stream.shape, kind)
    image, reference = sorter.empty(stream.dtype)
    half = len(stream) // 2
    halves = [(copy[:half], stream[:half]), (copy[half:], stream[half:])]
    times = best(
        {
            "memcpy": lambda: np.copyto(copy, stream),
            "one thread": lambda: sorter.unravel_into(stream, image, reference),
            "memcpy by two": lambda: each(lambda pair: np.copyto(*pair), halves, 2, pool),
            "two threads": lambda: sorter.unravel_into(stream, image, reference, threads=2, pool=pool),
        },
        SECONDS,
    )
    name = f"{name}, {np.dtype(kind).name}"
    rows.add(f"memcpy, {name}", times["memcpy"] * MILLI, "ms")
    ratio = times["memcpy by two"] / times["memcpy"]
    rows.add(f"memcpy by two threads, {name}", times["memcpy by two"] * MILLI, "ms", ratio, "memcpy")
    for threads in ("one thread", "two threads"):
        ratio = times[threads] / times["memcpy"]
        rows.add(f"unravel, {name}, {threads}", times[threads] * MILLI, "ms", ratio, "memcpy")


def sums(rows: Rows, pool: ThreadPoolExecutor, pixels: int) -> None:
    """Sums are compared with the least that must be touched: a read, and 32-bit sums, read and written."""
    read = from_cache_line((pixels,), np.uint16)
    read[:] = np.random.default_rng(1).integers(0, 60000, pixels)
    copy, counts = from_cache_line((pixels,), np.uint16), from_cache_line((pixels,), np.int32)
    counts.fill(0)
    words = counts.view(np.uint32)
    runs: dict[str, Callable[[], object]] = {
        "memcpy": lambda: np.copyto(copy, read),
        "touch": lambda: touch_sums(read, words),
    }
    for threads in (1, 2):
        plain = FowlerSum(pixels, sets=2, threads=threads, pool=pool)
        marked = FowlerSum(pixels, sets=1, saturation=50000, threads=threads, pool=pool)
        result = from_cache_line((pixels,), np.float32)
        runs |= {
            f"Fowler add of a read, {COUNTED[threads]}": partial(add, plain, read),
            f"Fowler add of a read, saturation marked, {COUNTED[threads]}": partial(add, marked, read),
            f"Fowler difference, {COUNTED[threads]}": partial(plain.difference, result),
            f"DCS: add of a read and difference, {COUNTED[threads]}": partial(dcs, marked, read, result),
        }
    total = FowlerSum(pixels, saturation=50000)
    coadds, difference = CoaddSum(pixels), total.difference()
    runs |= {
        "coadd of an exposure": lambda: coadds.add(difference, total.saturated),
        "statistics of an exposure": lambda: statistics(difference, total.saturated),
    }
    times = best(runs, 3 * SECONDS)
    unit = times["touch"]
    rows.add("memcpy of a read", times.pop("memcpy") * MILLI, "ms")
    rows.add("touch of a read and its sums", times.pop("touch") * MILLI, "ms")
    for name, seconds in times.items():
        rows.add(name, seconds * MILLI, "ms", seconds / unit, "touch")


def add(total: FowlerSum, read: np.ndarray) -> None:
    """The first set has room for one read: begin it again."""
    total._arrived[0] = 0
    total.add(read, 0, 0)


def dcs(total: FowlerSum, read: np.ndarray, into: np.ndarray) -> None:
    add(total, read)
    total.difference(into)


@compiled(void(vector(uint16), vector(uint32)))
def touch_sums(pixels: np.ndarray, words: np.ndarray) -> None:
    """Read and write once what adding a read to 32-bit sums must, with one addition."""
    for j in range(len(pixels)):
        words[j] += uint32(pixels[j])


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
    missing = image.copy()
    missing[np.random.default_rng(2).random(ifu.shape) < 0.01] = np.nan
    words = image.view(np.uint32).reshape(-1)
    everything = (0.0, 10.0)
    times = best(
        {
            "read": lambda: read_words(words),
            "whole": lambda: ifu.display_image(ifu.compressed(image, "K", everything)),
            "missing": lambda: ifu.display_image(ifu.compressed(missing, "K", everything)),
            "acquisition": lambda: ifu.display_image(ifu.acquisition(image)),
            "cube": lambda: ifu.cube(image, "K"),
        },
        SECONDS,
    )
    rows.add("one read of a float32 image", times["read"] * MILLI, "ms")
    names = {
        "whole": "IFU image, all wavelengths",
        "missing": "IFU image, all wavelengths, 1 % of the pixels without a value",
        "acquisition": "IFU acquisition image",
        "cube": "IFU cube",
    }
    for key, name in names.items():
        rows.add(name, times[key] * MILLI, "ms", times[key] / times["read"], "one read")


def main() -> int:
    rows = Rows(__doc__)
    layout = Layout.load(LAYOUT)
    layouts = {
        "four rotated quadrants": layout,
        "four stripes": stripes(4),
        "32 channels": stripes(32),
        "two outputs": stripes(2),
        "one output": stripes(1),
    }
    with ThreadPoolExecutor(1) as pool:
        for name, one in layouts.items():
            for kind in (np.uint16, np.float32):
                unravelling(rows, pool, name, one, kind)
        sums(rows, pool, layout.pixels_per_read)
    ifu_image(rows)
    rows.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
