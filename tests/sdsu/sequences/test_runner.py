"""Run sequences on a real simulator process: carried out, paused, retimed, finished, cancelled."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.controller import (
    Controller,
    ErrorReply,
    PixelTimeout,
    StartupSettings,
    UnexpectedReset,
)
from nifsdc.sdsu.errors import NotNow
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.memory import ClockState
from nifsdc.sdsu.pixels import Cancelled, Chunk
from nifsdc.sdsu.programs import synthetic
from nifsdc.sdsu.readout import Phase
from nifsdc.sdsu.sequences import annexes
from nifsdc.sdsu.sequences.runner import Outcome, Runner
from nifsdc.sdsu.sequences.steps import Sequence
from nifsdc.sdsu.words import Board, word
from nifsdc_sim.process import SimulatorProcess

from ...waiting import DEADLINE_S, until
from ..conftest import Rig

SPEED = 20.0
CLOSED = 1


def _rig(detector: str, speed: float = SPEED) -> Iterator[Rig]:
    with SimulatorProcess(speed=speed, seed=3, detector=detector) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        try:
            yield Rig(simulator, link, Controller(link))
        finally:
            link.close()


@pytest.fixture(scope="module")
def ccd_process() -> Iterator[Rig]:
    yield from _rig("ccd1")


@pytest.fixture(scope="module")
def ir_process() -> Iterator[Rig]:
    yield from _rig("hawaii2")


@pytest.fixture(scope="module")
def jumping_process() -> Iterator[Rig]:
    yield from _rig("hawaii2", math.inf)


def _ready(rig: Rig, detectors: Detectors) -> Rig:
    rig.simulator.clear_faults()
    rig.link.reopen()
    timing, utility = (synthetic(board, detectors) for board in (Board.TIMING, Board.UTILITY))
    rig.controller.startup(StartupSettings(timing, utility, temperature_mk=150_000, verify=False))
    rig.forget()
    return rig


@pytest.fixture
def ccd(ccd_process: Rig) -> Rig:
    return _ready(ccd_process, Detectors.CCD)


@pytest.fixture
def ir(ir_process: Rig) -> Rig:
    return _ready(ir_process, Detectors.IR)


@pytest.fixture
def jumping(jumping_process: Rig) -> Rig:
    return _ready(jumping_process, Detectors.IR)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def sent(rig: Rig) -> list[tuple[int, ...]]:
    """What the controller has received since it was started up, but the reads of the noticeboard's place."""
    return rig.words()


def resolved(rig: Rig, sequence: Sequence) -> list[tuple[int, ...]]:
    boards = {Board.TIMING: rig.controller.timing_board, Board.UTILITY: rig.controller.utility_board}
    return list(sequence.words(lambda place: boards[place.board].cell(place.name).address))


