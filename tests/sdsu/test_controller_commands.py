"""Every command by its method: the words that INS-DAS-18 gives it, its deadline, what it makes untrue."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nifsdc.sdsu.commands import COMMANDS, Detectors
from nifsdc.sdsu.controller import Controller, StartupSettings
from nifsdc.sdsu.errors import DownloadFailed, ErrorReply, NoReply, UnexpectedReply, UnexpectedReset
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.lod import Block, LodFile
from nifsdc.sdsu.memory import X_POINTER, ClockState, Shutter
from nifsdc.sdsu.programs import synthetic
from nifsdc.sdsu.trace_file import What, parse
from nifsdc.sdsu.trace_link import TracedLink
from nifsdc.sdsu.windows.table import TableRow, WindowTable
from nifsdc.sdsu.words import Address, Board, Space
from nifsdc_sim.process import SimulatorProcess

from .conftest import FULL_READ, Rig

N = 10
WORDS_A_ROW = 22
"""2n + 2 for n = 10 (Annex A)"""
WRM = 0x57524D


@pytest.fixture(scope="module")
def ccd_process() -> Iterator[Rig]:
    with SimulatorProcess(speed=math.inf, seed=5, detector="ccd1") as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        yield Rig(simulator, link, Controller(link))
        link.close()


@pytest.fixture
def ccd(ccd_process: Rig) -> Rig:
    ccd_process.simulator.clear_faults()
    ccd_process.link.reopen()
    timing, utility = (synthetic(board, Detectors.CCD) for board in (Board.TIMING, Board.UTILITY))
    ccd_process.controller.startup(StartupSettings(timing, utility, 150_000, verify=False))
    ccd_process.forget()
    return ccd_process


# Header, label and arguments as "Syntax" and "Semantics" have them.
OF_CCDS: dict[str, tuple[Callable[[Controller], object], tuple[int, ...]]] = {
    "CLR": (Controller.clear, (0x000202, 0x434C52)),
    "STP": (Controller.stop_idle, (0x000202, 0x535450)),
    "IDL": (Controller.idle, (0x000202, 0x49444C)),
    "LSP": (Controller.low_speed, (0x000202, 0x4C5350)),
    "HSP": (Controller.high_speed, (0x000202, 0x485350)),
    "PON": (Controller.power_on, (0x000302, 0x504F4E)),
    "POF": (Controller.power_off, (0x000302, 0x504F46)),
    "BEX": (Controller.begin_exposure, (0x000302, 0x424558)),
    "DEX": (Controller.wait_for_exposure, (0x000302, 0x444558)),
    "OSH": (Controller.open_shutter, (0x000302, 0x4F5348)),
    "CSH": (Controller.close_shutter, (0x000302, 0x435348)),
    "PFL": (lambda controller: controller.preflash(4000), (0x000303, 0x50464C, 0xFA0)),
    "GEN": (Controller.generation, (0x000302, 0x47454E)),
}


@pytest.mark.parametrize("label", OF_CCDS)
def test_the_words_of_a_method(ccd: Rig, label: str) -> None:
    method, words = OF_CCDS[label]
    method(ccd.controller)
    assert ccd.words() == [words]


def test_an_exposure_is_paused_and_goes_on(ccd: Rig) -> None:
    controller = ccd.controller
    controller.set_exposure(100_000)
    controller.begin_exposure()
    assert controller.shutter() is Shutter.OPEN
    ccd.link.clock.sleep(30.0, threading.Event())
    controller.pause_exposure()
    assert controller.shutter() is Shutter.CLOSED
    ccd.link.clock.sleep(1000.0, threading.Event())
    controller.resume_exposure()
    assert controller.shutter() is Shutter.OPEN
    ccd.link.clock.sleep(69.0, threading.Event())
    controller.wait_for_exposure(1.0)
    assert controller.shutter() is Shutter.CLOSED
    assert controller.utility_board.current_exposure_ms.read() == 100_000
    assert (0x000302, 0x504558) in ccd.words()
    assert (0x000302, 0x524558) in ccd.words()


def test_commands_of_infrared_arrays(fast: Rig) -> None:
    controller = fast.controller
    controller.pixels_per_read()
    controller.set_exposure(1000)
    fast.forget()
    block = fast.link.progress().block
    controller.read_before_and_after()
    fast.drain(block + 1)
    fast.drain(block + 2)
    controller.read_at_time(2)
    fast.drain(block + 3, 2 * FULL_READ)
    controller.abort()
    controller.idle()
    assert fast.words() == [
        (0x000202, 0x475242), (0x000203, 0x524454, 2), (0x000202, 0x414252), (0x000202, 0x49444C),
    ]  # fmt: skip
    # MRC is for QUCAM alone; the answer is that of a programme that does not know it.
    fast.forget()
    with pytest.raises(ErrorReply, match="MRC"):
        controller.multiple_frames(3)
    assert fast.words()[0] == (0x000203, 0x4D5243, 3)


def test_states_by_name(ccd: Rig) -> None:
    assert ccd.controller.clock_state() is ClockState.CLEARING
    assert ccd.controller.peltier() is bool(ccd.controller.utility_board.peltier.read())
    # The simulator keeps what is written where it has no reason to bring it up to date.
    ccd.controller.reset()
    for board in (Board.TIMING, Board.UTILITY):
        for pointer, base in ((0x1FE, 0x100), (0x1FF, 0x200)):
            ccd.controller.write_memory(board, Address(Space.P, pointer), base)
    ccd.controller.write_memory(Board.TIMING, Address(Space.Y, 0x206), 4)
    ccd.controller.write_memory(Board.UTILITY, Address(Space.Y, 0x203), 7)
    with pytest.raises(UnexpectedReply, match=r"clock state is 4; expected 0 inactive, .*3 reading: init"):
        ccd.controller.clock_state()
    with pytest.raises(UnexpectedReply, match="shutter state is 7; expected 0 open, 1 closed, 2 fault: init"):
        ccd.controller.shutter()


# --- the format of the readout ----------------------------------------------------------------------------

TABLE = WindowTable((TableRow(5, 20, ((3, 10), (7, 11))), TableRow(2, 8, ((0, 4),))))
AS_WORDS = [5, 20, 3, 10, 7, 11] + 16 * [0] + [2, 8, 0, 4] + (WORDS_A_ROW * (N - 1) - 4) * [0]
"""Annex A: n rows of PSKIP, PREAD, then n pairs of SSKIP and SREAD"""


def table_in_memory(rig: Rig) -> list[int]:
    start = rig.controller.read_memory(Board.TIMING, X_POINTER)
    addresses = (Address(Space.X, start + number) for number in range(N * WORDS_A_ROW))
    return [rig.controller.read_memory(Board.TIMING, address) for address in addresses]


def test_a_window_table_is_written_from_the_beginning_of_the_noticeboard(ccd: Rig) -> None:
    windowing = ccd.controller.timing_board.windowing
    flag = windowing.address.word
    ccd.forget()
    ccd.controller.write_window_table(TABLE)
    written = [words for words in ccd.words() if words[1] == WRM]
    # Never may a table that is half written be clocked.
    assert (written[0], written[-1]) == ((0x000204, WRM, flag, 0), (0x000204, WRM, flag, 1))
    assert len(written) == N * WORDS_A_ROW + 2
    assert table_in_memory(ccd) == AS_WORDS
    ccd.controller.write_window_table(None)
    assert windowing.read() == 0


def test_a_window_table_that_does_not_fit_is_refused_before_anything_is_written(ccd: Rig) -> None:
    ccd.controller.write_window_table(TABLE)
    with pytest.raises(ValueError, match="needs n = 11; this camera's has n = 10"):
        ccd.controller.write_window_table(WindowTable(11 * (TableRow(0, 1, ((0, 1),)),)))
    assert table_in_memory(ccd) == AS_WORDS
    assert ccd.controller.timing_board.windowing.read() == 1


def test_a_window_table_that_goes_wrong_on_its_way_is_not_clocked(ccd: Rig) -> None:
    ccd.simulator.fault("write-flip", "WRM", skip=3)
    with pytest.raises(DownloadFailed, match=r"window table: X:.* reads 0x.* after 0x.* was written"):
        ccd.controller.write_window_table(TABLE)
    assert ccd.controller.timing_board.windowing.read() == 0


def test_binning_and_frame(ccd: Rig) -> None:
    ccd.controller.set_binning(10, 1)
    ccd.controller.set_frame(30, 20)
    board = ccd.controller.timing_board
    assert [cell.read() for cell in (board.x_binning, board.y_binning)] == [10, 1]
    assert ccd.controller.pixels_per_read() == 600
    for x, y in ((0, 1), (1, 0), (11, 1), (1, 11)):
        with pytest.raises(ValueError, match="expected factors of 1 to 10"):
            ccd.controller.set_binning(x, y)


# --- deadlines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("milliseconds", "seconds"), [(0, 1.0), (4000, 5.0), (14_000, 15.0), (60_000, 15.0)])
def test_a_preflash_has_a_second_more_than_its_length(milliseconds: int, seconds: float) -> None:
    assert COMMANDS["PFL"].deadline_for((milliseconds,)) == seconds


@pytest.mark.parametrize(
    ("label", "ask"),
    [
        ("PFL", lambda controller: controller.preflash(500)),
        ("DEX", lambda controller: controller.wait_for_exposure(0.5)),
    ],
)
def test_a_command_that_waits_is_given_its_own_time(
    ccd: Rig, label: str, ask: Callable[[Controller], None]
) -> None:
    ccd.simulator.fault("no-reply", label)
    with pytest.raises(NoReply, match=rf"{label} .*no answer within 1\.5 s"):
        ask(ccd.controller)


def test_a_preflash_that_could_not_be_answered_in_time_is_not_begun(ccd: Rig) -> None:
    for milliseconds in (-1, 14_001):
        with pytest.raises(ValueError, match="expected 0 to 14000 ms"):
            ccd.controller.preflash(milliseconds)
    assert ccd.words() == []


# --- one at a time ----------------------------------------------------------------------------------------


def test_commands_of_many_threads_to_both_boards_never_overlap(ccd: Rig) -> None:
    trace = io.StringIO()
    link = TracedLink(ccd.link)
    controller = Controller(link)
    link.start(trace)

    def ask(thread: int) -> None:
        for number in range(25):
            controller.test_data_link(Board.TIMING if (thread + number) % 2 else Board.UTILITY, number)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(ask, thread) for thread in range(4)]:
            future.result()
    link.stop()
    events = [event.what for event in parse(trace.getvalue()) if event.what is not What.PIXELS]
    assert events == 100 * [What.ASK, What.ANSWER]


# --- what a command makes untrue, and what a refusal means ------------------------------------------------


def test_another_programme_has_another_noticeboard(ccd: Rig) -> None:
    board = ccd.controller.utility_board
    before = board.demanded_exposure_ms.address
    ccd.controller.command(
        Board.UTILITY, "WRM", X_POINTER.word, ccd.controller.read_memory(Board.UTILITY, X_POINTER) + 0x10
    )
    assert board.demanded_exposure_ms.address == Address(Space.X, before.offset + 0x10)
    with pytest.raises(ErrorReply, match="LDA"):
        ccd.controller.load_application(Board.UTILITY, 11)
    assert not board.found


def test_the_pixels_of_a_read_are_asked_for_anew_when_its_columns_were_written(ccd: Rig) -> None:
    ccd.controller.set_frame(30, 20)
    assert ccd.controller.pixels_per_read() == 600
    columns = ccd.controller.timing_board.columns.address.word
    ccd.controller.command(Board.TIMING, "WRM", columns, 40)
    assert ccd.controller.pixels_per_read() == 800


def test_a_controller_that_lost_its_power_is_recognised_by_its_refusal(ccd: Rig) -> None:
    ccd.simulator.fault("power-cycle")
    with pytest.raises(
        UnexpectedReset,
        match=r"CLR .*refused it .*expected the configuration stamp .*lost its programme; init",
    ):
        ccd.controller.clear()
    with pytest.raises(UnexpectedReset):
        ccd.controller.begin_exposure()


def test_a_refusal_by_a_controller_that_is_well_is_a_refusal(ccd: Rig) -> None:
    ccd.simulator.fault("error", "CLR")
    with pytest.raises(ErrorReply, match=r"CLR .*refused it"):
        ccd.controller.clear()
    ccd.controller.clear()


def test_of_blocks_that_overlap_the_later_is_loaded_and_progress_counts_what_is_sent(ccd: Rig) -> None:
    blocks = (Block(Space.X, 0x3000, (1, 2, 3)), Block(Space.X, 0x3001, (7,)), Block(Space.Y, 0x4000, (9,)))
    told: list[tuple[Board, int, int]] = []
    ccd.controller.download(LodFile(Board.TIMING, blocks), progress=lambda *what: told.append(what))
    assert [words[2:] for words in ccd.words() if words[1] == WRM] == [
        (0x203000, 1), (0x203001, 7), (0x203002, 3),
    ]  # fmt: skip
    assert told == [(Board.TIMING, number, 3) for number in (1, 2, 3)]


def test_a_programme_of_the_interface_card_is_not_sent_up_the_fibre(ccd: Rig) -> None:
    with pytest.raises(ValueError, match="PCI board, expected one for the timing or the utility board"):
        ccd.controller.download(LodFile(Board.PCI, ()))
    assert ccd.controller.utility_board.found
    assert ccd.words() == []
