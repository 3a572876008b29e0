"""Faults of the controller, injected in the simulator: the reason is told, the IOC answers, init recovers."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import System, watching

BUSY, ERROR = 2, 3


def inject(system: System, **fault: Any) -> None:
    answer = system.simulator(command="inject", **fault)
    assert answer.get("ok") is True, answer


def recover(system: System) -> None:
    """`init` alone, in the same IOC, brings everything back; an observation proves it."""
    system.simulator(command="clear")
    system.command("init")
    assert system.get("sad:dc:health", text=True) == "GOOD"
    assert system.observe().exists()


def failed_observation(system: System) -> str:
    """Observe, expect ERROR, and return its reason; the IOC takes commands all the while."""
    with watching(system, "dc:observeC.VAL", "dc:applyC.VAL") as seen:
        assert system.start_marked("observe") > 0, system.message()
        seen.wait_for("dc:observeC.VAL", BUSY)
        # The IOC takes values and directives while the controller is silent.
        system.put("dc:view_period", 7.0)
        assert system.get("dc:seqView.MARK") == 1
        system.put("dc:nifsApply.DIR", "CLEAR")
        assert system.get("dc:seqView.MARK") == 0
        seen.wait_for("dc:observeC.VAL", ERROR, 60.0)
        assert seen.of("dc:observeC.VAL") == [BUSY, ERROR]
        seen.wait_for("dc:applyC.VAL", ERROR)
    assert system.get("dc:applyC.OMSS", text=True) == system.get("dc:observeC.OMSS", text=True)
    return str(system.get("dc:observeC.OMSS", text=True))


@pytest.fixture
def short(system: System) -> System:
    system.configure(obs_exposed=6.0, obs_readMode="DCS", obs_ncoadds=1)
    return system


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "no-reply", "label": "CLR"}, ("CLR",)),
        ({"kind": "error", "label": "CLR"}, ("CLR",)),
        ({"kind": "error", "label": "MRA"}, ("MRA",)),
        ({"kind": "wrong-label", "label": "STP"}, ("STP",)),
        ({"kind": "wrong-header", "label": "STP"}, ("STP",)),
        ({"kind": "syr", "label": "STP"}, ("SYR",)),
        ({"kind": "power-cycle", "label": "CLR"}, ("CLR",)),
        ({"kind": "pixels-stop", "fraction": 0.5}, ("pixels stopped",)),
        ({"kind": "short-frame", "fraction": 0.5}, ("pixels stopped",)),
        ({"kind": "link-drop", "label": "MRA"}, ("link",)),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_a_fault_during_an_observation(short: System, fault: dict[str, Any], words: tuple[str, ...]) -> None:
    inject(short, **fault)
    reason = failed_observation(short)
    assert reason
    for word in words:
        assert word in reason
    assert short.get("sad:dc:sdsuSnlState") == "FAULT"
    assert short.get("sad:dc:health", text=True) == "BAD"
    assert short.start_marked("observe") < 0
    assert short.message() == "observe: SDSU is FAULT; initSDSU first"
    short.put("dc:nifsApply.DIR", "CLEAR")
    recover(short)


def test_a_wrong_echo_fails_the_link_test_with_what_came_back(short: System) -> None:
    inject(short, kind="wrong-echo", label="TDL")
    with watching(short, "dc:setupSDSUC.VAL") as seen:
        short.put("dc:testSDSU.A", "4")
        assert short.start() > 0, short.message()
        seen.wait_for("dc:setupSDSUC.VAL", ERROR)
    assert "TDL" in short.get("dc:setupSDSUC.OMSS", text=True)
    recover(short)


def test_syr_out_of_the_blue_is_noticed_while_nothing_happens(short: System) -> None:
    inject(short, kind="syr")
    short.wait("sad:dc:sdsuSnlState", "FAULT", 60.0)
    assert short.get("sad:dc:health", text=True) == "BAD"
    recover(short)


def test_a_fault_during_init_fails_init_and_the_next_one_succeeds(short: System) -> None:
    inject(short, kind="no-reply", label="PON")
    with watching(short, "dc:initC.VAL") as seen:
        assert short.start_marked("init") > 0
        seen.wait_for("dc:initC.VAL", ERROR)
    assert "PON" in short.get("dc:initC.OMSS", text=True)
    assert short.get("sad:dc:state") == "FAULT"
    recover(short)


def test_reboot_restarts_the_sub_tasks_even_in_the_middle_of_an_exposure(short: System) -> None:
    short.configure(obs_exposed=3000.0, obs_ncoadds=200)
    with watching(short, "dc:observeC.VAL", "dc:rebootC.VAL") as seen:
        assert short.start_marked("observe") > 0
        seen.wait_for("dc:observeC.VAL", BUSY)
        assert short.start_marked("reboot") > 0
        seen.wait_for("dc:rebootC.VAL", 0)
        assert seen.of("dc:observeC.VAL") == [BUSY, ERROR]
    assert short.get("dc:observeC.OMSS", text=True) == "rebooted"
    short.configure(obs_exposed=6.0, obs_ncoadds=1)
    assert short.observe().exists()
