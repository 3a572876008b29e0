"""Every command of INS-DAS-18 over the link: words, answers, refusals, and both noticeboards."""

import itertools
import time
from collections.abc import Iterator

import pytest

from nifsdc.sdsu.commands import COMMANDS, Detectors, Reply
from nifsdc.sdsu.words import Board, word

from ..waiting import DEADLINE_S, until
from .bench import TIMING, UTILITY, Bench, P, X, Y, bench

DON, ERR = word("DON"), word("ERR")
IR_FRAME = 4 * 1024 * (1024 + 32)
VALUES = {"TDL": (0xABCDEF,), "RDM": (P | 0x1FE,), "WRM": (X | 0x40, 5), "LDA": (1,)}
"""good arguments where 1 is none"""
ALWAYS = {"TDL", "RDM", "WRM", "LDA"}
ERRNO = {TIMING: 0, UTILITY: 4}
"""where the Y noticeboards have it"""
UNKNOWN, BAD_ARGUMENT, BAD_ADDRESS, BUSY, NO_PROGRAMME, NOT_EXPOSING = 1, 2, 3, 4, 5, 6


@pytest.fixture(scope="module", params=["hawaii2", "ccd1"])
def process(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def ccd_process() -> Iterator[Bench]:
    with bench("ccd2", effects=("ideal",)) as running:
        yield running


@pytest.fixture
def any_controller(process: Bench) -> Bench:
    """A controller of either kind that was reset and knows its boot commands only."""
    process.simulator.clear_faults()
    process.reset()
    return process


@pytest.fixture
def ccd(ccd_process: Bench) -> Bench:
    """A CCD's controller with its programmes."""
    ccd_process.simulator.clear_faults()
    ccd_process.start()
    return ccd_process


def kind(bench: Bench) -> Detectors:
    return Detectors.IR if bench.simulator.status()["detector"] == "hawaii2" else Detectors.CCD


def belongs(bench: Bench, label: str) -> bool:
    wanted = COMMANDS[label].detectors
    if wanted is Detectors.QUCAM:
        wanted = Detectors.CCD
    return wanted in (Detectors.ANY, kind(bench))


def good(label: str) -> tuple[int, ...]:
    return VALUES.get(label, (1,) * len(COMMANDS[label].arguments))


def errno(bench: Bench, board: Board) -> int:
    return bench.y(board, ERRNO[board])


PAIRS = [
    (label, board) for label, command in COMMANDS.items() if label != "RST" for board in (TIMING, UTILITY)
]


@pytest.mark.parametrize(("label", "board"), PAIRS)
def test_the_boot_programmes_know_their_own_commands_only(
    any_controller: Bench, label: str, board: Board
) -> None:
    boot = label in ALWAYS or (label, board) in (("STP", TIMING), ("GEN", UTILITY))
    answer = any_controller.ask(board, label, *good(label))
    if not boot:
        assert answer == ERR
    elif COMMANDS[label].reply is Reply.DONE:
        assert answer == DON
    else:
        assert answer != ERR


@pytest.mark.parametrize(("label", "board"), PAIRS)
def test_each_command_is_answered_as_the_table_says_and_by_its_board_alone(
    any_controller: Bench, label: str, board: Board
) -> None:
    any_controller.start()
    command = COMMANDS[label]
    if board not in command.boards or not belongs(any_controller, label):
        any_controller.refused(board, label, *good(label))
        assert errno(any_controller, board) == UNKNOWN
        return
    for needed in {"PEX": ("BEX",), "REX": ("BEX", "PEX")}.get(label, ()):
        any_controller.set(UTILITY, 0, 10_000)
        any_controller.done(UTILITY, needed)
    before = any_controller.link.progress().block
    if command.reply is Reply.NONE:
        any_controller.tell(board, label)
        assert any_controller.ask(TIMING, "TDL", 0x123456) in (0x123456, ERR)  # nothing came before this
    else:
        answer = any_controller.ask(board, label, *good(label))
        expected = {"TDL": 0xABCDEF, "GEN": 3, "RDM": any_controller.x(board, 0) & 0xFFFFF}.get(label, DON)
        assert answer == expected
    if label in ("RDC", "MRA", "GRB", "RDT", "MRC"):
        until(lambda: any_controller.link.progress().block > before, f"the block of {label}")
    any_controller.reset()


@pytest.mark.parametrize(("label", "board"), PAIRS)
def test_other_counts_of_words_are_refused(any_controller: Bench, label: str, board: Board) -> None:
    any_controller.start()
    right = len(COMMANDS[label].arguments)
    knows = board in COMMANDS[label].boards and belongs(any_controller, label)
    for count in range(6):
        if count == right or (label == "PFL" and count == 0):  # the ICD has PFL with and without
            continue
        any_controller.refused(board, label, *range(1, count + 1))
        assert errno(any_controller, board) == (BAD_ARGUMENT if knows else UNKNOWN)
    any_controller.ask(board, "TDL", 1)
    assert errno(any_controller, board) == 0
    assert any_controller.link.unasked() == ()


def test_refusals_say_why(any_controller: Bench) -> None:
    any_controller.start()
    for board in (TIMING, UTILITY):
        for arguments, reason in (
            (("RDM", 0x300000), BAD_ADDRESS), (("RDM", 0x000010), BAD_ADDRESS),
            (("RDM", 0x900000), BAD_ADDRESS), (("RDM", X | 0x10000), BAD_ADDRESS),
            (("WRM", 0x700000, 1), BAD_ADDRESS), (("LDA", 11), BAD_ARGUMENT), (("LDA", 2), NO_PROGRAMME),
        ):  # fmt: skip
            any_controller.refused(board, str(arguments[0]), *(int(each) for each in arguments[1:]))
            assert errno(any_controller, board) == reason
    any_controller.refused(TIMING, "LDA", 0)
    assert errno(any_controller, TIMING) == BAD_ARGUMENT
    any_controller.refused(UTILITY, "LDA", 0)
    assert errno(any_controller, UTILITY) == NO_PROGRAMME
    assert any_controller.ask(TIMING, "TDL", word("ERR")) == word("ERR")
    assert errno(any_controller, TIMING) == 0


def test_generation_2_does_not_know_its_generation() -> None:
    with bench(generation=2) as running:
        running.reset()
        running.refused(UTILITY, "GEN")


def test_a_reset_loses_programmes_and_power_and_keeps_the_identity(any_controller: Bench) -> None:
    any_controller.start()
    identity = any_controller.ask(UTILITY, "RDM", Y | 0) & 0xFF
    any_controller.done(TIMING, "WRM", X | 0x40, 0xC0FFEE)
    any_controller.reset()
    status = any_controller.simulator.status()
    assert (status["clock_state"], status["powered"], status["timing_programme"]) == (0, False, False)
    assert any_controller.ask(TIMING, "RDM", X | 0x40) != 0xC0FFEE
    assert any_controller.ask(UTILITY, "RDM", Y | 0) & 0xFF == identity


def test_the_timing_noticeboard_tells_the_truth(any_controller: Bench) -> None:
    any_controller.start()
    states = {0: 1, 1: 10, 4: 1, 6: 1}
    assert {offset: any_controller.y(TIMING, offset) for offset in states} == {**states, 0: 0}
    slow = any_controller.y(TIMING, 5)
    any_controller.done(TIMING, "HSP")
    assert (any_controller.y(TIMING, 4), any_controller.y(TIMING, 5) > slow) == (2, True)
    any_controller.done(TIMING, "LSP")
    assert (any_controller.y(TIMING, 4), any_controller.y(TIMING, 5)) == (1, slow)
    any_controller.done(TIMING, "STP")
    assert any_controller.y(TIMING, 6) == 2
    any_controller.done(TIMING, "IDL")
    assert any_controller.y(TIMING, 6) == 1
    for offset, value in ((0xFF, 0), (0xFE, 1), (0xFD, 1), (0, 0), (219, 0)):
        assert any_controller.ask(TIMING, "RDM", any_controller.x(TIMING, offset)) == value
    any_controller.tell(TIMING, "RDC")
    until(lambda: any_controller.simulator.status()["clock_state"] == 3, "the readout")
    any_controller.tell(TIMING, "ABR")
    any_controller.done(TIMING, "STP")
    assert any_controller.y(TIMING, 6) == 2


def test_the_noticeboards_lie_where_the_annexes_have_them(any_controller: Bench) -> None:
    any_controller.start()
    base = 0xF0 if kind(any_controller) is Detectors.IR else 0xF8
    assert any_controller.ask(UTILITY, "RDM", P | 0x1FE) == base
    assert any_controller.ask(UTILITY, "RDM", P | 0x1FF) == base


def test_words_of_the_y_noticeboard_cannot_be_written(any_controller: Bench) -> None:
    any_controller.start()
    place = Y | any_controller.ask(TIMING, "RDM", P | 0x1FF) + 6
    any_controller.done(TIMING, "WRM", place, 77)
    assert any_controller.ask(TIMING, "RDM", place) == 1


def test_during_a_readout_only_abr_is_obeyed(any_controller: Bench) -> None:
    any_controller.start()
    any_controller.simulator.fault("pixels-stop", "RDC", fraction=0.5)
    any_controller.done(TIMING, "STP")
    any_controller.tell(TIMING, "RDC")
    until(lambda: any_controller.link.progress().pixels > 0, "pixels")
    for label in ("CLR", "IDL", "ABR"):  # the first two are refused when the pixels have ended
        any_controller.tell(TIMING, label)
    answers: list[tuple[int, ...]] = []

    def refused() -> bool:
        answers.extend(any_controller.link.unasked())
        return len(answers) == 2

    until(refused, "the refusals")
    assert answers == [(0x020002, ERR)] * 2
    assert any_controller.ask(TIMING, "TDL", 5) == 5
    assert any_controller.y(TIMING, 6) == 2


def test_what_is_said_to_the_last_pixel_of_a_read_is_obeyed() -> None:
    """Of any read of a ramp, not only of a sequence's last one: the pixels have come."""
    with bench() as ir:
        ir.start()
        exposure = Y | ir.ask(UTILITY, "RDM", P | 0x1FF)
        before = ir.link.progress().block
        ir.done(TIMING, "RDT", 1)
        for read in range(20):
            if read:
                ir.set(UTILITY, 0, read * 20_000)
            whole = (before + 1 + read, IR_FRAME)
            deadline = time.monotonic() + DEADLINE_S
            while ir.link.progress() < whole:  # without a pause: the next word comes as early as it can
                assert time.monotonic() < deadline
            ir.link.consumed(*whole)
            assert ir.ask(UTILITY, "RDM", exposure) == read * 20_000
        ir.tell(TIMING, "ABR")


def test_the_temperature_approaches_the_demand_with_its_time_constant(ccd: Bench) -> None:
    start = ccd.y(UTILITY, 1)
    ccd.set(UTILITY, 1, start + 4000)
    moments = []
    for _ in range(4):
        ccd.sleep(120.0)
        moments.append(start + 4000 - ccd.y(UTILITY, 1))
    for before, after in itertools.pairwise(moments):
        assert after == pytest.approx(before / 2.71828, abs=60)
    assert ccd.y(UTILITY, 9) in (0, 1)
    assert ccd.y(UTILITY, 5) < ccd.y(UTILITY, 1) < ccd.y(UTILITY, 6)
    assert ccd.y(UTILITY, 7) > 0
    assert ccd.y(UTILITY, 8) > 0
