"""How long was integrated, on a clock that is moved by hand."""

from __future__ import annotations

import math

import pytest

from nifsdc.sdsu.integration import Integration


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="integration")
def _integration(clock: Clock) -> Integration:
    integration = Integration(clock)
    integration.begin(60.0)
    return integration


def test_it_counts_down(integration: Integration, clock: Clock) -> None:
    clock.time += 20.0
    assert (integration.elapsed, integration.left) == (20.0, 40.0)
    assert integration.end() == 20.0
    assert not integration.running


def test_pauses_do_not_count(integration: Integration, clock: Clock) -> None:
    clock.time += 10.0
    integration.pause()
    clock.time += 1000.0
    assert integration.paused
    assert integration.left == math.inf
    assert integration.elapsed == 10.0
    integration.resume()
    clock.time += 5.0
    assert not integration.paused
    assert (integration.elapsed, integration.left) == (15.0, 45.0)


def test_it_can_get_another_length(integration: Integration, clock: Clock) -> None:
    clock.time += 30.0
    integration.retime(100.0)
    assert integration.left == 70.0
    integration.retime(10.0)
    assert integration.left == -20.0


def test_the_next_one_begins_anew(integration: Integration, clock: Clock) -> None:
    clock.time += 30.0
    integration.pause()
    integration.end()
    assert not integration.paused
    integration.begin(5.0)
    clock.time += 1.0
    assert (integration.elapsed, integration.left) == (1.0, 4.0)


def test_one_may_have_lasted_a_while_when_it_is_first_looked_at(clock: Clock) -> None:
    integration = Integration(clock)
    integration.begin(8.0, elapsed=5.0)
    clock.time += 1.0
    assert (integration.elapsed, integration.left) == (6.0, 2.0)


def test_no_rest_is_left_that_is_too_small_to_wait_for(clock: Clock) -> None:
    integration = Integration(clock)
    integration.begin(0.3)
    clock.time = 100.0 + 0.1 + 0.2 - 1e-10
    assert integration.left == 0.0
