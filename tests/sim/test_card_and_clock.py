"""The interface card's counts, the shared registers and the clock."""

import math
import threading
from pathlib import Path

import numpy as np
import pytest

from nifsdc.sdsu.links.base import Progress
from nifsdc.sdsu.links.registers import ClockLine, NotRegisters, Registers
from nifsdc_sim.card import InterfaceCard
from nifsdc_sim.clock import NS, SimClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.buffer"


def test_both_sides_see_the_same_registers(path: Path) -> None:
    simulator = Registers.create(path, 1000, 20.0)
    host = Registers.attach(path)
    simulator.progress = Progress(3, 999_999_999)
    host.consumed = Progress(2, 5)
    simulator.buffer[7] = 1234
    simulator.write_clock(ClockLine(1.0, 2.0, 3.0, math.inf))
    assert host.progress == (3, 999_999_999)
    assert simulator.consumed == (2, 5)
    assert host.buffer[7] == 1234
    assert host.buffer.shape == (1000,)
    assert host.speed == 20.0
    assert host.read_clock() == ClockLine(1.0, 2.0, 3.0, math.inf)
    with pytest.raises(ValueError, match="read-only"):
        host.buffer[0] = 1


def test_another_file_is_refused(path: Path) -> None:
    path.write_bytes(bytes(8192))
    with pytest.raises(NotRegisters, match="restart the simulator"):
        Registers.attach(path)


def test_a_clock_half_written_is_never_read(path: Path) -> None:
    writer, reader = Registers.create(path, 1, 1.0), Registers.attach(path)
    stop = threading.Event()

    def write() -> None:
        number = 0.0
        while not stop.is_set():
            number += 1.0
            writer.write_clock(ClockLine(number, number, number, number))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(20_000):
            line = reader.read_clock()
            assert line.epoch == line.base == line.rate == line.limit
    finally:
        stop.set()
        thread.join()


def test_a_clock_stops_at_its_limit() -> None:
    line = ClockLine(epoch=10.0, base=100.0, rate=20.0, limit=130.0)
    assert line.at(10.5) == 110.0
    assert line.at(12.0) == 130.0
    assert line.at(9.0) == 100.0


def test_a_jumping_clock_moves_only_when_told_and_never_back(path: Path) -> None:
    clock = SimClock(Registers.create(path, 1, math.inf))
    assert clock.now_ns() == 0
    clock.jump(5 * NS)
    clock.jump(3 * NS)
    assert clock.now_ns() == 5 * NS


def test_a_fast_clock_does_not_pass_what_has_not_happened(path: Path) -> None:
    clock = SimClock(Registers.create(path, 1, 100.0))
    moment = clock.now_ns() + 10 * NS
    clock.hold_at(moment)
    with (wake := threading.Condition()):
        while clock.now_ns() < moment:
            clock.wait(moment, wake)
    assert clock.now_ns() == moment
    clock.hold_at(moment + NS)
    assert moment <= clock.now_ns() <= moment + NS
    clock.let_go()
    assert clock.now_ns() >= moment


def test_the_card_counts_and_drops_what_was_not_announced(path: Path) -> None:
    registers = Registers.create(path, 100, 1.0)
    card = InterfaceCard(registers)
    card.initialise_address(0)
    card.expect(10, 6, 0)
    card.take(np.arange(40, dtype=np.uint16))
    assert registers.progress == (1, 40)
    card.take(np.arange(40, 80, dtype=np.uint16))
    assert registers.progress == (1, 60)
    assert np.array_equal(registers.buffer[:60], np.arange(60))
    assert [text for _, text in card.log] == ["IIA", "RDA 10 6"]


def test_pixels_that_the_host_did_not_take_in_time_are_counted(path: Path) -> None:
    registers = Registers.create(path, 100, 1.0)
    card = InterfaceCard(registers)
    card.initialise_address(0)
    card.expect(1, 150, 0)
    card.take(np.arange(90, dtype=np.uint16))
    assert (card.untaken(), card.room()) == (90, 10)
    registers.consumed = Progress(1, 70)
    assert (card.untaken(), card.room()) == (20, 80)
    card.take(np.arange(90, 150, dtype=np.uint16))
    assert np.array_equal(registers.buffer[:50], np.arange(100, 150))
    assert card.overrun == 0
    card.initialise_address(0)
    assert card.overrun == 80
    card.expect(1, 10, 0)
    card.take(np.zeros(10, dtype=np.uint16))
    card.release()
    assert (card.untaken(), card.room()) == (0, 100)
