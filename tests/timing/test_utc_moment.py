"""Moments against astropy's time scales, and at the places where clocks go wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.timing.utc_moment import DAY_SECONDS, SECOND, LeapTable, Moment, leap_table

FIRST = 63_072_010 * SECOND
"""TAI of 1972-01-01"""
LEAP = 1_483_228_800
"""POSIX time of 2017-01-01, which a leap second precedes"""


def astropy_time(tai_ns: int) -> Time:
    days, rest = divmod(tai_ns, DAY_SECONDS * SECOND)
    return Time(40587.0 + days, rest / (DAY_SECONDS * SECOND), format="mjd", scale="tai").utc


around_leaps = st.sampled_from([78_796_800, 915_148_800, 1_341_100_800, LEAP]).flatmap(
    lambda posix: st.integers((posix - 5) * SECOND, (posix + 60) * SECOND)
)
any_time = st.integers(FIRST, 1_830_000_000 * SECOND)


@given(any_time | around_leaps)
def test_mjd_is_that_of_astropy_to_the_last_bits(tai_ns: int) -> None:
    moment, expected = Moment(tai_ns), astropy_time(tai_ns)
    assert abs((moment.time - expected).to_value("ns")) < 0.1
    day, fraction = moment.mjd
    assert 0 <= fraction < 1
    stated = Time(float(day), fraction, format="mjd", scale="utc")
    assert abs((stated - expected).to_value("ns")) < 0.1


@given(
    st.integers(0, 50_000_000) | st.integers(-10_000_000, 70_000_000).map(lambda us: us + 1483228800000000)
)
def test_text_is_that_of_astropy(microseconds: int) -> None:
    tai_ns = (microseconds + FIRST // 1000) * 1000
    expected = astropy_time(tai_ns)
    expected.precision = 6
    # A tenth of a microsecond later: astropy rounds, we cut off.
    assert Moment(tai_ns + 100).text == expected.isot


@given(any_time | around_leaps, st.integers(0, 10**14))
def test_moments_go_on_through_leap_seconds(tai_ns: int, later: int) -> None:
    first = Moment(tai_ns)
    second = Moment(tai_ns + later)
    assert second.since(first) == later / SECOND
    assert first.plus(later / SECOND).since(second) == pytest.approx(0, abs=1e-7)
    assert second >= first
    assert second.text >= first.text
    assert (second.mjd.day, second.mjd.fraction) >= (first.mjd.day, first.mjd.fraction)


def test_the_second_that_a_clock_counts_twice() -> None:
    before = Moment.from_posix((LEAP - 1) * SECOND + SECOND // 2)
    within = Moment.from_posix((LEAP - 1) * SECOND + SECOND // 2, leap_second=True)
    after = Moment.from_posix(LEAP * SECOND + SECOND // 2)
    assert [each.text for each in (before, within, after)] == [
        "2016-12-31T23:59:59.500000",
        "2016-12-31T23:59:60.500000",
        "2017-01-01T00:00:00.500000",
    ]
    assert within.since(before) == after.since(within) == 1.0
    assert (before.tai_utc, within.tai_utc, after.tai_utc) == (36, 36, 37)
    assert before.mjd.day == within.mjd.day == 57753
    assert within.mjd.fraction == 86400.5 / 86401
    assert after.mjd == (57754, 0.5 / 86400)
    assert [each.night for each in (within, after)] == ["20161231", "20170101"]


def test_midnight_changes_the_date_once() -> None:
    midnight = Moment.from_utc(datetime(2026, 3, 2, tzinfo=UTC))
    assert midnight.night == "20260302"
    assert Moment(midnight.tai_ns - 1).night == "20260301"
    assert midnight.mjd == (61101, 0.0)
    assert Moment(midnight.tai_ns - 1).mjd.day == 61100


def test_a_second_taken_out() -> None:
    """There has been none yet; the standard allows it."""
    table = LeapTable([(date(1972, 1, 1), 10), (date(2030, 1, 1), 9)], date(2031, 1, 1))
    last = Moment.from_posix(1_893_455_998 * SECOND, table=table)
    assert last.text == "2029-12-31T23:59:58.000000"
    assert last.plus(1).text == "2030-01-01T00:00:00.000000"
    assert last.mjd.fraction == 86398 / 86399


def test_the_table_is_the_iers_s() -> None:
    table = leap_table()
    assert table.of_posix(LEAP) == 37
    assert table.of_posix(LEAP - 1) == 36
    assert table.expires > date(2026, 1, 1)
    with pytest.raises(ValueError, match="before 1972"):
        table.of_posix(0)


def test_nothing_is_lost_between_two_frames() -> None:
    """Ten microseconds at ten kilohertz, at today's MJD, to better than a nanosecond."""
    start = Moment.from_utc(datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
    moments = [Moment(start.tai_ns + 100_003 * number) for number in range(20_000)]
    day, fraction = np.array([each.mjd for each in moments]).T
    seconds = (day - day[0]) * 86400 + (fraction - fraction[0]) * 86400
    assert np.abs(np.diff(seconds) - 100_003e-9).max() < 1e-10


def test_a_datetime_has_to_say_its_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Moment.from_utc(datetime(2026, 3, 1))
