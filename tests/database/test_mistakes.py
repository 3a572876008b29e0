"""Mistakes in the YAML are found when it is read, all of them, each with file, entry and remedy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nifsdc.database import DefinitionError, load
from nifsdc.database.locate import share

Break = Callable[[str, str, str], DefinitionError]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(share("db"), tmp_path / "db"))


@pytest.fixture
def broken(folder: Path) -> Break:
    """Replace some text of a file and return what is said of it."""

    def replace(name: str, old: str, new: str) -> DefinitionError:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(DefinitionError) as error:
            load(folder)
        return error.value

    return replace


def test_the_copy_is_as_good_as_the_original(folder: Path) -> None:
    assert load(folder) == load()


MISTAKES = [
    # file, what stood there, what stands there now, words of the message
    ("nifs/parameters.yaml", "int: [1, 64]", "int: [64, 1]", ("obs_nfowler", "[64, 1]", "lower one first")),
    ("nifs/parameters.yaml", "int: [1, 64]", "int: [1, many]", ("obs_nfowler", "two numbers")),
    (
        "nifs/parameters.yaml",
        "int: [1, 64]",
        "integer: [1, 64]",
        ("obs_nfowler", "no type", "expected exactly one of"),
    ),
    (
        "nifs/parameters.yaml",
        "default: 5.3",
        "default: 5.3\n    defalt: 6",
        ("defalt", "did you mean default?"),
    ),
    ("nifs/parameters.yaml", "default: 5.3", "default: -1", ("obs_exposed", "-1", "from 0 to 7200")),
    ("nifs/parameters.yaml", "default: 5.3", "default: soon", ("obs_exposed", "'soon'", "expected number")),
    ("nifs/parameters.yaml", "default: DCS", "default: BRIGHT", ("obs_readMode", "BRIGHT", "DCS, FOWLER")),
    (
        "nifs/parameters.yaml",
        "    default: DCS\n",
        "",
        ("obs_readMode", "default is missing", "expected text"),
    ),
    ("nifs/parameters.yaml", "[DCS, FOWLER,", "[DCS, dcs,", ("readMode", "none twice")),
    (
        "nifs/parameters.yaml",
        "time\n    setpoint: ao",
        "time\n    setpoint: longout",
        ("obs_exposed", "longout", "expected ao"),
    ),
    ("nifs/parameters.yaml", "setpoint: mbbo", "setpoint: bo", ("obs_readMode", "two labels", "mbbo")),
    ("nifs/parameters.yaml", "text: 39", "text: 100", ("obs_subFile", "100", "1 to 39")),
    ("nifs/parameters.yaml", "doc: Requested exposure time", "doc: " + "x" * 41, ("obs_exposed", "41", "40")),
    (
        "nifs/parameters.yaml",
        "  view_waveMax:",
        "  view_waveMin:",
        ("parameters.yaml", "view_waveMin", "given twice"),
    ),
    ("nifs/parameters.yaml", "default: 5.3", "default: [", ("parameters.yaml", "cannot be read")),
    (
        "nifs/parameters.yaml",
        "  qlStream:\n",
        "  qlStreams:\n",
        ("setDhsInfo", "argument A", "qlStream", "parameters.yaml"),
    ),
    (
        "nifs/commands.yaml",
        "C: $(mode)_nfowler",
        "C: $(mode)_fowler",
        ("seqObserve", "argument C", "obs_fowler"),
    ),
    (
        "nifs/commands.yaml",
        "C: $(mode)_nfowler",
        "B: $(mode)_nfowler",
        ("commands.yaml", "'B' is given twice"),
    ),
    (
        "nifs/commands.yaml",
        "C: $(mode)_nfowler",
        "C: $(mode)_exposed",
        ("obs_nfowler", "0 command inputs", "exactly one"),
    ),
    ("nifs/commands.yaml", "C: $(mode)_nfowler", "Z: $(mode)_nfowler", ("argument Z", "A to T")),
    ("nifs/commands.yaml", "    mode: obs\n", "", ("seqObserve", "$(mode)", "mode: obs")),
    ("commands.yaml", "[reboot, init,", "[reboot, initialise,", ("initialise", "define it")),
    ("commands.yaml", "[reboot, init,", "[reboot,", ("init", "no apply record", "exactly one")),
    ("commands.yaml", "[reboot, init,", "[reboot, init, verify,", ("verify", "noOpApply and sysApply")),
    ("nifs/commands.yaml", "seqApply, dataApply,", "dataApply,", ("seqApply", "child of 0 applies")),
    ("commands.yaml", "car: initC", "car: initCar", ("init", "initCar", "cars.yaml")),
    ("commands.yaml", ", id: initID", "", ("init", "needs an id")),
    ("commands.yaml", "kind: noop", "kind: nop", ("verify", "nop", "control or noop")),
    ("commands.yaml", "kind: noop, car: verifyC", "kind: noop", ("verify", "noop without a car")),
    (
        "commands.yaml",
        "$(sad)debugMode.VAL",
        "$(sad)debugModus.VAL",
        ("debug.OUTA", "debugModus", "define it"),
    ),
    ("commands.yaml", "$(sad)debugMode.VAL", "debugMode.VAL", ("debug.OUTA", "$(dc) or $(sad)")),
    ("commands.yaml", "$(sad)debugMode.VAL", "$(sad)debugMode.VALUE", ("debug.OUTA", "VALUE")),
    ("commands.yaml", "debugMode.VAL PP MS", "debugMode.VAL PP SM", ("debug.OUTA", "SM", "modifiers")),
    (
        "commands.yaml",
        "ftv: STRING, out: $(sad)simMode",
        "ftv: TEXT, out: $(sad)simMode",
        ("simulate", "TEXT"),
    ),
    (
        "commands.yaml",
        "A: {parameter: testPatSeed,",
        "A: {parameter: testPatSeed, clearable: true,",
        ("clearable",),
    ),
    (
        "nifs/cars.yaml",
        "[initC, setupSDSUC, observeC]",
        "[initC, setupSDSUC, observe]",
        ("combCars11", "'observe'"),
    ),
    ("nifs/cars.yaml", "[initC, setupSDSUC, observeC]", "[initC, setupSDSUC, testC]", ("testC", "twice")),
    ("nifs/cars.yaml", "[dataViewC, setDhsInfoC]", "[dataViewC, setDhsInfoC, initC, testC]", ("4 inputs",)),
    ("nifs/cars.yaml", "combined: applyC", "combined: allC", ("combined", "allC")),
    ("nifs/cars.yaml", "  viewC: Response of view\n", "", ("view", "viewC", "add it there")),
    (
        "nifs/cars.yaml",
        "  viewC: Response",
        "  lookC: Response of nothing\n  viewC: Response",
        ("lookC", "0 sources"),
    ),
    (
        "nifs/cars.yaml",
        "[combCars1, combCars2, combCars3]",
        "[combCars1, combCars2]",
        ("combCars3", "exactly one"),
    ),
    (
        "status/health.yaml",
        "SNAM: dcHealthCombine",
        "SNAM: dcHealthSum",
        ("combHealth", "dcHealthSum", "known are"),
    ),
    (
        "status/health.yaml",
        "FLNK: $(sad)combHealth}",
        "FLNK: $(sad)sumHealth}",
        ("FLNK", "sumHealth", "define it"),
    ),
    (
        "status/progress.yaml",
        "prep: {type: sir LONG",
        "prep: {type: sir INT",
        ("prep", "sir INT", "sir LONG"),
    ),
    ("status/progress.yaml", "  acq:", "  prep:", ("status/progress.yaml", "'prep' is given twice")),
    ("status/progress.yaml", "prec: 2", "precision: 2", ("elapsed", "precision")),
    ("status/progress.yaml", "prec: 2", "XYZW: 2", ("elapsed", "no field XYZW")),
    ("nifs/status/sdsu.yaml", "HIGH: 3.1 MINOR", "HIGH: 3.1 BAD", ("VBIASPWR", "HIGH", "MINOR or MAJOR")),
    ("nifs/status/sdsu.yaml", "HIGH: 3.1 MINOR", "HIGH: 2.1 MINOR", ("VBIASPWR", "do not go down")),
    ("status/data.yaml", "{No: MAJOR}", "{NO: MAJOR}", ("dhsConnected", "NO", "Yes or No")),
    ("status/data.yaml", "label: dhsConnO", "label: dhsAvailO", ("dhsAvailO", "rename one")),
    (
        "status/data.yaml",
        "lastPath: {type: sir CHAR, length: 512",
        "lastPath: {type: sir CHAR, length: 0",
        ("lastPath", "length is 0"),
    ),
    ("status/data.yaml", "  lastFile:", f"  {'l' * 60}:", ("l" * 60, "at most 60")),
    ("status/data.yaml", "  lastFile:", "  last.File:", ("last.File", "not a record name")),
]


@pytest.mark.parametrize(("name", "old", "new", "words"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_told(broken: Break, name: str, old: str, new: str, words: tuple[str, ...]) -> None:
    message = str(broken(name, old, new))
    for word in words:
        assert word in message


def test_a_message_begins_with_file_and_entry(broken: Break) -> None:
    error = broken("nifs/parameters.yaml", "int: [1, 64]", "int: [64, 1]")
    assert all(problem.startswith("nifs/parameters.yaml: ") for problem in error.problems)
    assert any("obs_nfowler" in problem for problem in error.problems)
    assert any("view_nfowler" in problem for problem in error.problems)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    for name, old, new in (
        ("nifs/parameters.yaml", "default: 5.3", "default: -1"),
        ("commands.yaml", "kind: noop", "kind: nop"),
        ("status/progress.yaml", "prec: 2", "precision: 2"),
    ):
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DefinitionError) as error:
        load(folder)
    assert {problem.partition(":")[0] for problem in error.value.problems} == {
        "nifs/parameters.yaml",
        "commands.yaml",
        "status/progress.yaml",
    }


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / "cars.yaml").unlink()
    with pytest.raises(DefinitionError, match=r"cars\.yaml: cannot be read"):
        load(folder)


def test_words_that_yaml_takes_for_booleans_are_text() -> None:
    choices = {each.name: each.choices for each in load().parameters}
    assert choices["obs_save"] == ("Yes", "No")


def test_a_new_parameter_needs_no_code(folder: Path) -> None:
    parameters, commands = folder / "nifs/parameters.yaml", folder / "nifs/commands.yaml"
    parameters.write_text(
        parameters.read_text(encoding="utf-8")
        + "\n  $(mode)_nrows: {int: [1, 2048], default: 2048, doc: Rows that are read, setpoint: longout}\n",
        encoding="utf-8",
    )
    text = commands.read_text(encoding="utf-8")
    line = "      J: $(mode)_quadrants\n"
    commands.write_text(text.replace(line, line + "      K: $(mode)_nrows\n"), encoding="utf-8")
    definition = load(folder)
    dictionary = definition.parameter_dictionary()
    assert dictionary.set("view_nrows", "1024") == 1024
    assert dictionary.pv("obs_nrows") == "nifs:dc:seqObserve.K"
    records = {record.name: record for record in definition.records()}
    assert records["nifs:dc:view_nrows"].fields["OUT"] == "nifs:dc:seqView.K NPP NMS"
    assert records["nifs:dc:seqObserve"].fields["FTVK"] == "LONG"