SEQUENCES: dict[str, Callable[[], Sequence]] = {
    "run": lambda: annexes.ccd_run(3000),
    "short run": lambda: annexes.ccd_run(500),
    "bias": annexes.ccd_bias,
    "dark": lambda: annexes.ccd_dark(1500),
    "flash": lambda: annexes.ccd_flash(2000),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_ccd_sequence_is_carried_out(ccd: Rig, name: str) -> None:
    sequence = SEQUENCES[name]()
    pixels = ccd.controller.pixels_per_read()
    ccd.forget()
    outcome = Runner(ccd.controller).run(sequence)
    assert sent(ccd) == resolved(ccd, sequence)
    assert outcome.pixels == (pixels,)
    assert ccd.controller.utility_board.shutter.read() == CLOSED


def test_the_time_of_a_run_is_the_controllers(ccd: Rig) -> None:
    assert Runner(ccd.controller).run(annexes.ccd_run(3000)).integrated_ms == (3000,)


@pytest.mark.parametrize(
    "sequence",
    [annexes.ir_run(2000), annexes.ir_run(2000, 2), annexes.ir_run(1000, 1, 1), annexes.ir_bias()],
    ids=["run", "run of 2 reads", "run after a clearing read", "bias"],
)
def test_an_infrared_sequence_is_carried_out(ir: Rig, sequence: Sequence) -> None:
    pixels = ir.controller.pixels_per_read()
    ir.forget()
    outcome = Runner(ir.controller).run(sequence)
    assert sent(ir) == resolved(ir, sequence)
    assert sum(outcome.pixels) == sequence.reads * pixels


@pytest.mark.parametrize("late_s", [0.0, 0.5])
def test_reads_at_time_are_at_their_times(jumping: Rig, late_s: float) -> None:
    """On a clock that jumps from event to event a busy machine is never late.

    Not even where the first read is over before its command is seen to be answered.
    """
    times = (8000, 16_000, 30_000)
    sequence = annexes.reads_at_time(times)
    pixels = jumping.controller.pixels_per_read()
    jumping.forget()
    if late_s:
        jumping.simulator.fault("late-reply", "RDT", seconds=late_s)
    outcome = Runner(jumping.controller).run(sequence)
    assert outcome.pixels == (pixels,) * 4
    assert outcome.integrated_ms == (0, *times)
    # The last command has no answer that says when it has been received.
    until(lambda: sent(jumping)[-1][1] == word("ABR"), "ABR")
    assert sent(jumping) == resolved(jumping, sequence)


def test_a_time_that_has_passed_is_read_at_once(jumping: Rig) -> None:
    read_ms = 1024 * 1056 * 1000 / 204_027
    outcome = Runner(jumping.controller).run(annexes.reads_at_time([1, 60_000]))
    assert outcome.integrated_ms[0] == 0
    assert read_ms <= outcome.integrated_ms[1] < read_ms + 1000
    assert outcome.integrated_ms[2] == 60_000


def _exposing(runner: Runner, pool: ThreadPoolExecutor, sequence: Sequence) -> Future[Outcome]:
    begun = threading.Event()
    runner._tell = lambda text: begun.set() if text == "integrate" else None
    future = pool.submit(runner.run, sequence)
    assert begun.wait(DEADLINE_S)
    return future


def _when_possible(change: Callable[[], None]) -> None:
    def tried() -> bool:
        try:
            change()
        except NotNow:
            return False
        return True

    until(tried, "a moment in which the integration can be changed")


def test_a_paused_run_waits_and_measures_what_was_exposed(ccd: Rig, pool: ThreadPoolExecutor) -> None:
    runner = Runner(ccd.controller)
    future = _exposing(runner, pool, annexes.ccd_run(600_000))
    _when_possible(runner.pause)
    with pytest.raises(NotNow, match="paused already"):
        runner.pause()
    assert ccd.controller.utility_board.shutter.read() == CLOSED
    runner.resume()
    with pytest.raises(NotNow, match="not paused"):
        runner.resume()
    runner.retime(5000)
    outcome = future.result(DEADLINE_S)
    assert outcome.integrated_ms[0] >= 5000
    labels = [words[1] for words in ccd.words()]
    assert labels.index(word("PEX")) < labels.index(word("REX")) < labels.index(word("DEX"))


@pytest.mark.parametrize("pause", [False, True])
def test_a_run_that_is_finished_early_is_read(ccd: Rig, pool: ThreadPoolExecutor, pause: bool) -> None:
    runner = Runner(ccd.controller)
    future = _exposing(runner, pool, annexes.ccd_run(600_000))
    if pause:
        _when_possible(runner.pause)
    _when_possible(runner.finish)
    outcome = future.result(DEADLINE_S)
    assert 0 <= outcome.integrated_ms[0] < 600_000
    assert outcome.pixels == (ccd.controller.pixels_per_read(),)


@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize(
    "sequence", [annexes.ccd_run(600_000), annexes.ccd_dark(600_000)], ids=["run", "dark"]
)
def test_a_cancelled_exposure_leaves_the_shutter_closed_and_can_be_repeated(
    ccd: Rig, pool: ThreadPoolExecutor, sequence: Sequence, pause: bool
) -> None:
    runner = Runner(ccd.controller)
    future = _exposing(runner, pool, sequence)
    if pause:
        _when_possible(runner.pause)
    runner.cancel()
    with pytest.raises(Cancelled):
        future.result(DEADLINE_S)
    assert ccd.controller.utility_board.shutter.read() == CLOSED
    assert runner.arrived.pixels == ()
    assert runner.run(annexes.ccd_bias()).pixels == (ccd.controller.pixels_per_read(),)


def test_a_cancel_between_the_commands_of_an_exposure_closes_the_shutter(ccd: Rig) -> None:
    """The moment after BEX, before the integration is waited for."""

    def tell(text: str) -> None:
        if text == "begin the exposure":
            runner.cancel()

    runner = Runner(ccd.controller, tell=tell)
    with pytest.raises(Cancelled):
        runner.run(annexes.ccd_run(600_000))
    assert ccd.controller.utility_board.shutter.read() == CLOSED
    assert [words[1] for words in ccd.words()].count(word("BEX")) == 1


class _Consumer(Exception):
    pass


def test_whoever_takes_the_pixels_may_fail(ccd: Rig) -> None:
    def take(block: int, chunk: Chunk) -> None:
        raise _Consumer

    with pytest.raises(_Consumer):
        Runner(ccd.controller, take=take).run(annexes.ccd_run(500))
    assert ccd.words()[-1][1] == word("IDL")
    assert ccd.controller.timing_board.clock_state.read() == ClockState.CLEARING


def _integrating(rig: Rig, runner: Runner, pool: ThreadPoolExecutor, sequence: Sequence) -> Future[Outcome]:
    future = pool.submit(runner.run, sequence)
    until(lambda: rig.controller.phase is Phase.INTEGRATING, "the integration of an array")
    return future


def test_an_array_is_read_early_when_that_is_asked_for(ir: Rig, pool: ThreadPoolExecutor) -> None:
    runner = Runner(ir.controller)
    future = _integrating(ir, runner, pool, annexes.ir_run(6_000_000))
    _when_possible(runner.finish)
    outcome = future.result(DEADLINE_S)
    assert 0 < outcome.integrated_ms[0] < 6_000_000
    assert outcome.pixels == (ir.controller.pixels_per_read(),) * 2


def test_an_array_integrates_as_long_as_it_is_told_meanwhile(ir: Rig, pool: ThreadPoolExecutor) -> None:
    read_ms = round(1024 * 1056 * 1000 / 204_027)
    runner = Runner(ir.controller)
    future = _integrating(ir, runner, pool, annexes.ir_run(6_000_000))
    until(lambda: _refusal(runner.pause).endswith("cannot be paused: retime or finish"), "the wait")
    _when_possible(lambda: runner.retime(20_000))
    outcome = future.result(DEADLINE_S)
    # Exactly as long, where this machine was not too busy to say so in time.
    assert read_ms + 20_000 - 1 <= outcome.integrated_ms[0] < 6_000_000


def test_reads_at_time_are_cancelled_and_not_changed(ir: Rig, pool: ThreadPoolExecutor) -> None:
    runner = Runner(ir.controller)
    future = _integrating(ir, runner, pool, annexes.reads_at_time([6_000_000]))
    until(lambda: _refusal(runner.finish).endswith("given times cannot be changed: cancel"), "the wait")
    runner.cancel()
    with pytest.raises(Cancelled):
        future.result(DEADLINE_S)
    assert runner.arrived.pixels == (ir.controller.pixels_per_read(),)
    assert ir.controller.timing_board.clock_state.read() == ClockState.CLEARING


def _refusal(change: Callable[[], None]) -> str:
    with pytest.raises(NotNow) as caught:
        change()
    return str(caught.value)


def test_a_readout_is_cancelled_between_its_rows(ir: Rig, pool: ThreadPoolExecutor) -> None:
    started = threading.Event()
    runner = Runner(ir.controller, take=lambda block, chunk: started.set())
    future = pool.submit(runner.run, annexes.ir_run(1000, 8))
    assert started.wait(DEADLINE_S)
    runner.cancel()
    with pytest.raises(Cancelled):
        future.result(DEADLINE_S)
    assert runner.run(annexes.ir_bias()).pixels == (ir.controller.pixels_per_read(),) * 2


def test_nothing_can_be_changed_when_nothing_runs(ccd: Rig) -> None:
    runner = Runner(ccd.controller)
    for change in (runner.pause, runner.resume, runner.finish, lambda: runner.retime(5)):
        with pytest.raises(NotNow):
            change()
    with pytest.raises(ValueError, match="expected 1 ms or more"):
        runner.retime(0)


def test_a_refused_command_ends_a_sequence_with_the_detector_idling(ccd: Rig) -> None:
    ccd.simulator.fault("error", label="BEX")
    with pytest.raises(ErrorReply, match="BEX"):
        Runner(ccd.controller).run(annexes.ccd_run(1000))
    assert ccd.words()[-1][1] == word("IDL")


def test_what_had_arrived_when_pixels_stop_is_said(ccd: Rig) -> None:
    ccd.simulator.fault("pixels-stop", fraction=0.5)
    runner = Runner(ccd.controller)
    with pytest.raises(PixelTimeout):
        runner.run(annexes.ccd_bias())
    (arrived,) = runner.arrived.pixels
    assert 0 < arrived < ccd.controller.pixels_per_read()


def test_a_controller_that_is_reset_while_it_reads_is_recognised(ccd: Rig) -> None:
    resets: list[int] = []

    def take(block: int, chunk: Chunk) -> None:
        if not resets:
            resets.append(chunk.offset)
            ccd.simulator.fault("syr")

    with pytest.raises(UnexpectedReset, match=r"after \d+ of \d+ pixels: .*reset that nobody sent"):
        Runner(ccd.controller, take=take).run(annexes.ccd_bias())


def test_the_start_up_is_the_controllers(ccd: Rig) -> None:
    with pytest.raises(ValueError, match=r"Controller\.startup"):
        Runner(ccd.controller).run(annexes.start_up(1))
