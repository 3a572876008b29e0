"""The controller's commands, states and faults, through the link to the simulator process."""

import functools
import math
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.errors import (
    ControllerError,
    DownloadFailed,
    ErrorReply,
    LinkLost,
    NoReply,
    UnexpectedReply,
    UnexpectedReset,
    WrongEcho,
)
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.memory import ClockState, ReadoutMode
from nifsdc.sdsu.programs import synthetic
from nifsdc.sdsu.readout import Phase
from nifsdc.sdsu.words import DON, Address, Board, Space
from nifsdc_sim.process import SimulatorProcess

from ..waiting import until
from .conftest import FULL_READ, TEMPERATURE_MK, Rig

BOARDS = (Board.TIMING, Board.UTILITY)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("value", [0, 1, 0xFFFFFF, 0x455252, 0x535952])
def test_the_data_link_brings_any_word_back(fast: Rig, board: Board, value: int) -> None:
    if value in (0x455252, 0x535952):
        with pytest.raises(ControllerError):  # the values that cannot be told from ERR and SYR
            fast.controller.test_data_link(board, value)
    else:
        fast.controller.test_data_link(board, value)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("space", Space)
def test_memory_keeps_what_is_written(fast: Rig, board: Board, space: Space) -> None:
    fast.controller.write_memory(board, Address(space, 0x3000), 0xABCDEF)
    assert fast.controller.read_memory(board, Address(space, 0x3000)) == 0xABCDEF


def test_memory_that_is_not_there_is_refused(fast: Rig) -> None:
    with pytest.raises(ErrorReply, match="RDM"):
        fast.controller.read_memory(Board.TIMING, Address(Space.P, 0x10000))


def test_clock_states_follow_idle_mode(fast: Rig) -> None:
    state = fast.controller.timing_board.clock_state
    assert state.read() == ClockState.CLEARING
    fast.controller.stop_idle()
    assert state.read() == ClockState.INTEGRATING
    fast.controller.idle()
    assert state.read() == ClockState.CLEARING


def test_without_a_programme_only_boot_commands_are_known(fast: Rig) -> None:
    controller = fast.controller
    controller.reset()
    controller.test_data_link(Board.UTILITY, 0x123456)
    assert controller.generation() == 3
    assert controller.utility_board.id_code() == 0x4E
    refused: tuple[Callable[[], None], ...] = (
        controller.idle,
        controller.clear,
        controller.high_speed,
        controller.power_on,
    )
    for command in refused:
        with pytest.raises(ErrorReply, match="refused it"):
            command()
    controller.stop_idle()


def test_a_board_without_programme_has_no_noticeboard(fast: Rig) -> None:
    fast.controller.reset()
    fast.controller.write_memory(Board.UTILITY, Address(Space.P, 0x1FE), 0xFFFFFF)
    with pytest.raises(UnexpectedReply, match=r"P:\$01FE .*no programme is loaded; init"):
        fast.controller.utility_board.demanded_exposure_ms.write(1)


def test_commands_come_from_the_downloaded_table(fast: Rig) -> None:
    """A word of the programme that was loaded wrongly takes its command away."""
    program = synthetic(Board.TIMING)
    at = next(address for address, value in program.words() if value == 0x49444C)
    fast.controller.write_memory(Board.TIMING, at, 0)
    with pytest.raises(ErrorReply, match=r"IDL .*errno 1"):
        fast.controller.idle()
    fast.controller.clear()


def test_telemetry_cannot_be_written(fast: Rig) -> None:
    with pytest.raises(ValueError, match="clock_state of the timing board is telemetry"):
        fast.controller.timing_board.clock_state.write(1)
    with pytest.raises(KeyError, match="no 'nothing'"):
        fast.controller.utility_board.cell("nothing")


def test_commands_by_their_label(fast: Rig) -> None:
    assert fast.controller.command(Board.UTILITY, "TDL", 77) == 77
    assert fast.controller.command(Board.UTILITY, "GEN") == 3
    assert fast.controller.command(Board.TIMING, "STP") == DON
    first = fast.link.progress().block + 1
    assert fast.controller.command(Board.TIMING, "GRB") == DON
    fast.drain(first)
    fast.drain(first + 1)
    for board, label, arguments in (
        (Board.UTILITY, "CLR", ()), (Board.TIMING, "TDL", ()), (Board.TIMING, "RDC", ()),
        (Board.TIMING, "RST", ()),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=label):
            fast.controller.command(board, label, *arguments)
    with pytest.raises(ErrorReply, match="LDA"):
        fast.controller.load_application(Board.TIMING, 9)


def test_the_cryostat_follows_the_demand(fast: Rig) -> None:
    board = fast.controller.utility_board
    board.demanded_temperature_mk.write(70_000)
    fast.link.clock.sleep(3600.0, threading.Event())
    assert board.temperature1_mk.read() == pytest.approx(70_000, abs=3)
    assert board.temperature2_mk.read() < board.temperature1_mk.read() < board.temperature3_mk.read()
    assert board.pressure_adu.read() > 0
    board.demanded_temperature_mk.write(TEMPERATURE_MK)


