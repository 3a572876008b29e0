"""Parameters: conversion of what a command record brings, validity, refusals (SDN 11.03 section 5.1.5)."""

from __future__ import annotations

import math
import threading
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.dictionary import (
    Bounds,
    Choices,
    InvalidValue,
    MaxLength,
    Mnemonic,
    ParameterDictionary,
    UnknownName,
)

READ_MODES = ("DCS", "FOWLER", "LINEAR", "SINGLE")
TIME_MODES = ("Exposure time", "Read period", "Nr Periods")


def dictionary() -> ParameterDictionary:
    """The design note's own examples, and one of each further kind."""
    parameters = ParameterDictionary()
    parameters.add("nreads", "nifs:dc:seqObserve.C", 1, Bounds(1, 64))
    parameters.add("exposed", "nifs:dc:seqObserve.B", 5.3, Bounds(0, 7200))
    parameters.add("qlStream", "nifs:dc:setDhsInfo.A", "nifsRunQL", MaxLength(16))
    parameters.add("readMode", "nifs:dc:seqObserve.A", "LINEAR", Choices(READ_MODES))
    parameters.add("timeMode", "nifs:dc:seqObserve.F", "Read period", Choices(TIME_MODES))
    parameters.add("address", "nifs:dc:DSPDirectCmd.D", 0, Bounds(0, 0xFFFFF, hexadecimal=True))
    parameters.add("command", "nifs:dc:DSPDirectCmd.B", "TDL", Mnemonic())
    return parameters


def refusal(parameters: ParameterDictionary, name: str, text: str) -> InvalidValue | None:
    try:
        parameters.set(name, text)
    except InvalidValue as refused:
        return refused
    return None


@pytest.mark.parametrize(
    ("name", "given_value", "stored"),
    [
        ("nreads", "16", 16),
        ("nreads", " 16 ", 16),
        ("nreads", "+4", 4),
        ("nreads", "4.000000", 4),
        ("nreads", "007", 7),
        ("nreads", 64, 64),
        ("nreads", 4.0, 4),
        ("nreads", np.int32(8), 8),
        ("exposed", "60", 60.0),
        ("exposed", "60.5", 60.5),
        ("exposed", "5.300000", 5.3),
        ("exposed", ".5", 0.5),
        ("exposed", "7.2e3", 7200.0),
        ("exposed", "0", 0.0),
        ("exposed", 12, 12.0),
        ("exposed", np.float64(1.5), 1.5),
        ("qlStream", "nifsViewQL", "nifsViewQL"),
        ("qlStream", "", ""),
        ("qlStream", "sixteen letters!", "sixteen letters!"),
        ("readMode", "FOWLER", "FOWLER"),
        ("readMode", "fowler", "FOWLER"),
        ("readMode", "0", "DCS"),
        ("readMode", "3", "SINGLE"),
        ("readMode", 1, "FOWLER"),
        ("timeMode", "nr periods", "Nr Periods"),
        ("timeMode", "1", "Read period"),
        ("address", "0xFF", 255),
        ("address", "1048575", 1048575),
        ("command", "rdm", "RDM"),
        ("command", "5522508", "TDL"),
        ("command", 0x52444D, "RDM"),
    ],
)
def test_what_a_command_record_brings_is_stored_in_the_parameters_own_type(
    name: str, given_value: Any, stored: Any
) -> None:
    parameters = dictionary()
    assert parameters.set(name, given_value) == stored
    assert parameters.get(name) == stored
    assert type(parameters.get(name)) is type(stored)


@pytest.mark.parametrize(
    ("name", "given_value", "words"),
    [
        ("nreads", "0", ("nreads", "0", "1 to 64")),
        ("nreads", "65", ("nreads", "65", "1 to 64")),
        ("nreads", "-1", ("nreads", "-1", "1 to 64")),
        ("nreads", "2.5", ("nreads", "2.5", "1 to 64")),
        ("nreads", "", ("nreads", "(empty)", "1 to 64")),
        ("nreads", "ten", ("nreads", "ten", "1 to 64")),
        ("nreads", "12 reads", ("nreads", "12 reads", "1 to 64")),
        ("nreads", "0x10", ("nreads", "0x10", "1 to 64")),
        ("nreads", "1e1", ("nreads", "1e1", "1 to 64")),
        ("nreads", "1_0", ("nreads", "1_0", "1 to 64")),
        ("nreads", "\u0661", ("nreads", "?", "1 to 64")),
        ("nreads", "9" * 39, ("nreads", "9999", "1 to 64")),
        ("nreads", "nan", ("nreads", "nan", "1 to 64")),
        ("nreads", math.inf, ("nreads", "inf", "1 to 64")),
        ("nreads", True, ("nreads", "True", "1 to 64")),
        ("exposed", "-0.1", ("exposed", "-0.1", "0 to 7200")),
        ("exposed", "7200.1", ("exposed", "7200.1", "0 to 7200")),
        ("exposed", "1000000.000000", ("exposed", "1000000", "0 to 7200")),
        ("exposed", "nan", ("exposed", "nan", "0 to 7200")),
        ("exposed", "inf", ("exposed", "inf", "0 to 7200")),
        ("exposed", "-infinity", ("exposed", "-infinity", "0 to 7200")),
        ("exposed", "1e999", ("exposed", "1e999", "0 to 7200")),
        ("exposed", "0x1p3", ("exposed", "0x1p3", "0 to 7200")),
        ("exposed", "1,5", ("exposed", "1,5", "0 to 7200")),
        ("exposed", "60 s", ("exposed", "60 s", "0 to 7200")),
        ("exposed", "--5", ("exposed", "--5", "0 to 7200")),
        ("exposed", "   ", ("exposed", "(empty)", "0 to 7200")),
        ("exposed", math.nan, ("exposed", "nan", "0 to 7200")),
        ("qlStream", "seventeen letters", ("qlStream", "17 > 16 characters")),
        ("qlStream", "d\u00e9tecteur", ("qlStream", "ASCII")),
        ("qlStream", "two\nlines", ("qlStream", "two?lines", "ASCII")),
        ("readMode", "BRIGHT", ("readMode", "BRIGHT", "DCS FOWLER")),
        ("readMode", "4", ("readMode", "4", "DCS FOWLER LINEAR SINGLE")),
        ("readMode", "-1", ("readMode", "-1", "DCS FOWLER LINEAR SINGLE")),
        ("readMode", "", ("readMode", "(empty)", "DCS FOWLER")),
        ("readMode", True, ("readMode", "True", "DCS FOWLER")),
        ("address", "0x100000", ("address", "0x100000", "0 to 1048575")),
        ("address", "0x", ("address", "0x", "0 to 1048575")),
        ("command", "TDLX", ("command", "TDLX", "three letters")),
        ("command", "0", ("command", "0", "three letters")),
        ("command", str(1 << 24), ("command", "16777216", "three letters")),
    ],
)
def test_a_refusal_names_parameter_value_and_what_is_valid_and_keeps_the_old_value(
    name: str, given_value: Any, words: tuple[str, ...]
) -> None:
    parameters = dictionary()
    before = parameters.snapshot()
    with pytest.raises(InvalidValue) as refused:
        parameters.set(name, given_value)
    assert len(refused.value.short) <= 39
    for word in words:
        assert word in refused.value.short
    text = str(refused.value)
    assert name in text
    assert repr(given_value) in text
    assert f"stays {before[name]!r}" in text
    assert parameters.snapshot() == before


