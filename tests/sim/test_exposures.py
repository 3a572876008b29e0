"""Exposures: by the utility board (BEX to DEX), by MRC and RDT; shutter, lamps and retiming."""

from collections.abc import Iterator

import numpy as np
import pytest

from nifsdc.sdsu.words import word

from ..waiting import until
from .bench import TIMING, UTILITY, Bench, bench

OPEN, CLOSED, FAULT = 0, 1, 2
CURRENT, PREFLASH, SHUTTER, ERRNO = 0, 2, 3, 4
CCD_FRAME = 1024 * (16 + 1024 + 32)
IR_FRAME = 4 * 1024 * (1024 + 32)
BUSY, NOT_EXPOSING, PAUSED, SHUTTER_FAULT = 4, 6, 7, 8


@pytest.fixture(scope="module")
def ccd_process() -> Iterator[Bench]:
    with bench("ccd1", scene="flat", effects=("ideal",)) as running:
        yield running


@pytest.fixture(scope="module")
def ir_process() -> Iterator[Bench]:
    with bench("hawaii2") as running:
        yield running


def ready(running: Bench) -> Bench:
    running.simulator.clear_faults()
    running.start()
    running.done(TIMING, "STP")
    return running


@pytest.fixture
def ccd(ccd_process: Bench) -> Bench:
    """A CCD under flat light that adds nothing of its own: 100 electrons, and ADU, a second."""
    return ready(ccd_process)


@pytest.fixture
def infrared(ir_process: Bench) -> Bench:
    return ready(ir_process)


def read_out(ccd: Bench) -> float:
    """Read a full frame and return its light, without the scans around it."""
    block = ccd.link.progress().block + 1
    ccd.tell(TIMING, "RDC")
    frame = ccd.pixels(block, CCD_FRAME).reshape(1024, -1)
    ccd.still()
    return float(np.median(frame[:, 100:900]))


def now(running: Bench) -> float:
    return float(running.simulator.status()["clock"])


def test_a_run_exposes_as_long_as_demanded(ccd: Bench) -> None:
    ccd.set(UTILITY, 0, 20_000)
    ccd.done(TIMING, "CLR")
    begun = now(ccd)
    ccd.done(UTILITY, "BEX")
    assert ccd.y(UTILITY, SHUTTER) == OPEN
    ccd.sleep(18.0)
    assert ccd.y(UTILITY, CURRENT) == pytest.approx(18_000, abs=50)
    ccd.done(UTILITY, "DEX")
    assert now(ccd) - begun == pytest.approx(20.03, abs=0.02)
    assert (ccd.y(UTILITY, SHUTTER), ccd.y(UTILITY, CURRENT)) == (CLOSED, 20_000)
    assert read_out(ccd) == pytest.approx(2000, abs=5)


def test_a_pause_closes_the_shutter_and_stops_the_count(ccd: Bench) -> None:
    ccd.set(UTILITY, 0, 10_000)
    ccd.done(TIMING, "CLR")
    ccd.done(UTILITY, "BEX")
    ccd.sleep(4.0)
    ccd.done(UTILITY, "PEX")
    counted = ccd.y(UTILITY, CURRENT)
    assert counted == pytest.approx(4000, abs=50)
    ccd.sleep(100.0)
    assert (ccd.y(UTILITY, SHUTTER), ccd.y(UTILITY, CURRENT)) == (CLOSED, counted)
    ccd.refused(UTILITY, "DEX")
    assert ccd.y(UTILITY, ERRNO) == PAUSED
    ccd.done(UTILITY, "REX")
    assert ccd.y(UTILITY, SHUTTER) == OPEN
    ccd.done(UTILITY, "DEX")
    assert (ccd.y(UTILITY, SHUTTER), ccd.y(UTILITY, CURRENT)) == (CLOSED, 10_000)
    assert read_out(ccd) == pytest.approx(1000, abs=5)


