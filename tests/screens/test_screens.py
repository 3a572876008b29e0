"""The shipped screens follow from the records, and the check finds what does not fit."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from nifsdc.cli.main import main
from nifsdc.database import load
from nifsdc.database.locate import share
from nifsdc.screens.check import check
from nifsdc.screens.pages import Camera
from nifsdc.screens.write import CAMERAS, camera, screens

SHIPPED = share("opi")


def cameras(db: Path | None = None) -> list[Camera]:
    return [camera(name, load(db, name)) for name in CAMERAS]


@pytest.fixture(scope="module")
def shipped_cameras() -> list[Camera]:
    return cameras()


@pytest.fixture
def opi(tmp_path: Path) -> Path:
    """A copy of the shipped screens."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "opi"))


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A copy of the shipped definition."""
    return Path(shutil.copytree(share("db"), tmp_path / "db"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new))


def test_the_shipped_screens_are_those_that_the_records_make(shipped_cameras: list[Camera]) -> None:
    """If not: nifsdc screens opi"""
    found = {path.relative_to(SHIPPED).as_posix(): path.read_text() for path in SHIPPED.rglob("*.bob")}
    assert found == screens(shipped_cameras, SHIPPED)


def test_the_shipped_screens_fit_the_records(shipped_cameras: list[Camera]) -> None:
    assert check(SHIPPED, shipped_cameras) == []


def test_every_status_record_and_every_command_input_is_on_a_page(shipped_cameras: list[Camera]) -> None:
    for each in shipped_cameras:
        folders = (SHIPPED / each.name, SHIPPED / "commands")
        text = "".join(path.read_text() for folder in folders for path in folder.rglob("*.bob"))
        for status in each.definition.status:
            room = "dc" if status.dc else "sad:dc"
            assert f"<pv_name>$(P){room}:{status.name}</pv_name>" in text, status.name
        for command in each.definition.commands:
            for argument in command.arguments:
                assert f"<pv_name>$(P)dc:{command.name}.{argument.letter}</pv_name>" in text
        for parameter in each.definition.parameters:
            if parameter.setpoint is not None:
                assert f"<pv_name>$(P)dc:{parameter.setpoint.name}</pv_name>" in text, parameter.name


def test_a_removed_record_is_found(db: Path) -> None:
    edit(
        db / "nifs/status/sdsu.yaml",
        "  VRESET: {type: sir DOUBLE, desc: Reset voltage, egu: V, prec: 3, unknown: true}\n",
        "",
    )
    problems = check(SHIPPED, cameras(db))
    assert problems == [
        f"nifs/{page}: '$(P)sad:dc:VRESET': there is no channel nifs:sad:dc:VRESET"
        for page in ("sdsu.bob", "status_sdsu.bob")
    ]


def test_a_wrong_type_is_found(db: Path) -> None:
    edit(
        db / "status/progress.yaml",
        "prep: {type: sir LONG, desc: Preparing (0 while it happens), default: 1}",
        "prep: {type: sir STRING, desc: Preparing (0 while it happens)}",
    )
    problems = check(SHIPPED, cameras(db))
    assert problems == [
        f"overview.bob: '$(P)sad:dc:prep': {top}sad:dc:prep is STRING; the widget needs a number"
        for top in ("nifs:", "ccd:", "ft:")
    ]


def test_a_command_on_no_screen_is_found(opi: Path, shipped_cameras: list[Camera]) -> None:
    tree = parse(opi / "nifs/system.bob")
    screen = tree.getroot()
    panel = next(each for each in screen if each.findtext("file") == "../commands/park.bob")
    screen.remove(panel)
    tree.write(opi / "nifs/system.bob")
    assert check(opi, shipped_cameras) == ["nifs: no screen marks the command park"]


def test_a_screen_that_none_leads_to_is_found(opi: Path, shipped_cameras: list[Camera]) -> None:
    shutil.copy(opi / "commands/park.bob", opi / "forgotten.bob")
    assert check(opi, shipped_cameras) == ["forgotten.bob: no screen leads to it"]


MISTAKES = {
    "a missing screen": (
        "nifs/pages.bob",
        "<file>alarms.bob<",
        "<file>alarm.bob<",
        "alarm.bob cannot be read",
    ),
    "a macro": ("nifs/alarms.bob", "<text>Alarms  $(P)<", "<text>Alarms $(PREFIX)<", "$(PREFIX)"),
    "a directive": ("commands/stop.bob", "<value>CLEAR<", "<value>CLEAN<", "value of a button 'CLEAN'"),
    "no XML": ("commands/stop.bob", "</display>", "</displays>", "stop.bob cannot be read"),
    "a widget": ("overview.bob", '<widget type="image"', '<widget type="imgae"', "known widgets"),
    "a version": (
        "overview.bob",
        'type="image" version="2.0.0"',
        'type="image" version="1.0.0"',
        "expected 2.0.0",
    ),
    "an image": ("overview.bob", "dc:$(STREAM):Image", "dc:dark:Image", "pva://nifs:dc:nifsRunQL:Image"),
    "a limit": ("overview.bob", "<minimum>0</minimum>", "<least>0</least>", "no property 'least'"),
    "a formula": ("overview.bob", "`$(P)sad:dc:timeLeft`", "`$(P)sad:dc:state`", "the widget needs a number"),
    "states": (
        "nifs/commands/seqObserve.bob",
        "<pv_name>$(P)dc:obs_readMode<",
        "<pv_name>$(P)dc:obs_period<",
        "states to choose",
    ),
    "read-only": (
        "overview.bob",
        "<pv_name>$(P)dc:observationID<",
        "<pv_name>$(P)dc:observe.VAL<",
        "read-only",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_screen_is_found(mistake: str, opi: Path, shipped_cameras: list[Camera]) -> None:
    file, old, new, told = MISTAKES[mistake]
    path = opi / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    problems = check(opi, shipped_cameras[:1])
    assert any(told in problem for problem in problems), problems


def test_screens_for_another_camera_of_a_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    assert main(["screens", str(folder), "--camera", "nifs", "--top", "cam2:"]) == 0
    first = parse(folder / "nifs.bob").getroot()
    macros = {each.tag: each.text for each in first.find("macros") or ()}
    assert macros == {"P": "cam2:", "CAMERA": "nifs", "STREAM": "nifsRunQL", "TIME": "obs_exposed"}
    assert main(["screens", "--check", str(folder), "--camera", "nifs", "--top", "cam2:"]) == 0
    assert main(["screens"]) == 0
    assert f"file:{SHIPPED}/nifs.bob" in capsys.readouterr().out


def test_the_check_tells_what_is_wrong_and_fails(opi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (opi / "nifs/view.bob").unlink()
    assert main(["screens", "--check", str(opi), "--camera", "nifs"]) == 1
    assert "view.bob cannot be read" in capsys.readouterr().out


def test_a_definition_with_mistakes_is_told(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(db / "nifs/status/sdsu.yaml", "VRESET: {type: sir DOUBLE", "VRESET: {type: sir DUBLE")
    assert main(["screens", "--check", "--db", str(db)]) == 2
    assert "VRESET" in capsys.readouterr().err
