"""Each run sequence, line by line as the tables of INS-DAS-18 print it, typed from the document."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nifsdc.sdsu.memory import UTILITY_ENTRIES
from nifsdc.sdsu.sequences import annexes
from nifsdc.sdsu.sequences.steps import (
    Integrate,
    Load,
    Place,
    ResetController,
    Resolve,
    Send,
    Sequence,
    TakePixels,
    TimedBy,
)
from nifsdc.sdsu.words import Address, Board, Space

TIMING, UTILITY = 0x02, 0x03
STP = (0x000202, 0x535450)
CLR = (0x000202, 0x434C52)
RDC = (0x000202, 0x524443)
IDL = (0x000202, 0x49444C)
ABR = (0x000202, 0x414252)
HSP = (0x000202, 0x485350)
LSP = (0x000202, 0x4C5350)
BEX = (0x000302, 0x424558)
DEX = (0x000302, 0x444558)
PON = (0x000302, 0x504F4E)
GEN = (0x000302, 0x47454E)
RDM, WRM, MRA, RDT, PFL = 0x52444D, 0x57524D, 0x4D5241, 0x524454, 0x50464C


def at(base: int) -> Resolve:
    """Return what finds the places of a utility board whose noticeboard begins at a base."""
    entries = {entry.name: entry for entry in UTILITY_ENTRIES}

    def resolve(place: Place) -> Address:
        assert place.board is Board.UTILITY
        entry = entries[place.name]
        return Address(entry.space, base + entry.offset)

    return resolve


CCD, IR = at(0xF8), at(0xF0)


# --- Annex C ----------------------------------------------------------------------------------------------


def test_ccd_run_100() -> None:
    sequence = annexes.ccd_run(100_000)
    assert sequence.words(CCD) == (
        STP,
        CLR,
        (0x000304, WRM, 0x2000F8, 0x186A0),
        STP,
        BEX,
        DEX,
        (0x000303, RDM, 0x4000F8),
        RDC,
        IDL,
    )
    assert [type(step) for step in sequence.steps[5:7]] == [Integrate, Send]
    assert sequence.steps[5] == Integrate(100_000, before=2000, timed_by=TimedBy.UTILITY)
    assert isinstance(sequence.steps[-2], TakePixels)


def test_ccd_bias() -> None:
    assert annexes.ccd_bias().words(CCD) == (STP, CLR, STP, RDC, IDL)


def test_ccd_dark_100() -> None:
    sequence = annexes.ccd_dark(100_000)
    assert sequence.words(CCD) == (STP, CLR, STP, RDC, IDL)
    assert sequence.steps[3] == Integrate(100_000)


def test_ccd_flash_4() -> None:
    assert annexes.ccd_flash(4000).words(CCD) == (STP, CLR, STP, (0x000303, PFL, 0xFA0), RDC, IDL)


# --- Annex D ----------------------------------------------------------------------------------------------


def ir_run(reads: int, milliseconds: int) -> tuple[tuple[int, ...], ...]:
    return (
        STP,
        CLR,
        (0x000304, WRM, 0x2000F0, milliseconds),
        (0x000203, MRA, reads),
        (0x000303, RDM, 0x4000F0),
        IDL,
    )


@pytest.mark.parametrize("reads", [1, 2])
def test_ir_run_1(reads: int) -> None:
    sequence = annexes.ir_run(1000, reads)
    assert sequence.words(IR) == ir_run(reads, 0x3E8)
    assert [step.reads for step in sequence.steps if isinstance(step, TakePixels)] == [reads, reads]


def test_ir_run_1_with_2_clearing_reads() -> None:
    sequence = annexes.ir_run(1000, 1, clearing_reads=2)
    assert sequence.words(IR) == (RDC, RDC, *ir_run(1, 0x3E8))
    assert sequence.reads == 4


def test_ir_bias() -> None:
    assert annexes.ir_bias().words(IR) == ir_run(1, 0x1)


# --- Annex B ----------------------------------------------------------------------------------------------


def test_reads_at_time() -> None:
    sequence = annexes.reads_at_time([5000, 10_000])
    actual = (0x000303, RDM, 0x4000F0)
    assert sequence.words(IR) == (
        CLR,
        (0x000203, RDT, 1),
        actual,
        (0x000304, WRM, 0x2000F0, 5000),
        actual,
        (0x000304, WRM, 0x2000F0, 10_000),
        actual,
        ABR,
    )
    assert [step for step in sequence.steps if isinstance(step, Integrate)] == [
        Integrate(5000, before=1000, timed_by=TimedBy.SCHEDULE),
        Integrate(10_000, before=1000, timed_by=TimedBy.SCHEDULE),
    ]


@pytest.mark.parametrize(
    ("sequence", "label", "before"),
    [
        (annexes.ccd_run(1), "BEX", "STP"),
        (annexes.ccd_dark(1), "STP", "CLR"),
        (annexes.reads_at_time([1]), "RDT", "CLR"),
    ],
    ids=["run", "dark", "reads at time"],
)
def test_where_the_hosts_timer_starts(sequence: Sequence, label: str, before: str) -> None:
    """At the begin of the exposure, the last stop of the clocks, and the controller's own timer."""
    sends = [step for step in sequence.steps if isinstance(step, Send)]
    (number,) = [number for number, step in enumerate(sends) if step.starts_timer]
    assert [step.label for step in sends[number - 1 : number + 1]] == [before, label]


# --- Annex E ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("high", "speed"), [(True, HSP), (False, LSP)])
def test_start_up(high: bool, speed: tuple[int, ...]) -> None:
    sequence = annexes.start_up(65_000, high_speed=high)
    assert sequence.words(IR) == (
        GEN,
        (0x000303, RDM, 0x400000),
        PON,
        (0x000304, WRM, 0x2000F1, 65_000),
        IDL,
        speed,
    )
    assert isinstance(sequence.steps[0], ResetController)
    assert [step.board for step in sequence.steps if isinstance(step, Load)] == [Board.TIMING, Board.UTILITY]


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: annexes.ccd_run(0), "an exposure of 0 ms; expected 1 to 16777215 ms"),
        (lambda: annexes.ccd_run(0x1000000), "expected 1 to 16777215"),
        (lambda: annexes.ccd_dark(-1), "a dark of -1 ms"),
        (lambda: annexes.ccd_flash(14_001), "expected 1 to 14000 ms"),
        (lambda: annexes.ir_run(1000, 0), "0 reads; expected 1 or more"),
        (lambda: annexes.ir_run(1000, 1, -1), "-1 clearing reads"),
        (lambda: annexes.reads_at_time([5, 5]), "expected rising times"),
    ],
)
def test_what_no_table_has_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_addresses_come_from_the_noticeboard() -> None:
    sequence: Sequence = annexes.ccd_run(1)
    assert sequence.words(at(0x120))[2] == (0x000304, WRM, Address(Space.X, 0x120).word, 1)
