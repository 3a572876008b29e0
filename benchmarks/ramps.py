"""A ramp of 2048 x 2112 pixels a read, fitted as it arrives, against what it must touch and against stcal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import types, uint8, uint16, uint32, void

from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.cosmic import CosmicRayTest
from nifsdc.readout.linear import LinearFit
from nifsdc.readout.linear_sums import BLOCK
from rows import Rows, best

PIXELS = 2048 * 2112
READS = 30
FULL = 50000
HIT_CHANCE = 0.01
"""pixels of a ramp that a cosmic ray hits"""
SECONDS = 4.0
MILLI = 1e3
TEST = CosmicRayTest()


@compiled()
def _touch(
    sample: np.ndarray, state: np.ndarray, last: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray
) -> None:
    for j in range(len(sample)):
        value = uint32(uint32(sample[j]) + uint32(state[j]))
        a[j] = uint32(a[j] + value)
        b[j] = uint32(b[j] + value)
        c[j] = uint32(c[j] + value)
        last[j] = sample[j]


@compiled(
    void(
        vector(uint16),
        types.Array(uint32, 3, "C"),
        types.Array(uint8, 2, "C"),
        types.Array(uint16, 2, "C"),
    )
)
def touch(sample: np.ndarray, words: np.ndarray, state: np.ndarray, last: np.ndarray) -> None:
    """Read and write once what adding a read must: sums, state, sample; with one addition each."""
    for block in range(len(words)):
        part = sample[block * BLOCK : (block + 1) * BLOCK]
        _touch(part, state[block], last[block], words[block, 0], words[block, 1], words[block, 2])


def ramp(reads: int, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(1)
    rate = rng.exponential(30.0, shape).astype(np.float32)
    level = rng.normal(3000, 30, shape).astype(np.float32)
    result = np.empty((reads, *shape), np.uint16)
    for read in result:
        hit = rng.random(shape, np.float32) < HIT_CHANCE / reads
        level += rate + np.where(hit, np.float32(800), np.float32(0))
        noise = rng.standard_normal(shape, np.float32) * np.float32(TEST.read_noise)
        read[...] = np.clip(level + noise, 0, 65535)
    return result


def whole(total: LinearFit, samples: np.ndarray) -> None:
    total.clear()
    for number, read in enumerate(samples):
        total.add(read.reshape(-1), number * total.pixels)
    total.fit()


def per_read(total: LinearFit, samples: np.ndarray, warm: int = 4) -> float:
    """Shortest time of a read, as `best` takes it, of those after the first few."""
    total.clear()
    times = []
    for number, read in enumerate(samples):
        start = time.perf_counter()
        total.add(read, number * total.pixels)
        times.append(time.perf_counter() - start)
    return min(times[warm:])


def accumulation(rows: Rows, samples: np.ndarray, pool: ThreadPoolExecutor) -> None:
    one = LinearFit(PIXELS, saturation=FULL, cosmic=TEST)
    two = LinearFit(PIXELS, saturation=FULL, cosmic=TEST, threads=2, pool=pool)
    blocks = PIXELS // BLOCK
    words = np.zeros((blocks, 3, BLOCK), np.uint32)
    state, last = np.zeros((blocks, BLOCK), np.uint8), np.zeros((blocks, BLOCK), np.uint16)
    copy = np.empty_like(samples[0])
    limit = best(
        {
            "memcpy": lambda: np.copyto(copy, samples[0]),
            "touch": lambda: touch(samples[0], words, state, last),
        },
        SECONDS,
    )
    times = {"one thread": per_read(one, samples), "two threads": per_read(two, samples)}
    rows.add("memcpy of a read", limit["memcpy"] * MILLI, "ms")
    rows.add("touch what a read must (31 bytes a pixel)", limit["touch"] * MILLI, "ms")
    for name, seconds in times.items():
        rows.add(f"LINEAR add of a read, {name}", seconds * MILLI, "ms", seconds / limit["touch"], "touch")
    fits = best({"one thread": one.fit, "two threads": two.fit}, SECONDS)
    for name, seconds in fits.items():
        rows.add(
            f"LINEAR fit with variance, {name}", seconds * MILLI, "ms", seconds / limit["touch"], "touch"
        )


def once(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def peers(rows: Rows) -> None:
    """The same ramp by stcal's ways, on a part of the detector that its memory allows."""
    try:
        from stcal.ramp_fitting.ols_cas22_fit import fit_ramps_casertano
    except ImportError:
        print("stcal cannot be imported: no comparison (install the bench extra)")
        return
    side = 512
    samples = ramp(READS, (side, side))
    one = LinearFit(side * side, saturation=FULL, cosmic=TEST)
    times = best({"ours": lambda: whole(one, samples)}, SECONDS)
    counts, noise = samples.astype(np.float32), np.full((side, side), TEST.read_noise, np.float32)
    flags, pattern = np.zeros(counts.shape, np.int32), [[number] for number in range(1, READS + 1)]

    def by_cas22() -> None:
        fit_ramps_casertano(counts, flags, noise, 1.0, pattern, use_jump=True)

    rows.add(f"ramp of {READS} reads of {side}x{side}, one thread", times["ours"] * MILLI, "ms")
    seconds = once(by_cas22)
    rows.add("the same by stcal cas22 with jumps", seconds * MILLI, "ms", seconds / times["ours"], "ours")


def main() -> int:
    rows = Rows(__doc__)
    with ThreadPoolExecutor(2) as pool:
        accumulation(rows, ramp(READS, (PIXELS,)), pool)
        peers(rows)
    rows.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
