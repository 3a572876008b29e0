"""The formulas of the timing document against its worked case and against a CCD played step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.timing.frame_transfer import Clear, Drift, FrameTiming, NoClear

from . import clock_sequence
from .clock_sequence import Frame, Span

TIMES = st.integers(1, 5000).map(lambda us: us * 1e-3)
NSKIP = st.integers(0, 6)
NDRIFT = st.integers(1, 7)
MANY = 40


# --- the worked case: NSKIP = 2, frames 3 and 6 ----------------------------------------------------------

E, R, F, W = 0.100, 0.020, 0.004, 0.007
WORKED = NoClear(delay=E, read=R, transfer=F, nskip=2)


def test_in_the_worked_case_one_frame_in_three_carries_data() -> None:
    assert [n for n in range(1, 13) if WORKED.exposed(n) is not None] == [3, 6, 9, 12]


def test_frame_6_is_a_regular_exposure() -> None:
    exposed = WORKED.exposed(6)
    assert exposed is not None
    assert exposed.end == pytest.approx(E)
    assert exposed.start == pytest.approx(-(F + R + E) * 2 - R)
    assert exposed.middle == pytest.approx((E - R) / 2 - (F + R + E) / 2 * 2)
    assert exposed.seconds == pytest.approx((F + R + E) * 2 + R + E)


def test_frame_3_lacks_the_readout_before_it() -> None:
    exposed = WORKED.exposed(3)
    assert exposed is not None
    assert exposed.middle == pytest.approx(E / 2 - (F + R + E) / 2 * 2)
    assert exposed.seconds == pytest.approx((F + R + E) * 2 + E)


def test_in_the_worked_case_light_is_lost_in_the_transfer_alone() -> None:
    assert WORKED.dead == F
    assert WORKED.cycle == pytest.approx(3 * (E + F + R))
    assert WORKED.regular.seconds + WORKED.dead == pytest.approx(WORKED.cycle)


def test_clear_mode_has_no_special_first_frame() -> None:
    timing = Clear(delay=E, read=R, transfer=F, wipe=W, nskip=2)
    assert timing.exposed(3) == timing.exposed(6)
    exposed = timing.exposed(3)
    assert exposed is not None
    assert exposed.middle == pytest.approx(E / 2 - (F + R + W + E) / 2 * 2)
    assert exposed.seconds == pytest.approx((F + R + W + E) * 2 + E)
    assert timing.dead == pytest.approx(F + R + W)


def test_drift_mode_of_three_windows_starts_with_frame_4() -> None:
    ld, ls = 0.001, 0.002
    timing = Drift(delay=E, read=R, line_dump=ld, line_shift=ls, ndrift=3)
    assert [n for n in range(1, 7) if timing.exposed(n) is not None] == [4, 5, 6]
    exposed = timing.exposed(4)
    assert exposed is not None
    assert exposed.middle == pytest.approx(E + ls + (ld + R + E) / 2 - (ld + R + ls + E) * 3)
    assert exposed.seconds == pytest.approx(E + ld + R)
    assert timing.dead == ls


# --- against the clocks -----------------------------------------------------------------------------------


def _merged(spans: list[Span]) -> Span:
    for (_, end), (start, _) in pairwise(spans):
        assert start == pytest.approx(end), "light is collected without a break"
    return spans[0][0], spans[-1][1]


def _check(timing: FrameTiming, played: Iterator[Frame]) -> None:
    last_end = None
    for frame in islice(played, MANY):
        assert frame.stamp == pytest.approx((frame.number - 1) * timing.frame_period)
        exposed = timing.exposed(frame.number)
        if exposed is None:
            continue
        start, end = _merged(frame.light)
        assert frame.stamp + exposed.start == pytest.approx(start, abs=1e-9)
        assert frame.stamp + exposed.end == pytest.approx(end, abs=1e-9)
        if last_end is not None:
            assert start - last_end == pytest.approx(timing.dead, abs=1e-9)
        last_end = end


def _check_numbers(timing: FrameTiming, played: Iterator[Frame]) -> None:
    with_data = [frame.number for frame in islice(played, MANY) if frame.light]
    assert with_data == [n for n in range(1, MANY + 1) if timing.exposed(n)]


@given(TIMES, TIMES, TIMES, NSKIP)
def test_no_clear_mode_against_the_clocks(e: float, r: float, f: float, nskip: int) -> None:
    timing = NoClear(e, r, f, nskip)
    _check(timing, clock_sequence.no_clear(e, r, f, nskip))
    _check_numbers(timing, clock_sequence.no_clear(e, r, f, nskip))


@given(TIMES, TIMES, TIMES, TIMES, NSKIP)
def test_clear_mode_against_the_clocks(e: float, r: float, f: float, w: float, nskip: int) -> None:
    timing = Clear(e, r, f, w, nskip)
    _check(timing, clock_sequence.clear(e, r, f, w, nskip))
    _check_numbers(timing, clock_sequence.clear(e, r, f, w, nskip))


@given(TIMES, TIMES, TIMES, TIMES, NDRIFT)
def test_drift_mode_against_the_clocks(e: float, r: float, ld: float, ls: float, ndrift: int) -> None:
    _check(Drift(e, r, ld, ls, ndrift), clock_sequence.drift(e, r, ld, ls, ndrift))


# --- an LED in step with the clocks -----------------------------------------------------------------------

LD, LS = 0.0011, 0.0023
RUNS: list[tuple[FrameTiming, Iterator[Frame]]] = [
    *((NoClear(E, R, F, n), clock_sequence.no_clear(E, R, F, n)) for n in (0, 1, 2, 5)),
    *((Clear(E, R, F, W, n), clock_sequence.clear(E, R, F, W, n)) for n in (0, 1, 2, 5)),
    *((Drift(E, R, LD, LS, n), clock_sequence.drift(E, R, LD, LS, n)) for n in (1, 3, 6)),
]
FRAMES = 2000
MOMENT_ON = 0.0137
HARMONIC_PERIODS = 3.618
"""exposure cycles in a period of the LED, far from any whole number so that the phases are sampled evenly"""


def _led_light(spans: list[Span], period: float, moment_on: float) -> float:
    """Light of an LED that is on for the first half of each period after moment_on."""

    def up_to(moment: float) -> float:
        whole, rest = divmod(moment - moment_on, period)
        return whole * period / 2 + min(rest, period / 2)

    return sum(up_to(end) - up_to(start) for start, end in spans)


def _recovered_phase(timing: FrameTiming, frames: list[Frame], period: float, error: float = 0.0) -> float:
    """Phase of the fundamental of a light curve folded on mid-exposure times, seconds after t = 0."""
    first, second = 0.0, 0.0
    mean = sum(_led_light(frame.light, period, MOMENT_ON) for frame in frames) / len(frames)
    for frame in frames:
        exposed = timing.exposed(frame.number)
        assert exposed is not None
        angle = 2 * math.pi * (frame.stamp + exposed.middle + error) / period
        flux = _led_light(frame.light, period, MOMENT_ON) - mean
        first += flux * math.cos(angle)
        second += flux * math.sin(angle)
    return math.atan2(second, first) / (2 * math.pi) * period


def _phase_error(timing: FrameTiming, played: Iterator[Frame], error: float) -> float:
    """Error of the LED's recovered phase, in exposure times."""
    period = timing.cycle * HARMONIC_PERIODS
    frames = [frame for frame in islice(played, FRAMES) if timing.exposed(frame.number)]
    middle_of_light = MOMENT_ON + period / 4
    off = _recovered_phase(timing, frames, period, error) - middle_of_light
    off -= period * round(off / period)
    return abs(off) / timing.regular.seconds


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_an_led_is_seen_at_its_phase(number: int) -> None:
    timing, played = RUNS[number]
    assert _phase_error(timing, played, 0.0) < 0.01


def test_an_error_of_one_readout_is_seen() -> None:
    timing = NoClear(E, R, F, 2)
    assert _phase_error(timing, clock_sequence.no_clear(E, R, F, 2), R) > 0.01


# --- bad set-ups ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: NoClear(-1.0, 0.0, 0.0), "E "),
        (lambda: NoClear(1.0, float("nan"), 0.0), "R "),
        (lambda: Clear(1.0, 1.0, 1.0, float("inf")), "W "),
        (lambda: NoClear(1.0, 1.0, 1.0, -1), "NSKIP is -1"),
        (lambda: Drift(1.0, 1.0, 1.0, 1.0, 0), "NDRIFT is 0"),
        (lambda: WORKED.exposed(0), "counted from 1"),
    ],
)
def test_what_no_clock_can_do_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