def test_a_generation_2_controller_is_recognised_by_its_refusal() -> None:
    with SimulatorProcess(speed=math.inf, seed=1, generation=2) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        assert Controller(link).generation() == 2
        link.close()


# Faults


@pytest.mark.parametrize(
    ("fault", "label", "error", "message"),
    [
        ("no-reply", "STP", NoReply, r"STP .*no answer within 1 s, expected DON: .*init"),
        ("error", "STP", ErrorReply, r"STP .*refused it \(ERR\)"),
        ("wrong-label", "STP", UnexpectedReply, r"STP .*answered by DUN .*expected DON: init"),
        ("bit-flip", "STP", UnexpectedReply, r"STP .*answered by .*expected DON"),
        ("wrong-header", "STP", UnexpectedReply, r"STP .*header 0x030002, expected header 0x020002.*init"),
        ("syr", "STP", UnexpectedReset, r"STP .*answered by SYR.*init loads it again"),
        ("link-drop", "STP", LinkLost, r"link to the simulator.*broke.*init opens it again"),
    ],
)
def test_each_fault_has_its_error(
    fast: Rig, fault: str, label: str, error: type[ControllerError], message: str
) -> None:
    fast.simulator.fault(fault, label)
    fast.controller.test_data_link(Board.TIMING, 3)
    with pytest.raises(error, match=message):
        fast.controller.stop_idle()
    fast.link.reopen()
    fast.start_up()
    fast.controller.stop_idle()


@pytest.mark.parametrize("fault", ["wrong-echo", "bit-flip"])
def test_a_wrong_echo_is_told_from_a_right_one(fast: Rig, fault: str) -> None:
    fast.simulator.fault(fault, "TDL", count=2, skip=1)
    fast.controller.test_data_link(Board.UTILITY, 0x123456)
    for _ in range(2):
        with pytest.raises(WrongEcho, match=r"came back, expected 0x123456: the link corrupts bits"):
            fast.controller.test_data_link(Board.UTILITY, 0x123456)
    fast.controller.test_data_link(Board.UTILITY, 0x123456)


def test_a_download_that_went_wrong_is_noticed(fast: Rig) -> None:
    fast.simulator.fault("wrong-echo", "RDM", skip=4)
    with pytest.raises(
        DownloadFailed, match=r"download to the timing board: P:\$02.* after 0x.* was written"
    ):
        fast.start_up(verify=True)
    fast.start_up(verify=True)


def test_a_reset_out_of_the_blue_is_noticed_by_the_next_command(fast: Rig) -> None:
    fast.simulator.fault("syr")
    with pytest.raises(UnexpectedReset, match=r"before .*CLR.* nobody sent \(SYR\): .*lost its programme"):
        fast.controller.clear()


def test_a_power_failure_is_noticed_by_the_missing_stamp(fast: Rig) -> None:
    fast.controller.check_configuration()
    fast.simulator.fault("power-cycle")
    with pytest.raises(UnexpectedReset, match=r"expected the configuration stamp .*init loads it again"):
        fast.controller.check_configuration()
    fast.start_up()
    fast.controller.check_configuration()


def test_a_late_answer_does_not_outlive_a_reset(fast: Rig) -> None:
    fast.simulator.fault("late-reply", "STP", seconds=1.5)
    with pytest.raises(NoReply):
        fast.controller.stop_idle()
    fast.controller.reset()
    fast.controller.test_data_link(Board.TIMING, 0x0F0F0F)


def test_a_late_answer_that_has_come_is_not_taken_for_another(fast: Rig) -> None:
    fast.simulator.fault("late-reply", "STP", seconds=3.0)
    with pytest.raises(NoReply):
        fast.controller.stop_idle()
    # Answers are given one after another: once the second packet is in the log, the first was answered.
    fast.link.send((0x000202, 0x444F4E))
    seen = fast.seen
    until(lambda: fast.simulator.commands(seen)[-1]["words"][1] == 0x444F4E, "the late answer")
    fast.controller.test_data_link(Board.TIMING, 0x0F0F0F)


def test_a_runaway_temperature_shows(fast: Rig) -> None:
    before = fast.controller.utility_board.temperature1_mk.read()
    fast.simulator.fault("temperature-runaway", rate=50.0)
    fast.link.clock.sleep(100.0, threading.Event())
    assert fast.controller.utility_board.temperature1_mk.read() == pytest.approx(before + 5000, abs=10)