@pytest.mark.parametrize(("demand", "expected"), [(15_000, 15_000), (3_000, 5_000)])
def test_an_exposure_is_retimed_while_it_runs(ccd: Bench, demand: int, expected: int) -> None:
    ccd.set(UTILITY, 0, 1_000_000)
    ccd.done(TIMING, "CLR")
    ccd.done(UTILITY, "BEX")
    ccd.sleep(5.0)
    ccd.set(UTILITY, 0, demand)
    ccd.done(UTILITY, "DEX")
    assert ccd.y(UTILITY, CURRENT) == pytest.approx(expected, abs=25)
    assert read_out(ccd) == pytest.approx(expected / 10, abs=5)


def test_an_exposure_ends_by_itself(ccd: Bench) -> None:
    ccd.set(UTILITY, 0, 2_000)
    ccd.done(UTILITY, "BEX")
    ccd.sleep(30.0)
    assert (ccd.y(UTILITY, SHUTTER), ccd.y(UTILITY, CURRENT)) == (CLOSED, 2_000)
    ccd.done(UTILITY, "DEX")


def test_what_makes_no_sense_of_an_exposure_is_refused(ccd: Bench) -> None:
    ccd.done(UTILITY, "DEX")
    for label in ("PEX", "REX"):
        ccd.refused(UTILITY, label)
        assert ccd.y(UTILITY, ERRNO) == NOT_EXPOSING
    ccd.set(UTILITY, 0, 100_000)
    ccd.done(UTILITY, "BEX")
    for label in ("BEX", "OSH", "CSH"):
        ccd.refused(UTILITY, label)
        assert ccd.y(UTILITY, ERRNO) == BUSY
    ccd.reset()
    assert ccd.simulator.status()["shutter"] == "closed"
    assert ccd.simulator.status()["exposure"] == "none"


def test_the_shutter_by_hand(ccd: Bench) -> None:
    ccd.done(TIMING, "CLR")
    ccd.done(UTILITY, "OSH")
    assert ccd.y(UTILITY, SHUTTER) == OPEN
    ccd.sleep(3.0)
    ccd.done(UTILITY, "CSH")
    assert ccd.y(UTILITY, SHUTTER) == CLOSED
    assert read_out(ccd) == pytest.approx(300, abs=10)


def test_idling_clocks_lose_the_exposure(ccd: Bench) -> None:
    ccd.set(UTILITY, 0, 5_000)
    ccd.done(UTILITY, "BEX")
    ccd.done(UTILITY, "DEX")
    ccd.done(TIMING, "IDL")
    ccd.done(TIMING, "STP")
    assert read_out(ccd) == pytest.approx(0, abs=2)


def test_preflash_by_argument_and_by_noticeboard(ccd: Bench) -> None:
    ccd.done(TIMING, "CLR")
    ccd.done(UTILITY, "PFL", 1_500)
    assert ccd.y(UTILITY, PREFLASH) == 1_500
    ccd.set(UTILITY, 2, 500)
    ccd.done(UTILITY, "PFL")
    assert ccd.y(UTILITY, PREFLASH) == 500
    assert read_out(ccd) == pytest.approx(1000, rel=0.1)  # 2 s of 500 electrons a second
    ccd.done(TIMING, "CLR")
    ccd.simulator.fault("lamp-dead")
    ccd.done(UTILITY, "PFL", 1_500)
    assert read_out(ccd) == pytest.approx(0, abs=2)


@pytest.mark.parametrize(
    ("fault", "label", "answer", "state"),
    [
        ("shutter-jammed", "OSH", "ERR", FAULT),
        ("shutter-jammed", "BEX", "ERR", FAULT),
        ("shutter-stuck-closed", "OSH", "DON", CLOSED),
        ("shutter-stuck-open", "CSH", "DON", OPEN),
    ],
)
def test_a_shutter_that_fails(ccd: Bench, fault: str, label: str, answer: str, state: int) -> None:
    if label == "CSH":
        ccd.done(UTILITY, "OSH")
    ccd.simulator.fault(fault)
    assert ccd.ask(UTILITY, label) == word(answer)
    assert ccd.y(UTILITY, ERRNO) == (SHUTTER_FAULT if answer == "ERR" else 0)
    assert ccd.y(UTILITY, SHUTTER) == state


