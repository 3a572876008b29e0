"""What the records call, as pure functions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.database import subroutines as s

IDLE, PAUSED, BUSY, ERROR = range(4)


@pytest.mark.parametrize("states", list(itertools.product(range(4), repeat=3)))
def test_the_greatest_state_wins_with_its_error_and_message(states: tuple[int, int, int]) -> None:
    responses = [(state, number, f"message {number}") for number, state in enumerate(states)]
    state, error, message = s.combine(responses)
    assert state == max(states)
    assert error == states.index(max(states))  # the first of equals
    assert message == f"message {error}"


def test_nothing_combined_is_idle() -> None:
    assert s.combine([]) == (IDLE, 0, "")


@pytest.mark.parametrize(
    ("parts", "worst"),
    [
        ([], ("GOOD", "")),
        ([("GOOD", ""), ("GOOD", "fine")], ("GOOD", "")),
        ([("GOOD", ""), ("WARNING", "slow"), ("GOOD", "")], ("WARNING", "slow")),
        ([("WARNING", "slow"), ("BAD", "dead")], ("BAD", "dead")),
        ([("BAD", "first"), ("BAD", "second")], ("BAD", "first")),
        ([("", "nothing said"), (" ", ""), ("WARNING", "w")], ("WARNING", "w")),
        ([("SICK", "x")], ("BAD", "unknown health SICK")),
    ],
)
def test_the_worst_health_wins_with_its_message(parts: list[tuple[str, str]], worst: tuple[str, str]) -> None:
    assert s.worst_health(parts) == worst


@pytest.mark.parametrize(
    ("letters", "word"),
    # INS-DAS-18 and the controller's reply labels
    [("TDL", 0x54444C), ("DON", 0x444F4E), ("ERR", 0x455252), ("SYR", 0x535952), ("RST", 0x525354)],
)
def test_words_and_letters(letters: str, word: int) -> None:
    assert s.word_of(letters) == s.word_of(f" {letters.lower()} ") == word
    assert s.letters_of(word) == letters


@pytest.mark.parametrize("text", ["", "TD", "TDLX", "T L", "123", "\u00c4BC"])
def test_what_is_no_command_has_no_word(text: str) -> None:
    assert s.word_of(text) == 0


def test_words_without_letters_show_as_numbers() -> None:
    assert s.letters_of(0) == ""
    assert s.letters_of(0x000203) == "0x000203"
    assert s.hexadecimal(0x020002) == "0x020002"
    assert s.hexadecimal(0x544F5554) == "0x544F5554"  # TOUT, made by the interface, has 32 bits
    assert s.hexadecimal(-1) == "0xFFFFFFFF"


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=3))
def test_every_command_survives_the_way_there_and_back(letters: str) -> None:
    assert s.letters_of(s.word_of(letters)) == letters
    assert int(s.hexadecimal(s.word_of(letters)), 16) == s.word_of(letters)


class FakeCad:
    """As much of a command record as a routine sees."""

    def __init__(self, **args: str) -> None:
        self.args = args
        self.outputs: dict[str, str] = {}


def test_outputs_begin_as_the_inputs_that_are_given() -> None:
    cad = FakeCad(A="1", B="", C=" ", D="5.3")
    assert s.initial_outputs(cad) == 0
    assert cad.outputs == {"A": "1", "D": "5.3"}


def test_every_subroutine_has_a_name_that_fits_its_field() -> None:
    def names() -> Iterator[str]:
        yield from s.SUBROUTINES

    assert all(len(name) <= 39 for name in names())
