"""Idle mode: the array kept reset, and views one after the other that give way to every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from nifsdc.data.frame import FrameKind
from nifsdc.data.ring import FrameRing, Policy
from nifsdc.database import load
from nifsdc.sdsu.memory import ClockState
from nifsdc.sdsu.words import label

from .conftest import System, run_system, wait_until, watching

RESPONSES = {command.name: f"dc:{command.car}.VAL" for command in load().commands if command.car}
"""the response record of each command"""
LONGEST = 7200.0
"""seconds; a view that would outlast every wait of these tests"""


def commands_of(system: System) -> list[str]:
    """Labels of the commands that the simulated controller has received, but for RDM."""
    answer: Any = system.simulator(command="log", since=0)
    sent = [label(entry["words"][1]) for entry in answer["commands"] if len(entry["words"]) > 1]
    return [name for name in sent if name != "RDM"]


def carry_out(system: System, command: str, seconds: float = 60.0) -> None:
    """Start a command and wait until its response, which may not have its name, is IDLE again."""
    response = RESPONSES[command]
    with watching(system, response) as seen:
        assert system.start_marked(command) > 0, system.message()
        seen.wait(lambda events: (response, 2) in events and events[-1][1] in (0, 3), seconds)
        assert seen.of(response)[-2:] == [2, 0]


def is_kept_reset(system: System) -> bool:
    status = system.simulator(command="status")
    return bool(status["idle"]) and status["clock_state"] == ClockState.CLEARING


def view_while_idle(system: System, exposure: float) -> None:
    system.configure(view_readMode="DCS", view_nresets=1, view_exposed=exposure, view_idle="Enabled")


@pytest.fixture
def looking(system: System) -> Iterator[System]:
    """A system that takes short views while idle."""
    view_while_idle(system, 6.0)
    yield system
    system.configure(view_idle="Disabled", obs_ncoadds=1)


@pytest.mark.parametrize("command", ["observe", "view", "testSDSU", "testPat", "test", "init"])
def test_the_array_is_kept_reset_after_every_command(system: System, command: str) -> None:
    system.configure(obs_readMode="DCS", obs_exposed=6.0, view_exposed=6.0)
    carry_out(system, command)
    wait_until(lambda: is_kept_reset(system), 60.0, "the clocks to clear the array")


@pytest.mark.parametrize("command", ["stop", "abort"])
def test_the_array_is_kept_reset_after_an_exposure_that_was_ended(system: System, command: str) -> None:
    system.configure(obs_readMode="DCS", obs_exposed=3000.0, obs_ncoadds=200)
    with watching(system, "dc:observeC.VAL", "sad:dc:ncoaddsDone") as seen:
        assert system.start_marked("observe") > 0
        seen.wait(lambda events: any(name.endswith("Done") and value >= 1 for name, value in events))
        assert system.start_marked(command) > 0
        seen.wait_for("dc:observeC.VAL", 0)
    wait_until(lambda: is_kept_reset(system), 60.0, "the clocks to clear the array")
    system.configure(obs_ncoadds=1)


def test_views_follow_each_other_and_no_record_of_an_observation_moves(looking: System) -> None:
    quiet = ("prep", "acq", "rdout", "irMode", "obsSnlState", "utstart", "utend", "dateobs", "lastPath")
    taken = looking.get("sad:dc:idleViews")
    names = ("dc:viewC.VAL", "dc:applyC.VAL", *(f"sad:dc:{name}" for name in quiet))
    ring = f"nifsdc-{looking.top.strip(':')}"
    with (
        FrameRing.attach(f"{ring}-view", Policy.NEWEST) as views,
        FrameRing.attach(ring, Policy.ALL) as runs,
        watching(looking, *names) as seen,
    ):
        wait_until(lambda: looking.get("sad:dc:idleViews") >= taken + 3, 60.0, "three more views")
        frame = views.next(0.0)
        assert runs.next(0.0) is None
        assert seen.events == []
    assert frame is not None
    assert (frame.header.kind, frame.header.stream) == (FrameKind.IDLE, looking.get("dc:viewQlStream"))
    assert looking.get("sad:dc:viewEnabledOut", text=True) == "Enabled"
    assert looking.get("sad:dc:view_exposed") == pytest.approx(6.0, abs=0.05)


def test_an_observation_among_views_is_one_like_others(looking: System) -> None:
    looking.configure(obs_readMode="FOWLER", obs_nfowler=2, obs_exposed=60.0, obs_ncoadds=2)
    for _ in range(3):
        taken = looking.get("sad:dc:idleViews")
        header = fits.getheader(looking.observe())
        assert (header["NREADS"], header["COADDS"]) == (8, 2)
        assert header["EXPTIME"] == pytest.approx(60.0, abs=0.05)
        wait_until(lambda taken=taken: looking.get("sad:dc:idleViews") > taken, 60.0, "views after it")  # type: ignore[misc]


def test_views_go_on_after_a_reboot_and_not_while_parked(looking: System) -> None:
    for command in ("reboot", "init"):
        carry_out(looking, command, 120.0)
        taken = looking.get("sad:dc:idleViews")
        wait_until(
            lambda taken=taken: looking.get("sad:dc:idleViews") > taken, 60.0, f"views after {command}"
        )  # type: ignore[misc]
    carry_out(looking, "park")
    parked = len(commands_of(looking))
    taken = looking.get("sad:dc:idleViews")
    looking.configure(view_exposed=12.0)
    assert commands_of(looking)[parked:] == []
    assert looking.get("sad:dc:idleViews") == taken
    carry_out(looking, "init")
    wait_until(lambda: looking.get("sad:dc:view_exposed") == pytest.approx(12.0, abs=0.05), 60.0, "new views")


def test_none_is_taken_after_they_are_disabled(system: System) -> None:
    view_while_idle(system, 6.0)
    wait_until(lambda: "MRA" in commands_of(system)[-6:], 60.0, "a view")
    system.configure(view_idle="Disabled")
    before = len(commands_of(system))
    assert is_kept_reset(system)
    taken = system.get("sad:dc:idleViews")
    system.put("dc:SDSUntests", 20)
    carry_out(system, "testSDSU")
    assert set(commands_of(system)[before:]) == {"TDL"}
    assert system.get("sad:dc:idleViews") == taken


def test_a_view_of_many_coadds_gives_way_at_any_moment(system: System) -> None:
    view_while_idle(system, 6.0)
    system.configure(view_ncoadds=200)
    for _ in range(12):
        carry_out(system, "testSDSU")
    system.configure(view_idle="Disabled", view_ncoadds=1)
    assert system.get("sad:dc:slaveState") == 1


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose clock does not jump to the end of a view.

    The tests after it ask it alone: of two servers at one port a search reaches the one that came last.
    """
    with run_system(tmp_path_factory.mktemp("slow"), "--speed", "8") as running:
        yield running


