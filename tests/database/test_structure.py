"""What must hold of every record, whichever there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from nifsdc.database import Definition
from nifsdc.dictionary import InvalidValue
from nifsdc.records.definition import RecordDef

from .conftest import Running

LINKS = ("INP", "OUT", "OCL", "INM", "LNK", "DOL")
WHOLE_LINKS = ("FLNK", "STLK", "SPLK", "ICID")


def links(records: Mapping[str, RecordDef]) -> Iterator[tuple[RecordDef, str, list[str]]]:
    """Every link to a record, found by the look of the text: it begins with the prefix."""
    for record in records.values():
        for field, text in record.fields.items():
            if text.startswith("nifs:"):
                assert field.startswith(LINKS) or field in WHOLE_LINKS, (record.name, field)
                yield record, field, text.split()


def test_every_link_leads_to_a_field_that_is_there(
    records: Mapping[str, RecordDef], running: Running
) -> None:
    count = 0
    for record, field, (target, *modifiers) in links(records):
        count += 1
        assert running.database.find(target) is not None, (record.name, field, target)
        assert set(modifiers) <= {"NPP", "PP", "CP", "NMS", "MS"}
    assert count > 500


def test_no_name_is_without_its_prefix_too_long_or_used_twice(definition: Definition) -> None:
    for top in ("nifs:", "tn:"):
        names = [name for each in definition.records(top) for name in (each.name, *each.aliases)]
        assert len(names) == len(set(names))
        assert all(len(name) <= 60 for name in names)
        stem = top.removesuffix(":")
        assert all(name.startswith((f"{top}dc:", f"{top}sad:dc:", f"{stem}Sad:dc:")) for name in names)
        texts = [text for each in definition.records(top) for text in each.fields.values()]
        assert not any("$(" in text for text in texts)
        assert top == "nifs:" or not any("nifs:" in text for text in texts)


def test_every_status_record_answers_under_the_design_notes_prefix(records: Mapping[str, RecordDef]) -> None:
    for name, record in records.items():
        if name.startswith("nifs:sad:dc:"):
            assert record.aliases == ("nifsSad:dc:" + name.removeprefix("nifs:sad:dc:"),)
        else:
            assert record.aliases == ()


def test_every_record_says_what_it_is_in_words_of_its_own(records: Mapping[str, RecordDef]) -> None:
    for record in records.values():
        assert 3 < len(record.fields["DESC"]) <= 40, record.name


def test_every_field_of_every_command_answers(running: Running, definition: Definition) -> None:
    fixed = ("VAL", "DIR", "MARK", "MESS", "OMSS", "ODIR", "ICID", "OCID", "CTYP", "MFLG", "SIMM", "OSIM")
    common = ("RTYP", "NAME", "DESC", "STAT", "SEVR")
    letters = "ABCDEFGHIJKLMNOPQRST"
    lettered = [stem + letter for stem in ("", "VAL", "FTV", "INP", "OUT") for letter in letters]
    for command in definition.commands:
        for field in (*fixed, *common, *lettered):
            assert running.database.find(f"nifs:dc:{command.name}.{field}") is not None, (command.name, field)


def test_parameters_and_status_begin_as_their_records_do(running: Running, definition: Definition) -> None:
    status = definition.status_dictionary("nifs:", lambda pv, value: None)
    for name, value in status.snapshot().items():
        if {each.name: each for each in definition.status}[name].ftvl == "CHAR":
            continue
        shown = running.get(f"sad:dc:{name}")
        assert shown == value or name == "simMode", name
    parameters = definition.parameter_dictionary()
    for parameter in definition.parameters:
        for door in parameter.doors:
            shown = running.get(f"dc:{door}")
            expected = parameters.get(parameter.name)
            if parameter.setpoint and parameter.setpoint.via and door in parameter.setpoint.also:
                continue
            assert parameters.check(parameter.name, shown) == expected, door


def test_each_parameter_has_its_doors_in_the_right_order(definition: Definition) -> None:
    for parameter in definition.parameters:
        assert "." in parameter.doors[0]
        assert len(parameter.doors) >= 2, f"{parameter.name} has no set-point"
        assert definition.parameter_dictionary("t:").pv(parameter.name) == f"t:dc:{parameter.doors[0]}"


@pytest.mark.parametrize("mode", ["obs", "view"])
@pytest.mark.parametrize(
    ("name", "fine", "wrong"),
    [
        ("exposed", ("0", "5.3", "7200"), ("-1", "7201")),
        ("nfowler", ("1", "16", "64"), ("0", "65")),
        ("ncoadds", ("1", "1000"), ("0", "1001")),
        ("nresets", ("1", "100"), ("0", "-3")),
        ("nperiods", ("1",), ("0",)),
        ("period", ("0", "1"), ("-0.5",)),
        ("readMode", ("DCS", "FOWLER", "LINEAR", "SINGLE", "3"), ("BRIGHT", "4")),
        ("timeMode", ("Exposure time", "Read period", "Nr Periods"), ("Period",)),
    ],
)
def test_bounds_of_the_sequence(
    definition: Definition, mode: str, name: str, fine: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    parameters = definition.parameter_dictionary()
    for text in fine:
        parameters.set(f"{mode}_{name}", text)
    for text in wrong:
        with pytest.raises(InvalidValue, match=f"{mode}_{name}"):
            parameters.set(f"{mode}_{name}", text)


def test_a_fresh_controller_can_observe_what_it_is_asked_for(definition: Definition) -> None:
    values = definition.parameter_dictionary().snapshot()
    assert values["obs_readMode"] == "DCS"
    assert values["obs_exposed"] == 5.3
    # The exposure time must be one of the two that are given, not the one that is worked out.
    assert values["obs_timeMode"] != "Exposure time"
    assert (values["obs_dataDest"], values["obs_save"]) == ("FITS", "Yes")
    assert values["qlStream"] == "nifsRunQL"


def test_flags_are_two_records_and_0_is_yes(running: Running) -> None:
    for flag, label in (
        ("dhsConnected", "dhsConnO"),
        ("fitsConnected", "fitsConnO"),
        ("verified", "verifiedO"),
        ("d_obs_saveCoadds", "d_obs_saveCoadO"),
        ("d_view_doSubFile", "d_view_doSubFilO"),
    ):
        for value, text in ((0, "Yes"), (1, "No")):
            running.set(f"sad:dc:{flag}", value)
            assert running.text(f"sad:dc:{label}") == text
