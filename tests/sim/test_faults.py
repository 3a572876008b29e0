"""Each fault by its name; counts, skips, labels and chances; a seed makes everything happen again."""

import dataclasses
import math
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nifsdc.sdsu.errors import LinkLost
from nifsdc.sdsu.words import frame, word
from nifsdc_sim.faults import FAULTS, Fault, FaultKind, Faults, parse
from nifsdc_sim.fibre import PixelFaults
from nifsdc_sim.process import SimulatorProcess

from ..waiting import DEADLINE_S, until
from .bench import TIMING, UTILITY, Bench, X, bench

DON, ERR, SYR = word("DON"), word("ERR"), word("SYR")
CCD_FRAME = 1024 * (16 + 1024 + 32)
VALUE = 0x5A5A5A
SHORT_S = 0.3
"""for an answer that is not to come"""


@pytest.fixture(scope="module")
def process() -> Iterator[Bench]:
    with bench("ccd1") as running:
        yield running


@pytest.fixture
def ccd(process: Bench) -> Bench:
    process.simulator.clear_faults()
    process.link.reopen()
    process.start()
    process.done(TIMING, "STP")
    return process


def no_answer(running: Bench, label: str, *arguments: int) -> None:
    words = (0x000200 | 2 + len(arguments), word(label), *arguments)
    with pytest.raises(TimeoutError):
        running.link.transact(words, SHORT_S)


def bits(value: int) -> int:
    return value.bit_count()


def test_the_table_names_every_fault_once() -> None:
    assert list(FAULTS) == [kind.value for kind in FaultKind]


def test_a_lost_command_is_neither_obeyed_nor_answered(ccd: Bench) -> None:
    ccd.done(TIMING, "WRM", X | 0x40, 1)
    ccd.simulator.fault("no-reply", "WRM")
    no_answer(ccd, "WRM", X | 0x40, 2)
    assert ccd.ask(TIMING, "RDM", X | 0x40) == 1


def test_a_refusal_out_of_nowhere(ccd: Bench) -> None:
    ccd.simulator.fault("error", "WRM", skip=1, count=2)
    answers = [ccd.ask(TIMING, "WRM", X | 0x40, number) for number in range(4)]
    assert answers == [DON, ERR, ERR, DON]
    assert ccd.ask(TIMING, "RDM", X | 0x40) == 3


def test_values_and_bits_that_change(ccd: Bench) -> None:
    ccd.done(TIMING, "WRM", X | 0x40, VALUE)
    ccd.simulator.fault("wrong-echo")
    assert ccd.ask(TIMING, "RDM", X | 0x40) == VALUE
    assert ccd.ask(TIMING, "TDL", VALUE) == VALUE ^ 1
    ccd.simulator.fault("bit-flip", "RDM")
    assert bits(ccd.ask(TIMING, "RDM", X | 0x40) ^ VALUE) == 1
    ccd.simulator.fault("write-flip")
    ccd.done(TIMING, "WRM", X | 0x40, VALUE)
    assert bits(ccd.ask(TIMING, "RDM", X | 0x40) ^ VALUE) == 1


def test_answers_that_are_none(ccd: Bench) -> None:
    ccd.simulator.fault("wrong-header", "TDL")
    assert ccd.words(TIMING, "TDL", 7) == (0x030002, 7)
    ccd.simulator.fault("wrong-label", "STP")
    assert ccd.ask(TIMING, "STP") not in (DON, ERR)
    ccd.simulator.fault("late-reply", "TDL", seconds=6 * SHORT_S)
    no_answer(ccd, "TDL", 7)
    until(lambda: ccd.link.unasked() == ((0x020002, 7),), "the late answer")


def test_preambles_that_are_lost(ccd: Bench) -> None:
    ccd.simulator.fault("reply-preamble-lost", "TDL")
    no_answer(ccd, "TDL", 7)
    ccd.link.reopen()
    ccd.simulator.fault("preamble-lost", "TDL")
    no_answer(ccd, "TDL", 7)
    ccd.link.reopen()
    assert ccd.ask(TIMING, "TDL", 8) == 8