def underway(system: System, phases: tuple[str, ...]) -> None:
    wait_until(lambda: system.simulator(command="status")["phase"] in phases, 60.0, f"a view to be {phases}")


@pytest.mark.parametrize("phase", ["integrating", "reading"])
@pytest.mark.parametrize("command", ["testSDSU", "testPat", "init"])
def test_a_command_ends_a_view_at_once(slow: System, phase: str, command: str) -> None:
    slow.configure(view_idle="Disabled", view_exposed=6.0)
    taken = slow.get("sad:dc:idleViews")
    view_while_idle(slow, LONGEST)
    underway(slow, (phase,))
    carry_out(slow, command)
    slow.configure(view_idle="Disabled")
    assert slow.get("sad:dc:idleViews") == taken, "no view was waited for"
    wait_until(lambda: is_kept_reset(slow), 60.0, "the clocks to clear the array")


def test_an_observation_and_its_abort_while_views_are_taken(slow: System) -> None:
    view_while_idle(slow, LONGEST)
    underway(slow, ("reading", "integrating"))
    slow.configure(obs_readMode="DCS", obs_exposed=6.0)
    assert slow.observe().exists()
    slow.configure(obs_exposed=3000.0)
    underway(slow, ("reading", "integrating"))
    with watching(slow, "dc:observeC.VAL") as seen:
        assert slow.start_marked("observe") > 0
        assert slow.start_marked("abort") > 0
        seen.wait_for("dc:observeC.VAL", 0)
    underway(slow, ("reading", "integrating"))
    slow.configure(view_idle="Disabled")


def test_a_controller_that_fails_in_a_view_is_told_and_views_go_on_after_init(slow: System) -> None:
    view_while_idle(slow, 6.0)
    slow.simulator(command="inject", kind="no-reply", label="MRA")
    slow.wait("sad:dc:sdsuSnlState", "FAULT", 60.0)
    carry_out(slow, "init")
    taken = slow.get("sad:dc:idleViews")
    wait_until(lambda: slow.get("sad:dc:idleViews") > taken, 60.0, "views after init")
    slow.configure(view_idle="Disabled")
    assert not list(Path(slow.folder).rglob("*.frame"))
