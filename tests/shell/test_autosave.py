"""Values over a restart: what is saved comes back, what cannot is told; no moment is without a file."""

from __future__ import annotations

import asyncio
import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.records.autosave import END, Autosave, Damaged, read_saved
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.fields import Field

MODES = {"ZRST": "DCS", "ONST": "FOWLER", "TWST": "SINGLE"}


def make(modes: dict[str, str] | None = None) -> Database:
    return Database(
        [
            RecordDef("ao", "a:time", {"VAL": "5", "PREC": "1"}, ("a:alias",)),
            RecordDef("longout", "a:count", {"VAL": "1"}),
            RecordDef("mbbo", "a:mode", modes or MODES),
            RecordDef("stringout", "a:text", {"VAL": "as built"}),
            RecordDef("sir", "a:array", {"FTVL": "DOUBLE", "NELM": "4"}),
            RecordDef("cad", "a:cad", {"CTYP": "2"}),
            RecordDef("calc", "a:calc", {"CALC": "A+1"}),
        ]
    )


CHANNELS = ["a:time", "a:count", "a:mode", "a:text", "a:array", "a:cad.A", "a:calc.INPA", "a:time.SCAN"]


def field(database: Database, name: str) -> Field:
    found = database.find(name)
    assert found is not None, name
    return found


def put(database: Database, **values: Any) -> None:
    for name, value in values.items():
        database.put(field(database, f"a:{name}"), value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "a.sav"


def write(path: Path, **values: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"a:{name} {json.dumps(value)}\n" for name, value in values.items()) + END + "\n")


def test_every_kind_of_value_comes_back_before_the_database_starts(path: Path) -> None:
    before = make()
    before.init()
    put(before, time=12.5, count=-7, mode="FOWLER", text='two "words"', array=(1.5, 2.5))
    before.put(field(before, "a:cad.A"), "K")
    before.put(field(before, "a:calc.INPA"), "a:count PP")
    before.put(field(before, "a:time.SCAN"), "1 second")
    Autosave(before, path, CHANNELS).save()

    after = make()
    events: list[object] = []
    after.subscribe(events.append)
    restored = Autosave(after, path, CHANNELS).restore()
    assert restored.problems == ()
    assert events == []
    after.init()
    for name in CHANNELS:
        assert field(after, name).value == field(before, name).value, name
    after.process("a:calc")
    assert field(after, "a:calc").value == -6.0
    assert after.next_timer() is not None


def test_what_was_saved_decides_over_aliases_and_short_names(path: Path) -> None:
    write(path, alias=8.5)
    database = make()
    restored = Autosave(database, path, ["a:time"]).restore()
    assert (restored.channels, restored.problems) == (("a:alias",), ())
    assert field(database, "a:time").value == 8.5


def test_a_menu_that_has_grown_keeps_the_state_meant(path: Path) -> None:
    before = make()
    put(before, mode="FOWLER")
    Autosave(before, path, ["a:mode"]).save()
    after = make({"ZRST": "DCS", "ONST": "LINEAR", "TWST": "FOWLER"})
    Autosave(after, path, ["a:mode"]).restore()
    assert field(after, "a:mode").text == "FOWLER"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mode", "RAMP", "RAMP"),
        ("mode", 99, "no index"),
        ("count", "many", "does not begin with an integer"),
        ("count", None, "neither text nor a number"),
        ("count", {"a": 1}, "neither text nor a number"),
        ("array", [], "no value"),
        ("array", [[1]], "neither text nor a number"),
        ("time.SCAN", "now and then", "none of the choices"),
        ("calc.INPA", "a:nothing PP", "is not in this database"),
        ("calc.INPA", "@card 1", "hardware address"),
        ("other", 1, "no such channel"),
        ("text", "x", "not among the channels"),
    ],
)
def test_a_value_that_cannot_be_is_told_and_leaves_the_field_alone(
    path: Path, name: str, value: object, words: str
) -> None:
    write(path, **{name: value, "time": 6.5})
    database = make()
    channels = [each for each in CHANNELS if each != "a:text"]
    names = [each for each in ("a:" + name,) if database.find(each)]
    before = [field(database, each).value for each in names]
    restored = Autosave(database, path, channels).restore()
    told = [problem for problem in restored.problems if problem.startswith(f"a:{name}")]
    assert len(told) == 1
    assert words in told[0]
    assert [field(database, each).value for each in names] == before
    assert field(database, "a:time").value == 6.5


