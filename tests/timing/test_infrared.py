"""Exposure plans against the figures of the NIFS instrument pages (icd/sdsu_facts.md section 6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.readout.linear import MOST_READS
from nifsdc.timing.infrared import (
    MOST_PERIODS,
    TURNAROUND,
    ExposurePlan,
    IrRequest,
    RampTimes,
    ReadMode,
    TimeMode,
    consistent_times,
    possible_times,
)

READ = 5.3


def plan(
    mode: ReadMode = ReadMode.FOWLER, requested: float = 60.0, nreads: int = 1, coadds: int = 1
) -> ExposurePlan:
    return ExposurePlan(mode, requested, nreads, coadds, resets=1, reset_delay=0.0, read_time=READ)


@pytest.mark.parametrize(("nreads", "shortest"), [(1, 5.3), (4, 21.2), (16, 84.8)])
def test_the_shortest_exposures_are_those_of_the_instrument_page(nreads: int, shortest: float) -> None:
    short = plan(requested=0.0, nreads=nreads)
    assert short.exposure == pytest.approx(shortest)
    assert short.gap == 0
    assert short.shortened_by_reads


def test_a_long_exposure_is_exposed_as_asked() -> None:
    long = plan(requested=60.0, nreads=4)
    assert long.exposure == pytest.approx(60.0)
    assert long.gap == pytest.approx(60.0 - 21.2)
    assert not long.shortened_by_reads


def test_a_single_read_waits_the_whole_exposure_and_reads_once() -> None:
    single = plan(ReadMode.SINGLE, requested=10.0)
    assert (single.gap, single.exposure, single.reads) == (10.0, 10.0, 1)
    assert single.total_time == pytest.approx(15.3)


@given(
    requested=st.floats(0, 7200),
    nreads=st.integers(1, 64),
    coadds=st.integers(1, 100),
    mode=st.sampled_from([ReadMode.DCS, ReadMode.FOWLER, ReadMode.SINGLE]),
)
def test_the_parts_add_up(requested: float, nreads: int, coadds: int, mode: ReadMode) -> None:
    one = plan(mode, requested, nreads, coadds)
    reads = one.sets * nreads * READ
    assert one.total_time == pytest.approx(coadds * (reads + one.gap))
    assert one.exposure >= requested or one.exposure == pytest.approx(requested)
    assert one.gap >= 0


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (TimeMode.EXPOSURE, (12.0, 3.0, 4)),
        (TimeMode.PERIOD, (60.0, 15.0, 4)),
        (TimeMode.NPERIODS, (60.0, 3.0, 20)),
    ],
)
def test_any_two_of_the_three_give_the_third(mode: TimeMode, expected: tuple[float, float, int]) -> None:
    times = consistent_times(mode, exposure=60.0, period=3.0, nperiods=4)
    assert (times.exposure, times.period, times.nperiods) == expected


def test_the_number_of_periods_needs_a_period() -> None:
    with pytest.raises(ValueError, match="above 0 s"):
        consistent_times(TimeMode.NPERIODS, 60.0, 0.0, 1)


def ramp(period: float, nperiods: int, coadds: int = 1) -> ExposurePlan:
    return ExposurePlan(
        ReadMode.LINEAR, period * nperiods, 1, coadds, 1, 2.0, READ, period=period, nperiods=nperiods
    )


def test_a_ramp_is_read_at_both_ends_and_once_a_period() -> None:
    one = ramp(15.0, 8, coadds=2)
    assert (one.sets, one.reads, one.exposure) == (9, 18, 120.0)
    assert one.gap == pytest.approx(15.0 - READ)
    # From the reset to the first read, eight periods, and the last read itself.
    assert one.total_time == pytest.approx(2 * (2.0 + 120.0 + READ))


def test_a_ramp_has_no_more_reads_than_can_be_numbered() -> None:
    assert ramp(READ + 1, MOST_PERIODS).sets == MOST_READS


@pytest.mark.parametrize(
    ("mode", "exposure", "nperiods"),
    [(TimeMode.EXPOSURE, 4 * 5.4, 4), (TimeMode.PERIOD, 4 * 5.4, 4), (TimeMode.NPERIODS, 10 * 5.4, 10)],
)
def test_a_period_too_short_for_a_read_is_lengthened(mode: TimeMode, exposure: float, nperiods: int) -> None:
    asked = RampTimes(54.0 if mode is TimeMode.NPERIODS else 4.0, 1.0, 4)
    times = possible_times(mode, asked, READ)
    assert times.period == READ + TURNAROUND
    assert times.exposure == pytest.approx(exposure)
    assert times.nperiods == nperiods


def test_a_period_that_is_long_enough_is_kept() -> None:
    asked = RampTimes(60.0, 6.0, 10)
    assert possible_times(TimeMode.PERIOD, asked, READ) is asked


@pytest.mark.parametrize(
    ("mode", "exposure", "nperiods"),
    [(TimeMode.EXPOSURE, 4 * 9.0, 4), (TimeMode.PERIOD, 4 * 9.0, 4), (TimeMode.NPERIODS, 6 * 9.0, 6)],
)
def test_a_period_too_short_for_a_read_to_be_stored_is_lengthened(
    mode: TimeMode, exposure: float, nperiods: int
) -> None:
    """SDN 11.03 section 4.6.5: the rate of the transfer sets the least period while raw data are saved."""
    asked = RampTimes(54.0 if mode is TimeMode.NPERIODS else 24.0, 6.0, 4)
    times = possible_times(mode, asked, READ, 9.0)
    assert (times.exposure, times.period, times.nperiods) == (exposure, 9.0, nperiods)
    assert possible_times(mode, asked, READ, 2.0) is asked


@pytest.mark.parametrize(
    ("mode", "nreads", "coadds", "requested", "exposure"),
    [
        (ReadMode.DCS, 1, 1, 6.0, 9.0),
        (ReadMode.DCS, 1, 1, 20.0, 20.0),
        # Two reads to be stored from one coadd to the next, less the 5.3 s of the second set.
        (ReadMode.DCS, 1, 2, 6.0, 2 * 9.0 - READ),
        (ReadMode.FOWLER, 4, 1, 6.0, 36.0),
        (ReadMode.FOWLER, 4, 1, 40.0, 40.0),
        (ReadMode.FOWLER, 4, 3, 6.0, 2 * 36.0 - 4 * READ),
        # Nothing is read while a single read's exposure runs, and then the read itself takes its time.
        (ReadMode.SINGLE, 1, 1, 1.0, 9.0 - READ),
        (ReadMode.SINGLE, 1, 2, 1.0, 9.0 - READ),
        (ReadMode.SINGLE, 1, 2, 20.0, 20.0),
    ],
)
def test_an_exposure_too_short_for_its_reads_to_be_stored_is_lengthened(
    mode: ReadMode, nreads: int, coadds: int, requested: float, exposure: float
) -> None:
    one = ExposurePlan(mode, requested, nreads, coadds, 1, 0.0, READ, store_time=9.0)
    assert one.exposure == pytest.approx(exposure)
    assert coadds == 1 or one.coadd_time >= one.sets * nreads * 9.0
    asked = IrRequest(mode, requested, 0.0, 1, nreads, coadds, 1, 0.0, store_time=9.0)
    assert asked.longest(READ) > one.total_time


def test_a_ramp_whose_reads_are_stored_has_the_time_for_it() -> None:
    asked = IrRequest(ReadMode.LINEAR, 24.0, 6.0, 4, 1, 3, 1, 0.0, store_time=9.0)
    assert asked.longest(READ) > ramp(9.0, 4, coadds=3).total_time