def test_the_complete_text_has_every_choice_when_the_short_one_has_no_room() -> None:
    with pytest.raises(InvalidValue) as refused:
        dictionary().set("timeMode", "a time mode that there is not")
    assert len(refused.value.short) <= 39
    assert all(label in str(refused.value) for label in TIME_MODES)


def test_check_stores_nothing() -> None:
    parameters = dictionary()
    assert parameters.check("nreads", "16") == 16
    assert parameters.get("nreads") == 1
    with pytest.raises(InvalidValue):
        parameters.check("nreads", "0")


def test_ordinals_are_those_of_the_menu_and_the_words_those_of_the_controller() -> None:
    parameters = dictionary()
    assert [parameters.ordinal("readMode", label) for label in READ_MODES] == [0, 1, 2, 3]
    assert parameters.ordinal("readMode") == 2
    assert parameters.ordinal("command", "TDL") == 0x54444C  # INS-DAS-18
    for name in ("nreads", "qlStream"):
        with pytest.raises(TypeError):
            parameters.ordinal(name)


def test_names_are_added_once_and_with_a_valid_default() -> None:
    parameters = dictionary()
    with pytest.raises(ValueError, match=r"nreads.*seqObserve\.C"):
        parameters.add("nreads", "x", 1, Bounds(0, 1))
    with pytest.raises(InvalidValue, match="beyond"):
        parameters.add("beyond", "x", 5, Bounds(0, 1))
    with pytest.raises(UnknownName, match="db/"):
        parameters.get("beyond")
    assert parameters.pv("nreads") == "nifs:dc:seqObserve.C"


@pytest.mark.parametrize(
    "make", [lambda: Bounds(2, 1), lambda: Choices(()), lambda: Choices(("A", "a")), lambda: MaxLength(0)]
)
def test_a_validity_that_nothing_can_meet_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"lower|at least"):
        make()


@given(st.text(max_size=60))
def test_any_text_is_a_number_within_bounds_or_refused_in_39_characters(text: str) -> None:
    parameters = dictionary()
    for name in ("nreads", "exposed", "qlStream", "readMode", "address", "command"):
        before = parameters.get(name)
        refused = refusal(parameters, name, text)
        if refused is not None:
            assert len(refused.short) <= 39
            assert refused.short.startswith(name)
            assert refused.short.isprintable()
            assert parameters.get(name) == before


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-10000, max_value=10000))
def test_a_number_is_taken_exactly_when_it_is_within_its_bounds(number: Decimal) -> None:
    parameters = dictionary()
    text = str(number)
    if 0 <= Fraction(number) <= 7200:
        assert parameters.set("exposed", text) == float(number)
    else:
        with pytest.raises(InvalidValue):
            parameters.set("exposed", text)
    if Fraction(number).denominator == 1 and 1 <= number <= 64:
        assert parameters.set("nreads", text) == int(number)
    else:
        with pytest.raises(InvalidValue):
            parameters.set("nreads", text)


@given(
    st.text("abcdefghijklmnopqrstuvwxyzABC_", min_size=1, max_size=39),
    st.text(max_size=60),
    st.integers(-(10**9), 10**9),
)
def test_the_short_text_fits_whatever_the_names_and_bounds_are(name: str, text: str, high: int) -> None:
    parameters = ParameterDictionary()
    parameters.add(name, "pv", high, Bounds(high, high))
    refused = refusal(parameters, name, text)
    assert refused is None or len(refused.short) <= 39


def test_one_value_at_a_time_whoever_sets_it() -> None:
    parameters = dictionary()
    start = threading.Barrier(4)

    def write(number: int) -> None:
        start.wait()
        for _ in range(500):
            parameters.set("nreads", number)
            assert parameters.snapshot()["nreads"] in (1, 11, 12, 13, 14)

    threads = [threading.Thread(target=write, args=(number,)) for number in (11, 12, 13, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert parameters.get("nreads") in (11, 12, 13, 14)
