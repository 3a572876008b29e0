"""A ramp of 2048 x 2112 pixels a read, fitted as it arrives, against what it must touch and against stcal."""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numba import types, uint8, uint16, uint32, void

from nifsdc.readout.compiled import compiled, vector
from nifsdc.readout.cosmic import CosmicRayTest
from nifsdc.readout.linear import SECTION, LinearFit
from nifsdc.readout.linear_sums import BLOCK
from nifsdc.readout.memory import from_cache_line
from rows import Rows, best

PIXELS = 2048 * 2112
READS = 30
FULL = 50000
HITS = {"no hits": 0.0, "1 % hit": 0.01}
"""part of the pixels that a cosmic ray hits in a ramp"""
RAMPS = 5
"""times a ramp is added: a busy machine leaves few reads undisturbed"""
PIECE = 128 * BLOCK
"""pixels that one thread is timed with at once"""
LARGE_PIECE = 4 * SECTION * BLOCK
"""and two: of sections for both"""
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


def ramp(reads: int, shape: tuple[int, ...], hits: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    rate = rng.exponential(30.0, shape).astype(np.float32)
    level = rng.normal(3000, 30, shape).astype(np.float32)
    result = np.empty((reads, *shape), np.uint16)
    for read in result:
        hit = rng.random(shape, np.float32) < hits / reads
        level += rate + np.where(hit, np.float32(800), np.float32(0))
        noise = rng.standard_normal(shape, np.float32) * np.float32(TEST.read_noise)
        read[...] = np.clip(level + noise, 0, 65535)
    return result


def whole(total: LinearFit, samples: np.ndarray) -> None:
    total.clear()
    for number, read in enumerate(samples):
        total.add(read.reshape(-1), number * total.pixels)
    total.fit()


class Touched:
    """Arrays as large as those of a ramp's sums, to be read and written once a read."""

    def __init__(self) -> None:
        blocks = PIXELS // BLOCK
        self.words = from_cache_line((blocks, 3, BLOCK), np.uint32)
        self.state = from_cache_line((blocks, BLOCK), np.uint8)
        self.last = from_cache_line((blocks, BLOCK), np.uint16)
        for array in (self.words, self.state, self.last):
            array.fill(0)

    def touch(self, pixels: np.ndarray, first: int) -> None:
        blocks = slice(first // BLOCK, (first + len(pixels)) // BLOCK)
        touch(pixels, self.words[blocks], self.state[blocks], self.last[blocks])


def per_read(
    totals: dict[str, LinearFit], samples: np.ndarray, piece: int, warm: int = 4
) -> dict[str, float]:
    """Time of a read: the shortest of each piece of each read after the first few, added up for a read.

    A later read has more pixels that were hit, so the shortest of all reads would not be that of a read; and
    on a busy machine a short piece is sooner found undisturbed than a whole read.
    """
    touched, copy = Touched(), np.empty_like(samples[0])
    pieces = range(0, PIXELS, piece)
    names = ("memcpy", "touch", *totals)
    times = {name: np.full((len(samples), len(pieces)), np.inf) for name in names}
    for _ in range(RAMPS):
        for total in totals.values():
            total.clear()
        for number, read in enumerate(samples):
            for place, first in enumerate(pieces):
                part = read[first : first + piece]
                runs = {
                    "memcpy": partial(np.copyto, copy[first : first + piece], part),
                    "touch": partial(touched.touch, part, first),
                    **{name: partial(one.add, part, number * PIXELS + first) for name, one in totals.items()},
                }
                for name, run in runs.items():
                    times[name][number, place] = min(times[name][number, place], once(run))
    return {name: float(np.mean(shortest[warm:].sum(axis=1))) for name, shortest in times.items()}


def accumulation(rows: Rows, pool: ThreadPoolExecutor) -> None:
    for hits, chance in HITS.items():
        samples = ramp(READS, (PIXELS,), chance)
        totals = {
            "one thread": LinearFit(PIXELS, saturation=FULL, cosmic=TEST),
            "two threads": LinearFit(PIXELS, saturation=FULL, cosmic=TEST, threads=2, pool=pool),
        }
        times = per_read({"one thread": totals["one thread"]}, samples, PIECE)
        times["two threads"] = per_read({"two threads": totals["two threads"]}, samples, PIXELS)[
            "two threads"
        ]
        rows.add(f"memcpy of a read, {hits}", times["memcpy"] * MILLI, "ms")
        rows.add(f"touch what a read must (31 bytes a pixel), {hits}", times["touch"] * MILLI, "ms")
        fits = best({name: total.fit for name, total in totals.items()}, SECONDS)
        for what, seconds in (("add of a read", times), ("fit with variance", fits)):
            for name in totals:
                ratio = seconds[name] / times["touch"]
                rows.add(f"LINEAR {what}, {hits}, {name}", seconds[name] * MILLI, "ms", ratio, "touch")


def once(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def cas22(samples: np.ndarray) -> Callable[[], object]:
    """The ramp by stcal's fit of Casertano et al., which looks for jumps as it fits."""
    from stcal.ramp_fitting.ols_cas22_fit import fit_ramps_casertano

    counts, noise = samples.astype(np.float32), np.full(samples.shape[1:], TEST.read_noise, np.float32)
    flags, pattern = np.zeros(counts.shape, np.int32), [[number] for number in range(1, len(samples) + 1)]
    return lambda: fit_ramps_casertano(counts, flags, noise, 1.0, pattern, use_jump=True)


DQ_FLAGS = {
    "DO_NOT_USE": 1,
    "SATURATED": 2,
    "JUMP_DET": 4,
    "CHARGELOSS": 128,
    "PERSISTENCE": 1024,
    "NO_GAIN_VALUE": 1 << 19,
    "UNRELIABLE_SLOPE": 1 << 24,
}
"""bits of stcal's quality arrays"""


def two_points(reads: int) -> object:
    """Parameters of stcal's jump test that ask for as much as ours: one pass, no neighbours, no afterglow."""
    from stcal.jump.twopoint_difference_class import TwoPointParams

    result = TwoPointParams()
    settings = {
        "normal_rej_thresh": TEST.threshold,
        "two_diff_rej_thresh": TEST.threshold,
        "three_diff_rej_thresh": TEST.threshold,
        "nframes": 1,
        "flag_4_neighbors": False,
        "fl_good": 0,
        "fl_sat": DQ_FLAGS["SATURATED"],
        "fl_jump": DQ_FLAGS["JUMP_DET"],
        "fl_ngv": DQ_FLAGS["NO_GAIN_VALUE"],
        "fl_dnu": DQ_FLAGS["DO_NOT_USE"],
        "fl_ref": 1 << 31,
        "after_jump_flag_n1": 0,
        "after_jump_flag_n2": 0,
        "minimum_groups": 3,
        "minimum_sigclip_groups": 100,
        "only_use_ints": True,
        "min_diffs_single_pass": 10,
        "dt_group": np.ones(reads - 1, np.float32),
        "n_reads_groupdiff": np.ones(reads - 1, np.float32),
    }
    for name, value in settings.items():
        setattr(result, name, value)
    return result


def find_crs_and_ols(samples: np.ndarray) -> Callable[[], object]:
    """The ramp by stcal's two-point test, then its least squares compiled from C, on one core."""
    from stcal.jump.twopoint_difference import find_crs
    from stcal.ramp_fitting.ramp_fit import ramp_fit_data
    from stcal.ramp_fitting.ramp_fit_class import RampData

    reads, shape = len(samples), samples.shape[1:]
    electrons = samples[np.newaxis].astype(np.float32) * np.float32(TEST.gain)
    saturated = np.where(samples[np.newaxis] >= FULL, DQ_FLAGS["SATURATED"], 0).astype(np.uint8)
    noise, none = np.full(shape, TEST.read_noise * TEST.gain, np.float32), np.zeros(shape, np.float32)
    test = two_points(reads)

    def run() -> object:
        # Both write into what they are given.
        data, flags = electrons.copy(), saturated.copy()
        flags = find_crs(data, flags, noise, test)[0]
        ramps = RampData()
        ramps.algorithm = "OLS_C"
        ramps.set_arrays(data, flags, np.zeros(shape, np.uint32), none)
        ramps.set_meta(name="NIFS", frame_time=1.0, group_time=1.0, groupgap=0, nframes=1, drop_frames1=0)
        ramps.set_dqflags(DQ_FLAGS)
        ones = np.ones(shape, np.float32)
        return ramp_fit_data(ramps, False, noise.copy(), ones, "OLS_C", "optimal", "none")

    return run


def most_memory(run: Callable[[], object]) -> float:
    """Most bytes in numpy's arrays while it runs, besides those that were there before, in MB."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def peers(rows: Rows) -> None:
    """The same ramp by stcal's ways, on a part of the detector that its memory allows."""
    try:
        import stcal
    except ImportError:
        print("stcal cannot be imported: no comparison (install the bench extra)")
        return
    side = 512
    samples = ramp(READS, (side, side), HITS["1 % hit"])
    one = LinearFit(side * side, saturation=FULL, cosmic=TEST)
    runs = {
        "ours": lambda: whole(one, samples),
        "cas22 with jumps": cas22(samples),
        "find_crs and OLS_C": find_crs_and_ols(samples),
    }
    seconds = best(runs, 3 * SECONDS)
    ours = seconds.pop("ours")
    rows.add(f"ramp of {READS} reads of {side}x{side}, one thread", ours * MILLI, "ms")
    for name, theirs in seconds.items():
        rows.add(f"the same by stcal {stcal.__version__} {name}", theirs * MILLI, "ms", theirs / ours, "ours")
    few = READS // 3
    mine = {
        reads: most_memory(
            lambda reads=reads: whole(LinearFit(side * side, saturation=FULL, cosmic=TEST), samples[:reads])
        )
        for reads in (few, READS)
    }
    rows.add(f"memory of {few} reads of {side}x{side}", mine[few], "MB")
    rows.add(f"memory of {READS} reads", mine[READS], "MB", mine[READS] / mine[few], f"{few} reads")
    for name, make in (("cas22", cas22), ("find_crs and OLS_C", find_crs_and_ols)):
        used = most_memory(lambda make=make: make(samples)())
        rows.add(f"memory of {READS} reads by stcal {name}", used, "MB", used / mine[READS], "ours")


def main() -> int:
    rows = Rows(__doc__)
    with ThreadPoolExecutor(2) as pool:
        accumulation(rows, pool)
        peers(rows)
    rows.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
