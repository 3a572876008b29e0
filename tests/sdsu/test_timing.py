"""When things happen, on the detector's clock: never on the computer's."""

from collections.abc import Sequence

import pytest

from nifsdc.sdsu.errors import Busy, ErrorReply
from nifsdc.sdsu.memory import ClockState
from nifsdc.sdsu.readout import Phase
from nifsdc.sdsu.words import Board, Packet, encode, word

from ..waiting import until
from .conftest import FULL_READ, Rig

RATE = 204_027
READ_S = 1024 * (1024 + 32) / RATE
LINE = 4 * (1024 + 32)
RESET_S = 0.01
MS = 0.001


def blocks(rig: Rig) -> list[float]:
    """Return the detector times of the initialisations of the image address."""
    return [each["clock"] for each in rig.simulator.status()["card"] if each["command"] == "IIA"]


def start(rig: Rig, milliseconds: int, reads: int = 1) -> int:
    """Start an exposure and return the number of its first block on this link."""
    rig.controller.stop_idle()
    rig.controller.clear()
    rig.controller.utility_board.demanded_exposure_ms.write(milliseconds)
    first = rig.link.progress().block + 1
    rig.controller.multiple_read(reads)
    return first


def test_a_full_read_takes_5_3_s_at_high_speed_and_twice_that_at_low(fast: Rig) -> None:
    for speed, seconds in ((fast.controller.high_speed, READ_S), (fast.controller.low_speed, 2 * READ_S)):
        speed()
        first = start(fast, 1000)
        fast.drain(first)
        fast.drain(first + 1)
        begin, end = blocks(fast)[-2:]
        assert end - begin == pytest.approx(seconds + 1.0, abs=1e-4)
        assert fast.simulator.status()["clock"] - end == pytest.approx(seconds, abs=1e-4)
    assert pytest.approx(5.3, abs=1e-4) == READ_S
    assert fast.controller.timing_board.pixel_rate.read() == RATE // 2


def test_resets_and_delay_come_before_the_first_read(fast: Rig) -> None:
    fast.controller.timing_board.resets.write(5)
    fast.controller.timing_board.reset_delay_ms.write(2500)
    fast.forget()
    first = start(fast, 1)
    fast.drain(first)
    fast.drain(first + 1)
    asked = next(
        each["seconds"] for each in fast.simulator.commands(fast.seen) if word("MRA") in each["words"]
    )
    assert blocks(fast)[-2] - asked == pytest.approx(5 * RESET_S + 2.5, abs=1e-6)


def test_a_block_of_reads_is_announced_once(fast: Rig) -> None:
    first = start(fast, 1, reads=2)
    fast.drain(first, 2 * FULL_READ)
    fast.drain(first + 1, 2 * FULL_READ)
    assert [each["command"] for each in fast.simulator.status()["card"]][-4:] == [
        "IIA", "RDA 4224 2048", "IIA", "RDA 4224 2048",
    ]  # fmt: skip


def test_the_exposure_is_retimed_while_it_integrates(quick: Rig) -> None:
    first = start(quick, 1_000_000)
    quick.drain(first)
    until(lambda: quick.controller.phase is Phase.INTEGRATING, "integration")
    assert quick.controller.timing_board.clock_state.read() == ClockState.INTEGRATING
    assert quick.controller.utility_board.current_exposure_ms.read() >= round(READ_S * 1000)
    quick.controller.utility_board.demanded_exposure_ms.write(2_000_000)
    quick.controller.utility_board.demanded_exposure_ms.write(15_000)
    quick.drain(first + 1)
    begin, end = blocks(quick)[-2:]
    assert end - begin == pytest.approx(READ_S + 15.0, abs=2 * MS)
    assert quick.controller.utility_board.current_exposure_ms.read() == round((end - begin) * 1000)


def test_an_exposure_finished_early_ends_within_10_ms(quick: Rig) -> None:
    first = start(quick, 1_000_000)
    quick.drain(first)
    until(lambda: quick.controller.phase is Phase.INTEGRATING, "integration")
    quick.forget()
    quick.controller.utility_board.demanded_exposure_ms.write(1)
    quick.drain(first + 1)
    asked = quick.simulator.commands(quick.seen)[0]["seconds"]
    assert 0 <= blocks(quick)[-1] - asked <= 10 * MS


