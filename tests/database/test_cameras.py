"""What each kind of camera adds to the common database."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nifsdc.control.states import CCD_RULES, FRAME_RULES, RULES
from nifsdc.database import Definition, DefinitionError, load
from nifsdc.database.locate import share


@pytest.fixture(name="ccd", scope="module")
def _ccd() -> Definition:
    return load(camera="ccd")


def test_a_ccd_has_what_every_client_of_a_detector_controller_knows(ccd: Definition) -> None:
    nifs = load()
    common = {"nifsApply", "observe", "stop", "abort", "init", "reboot", "initSDSU", "observeC", "applyC"}
    for definition in (nifs, ccd):
        names = {record.name.removeprefix("nifs:dc:") for record in definition.records()}
        assert common <= names
    assert ccd.top_apply == nifs.top_apply


def test_a_ccd_has_no_read_modes_and_nifs_no_windows(ccd: Definition) -> None:
    nifs = {parameter.name for parameter in load().parameters}
    ccds = {parameter.name for parameter in ccd.parameters}
    assert {"obs_obsType", "obs_xbin", "obs_ybin", "obs_speed", "window10"} <= ccds - nifs
    assert {"obs_readMode", "obs_nfowler", "view_exposed"} <= nifs - ccds
    assert not {name for name in ccds if name.startswith("view_")}


def test_the_types_of_a_ccd_exposure(ccd: Definition) -> None:
    choices = {parameter.name: parameter.choices for parameter in ccd.parameters}
    assert choices["obs_obsType"] == ("OBJECT", "DARK", "BIAS", "FLASH", "SKY", "FLAT", "ARC")


def test_every_command_that_is_carried_out_says_when_it_can_be(ccd: Definition) -> None:
    for definition, rules in ((load(), RULES), (ccd, CCD_RULES), (load(camera="ft"), FRAME_RULES)):
        control = {command.name for command in definition.commands if command.kind == "control"}
        assert control == control & set(rules)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("parameters.yaml", "  dataLabel: {text: 39, default: '', doc: Twice}\n"),
        ("cars.yaml", "\ncars:\n  initC: Twice\n"),
    ],
)
def test_a_name_in_both_sets_is_told(tmp_path: Path, name: str, text: str) -> None:
    folder = Path(shutil.copytree(share("db"), tmp_path / "db"))
    path = folder / "nifs" / name
    given = path.read_text(encoding="utf-8")
    changed = given.replace("\ncars:\n", text, 1) if name == "cars.yaml" else given + text
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(DefinitionError, match="in another file too"):
        load(folder)
