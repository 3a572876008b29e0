"""Fowler sums, coadds and statistics against integers of any size and against numpy in float64."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nifsdc.readout.coadd import CoaddSum
from nifsdc.readout.fowler import LEAST_PART, MOST_READS, FowlerSum
from nifsdc.readout.statistics import statistics

PIXELS = 37
many = settings(deadline=None, max_examples=60)


def reads(rng: np.random.Generator, count: int, pixels: int = PIXELS) -> np.ndarray:
    return rng.integers(0, 65536, (count, pixels)).astype(np.uint16)


def feed(total: FowlerSum, number: int, stream: np.ndarray, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        total.add(stream[start:end], start, number)


@many
@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.lists(st.integers(0, PIXELS), max_size=6))
def test_fowler_is_the_difference_of_the_means_however_the_pixels_arrive(
    count: int, seed: int, cuts: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    first, last = reads(rng, count), reads(rng, count)
    total = FowlerSum(PIXELS, count, saturation=60000)
    feed(total, 0, first.ravel(), cuts)
    assert not total.complete
    feed(total, 1, last.ravel(), [cut * count for cut in cuts])
    assert total.complete
    exact = [
        sum(int(v) for v in last[:, pixel]) - sum(int(v) for v in first[:, pixel]) for pixel in range(PIXELS)
    ]
    assert total.sums.tolist() == exact
    expected = last.astype(np.float64).mean(axis=0) - first.astype(np.float64).mean(axis=0)
    assert total.difference().dtype == np.float32
    np.testing.assert_allclose(total.difference(), expected, rtol=2e-7, atol=0)
    assert total.saturated.tolist() == [bool((last[:, p] >= 60000).any()) for p in range(PIXELS)]


def test_chunks_larger_than_the_working_block() -> None:
    pixels = LEAST_PART + 1000
    rng = np.random.default_rng(3)
    first, last = reads(rng, 2, pixels), reads(rng, 2, pixels)
    total = FowlerSum(pixels, 2, saturation=65000)
    total.add(first.ravel(), 0, 0)
    total.add(last.ravel(), 0, 1)
    np.testing.assert_array_equal(total.sums, last.astype(int).sum(axis=0) - first.astype(int).sum(axis=0))
    np.testing.assert_array_equal(total.saturated, (last >= 65000).any(axis=0))


def test_dcs_is_fowler_with_one_read_and_first_reads_cannot_saturate() -> None:
    first = np.full(4, 65535, np.uint16)
    last = np.array([0, 1, 59999, 60000], np.uint16)
    total = FowlerSum(4, saturation=60000)
    total.add(first, 0, 0)
    total.add(last, 0, 1)
    assert total.difference().tolist() == [-65535, -65534, -5536, -5535]
    assert total.saturated.tolist() == [False, False, False, True]


def test_a_single_read_comes_back_as_it_was() -> None:
    read = np.array([0, 1, 32767, 32768, 65535], np.uint16)
    total = FowlerSum(5, sets=1, saturation=65535)
    total.add(read, 0, 0)
    assert total.raw().dtype == np.uint16
    assert total.raw().tolist() == read.tolist()
    assert total.saturated.tolist() == [False] * 4 + [True]
    with pytest.raises(ValueError, match="not a single read"):
        FowlerSum(5, 2).raw()


def test_the_longest_sum_does_not_overflow() -> None:
    total = FowlerSum(1, MOST_READS)
    most = np.full(MOST_READS, 65535, np.uint16)
    total.add(np.zeros(MOST_READS, np.uint16), 0, 0)
    total.add(most, 0, 1)
    assert total.sums.tolist() == [MOST_READS * 65535]
    assert total.difference().tolist() == [65535.0]
    with pytest.raises(ValueError, match="expected 1 to"):
        FowlerSum(1, MOST_READS + 1)


def test_clear_begins_anew() -> None:
    total = FowlerSum(2, saturation=1)
    total.add(np.array([1, 2], np.uint16), 0, 0)
    total.add(np.array([9, 9], np.uint16), 0, 1)
    total.clear()
    assert total.sums.tolist() == [0, 0]
    assert not total.saturated.any()
    total.add(np.array([1, 2], np.uint16), 0, 0)


@pytest.mark.parametrize(
    ("offset", "length", "number", "text"),
    [
        (1, 1, 0, "pixel 1 of set 0 came where pixel 0 was expected"),
        (0, 7, 0, "set 0 has 6 pixels; 7 were given"),
        (0, 1, 2, "set 2 of 2"),
    ],
)
def test_pixels_that_do_not_follow_are_refused(offset: int, length: int, number: int, text: str) -> None:
    total = FowlerSum(3, 2)
    with pytest.raises(ValueError, match=text):
        total.add(np.zeros(length, np.uint16), offset, number)


def test_number_of_sets_is_checked() -> None:
    with pytest.raises(ValueError, match="3 sets"):
        FowlerSum(3, sets=3)


@many
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_coadds_are_rounded_once(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    exposures = rng.normal(30000, 10000, (count, 8)).astype(np.float32)
    marks = rng.random((count, 8)) < 0.1
    total = CoaddSum(8)
    for exposure, mark in zip(exposures, marks, strict=True):
        total.add(exposure, mark)
    assert total.count == count
    np.testing.assert_array_equal(total.total(), exposures.astype(np.float64).sum(axis=0).astype(np.float32))
    np.testing.assert_array_equal(total.saturated, marks.any(axis=0))


def test_a_thousand_faint_coadds_keep_their_last_bits() -> None:
    """In float32 alone the sum of these would be off by far more than a rounding."""
    total = CoaddSum(1)
    for _ in range(1000):
        total.add(np.array([40000.1], np.float32))
    assert total.total()[0] == np.float32(np.float64(np.float32(40000.1)) * 1000)


def test_statistics_leave_out_what_is_no_number() -> None:
    image = np.array([[1.0, 2.0], [np.nan, 6.0]], np.float32)
    summary = statistics(image, np.array([[True, False], [True, False]]))
    assert (summary.minimum, summary.maximum, summary.mean, summary.saturated) == (1.0, 6.0, 3.0, 2)
    assert statistics(np.full((2, 2), np.nan)).mean == 0.0


def test_statistics_of_counts_do_not_wrap() -> None:
    summary = statistics(np.full((300, 300), 65535, np.uint16))
    assert (summary.minimum, summary.maximum, summary.mean, summary.saturated) == (65535, 65535, 65535, 0)