def test_a_board_fills_up_a_command_that_lost_a_word_with_the_next() -> None:
    # Whichever word it is: TDL without one takes or drops words of those that follow, and finds its way back.
    for seed in range(6):
        with bench(seed=seed, faults=("preamble-lost:label=TDL",)) as running:
            running.link.close()
            address = (running.simulator.host, running.simulator.port)
            with socket.create_connection(address, DEADLINE_S) as other:
                for value in (1, 1, 1, 9, 9):
                    other.sendall(frame((0x000203, word("TDL"), value)))
                text = b""
                while not text.endswith(frame((0x020002, 9))):
                    data = other.recv(4096)
                    assert data
                    text += data


def test_power_that_is_lost(ccd: Bench) -> None:
    ccd.simulator.fault("syr", "TDL")
    assert ccd.ask(TIMING, "TDL", 7) == SYR
    assert not ccd.simulator.status()["timing_programme"]
    ccd.start()
    ccd.simulator.fault("power-cycle")
    assert ccd.link.unasked() == ()
    assert not ccd.simulator.status()["utility_programme"]
    ccd.start()
    ccd.simulator.fault("syr")
    until(lambda: ccd.link.unasked() == ((0x020002, SYR),), "SYR")


def test_a_link_that_breaks(ccd: Bench) -> None:
    ccd.simulator.fault("link-drop", "TDL")
    with pytest.raises(LinkLost):
        ccd.ask(TIMING, "TDL", 7)
    ccd.link.reopen()
    assert ccd.ask(TIMING, "TDL", 7) == 7


