"""What every link has to do, asked of each of them: simulator, link server, and the drivers of the cards."""

from __future__ import annotations

import numpy as np
import pytest

from nifsdc.sdsu.errors import Busy, ErrorReply, LinkLost, NoReply, UnexpectedReset
from nifsdc.sdsu.lod import Block, LodFile
from nifsdc.sdsu.memory import ReadoutMode
from nifsdc.sdsu.words import Address, Board, Space

from ...waiting import until
from .conftest import LinkRig, raw_start_up
from .fake_driver import FULL_READ

PATTERN = np.arange(FULL_READ) % 65536
"""test data 1 (INS-DAS-18, noticeboard of the timing board)"""


def drain(rig: LinkRig, block: int, pixels: int) -> None:
    """Take a block's pixels as they come."""
    until(
        lambda: (at := rig.link.progress()).block > block or at == (block, pixels),
        f"the end of block {block}",
    )


@pytest.mark.parametrize("board", [Board.TIMING, Board.UTILITY])
@pytest.mark.parametrize("value", [0, 1, 0xFFFFFF, 0xA5A5A5, 0x800000])
def test_words_come_back(rig: LinkRig, board: Board, value: int) -> None:
    rig.controller.test_data_link(board, value)


def test_the_words_are_those_that_were_sent(rig: LinkRig) -> None:
    before = max(each["number"] for each in rig.simulator.commands())
    rig.controller.write_memory(Board.UTILITY, Address(Space.X, 0x3000), 0xABCDEF)
    assert rig.controller.read_memory(Board.UTILITY, Address(Space.X, 0x3000)) == 0xABCDEF
    sent = [tuple(each["words"]) for each in rig.simulator.commands(before)]
    assert sent == [(0x000304, 0x57524D, 0x203000, 0xABCDEF), (0x000303, 0x52444D, 0x203000)]


def test_a_refusal_is_told(rig: LinkRig) -> None:
    with pytest.raises(ErrorReply):
        rig.controller.read_memory(Board.TIMING, Address(Space.P, 0x10000))
    rig.controller.test_data_link(Board.TIMING, 5)


def test_a_programme_is_loaded_and_verified(rig: LinkRig) -> None:
    words = tuple(number * 4001 & 0xFFFFFF for number in range(100))
    rig.controller.reset()
    rig.controller.download(LodFile(Board.TIMING, (Block(Space.P, 0x300, words),)))
    assert rig.controller.read_memory(Board.TIMING, Address(Space.P, 0x301)) == words[1]


def test_a_readout_brings_each_pixel(rig: LinkRig) -> None:
    rig.controller.timing_board.readout_mode.write(ReadoutMode.TEST_1)
    first = rig.link.progress().block + 1
    for block in (first, first + 1):
        rig.controller.read_out()
        drain(rig, block, FULL_READ)
        assert rig.link.progress() == (block, FULL_READ)
        assert np.array_equal(rig.link.buffer[:FULL_READ], PATTERN)
        rig.consumed(block, FULL_READ)
    assert rig.link.ended() == (first, FULL_READ)


def test_blocks_of_several_reads_are_counted_one_by_one(rig: LinkRig) -> None:
    rig.controller.timing_board.readout_mode.write(ReadoutMode.TEST_1)
    rig.controller.stop_idle()
    rig.controller.utility_board.demanded_exposure_ms.write(1)
    first = rig.link.progress().block + 1
    rig.controller.multiple_read(2)
    for block in (first, first + 1):
        drain(rig, block, 2 * FULL_READ)
        assert rig.link.progress() == (block, 2 * FULL_READ)
        assert np.array_equal(rig.link.buffer[: 2 * FULL_READ], np.arange(2 * FULL_READ) % 65536)
        rig.consumed(block, 2 * FULL_READ)
    assert rig.link.ended() == (first, 2 * FULL_READ)
    rig.controller.idle()


def test_an_abort_ends_a_readout(rig: LinkRig) -> None:
    rig.simulator.fault("pixels-stop", "MRA", fraction=0.5)
    rig.controller.stop_idle()
    first = rig.link.progress().block + 1
    rig.controller.multiple_read(1)
    until(lambda: rig.link.progress() == (first, FULL_READ // 2), "half a block")
    with pytest.raises(Busy):
        rig.controller.test_data_link(Board.TIMING, 1)
    rig.controller.abort()
    until(lambda: rig.simulator.status()["phase"] == "idle", "the end of the readout")
    rig.controller.idle()
    assert rig.link.progress() == (first, FULL_READ // 2)
    rig.controller.timing_board.readout_mode.write(ReadoutMode.TEST_1)
    rig.controller.read_out()
    drain(rig, first + 1, FULL_READ)
    rig.consumed(first + 1, FULL_READ)
    assert rig.link.ended() == (first, FULL_READ // 2)
    assert np.array_equal(rig.link.buffer[:FULL_READ], PATTERN)


def test_silence_is_told_at_the_deadline(rig: LinkRig) -> None:
    rig.simulator.fault("no-reply", "STP")
    if rig.driver is not None:
        rig.driver.driver_seconds = 2.0
    with pytest.raises(NoReply, match="no answer within 1 s"):
        rig.controller.stop_idle()
    rig.link.reopen()
    raw_start_up(rig.link)


def test_a_reset_out_of_the_blue_is_noticed(rig: LinkRig) -> None:
    rig.simulator.fault("syr")
    with pytest.raises(UnexpectedReset):
        rig.controller.clear()
    raw_start_up(rig.link).clear()


@pytest.mark.parametrize("rig_process", ["sim", "tcp"], indirect=True)
def test_a_lost_connection_is_reported_and_can_be_had_again(rig: LinkRig) -> None:
    rig.simulator.fault("link-drop", "STP")
    with pytest.raises(LinkLost, match="init opens it again"):
        rig.controller.stop_idle()
    with pytest.raises(LinkLost):
        rig.controller.test_data_link(Board.TIMING, 1)
    rig.link.reopen()
    raw_start_up(rig.link).idle()


def test_a_closed_link_says_so_and_opens_again(rig: LinkRig) -> None:
    rig.link.close()
    for use in (
        rig.link.progress,
        rig.link.ended,
        rig.link.unasked,
        lambda: rig.link.consumed(1, 1),
        lambda: rig.link.send((0x000202, 0x414252)),
        lambda: rig.controller.test_data_link(Board.TIMING, 1),
    ):
        with pytest.raises(LinkLost, match=r"closed.*init opens it again"):
            use()
    rig.link.reopen()
    assert rig.link.progress() == (0, 0)
    rig.controller.test_data_link(Board.TIMING, 1)


def test_the_buffer_cannot_be_written(rig: LinkRig) -> None:
    with pytest.raises(ValueError, match="read-only"):
        rig.link.buffer[0] = 1


def test_the_clock_does_not_run_backwards(rig: LinkRig) -> None:
    times = [rig.link.clock.now() for _ in range(20)]
    assert times == sorted(times)