def test_channels_without_a_saved_value_and_unknown_ones_are_told(path: Path) -> None:
    write(path, time=1.0)
    autosave = Autosave(make(), path, ["a:time", "a:count", "a:gone"])
    assert autosave.missing == ("a:gone",)
    assert autosave.restore().problems == (
        "a:gone: no such channel in this database",
        f"a:count.VAL: no value in {path}",
    )


def test_nothing_saved_yet_is_no_problem(path: Path) -> None:
    restored = Autosave(make(), path, CHANNELS).restore()
    assert (restored.path, restored.channels, restored.problems) == (None, (), ())


@pytest.mark.parametrize(
    "damage",
    [b"", b"a:time 3", b"a:time 3\nno json here\n<END>\n", b"\xff\xfe\x00", b"a:time 3\n<END"],
    ids=["empty", "cut", "nonsense", "binary", "cut in its end"],
)
def test_a_damaged_file_gives_way_to_the_one_before(path: Path, damage: bytes) -> None:
    database = make()
    autosave = Autosave(database, path, ["a:time"])
    put(database, time=3.5)
    autosave.save()
    put(database, time=4.5)
    autosave.save()
    path.write_bytes(damage)
    with pytest.raises(Damaged):
        read_saved(path)
    after = make()
    restored = Autosave(after, path, ["a:time"]).restore()
    assert restored.path == path.with_name("a.sav.1")
    assert field(after, "a:time").value == 3.5
    assert [str(path) in problem for problem in restored.problems] == [True]


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_previous_files_are_kept_newest_first(path: Path, keep: int) -> None:
    database = make()
    autosave = Autosave(database, path, ["a:count"], keep)
    for count in range(6):
        put(database, count=count)
        autosave.save()
    kept = [path, *(path.with_name(f"a.sav.{number}") for number in range(1, keep + 1))]
    assert [read_saved(each)["a:count.VAL"] for each in kept] == list(range(5, 4 - keep, -1))
    assert sorted(path.parent.iterdir()) == sorted(kept)
    with pytest.raises(ValueError, match="expected 0 or more"):
        Autosave(database, path, [], -1)


@pytest.mark.parametrize("failing", ["fsync", "link", "replace"])
def test_a_disk_that_fails_leaves_the_last_good_file(
    path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make()
    autosave = Autosave(database, path, ["a:count"])
    autosave.save()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    put(database, count=2)
    with monkeypatch.context() as patch:
        patch.setattr(Path if failing == "replace" else os, failing, fail)
        with pytest.raises(OSError, match="No space"):
            autosave.save()
    assert read_saved(path)["a:count.VAL"] == 1
    assert autosave.changed
    assert not [each for each in path.parent.iterdir() if each.name.startswith(".")]
    autosave.save()
    assert read_saved(path)["a:count.VAL"] == 2


def test_changed_tells_whether_there_is_something_to_save(path: Path) -> None:
    database = make()
    autosave = Autosave(database, path, CHANNELS)
    assert autosave.changed
    autosave.save()
    assert not autosave.changed
    put(database, array=(1.0,))
    assert autosave.changed
    autosave.save()
    put(database, count=1)
    assert not autosave.changed


def test_keep_saves_what_changes_and_once_more_at_the_end(path: Path) -> None:
    database = make()
    autosave = Autosave(database, path, ["a:count"])

    async def run() -> None:
        task = asyncio.ensure_future(autosave.keep(0.01))
        while not path.exists() or autosave.changed:
            await asyncio.sleep(0.002)
        stamp = path.stat().st_mtime_ns
        await asyncio.sleep(0.05)
        assert path.stat().st_mtime_ns == stamp  # nothing changed, nothing written
        put(database, count=9)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert read_saved(path)["a:count.VAL"] == 9


@given(
    number=st.floats(allow_nan=False),
    count=st.integers(-(2**31), 2**31 - 1),
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9),
    raw=st.binary(max_size=39).filter(lambda data: 0 not in data),
)
def test_any_value_a_client_can_write_comes_back(
    tmp_path_factory: pytest.TempPathFactory, number: float, count: int, text: str, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.sav"
    before, after = make(), make()
    put(before, time=number, count=count, text=raw)
    before.put(field(before, "a:cad.A"), text)
    names = ["a:time", "a:count", "a:text", "a:cad.A"]
    Autosave(before, path, names, 0).save()
    assert Autosave(after, path, names, 0).restore().problems == ()
    assert [field(after, name).value for name in names] == [field(before, name).value for name in names]


def test_values_that_are_no_numbers_come_back(path: Path) -> None:
    before, after = make(), make()
    put(before, time=math.nan)
    Autosave(before, path, ["a:time"]).save()
    Autosave(after, path, ["a:time"]).restore()
    assert math.isnan(field(after, "a:time").value)  # type: ignore[arg-type]
