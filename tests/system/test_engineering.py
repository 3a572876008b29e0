"""The engineering commands, each through its record, on the simulated controller."""

from __future__ import annotations

import pytest

from .conftest import System, watching

BUSY, IDLE, ERROR = 2, 0, 3


def run(system: System, command: str, car: str, arguments: dict[str, str] | None = None) -> str:
    """Start a command, wait for its answer, and return what the controller's status record says."""
    with watching(system, f"dc:{car}.VAL") as seen:
        for letter, value in (arguments or {}).items():
            system.put(f"dc:{command}.{letter}", value)
        assert system.start_marked(command) > 0, system.message()
        seen.wait(lambda events: bool(events) and events[-1][1] in (IDLE, ERROR))
        assert seen.of(f"dc:{car}.VAL") == [BUSY, IDLE], system.get(f"dc:{car}.OMSS", text=True)
    return str(system.get("sad:dc:statusMsg", text=True))


def test_the_hardware_test_passes(system: System) -> None:
    run(system, "test", "testC")


def test_link_tests_are_counted(system: System) -> None:
    assert run(system, "testSDSU", "setupSDSUC", {"A": "25"}) == "25 link tests passed"


def test_the_test_pattern_is_verified(system: System) -> None:
    run(system, "testPat", "setupSDSUC")
    assert system.get("sad:dc:verified") == 0, "0 is yes"


def test_a_direct_command_reads_a_word_of_memory(system: System) -> None:
    # INS-DAS-18: P:$01FE holds the address of the X noticeboard.
    words = {"A": "TIMING", "B": "RDM", "C": "P", "D": str(0x1FE), "E": "0", "F": "0"}
    run(system, "DSPDirectCmd", "DSPDirectCmdC", words)
    pointer = int(system.get("sad:dc:lastReply"))
    assert pointer != 0
    assert system.get("sad:dc:lastReplyHex", text=True) == f"0x{pointer:06X}"
    assert system.get("sad:dc:SDSUcmdAsciiO", text=True) == "RDM"


@pytest.mark.parametrize("command", ["XYZ", "MRA"])
def test_a_direct_command_that_would_hang_the_controller_is_refused(system: System, command: str) -> None:
    with watching(system, "dc:DSPDirectCmdC.VAL") as seen:
        for letter, value in {"A": "TIMING", "B": command, "C": "P", "D": "0", "E": "1", "F": "0"}.items():
            system.put(f"dc:DSPDirectCmd.{letter}", value)
        assert system.start() > 0, system.message()
        seen.wait_for("dc:DSPDirectCmdC.VAL", ERROR)
    assert command in system.get("dc:DSPDirectCmdC.OMSS", text=True)
    assert system.get("sad:dc:sdsuSnlState") == "READY"


def test_power_off_and_start_up_again(system: System) -> None:
    run(system, "shutdownSDSU", "setupSDSUC")
    assert system.get("sad:dc:sdsuSnlState") == "OFF"
    assert system.start_marked("observe") < 0
    assert system.message() == "observe: SDSU is OFF; initSDSU first"
    system.put("dc:nifsApply.DIR", "CLEAR")
    run(system, "initSDSU", "setupSDSUC")
    assert system.get("sad:dc:sdsuSnlState") == "READY"
    assert system.observe().exists()


def test_a_reset_loses_the_programs_until_init_sdsu(system: System) -> None:
    run(system, "resetSDSU", "setupSDSUC")
    assert system.get("sad:dc:sdsuSnlState") == "FAULT"
    run(system, "initSDSU", "setupSDSUC")
    assert system.observe().exists()


def test_park_and_init(system: System) -> None:
    run(system, "park", "parkC")
    assert system.get("sad:dc:state") == "PARKED"
    run(system, "init", "initC")
    assert system.get("sad:dc:state") == "READY"


def test_debug_takes_its_labels_and_shows_them(system: System) -> None:
    system.put("dc:debug.A", "SDSU")
    assert system.start() > 0, system.message()
    assert system.get("sad:dc:debugMode", text=True) == "SDSU"
    system.put("dc:debug.A", "LOUD")
    assert "LOUD" in system.refused()
    system.put("dc:debug.A", "MIN")
    assert system.start() > 0


def test_simulation_cannot_be_switched_to_what_the_link_is_not(system: System) -> None:
    system.put("dc:simulate.A", "NONE")
    assert "NONE" in system.refused()
    system.put("dc:simulate.A", "FULL")
    assert system.start() > 0, system.message()
    assert system.get("sad:dc:simMode", text=True) == "FULL"


def test_a_test_pattern_that_there_is_not_is_refused(system: System) -> None:
    system.put("dc:testPat.A", "5")
    assert system.refused() == "testPatSeed 5: only 0"