def test_pixels_that_stop_come_short_or_wrong(ccd: Bench) -> None:
    block = ccd.link.progress().block
    for fault, entries, expected in (
        ("short-frame", {"fraction": 0.25}, CCD_FRAME // 4),
        ("pixels-lost", {"pixels": 10}, CCD_FRAME - 10),
        ("pixel-flip", {}, CCD_FRAME),
    ):
        ccd.simulator.fault(fault, "RDC", **entries)
        block += 1
        ccd.tell(TIMING, "RDC")
        ccd.pixels(block, expected)
        ccd.still()
        assert ccd.link.progress() == (block, expected)
    ccd.simulator.fault("pixels-stop", "RDC", fraction=0.5)
    ccd.tell(TIMING, "RDC")
    ccd.pixels(block + 1, CCD_FRAME // 2)
    assert ccd.simulator.status()["phase"] == "reading"
    ccd.tell(TIMING, "ABR")
    ccd.still()
    assert ccd.link.progress() == (block + 1, CCD_FRAME // 2)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_pixel_faults_whatever_the_chunks(size: int) -> None:
    stream = np.arange(1000, dtype=np.uint16)
    faults = Faults(3)
    for text in ("pixels-lost:pixels=30,fraction=0.2", "pixel-flip:fraction=0.7", "short-frame:fraction=0.9"):
        faults.add(parse(text))
    block = PixelFaults.take(faults, "RDC", 1000)
    parts = []
    for first in range(0, 1000, size):
        parts.append(block.pass_on(stream[first : first + size]))
        if block.ended:
            break
    come = np.concatenate(parts)
    expected = np.concatenate([stream[:200], stream[230:900]])
    different = np.flatnonzero(come != expected)
    assert come.shape == expected.shape
    assert list(different) == [670]
    assert bits(int(come[670] ^ expected[670])) == 1


def test_a_runaway_ends_when_faults_are_forgotten(ccd: Bench) -> None:
    ccd.simulator.fault("temperature-runaway", rate=100.0)
    before = ccd.y(UTILITY, 1)
    ccd.sleep(60.0)
    assert ccd.y(UTILITY, 1) - before == pytest.approx(6000, abs=150)
    ccd.simulator.clear_faults()
    ccd.sleep(1800.0)
    assert ccd.y(UTILITY, 1) == pytest.approx(170_000, abs=20)


def test_chance_is_as_often_as_asked_and_the_same_for_a_seed() -> None:
    def happened(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault(FaultKind.NO_REPLY, "RDM", count=10_000, probability=0.1))
        return [faults.take(FaultKind.NO_REPLY, "RDM") is not None for _ in range(10_000)]

    assert sum(happened(1)) == pytest.approx(1000, abs=5 * math.sqrt(900))
    assert happened(1) == happened(1)
    assert happened(1) != happened(2)


def test_faults_are_for_their_label_and_wait_their_turn() -> None:
    faults = Faults()
    faults.add(Fault(FaultKind.ERROR, "CLR", count=2, skip=1))
    assert faults.take(FaultKind.ERROR, "RDM") is None
    assert faults.take(FaultKind.NO_REPLY, "CLR") is None
    assert [faults.take(FaultKind.ERROR, "CLR") is not None for _ in range(4)] == [False, True, True, False]
    assert faults.waiting() == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("syr", Fault(FaultKind.SYR)),
        (
            "no-reply:label=RDM,count=2,probability=0.1",
            Fault(FaultKind.NO_REPLY, "RDM", count=2, probability=0.1),
        ),
        (
            "pixels-lost:pixels=5,fraction=0.25,skip=3",
            Fault(FaultKind.PIXELS_LOST, pixels=5, fraction=0.25, skip=3),
        ),
    ],
)
def test_faults_as_on_the_command_line(text: str, fault: Fault) -> None:
    assert parse(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "moon",
        "syr:count",
        "syr:kind=error",
        "syr:count=-1",
        "syr:count=1.5",
        "error:probability=2",
        "error:moon=1",
        "error:count=nan",
        "error:count=inf",
    ],
)
def test_faults_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def _session(seed: int | None) -> tuple[int, list[dict[str, object]], np.ndarray, list[object]]:
    """Run a session with faults by chance and return its seed, words, pixels and the faults that are left."""
    faults = ("error:label=TDL,count=1000,probability=0.3", "bit-flip:label=RDM,count=1000,probability=0.5",
              "pixel-flip:count=5,probability=0.5")  # fmt: skip
    with bench("ccd1", seed=seed, scene="stars", faults=faults) as running:
        running.start()
        running.done(TIMING, "STP")
        for number in range(40):
            running.ask(TIMING, "TDL", number)
            running.ask(UTILITY, "RDM", X | 0x40)
        running.ask(UTILITY, "WRM", X | 0xF8, 2000)
        running.done(TIMING, "CLR")
        running.done(UTILITY, "BEX")
        running.done(UTILITY, "DEX")
        block = running.link.progress().block + 1
        running.tell(TIMING, "RDC")
        pixels = running.pixels(block, CCD_FRAME)
        running.still()
        status = running.simulator.status()
        return running.simulator.seed, running.simulator.commands(), pixels, status["faults"]


def test_the_seed_that_was_printed_makes_everything_happen_again() -> None:
    seed, words, pixels, left = _session(None)
    again = _session(seed)
    assert again[0] == seed
    assert again[1] == words
    assert np.array_equal(again[2], pixels)
    assert again[3] == left
    other = _session(seed + 1)
    assert [each["answer"] for each in other[1]] != [each["answer"] for each in words]
    assert not np.array_equal(other[2], pixels)


def test_faults_from_the_command_line_wait_from_the_start(tmp_path: Path) -> None:
    with SimulatorProcess(speed=math.inf, faults=("error:label=CLR,count=3",)) as simulator:
        (fault,) = simulator.status()["faults"]
        assert fault == {**dataclasses.asdict(Fault(FaultKind.ERROR, "CLR", count=3)), "kind": "error"}