def test_without_power_there_is_no_picture(ccd: Bench) -> None:
    ccd.done(UTILITY, "POF")
    ccd.done(TIMING, "CLR")
    ccd.done(UTILITY, "OSH")
    ccd.sleep(5.0)
    ccd.done(UTILITY, "CSH")
    assert read_out(ccd) == 0
    ccd.simulator.fault("power-failure")
    ccd.refused(UTILITY, "PON")
    assert not ccd.simulator.status()["powered"]
    ccd.done(UTILITY, "PON")
    assert ccd.simulator.status()["powered"]


def test_mrc_clears_once_and_reads_after_each_integration(ccd: Bench) -> None:
    ccd.set(UTILITY, 0, 3_000)
    ccd.set(TIMING, 0xF9, 1024)
    ccd.done(UTILITY, "OSH")
    first = ccd.link.progress().block + 1
    ccd.done(TIMING, "MRC", 3)
    for number in range(3):
        frame = ccd.pixels(first + number, CCD_FRAME).reshape(1024, -1)
        assert np.median(frame[:, 100:900]) >= 300
        assert ccd.y(UTILITY, CURRENT) >= 0
    ccd.still()
    assert ccd.y(UTILITY, CURRENT) == 3_000
    moments = [each["clock"] for each in ccd.simulator.status()["card"] if each["command"] == "IIA"][-3:]
    assert np.diff(moments) == pytest.approx(3.0 + CCD_FRAME / ccd.y(TIMING, 5), rel=0.02)


def test_read_at_time_as_annex_b_has_it(infrared: Bench) -> None:
    infrared.done(TIMING, "HSP")
    infrared.set(UTILITY, 0, 20_000)  # an old demand that must not count
    infrared.done(TIMING, "CLR")
    block = infrared.link.progress().block + 1
    infrared.done(TIMING, "RDT", 1)
    infrared.pixels(block, IR_FRAME)
    until(lambda: infrared.simulator.status()["phase"] == "integrating", "the wait")
    assert infrared.y(UTILITY, CURRENT) == 0
    for number, (wait, demand) in enumerate(((10.0, 20_000), (10.0, 40_000), (0.0, 41_000)), start=1):
        infrared.sleep(wait)
        infrared.set(UTILITY, 0, demand)
        infrared.pixels(block + number, IR_FRAME)
        until(lambda: infrared.simulator.status()["phase"] == "integrating", "the wait")
        # The last demand is past when it comes: the read is made at once.
        assert infrared.y(UTILITY, CURRENT) == pytest.approx(max(demand, 45_300 * (number == 3)), abs=30)
    infrared.tell(TIMING, "ABR")
    infrared.still()
    infrared.done(TIMING, "IDL")
    card = [each["command"] for each in infrared.simulator.status()["card"]][-8:]
    assert card == ["IIA", "RDA 4224 1024"] * 4


def test_a_bad_number_of_reads_is_refused(infrared: Bench) -> None:
    for label in ("MRA", "RDT"):
        infrared.refused(TIMING, label, 0)
    assert infrared.simulator.status()["phase"] == "idle"


def test_a_window_table_is_obeyed_from_memory(ccd: Bench) -> None:
    for offset, value in ((0xFF, 1), (0xFD, 2), (0xFE, 4), (0, 10), (1, 5), (2, 3), (3, 7), (22, 1), (23, 2)):
        ccd.set(TIMING, offset, value)
    ccd.set(TIMING, 22 + 3, 11)
    ccd.set(TIMING, 0xFA, 1)
    ccd.set(TIMING, 0xF9, 1000)
    block = ccd.link.progress().block + 1
    ccd.tell(TIMING, "RDC")
    ccd.pixels(block, 5 * 7 + 2 * 11)
    ccd.still()
    assert ccd.link.progress() == (block, 5 * 7 + 2 * 11)
