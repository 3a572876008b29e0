"""docs/sdsu-faults.md says what becomes of each fault in each sequence: some cases here, all in soak."""

from __future__ import annotations

import pytest

from .fault_table import PAGE, Case, cases, outcomes, page

QUICK = ("E start-up", "C run")


def check(chosen: list[Case]) -> None:
    found = outcomes(chosen)
    for each in found:
        assert each.recovered, each.case.name
        if each.kept:
            assert each.kept[-1] == each.arrived, f"{each.case.name}: pixels lost on the host"
    text = PAGE.read_text(encoding="utf-8")
    for name in {each.case.sequence.name for each in found}:
        shown = text.split(f"\n## {name}\n")[1].split("\n## ")[0].splitlines()
        rows = [each.row for each in found if each.case.sequence.name == name]
        assert [row for row in rows if row not in shown] == []


def test_every_fault_in_every_sequence_has_its_row() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for sequence in {case.sequence for case in cases()}:
        part = text.split(f"\n## {sequence.name}\n")[1].split("\n## ")[0]
        named = [line.split()[1] for line in part.splitlines() if line.startswith("| ")][1:]
        expected = [case.kind.value for case in cases() if case.sequence == sequence]
        assert [name for name in named if name != "---"] == expected


def test_some_faults_end_as_the_page_says() -> None:
    check([case for case in cases() if case.sequence.name in QUICK])


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_all_faults_end_as_the_page_says() -> None:
    chosen = cases()
    found = outcomes(chosen)
    assert all(each.recovered for each in found)
    assert page(found) == PAGE.read_text(encoding="utf-8")
