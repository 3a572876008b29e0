"""Commands at awkward moments: whatever happens, no response stays BUSY and the next observation works."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.io import fits

from nifsdc.database import load

from .conftest import System, run_system, wait_until, watching

IDLE, BUSY, ERROR = 0, 2, 3
COMMANDS = ("observe", "view", "stop", "abort", "seqObserve", "init", "verify", "initSDSU")
RESPONSES = {command.name: f"dc:{command.car}.VAL" for command in load().commands if command.car}
"""the response record of each command"""


@pytest.fixture
def short(system: System) -> System:
    system.simulator(command="clear")
    system.configure(obs_exposed=6.0, obs_readMode="DCS", obs_ncoadds=1)
    return system


def settled(system: System) -> None:
    """Nothing is under way and no response stays BUSY; in the combined one an ERROR would hide that."""
    wait_until(lambda: system.get("sad:dc:obsSnlState") == "IDLE", 60, "the observation to end")
    every = sorted(set(RESPONSES.values()))
    wait_until(lambda: all(system.get(each) != BUSY for each in every), 60, "every response to end")


@pytest.mark.parametrize("pair", [("observe", "view"), ("test", "testSDSU"), ("init", "park")])
def test_two_commands_on_one_start_are_both_answered(short: System, pair: tuple[str, str]) -> None:
    responses = [RESPONSES[command] for command in pair]
    with watching(short, *responses) as seen:
        for command in pair:
            short.put(f"dc:{command}.DIR", "MARK")
        assert short.start() > 0, short.message()
        seen.wait(lambda _: all(BUSY in seen.of(each) and seen.of(each)[-1] != BUSY for each in responses))
        answers = [seen.of(each)[-2:] for each in responses]
    assert sorted(answers) == [[BUSY, IDLE], [BUSY, ERROR]]
    settled(short)
    wait_until(lambda: short.get("sad:dc:dcSnlState") in ("READY", "PARKED"), 30, "init or park to end")
    short.command("init")
    assert short.observe().exists()


def test_an_abort_right_after_start_leaves_the_controller_well(short: System) -> None:
    for milliseconds in (0, 2, 4, 8, 12, 20, 40):
        with watching(short, "dc:observeC.VAL") as seen:
            assert short.start_marked("observe") > 0, short.message()
            threading.Event().wait(
                milliseconds / 1000
            )  # the moment is what is tested, not a wait for something
            short.start_marked("abort")
            seen.wait(lambda events: bool(events) and events[-1][1] in (IDLE, ERROR))
            assert seen.of("dc:observeC.VAL") == [BUSY, IDLE], short.get("dc:observeC.OMSS", text=True)
        short.put("dc:nifsApply.DIR", "CLEAR")
        assert short.get("sad:dc:sdsuSnlState") == "READY"
    assert short.observe().exists()


def test_a_complete_exposure_is_kept_when_the_controller_goes_mute_after_it(short: System) -> None:
    answer = short.simulator(command="inject", kind="no-reply", label="IDL")
    assert answer["ok"] is True
    path = short.observe("MuteAfterwards")
    assert path.exists()
    short.wait("sad:dc:sdsuSnlState", "FAULT", 60.0)
    short.command("init")
    assert short.observe().exists()


@pytest.fixture
def steady(tmp_path: Path) -> Iterator[System]:
    """A system whose clock does not jump while the host looks away."""
    with run_system(tmp_path, "--speed", "4") as running:
        yield running


def test_an_exposure_time_that_the_controller_does_not_tell_is_the_hosts(steady: System) -> None:
    steady.configure(obs_exposed=12.0, obs_readMode="DCS", obs_ncoadds=200)
    with watching(steady, "dc:observeC.VAL", "sad:dc:ncoaddsDone") as seen:
        assert steady.start_marked("observe") > 0, steady.message()
        seen.wait(lambda events: any(name.endswith("Done") and value >= 1 for name, value in events))
        # While it exposes, nothing is read but the exposure of each coadd: no programs, no temperatures.
        steady.simulator(command="inject", kind="no-reply", label="RDM")
        seen.wait_for("dc:observeC.VAL", IDLE)
    header = fits.getheader(Path(steady.get("sad:dc:lastPath", text=True)))
    assert header["EXPSRC"] == "HOST"
    assert 2 <= header["COADDS"] < 200
    # The last coadd's is when the host saw it: three seconds of its time, in which 12 is neither 0 nor 24.
    assert header["EXPTIME"] == pytest.approx(12.0, abs=12.0 / header["COADDS"])
    steady.wait("sad:dc:sdsuSnlState", "FAULT", 60.0)
    steady.command("init")
    steady.configure(obs_ncoadds=1)
    assert steady.observe().exists()


def test_a_stop_that_the_controller_does_not_hear_fails_at_once(short: System) -> None:
    short.configure(obs_exposed=3000.0, obs_ncoadds=200)
    with watching(short, "dc:observeC.VAL", "sad:dc:ncoaddsDone") as seen:
        assert short.start_marked("observe") > 0
        seen.wait(lambda events: any(name.endswith("Done") and value >= 1 for name, value in events))
        short.simulator(command="inject", kind="no-reply", label="WRM")
        assert short.start_marked("stop") > 0
        seen.wait(
            lambda events: bool([v for n, v in events if n == "dc:observeC.VAL" and v in (IDLE, ERROR)])
        )
    settled(short)
    short.simulator(command="clear")
    short.command("init")
    short.configure(obs_exposed=6.0, obs_ncoadds=1)
    assert short.observe().exists()


def test_a_reboot_while_the_file_is_being_saved_loses_nothing(short: System) -> None:
    server = short.child("nifsdc.data.server")
    stored = short.get("sad:dc:framesStored")
    with watching(short, "sad:dc:obsSnlState", "dc:rebootC.VAL") as seen:
        assert short.start_marked("observe") > 0
        os.kill(server, signal.SIGSTOP)
        try:
            seen.wait_for("sad:dc:obsSnlState", "SAVING")
            assert short.start_marked("reboot") > 0
        finally:
            os.kill(server, signal.SIGCONT)
        seen.wait_for("dc:rebootC.VAL", IDLE)
    assert stored is not None
    wait_until(lambda: not list(short.folder.glob("spool/*.frame")), 60, "the spool to empty")
    header = fits.getheader(Path(short.get("sad:dc:lastPath", text=True)))
    assert header["COADDS"] == 1
    assert short.observe().exists()


def test_two_reboots_in_a_row_leave_one_set_of_tasks(short: System) -> None:
    with watching(short, "dc:rebootC.VAL") as seen:
        assert short.start_marked("reboot") > 0
        assert short.start_marked("reboot") < 0
        assert short.message().startswith("reboot: DC is REBOOTING")
        short.put("dc:nifsApply.DIR", "CLEAR")
        seen.wait_for("dc:rebootC.VAL", IDLE)
    before = short.get("sad:dc:framesStored")
    assert short.observe().exists()
    assert short.get("sad:dc:framesStored") == before + 1


def test_what_is_worked_out_of_period_and_number_is_bounded_too(short: System) -> None:
    short.put("dc:obs_timeMode", "Exposure time")
    short.put("dc:obs_period", 7200.0)
    short.put("dc:obs_nperiods", 1000)
    assert short.refused() == "period*nperiods 7.2e+06: to 7200 s"


def test_a_random_sequence_always_ends_well(short: System) -> None:
    choice = random.Random(11)
    for _ in range(15):
        short.start_marked(choice.choice(COMMANDS))
        short.put("dc:nifsApply.DIR", "CLEAR")
        threading.Event().wait(choice.random() * 0.3)
    settled(short)
    wait_until(lambda: short.get("sad:dc:sdsuSnlState") in ("READY", "FAULT"), 30, "the controller to settle")
    wait_until(lambda: short.get("sad:dc:dcSnlState") in ("READY", "FAULT"), 30, "the DC to settle")
    assert short.get("sad:dc:sdsuSnlState") == "READY"
    assert short.observe().exists()
