"""The time service with given clocks, and what daemons said of real ones."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nifsdc.timing import clock_quality_kernel as kernel
from nifsdc.timing.clock_quality import ClockQuality, ClockSource, ClockWatch, best, by_chrony, by_ptp
from nifsdc.timing.clock_quality_kernel import KernelClock
from nifsdc.timing.clock_quality_tools import chrony_of, ptp_of
from nifsdc.timing.frame_transfer import NoClear
from nifsdc.timing.service import TimeService
from nifsdc.timing.utc_moment import SECOND

LEAP = 1_483_228_800
"""POSIX time of 2017-01-01, which a leap second precedes"""

# Said by chronyd 4.3 that follows another one, and by ptp4l 3.1.1 without and (numbers changed) with
# a master.
CHRONY_GOOD = (
    "7F000001,127.0.0.1,6,1795285189.840728160,-0.000002174,0.000001757,0.000001757,0.017,0.123,6.413,"
    "0.000007452,0.000002614,1.0,Normal\n"
)
CHRONY_LOST = (
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,"
    "1.000000000,1.000000000,0.0,Not synchronised\n"
)
PTP_ALONE = """\
sending: GET TIME_STATUS_NP
sending: GET CURRENT_DATA_SET
\t000000.fffe.000000-0 seq 0 RESPONSE MANAGEMENT TIME_STATUS_NP\x20
\t\tmaster_offset              0
\t\tingress_time               0
\t\tcumulativeScaledRateOffset +0.000000000
\t\tscaledLastGmPhaseChange    0
\t\tgmTimeBaseIndicator        0
\t\tlastGmPhaseChange          0x0000'0000000000000000.0000
\t\tgmPresent                  false
\t\tgmIdentity                 000000.fffe.000000
\t000000.fffe.000000-0 seq 1 RESPONSE MANAGEMENT CURRENT_DATA_SET\x20
\t\tstepsRemoved     0
\t\toffsetFromMaster 0.0
\t\tmeanPathDelay    0.0
"""
PTP_GOOD = (
    PTP_ALONE.replace("gmPresent                  false", "gmPresent                  true")
    .replace("stepsRemoved     0", "stepsRemoved     1")
    .replace("offsetFromMaster 0.0", "offsetFromMaster -37.0")
    .replace("meanPathDelay    0.0", "meanPathDelay    1250.0")
)


def clock(posix_ns: int, *, leap_second: bool = False, tai_offset: int = 0) -> KernelClock:
    return KernelClock(posix_ns, leap_second, False, 1e-6, 5e-6, tai_offset)


def test_it_reads_the_host_s_clock() -> None:
    service = TimeService()
    before = time.time_ns()
    moment = service.now()
    after = time.time_ns()
    assert before <= moment.tai_ns - 37 * SECOND <= after
    reading = kernel.read()
    assert reading.unsynchronised or reading.maximum_error < 16.0
    assert 0 <= reading.tai_offset < 100


def test_a_stamp_by_the_steady_clock_becomes_a_moment() -> None:
    service = TimeService()
    before, steady, after = service.now(), time.monotonic_ns(), service.now()
    moment = service.at(steady)
    slack = SECOND  # this process may have to wait between two readings
    assert before.tai_ns - slack <= moment.tai_ns <= after.tai_ns + slack


def test_a_stamp_does_not_jump_when_the_clock_is_put_back_for_a_leap_second() -> None:
    """Frames each 0.1 s through the leap second, by a clock that counts 23:59:59 twice as Linux does."""
    stamps = []
    for tenth in range(40):
        elapsed = tenth * SECOND // 10
        true_posix = (LEAP - 2) * SECOND + elapsed
        second_time = true_posix >= LEAP * SECOND
        within = second_time and true_posix < (LEAP + 1) * SECOND
        shown = true_posix - SECOND * second_time
        service = TimeService(lambda s=shown, w=within: clock(s, leap_second=w), lambda e=elapsed: e)
        assert service.now() == service.at(elapsed)
        stamps.append(service.at(elapsed))
    apart = [later.since(earlier) for earlier, later in itertools.pairwise(stamps)]
    assert apart == [0.1] * 39
    assert stamps[20].text == "2016-12-31T23:59:60.000000"
    assert stamps[30].text == "2017-01-01T00:00:00.000000"
    assert [stamp.mjd.day for stamp in stamps] == [57753] * 30 + [57754] * 10


@pytest.mark.parametrize("start", [LEAP - 1, 1_772_409_599], ids=["leap second", "midnight"])
def test_neither_midnight_nor_a_leap_second_moves_the_phase_of_nskip(start: int) -> None:
    """Mid-exposures of every third frame stay a cycle apart, lost frames or not."""
    timing = NoClear(0.05, 0.02, 0.01, 2)
    first = TimeService(lambda: clock(start * SECOND)).now()
    middles = {}
    for number in range(1, 60):
        exposed = timing.exposed(number)
        if exposed is not None and number not in (6, 7, 30):
            middles[number] = first.plus(timing.frame_period * (number - 1)).plus(exposed.middle)
    numbers = [number for number in middles if number > 3]  # the first one is shorter
    assert numbers == [n for n in range(9, 60, 3) if n != 30]
    for number in numbers:
        cycles = (number - numbers[0]) / 3
        assert middles[number].since(middles[numbers[0]]) == pytest.approx(cycles * timing.cycle, abs=2e-9)


def test_what_the_kernel_thinks_of_leap_seconds_is_compared() -> None:
    now = 1_772_409_599 * SECOND
    assert TimeService(lambda: clock(now)).leap_problem == ""
    assert TimeService(lambda: clock(now, tai_offset=37)).leap_problem == ""
    assert "update astropy-iers-data" in TimeService(lambda: clock(now, tai_offset=38)).leap_problem
    later = 4_000_000_000 * SECOND
    assert "known until" in TimeService(lambda: clock(later)).leap_problem
    within = clock(LEAP * SECOND - 1, leap_second=True, tai_offset=37)
    assert TimeService(lambda: within).leap_problem == ""


def tool(folder: Path, name: str, said: str, status: int = 0) -> None:
    """A program that says what the real one said."""
    (folder / f"{name}.txt").write_text(said)
    path = folder / name
    path.write_text(f'#!/bin/sh\ncat "{folder / name}.txt"\nexit {status}\n')
    path.chmod(0o755)


def given(found: KernelClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "read", lambda: found)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts programs before those of the host."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    for name in ("chronyc", "pmc"):
        tool(tmp_path, name, "not there", 1)
    return lambda name, said, status=0: tool(tmp_path, name, said, status)


def test_chrony_tells_first(tools: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    given(KernelClock(0, False, True, 16.0, 16.0, 0), monkeypatch)
    tools("chronyc", CHRONY_GOOD)
    found = best()
    assert (found.source, found.synchronised) == (ClockSource.CHRONY, True)
    assert found.error_s == pytest.approx(2.174e-6 + 2.614e-6 + 7.452e-6 / 2)
    assert "stratum 6" in str(found)
    tools("chronyc", CHRONY_LOST)
    found = best()
    assert (found.source, found.synchronised, found.error_s) == (ClockSource.CHRONY, False, None)


def test_ptp_is_good_where_the_host_s_clock_follows_it(
    tools: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tools("pmc", PTP_GOOD)
    given(KernelClock(0, False, False, 0.0, 1e-4, 37), monkeypatch)
    found = best()
    assert (found.source, found.synchronised) == (ClockSource.PTP, True)
    assert found.error_s == pytest.approx(37e-9 + 1250e-9)
    given(KernelClock(0, False, True, 16.0, 16.0, 37), monkeypatch)
    found = best()
    assert (found.source, found.synchronised, found.error_s) == (ClockSource.PTP, False, None)
    tools("pmc", PTP_ALONE)
    assert by_ptp() == ClockQuality(ClockSource.PTP, False, None, "no grandmaster")


def test_the_kernel_knows_without_any_tool(
    tools: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(KernelClock(0, False, False, 2e-5, 3e-4, 0), monkeypatch)
    assert best() == ClockQuality(ClockSource.KERNEL, True, 3e-4, "adjtimex")
    given(KernelClock(0, False, True, 16.0, 16.0, 0), monkeypatch)
    found = best()
    assert (found.source, found.synchronised, found.error_s) == (ClockSource.KERNEL, False, None)
    assert best(()).source is ClockSource.UNKNOWN


@pytest.mark.parametrize("said", ["", "506 Cannot talk to daemon", "1,2,3", ",".join("x" * 14)])
def test_what_is_no_answer_is_none(said: str) -> None:
    assert chrony_of(said) is None
    assert ptp_of(said) is None


def test_a_tool_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    assert by_chrony() is None
    assert by_ptp() is None


def test_the_watch_looks_again_and_again() -> None:
    looked = threading.Semaphore(0)
    count = 0

    def look() -> ClockQuality:
        nonlocal count
        count += 1
        looked.release()
        return ClockQuality(ClockSource.CHRONY, True, count * 1e-6, "given")

    with ClockWatch(look, 0.001) as watch:
        service = TimeService(quality=lambda: watch.latest)
        for _ in range(3):
            assert looked.acquire(timeout=60)
        assert service.quality.error_s is not None
        assert service.quality.error_s >= 2e-6
        keywords = service.keywords()
    assert keywords["CLKSRC"] == "CHRONY"
    assert keywords["CLKSYNC"] is True
    assert keywords["TAI-UTC"] == 37