def test_pixels_that_stop_leave_the_controller_reading_until_it_is_told(fast: Rig) -> None:
    fast.simulator.fault("pixels-stop", "MRA", fraction=0.5)
    fast.controller.stop_idle()
    first = fast.link.progress().block + 1
    fast.controller.multiple_read(1)
    until(lambda: fast.link.progress() == (first, FULL_READ // 2), "half a block")
    assert fast.simulator.status()["phase"] == "reading"
    assert fast.controller.phase is Phase.READING
    before = fast.link.clock.now()
    fast.link.clock.sleep(15.0, threading.Event())
    assert fast.link.clock.now() == pytest.approx(before + 15.0)
    assert fast.link.progress().pixels == FULL_READ // 2
    fast.controller.abort()
    fast.controller.idle()
    assert fast.simulator.status()["phase"] == "idle"


def test_a_short_frame_ends_without_its_pixels(fast: Rig) -> None:
    fast.simulator.fault("short-frame", fraction=0.25)
    fast.controller.stop_idle()
    first = fast.link.progress().block + 1
    fast.controller.read_out()
    until(lambda: fast.link.progress() == (first, FULL_READ // 4), "a quarter of a block")
    until(lambda: fast.simulator.status()["phase"] == "idle", "the end of the readout")
    fast.controller.abort()
    fast.controller.idle()


# Pixels


def test_without_analogue_power_there_is_no_signal(fast: Rig) -> None:
    fast.controller.power_off()
    first = fast.link.progress().block + 1
    fast.controller.read_out()
    fast.drain(first)
    assert not fast.link.buffer[:FULL_READ].any()
    fast.controller.power_on()
    fast.controller.read_out()
    fast.drain(first + 1)
    assert fast.link.buffer[:FULL_READ].min() > 3000


def test_test_data_are_the_patterns_on_record(fast: Rig) -> None:
    index = np.arange(FULL_READ)
    patterns = {
        ReadoutMode.TEST_1: index % 65536,
        ReadoutMode.TEST_2: index % 4 * 16384 + index // 4 % 16384,
    }
    for mode, pattern in patterns.items():
        fast.controller.timing_board.readout_mode.write(mode)
        first = fast.link.progress().block + 1
        fast.controller.read_out()
        fast.drain(first)
        assert np.array_equal(fast.link.buffer[:FULL_READ], pattern)


def test_a_buffer_smaller_than_a_block_is_filled_in_turns(tmp_path: Path) -> None:
    """Faster than real time the simulator waits until the host has taken pixels."""
    with SimulatorProcess(
        speed=math.inf, seed=1, buffer_reads=1, buffer=tmp_path / "image.buffer"
    ) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        rig = Rig(simulator, link, Controller(link))
        rig.start_up()
        rig.controller.timing_board.readout_mode.write(ReadoutMode.TEST_1)
        rig.controller.multiple_read(2)
        size = link.buffer.size
        assert size == FULL_READ
        for block in (1, 2):
            until(functools.partial(_has_come, link, block, size), "a full buffer")
            assert link.clock.sleep(1.0, threading.Event()) is False
            assert link.progress() == (block, size)
            assert np.array_equal(link.buffer, np.arange(size) % 65536)
            link.consumed(block, size)
            until(functools.partial(_has_come, link, block, 2 * size), "the second read")
            assert np.array_equal(link.buffer, np.arange(size) % 65536)
            link.consumed(block, 2 * size)
        assert simulator.status()["overrun"] == 0
        link.close()


def _has_come(link: SimLink, block: int, pixels: int) -> bool:
    return link.progress() == (block, pixels)


# The link


def test_a_link_has_one_host(fast: Rig) -> None:
    other = SimLink(fast.simulator.host, fast.simulator.port, fast.simulator.buffer)
    with pytest.raises(LinkLost, match="is another host attached"):
        Controller(other).test_data_link(Board.TIMING, 1)
    fast.controller.test_data_link(Board.TIMING, 1)


def test_the_host_survives_the_simulators_restart() -> None:
    simulator = SimulatorProcess(speed=math.inf, seed=1)
    with simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        rig = Rig(simulator, link, Controller(link))
        rig.start_up()
        simulator.stop()
        assert not simulator.buffer.exists()
        until(lambda: _is_lost(link), "the loss of the link")
        with pytest.raises(LinkLost, match="init opens it again"):
            rig.controller.idle()
        with pytest.raises(LinkLost, match="start it, then init"):
            link.reopen()
        simulator.start()
        link.reopen()
        rig.start_up()
        assert link.progress() == (0, 0)
        link.close()


def _is_lost(link: SimLink) -> bool:
    try:
        link.progress()
    except LinkLost:
        return True
    return False


def test_a_closed_link_says_so(fast: Rig) -> None:
    fast.link.close()
    with pytest.raises(LinkLost, match="closed"):
        fast.link.progress()
    with pytest.raises(LinkLost, match="closed"):
        fast.link.consumed(1, 1)
    fast.link.reopen()
    fast.controller.test_data_link(Board.TIMING, 1)
