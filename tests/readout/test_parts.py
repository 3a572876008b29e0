"""Work divided among threads gives what one thread gives, and tells of what failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nifsdc.camera.layout import Amplifier, Layout
from nifsdc.readout.cosmic import CosmicRayTest
from nifsdc.readout.fowler import LEAST_PART, FowlerSum
from nifsdc.readout.linear import SECTION, LinearFit
from nifsdc.readout.linear_sums import BLOCK
from nifsdc.readout.parts import each, ranges


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def test_every_part_is_done_once_by_several_threads(pool: ThreadPoolExecutor) -> None:
    done: list[int] = []
    both = threading.Barrier(2, timeout=60)

    def work(part: int) -> None:
        if part < 2:
            both.wait()  # passed only if another thread works at the same time
        done.append(part)

    each(work, range(20), 2, pool)
    assert sorted(done) == list(range(20))


def test_one_thread_needs_no_pool_and_keeps_the_order() -> None:
    done: list[int] = []
    each(done.append, range(5), 3, None)
    assert done == list(range(5))


@pytest.mark.parametrize("wrong", [0, 1, 7])
def test_an_error_in_any_part_is_raised(pool: ThreadPoolExecutor, wrong: int) -> None:
    def work(part: int) -> None:
        if part == wrong:
            raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match=f"part {wrong}"):
        each(work, range(8), 2, pool)


def test_ranges_are_cut_at_wholes_and_leave_nothing_out() -> None:
    assert ranges(0, 1000, 2, 128) == [(0, 512), (512, 1000)]
    assert ranges(100, 350, 3, 100) == [(100, 200), (200, 300), (300, 350)]
    assert ranges(5, 6, 4, 128) == [(5, 6)]
    assert ranges(3, 3, 2, 8) == [(3, 3)]


def test_fowler_sums_by_two_threads(pool: ThreadPoolExecutor) -> None:
    pixels = 3 * LEAST_PART + 777
    reads = np.random.default_rng(1).integers(0, 65536, (2, pixels)).astype(np.uint16)
    one, two = (
        FowlerSum(pixels, saturation=60000, threads=threads, pool=pool if threads > 1 else None)
        for threads in (1, 2)
    )
    for total in (one, two):
        total.add(reads[0], 0, 0)
        total.add(reads[1, :500], 0, 1)
        total.add(reads[1, 500:], 500, 1)
    np.testing.assert_array_equal(two.sums, reads[1].astype(int) - reads[0])
    np.testing.assert_array_equal(two.saturated, reads[1] >= 60000)
    into = np.zeros(pixels, np.float32)
    assert two.difference(into) is into
    np.testing.assert_array_equal(into, one.difference())


def test_a_fit_by_two_threads_over_several_sections(pool: ThreadPoolExecutor) -> None:
    """Pieces that end anywhere are added pixel by pixel at their ends, and by vectors between."""
    pixels = SECTION * BLOCK + 3 * BLOCK + 5
    rng = np.random.default_rng(2)
    test = CosmicRayTest()
    one = LinearFit(pixels, saturation=50000, cosmic=test)
    two = LinearFit(pixels, saturation=50000, cosmic=test, threads=2, pool=pool)
    level = rng.uniform(2000, 48000, pixels)
    for number in range(6):
        level += rng.exponential(300.0, pixels) + 3000 * (rng.random(pixels) < 0.01)
        read = np.clip(np.round(level + rng.normal(0, 5.4, pixels)), 0, 65535).astype(np.uint16)
        one.add(read, number * pixels)
        for start in range(0, pixels, 100_003):
            two.add(read[start : start + 100_003], number * pixels + start)
    assert one.counts() == two.counts()
    assert min(one.counts()) > 1000
    for mine, theirs in ((one.fit(), two.fit()), (one.fit(intercept=True), two.fit(intercept=True))):
        np.testing.assert_array_equal(mine.slope, theirs.slope)
        np.testing.assert_array_equal(mine.variance, theirs.variance)
    np.testing.assert_array_equal(one.stops, two.stops)
    np.testing.assert_array_equal(one.hits, two.hits)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_lines_are_sorted_by_two_threads(pool: ThreadPoolExecutor, kind: type) -> None:
    side, end = 300, 599
    amplifiers = (
        Amplifier(0, 0, side, side, 1, 1, "row", 32),
        Amplifier(0, end, side, side, 1, -1, "column", 32),
        Amplifier(end, end, side, side, -1, -1, "row", 32),
        Amplifier(end, 0, side, side, -1, 1, "column", 32),
    )
    sorter = Layout("quadrants", 2 * side, 2 * side, amplifiers).unraveller
    stream = np.arange(sorter.pixels_per_read).astype(kind)
    expected, samples = sorter.unravel(stream)
    image, reference = sorter.empty(stream.dtype)
    image[:], reference[:] = 0, 0
    sorter.unravel_into(stream, image, reference, threads=2, pool=pool)
    np.testing.assert_array_equal(image, expected)
    np.testing.assert_array_equal(reference, samples)
