"""``nifsdc records``: list, describe, export."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from nifsdc.cli import records
from nifsdc.database import Definition


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    records.add_parser(parser.add_subparsers())
    args = parser.parse_args(["records", *arguments])
    status: int = args.run(args)
    return status


def test_the_list_has_every_record_one_a_line(
    capsys: pytest.CaptureFixture[str], definition: Definition
) -> None:
    assert call("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(definition.records())
    assert "nifs:dc:obs_exposed\tao\tDOUBLE\ts\tRequested exposure time\t" in lines
    assert "nifs:dc:obs_readMode\tmbbo\tENUM\t\tHow the array is read\tDCS|FOWLER|LINEAR|SINGLE" in lines


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("obs_nf*",), {"nifs:dc:obs_nfowler", "nifs:sad:dc:obs_nfowler"}),
        (("nifsSad:dc:time*",), {"nifs:sad:dc:timeLeft"}),
        (("*", "--type", "fanout"), {"nifs:dc:efanouts"}),
        (("second temperature",), {"nifs:sad:dc:temp2"}),
        (("dc:stop*", "--type", "cad"), {"nifs:dc:stop"}),
    ],
)
def test_the_list_can_be_narrowed(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], names: set[str]
) -> None:
    assert call("list", *arguments, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} == names
    assert set(rows[0]) == {"name", "type", "value", "unit", "description", "choices", "aliases"}


def test_nothing_found_is_said_and_told_by_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list", "nonsuch*") == 1
    assert "no record matches 'nonsuch*'" in capsys.readouterr().err
    assert call("describe", "nonsuch") == 1
    assert "records list nonsuch" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["obs_nfowler", "dc:obs_nfowler", "nifs:dc:obs_nfowler"])
def test_a_set_point_is_described_with_bounds_and_doors(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert call("describe", name) == 0
    text = capsys.readouterr().out
    assert "int, 1 to 64, default 1" in text
    assert "set by nifs:dc:seqObserve.C, nifs:dc:obs_nfowler" in text


def test_a_description_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("describe", "tn:dc:dataObs", "--top", "tn:", "--json") == 0
    (described,) = json.loads(capsys.readouterr().out)
    assert described["fields"]["OUTB"] == "tn:sad:dc:d_obs_save.VAL PP NMS"
    assert [each["name"] for each in described["parameters"]][:2] == ["obs_dataDest", "obs_save"]
    assert described["parameters"][0]["valid"] == "DHS, FITS, NONE"


def test_an_alias_finds_its_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("describe", "nifsSad:dc:timeLeft") == 0
    assert capsys.readouterr().out.startswith("nifs:sad:dc:timeLeft  (sir)\n  also nifsSad:dc:timeLeft\n")


def test_the_export_is_the_same_to_a_file_and_to_the_screen(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call("export", "--db", "-") == 0
    text = capsys.readouterr().out
    assert call("export", "--db", str(tmp_path / "nifsdc.db")) == 0
    assert (tmp_path / "nifsdc.db").read_text(encoding="utf-8") == text
    assert 'record(apply, "nifs:dc:nifsApply") {' in text
    assert call("export", "--db", str(tmp_path / "nowhere" / "nifsdc.db")) == 2
    assert "give another file" in capsys.readouterr().err


def test_a_definition_with_mistakes_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert call("list", "--folder", str(tmp_path)) == 2
    assert "parameters.yaml: cannot be read" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["list", "--help"], ["describe", "--help"], ["export", "--help"]):
        with pytest.raises(SystemExit):
            call(*arguments)
        assert "nifsdc records " in capsys.readouterr().out