def test_an_abort_ends_the_readout_at_the_end_of_a_row(quick: Rig) -> None:
    first = start(quick, 1000, reads=4)
    until(lambda: quick.link.progress().block == first and quick.link.progress().pixels > 0, "pixels")
    quick.controller.abort()
    quick.controller.idle()
    pixels = quick.link.progress().pixels
    assert 0 < pixels < 4 * FULL_READ
    assert pixels % LINE == 0
    assert quick.controller.timing_board.clock_state.read() == ClockState.CLEARING
    assert quick.link.progress().pixels == pixels
    assert quick.simulator.status()["phase"] == "idle"


def test_an_abort_ends_the_integration(quick: Rig) -> None:
    first = start(quick, 1_000_000)
    quick.drain(first)
    quick.controller.abort()
    quick.controller.idle()
    assert quick.link.progress().block == first


def test_the_host_sends_nothing_else_while_pixels_flow(quick: Rig) -> None:
    first = start(quick, 1000)
    with pytest.raises(Busy, match=r"TDL cannot be sent during MRA: .*abort"):
        quick.controller.test_data_link(Board.UTILITY, 1)
    quick.forget()
    assert quick.words() == []
    quick.controller.reset()
    assert quick.link.progress().block == first
    assert quick.simulator.status()["clock_state"] == ClockState.INACTIVE


def test_a_command_during_a_readout_is_refused_when_it_ends(quick: Rig) -> None:
    quick.controller.stop_idle()
    quick.controller.read_out()
    first = quick.link.progress().block or 1
    until(lambda: quick.link.progress().pixels > 0, "pixels")
    tdl = Packet(Board.HOST, Board.TIMING, (word("TDL"), 5))
    answer = quick.link.transact(encode(tdl), 30.0)
    assert answer == (0x020002, word("ERR"))
    assert quick.link.progress() == (first, FULL_READ)
    assert quick.controller.timing_board.errno.read() == 4


@pytest.mark.parametrize("answered", [True, False])
def test_a_command_that_the_pixels_overtake_finds_the_controller_busy(
    quick: Rig, monkeypatch: pytest.MonkeyPatch, *, answered: bool
) -> None:
    first = start(quick, 20_000)
    quick.drain(first)
    if not answered:
        quick.simulator.fault("no-reply", "WRM")
    send = quick.link.transact

    def send_late(words: Sequence[int], deadline_s: float) -> tuple[int, ...]:
        until(lambda: quick.link.progress().block > first, "the second block")
        return send(words, deadline_s)

    monkeypatch.setattr(quick.link, "transact", send_late)
    with pytest.raises(Busy, match=r"WRM .*pixels began to come"):
        quick.controller.utility_board.demanded_exposure_ms.write(0)
    quick.drain(first + 1)
    monkeypatch.undo()
    quick.simulator.clear_faults()
    quick.controller.test_data_link(Board.UTILITY, 5)


def test_a_refusal_after_the_pixels_is_not_taken_for_the_answer_to_what_follows(
    quick: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At real time a read takes longer than the answer to a command may."""
    first = start(quick, 20_000)
    quick.drain(first)
    quick.simulator.fault("late-reply", "WRM", seconds=0.3)
    send = quick.link.transact

    def send_late(words: Sequence[int], deadline_s: float) -> tuple[int, ...]:
        until(lambda: quick.link.progress().block > first, "the second block")
        return send(words, 0.001)

    monkeypatch.setattr(quick.link, "transact", send_late)
    with pytest.raises(Busy, match=r"WRM .*no answer.*pixels began to come"):
        quick.controller.utility_board.demanded_exposure_ms.write(0)
    monkeypatch.undo()
    quick.drain(first + 1)
    begin, end = blocks(quick)[-2:]
    assert quick.controller.utility_board.current_exposure_ms.read() == round((end - begin) * 1000)
    quick.controller.test_data_link(Board.UTILITY, 5)


def test_readouts_are_not_started_on_top_of_each_other(quick: Rig) -> None:
    first = start(quick, 1_000_000)
    quick.drain(first)
    with pytest.raises(Busy, match="CLR cannot be sent"):
        quick.controller.clear()
    clear = Packet(Board.HOST, Board.TIMING, (word("CLR"),))
    assert quick.link.transact(encode(clear), 5.0) == (0x020002, word("ERR"))
    quick.controller.abort()
    quick.controller.clear()


def test_mra_of_no_reads_is_refused(fast: Rig) -> None:
    with pytest.raises(ErrorReply, match=r"MRA .*refused it \(ERR\).*errno 2") as caught:
        fast.controller.multiple_read(0)
    assert caught.value.errno == 2
    assert fast.controller.phase is Phase.DONE
