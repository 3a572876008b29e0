"""What is exported for other programs, held against those programs' own rules.

Archiver Appliance: ``mgmt/bpl/archivePV`` takes a JSON array of objects with ``pv``, ``samplingmethod`` (a
member of its SamplingMethod) and ``samplingperiod`` (read by Float.parseFloat), and refuses names by a
pattern (PVNames). Phoebus: XmlModelReader takes a ``config`` with a name, of named components
and PVs; it refuses two components of a name at one level and drops a PV that it has seen already.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from nifsdc.cli.main import main
from nifsdc.database import load

CAMERAS = [("nifs", "nifs:"), ("ccd", "ccd:"), ("ft", "ft:")]
METHODS = ("SCAN", "MONITOR", "DONT_ARCHIVE")
PV_NAME = re.compile(r"[a-zA-Z0-9_\-+:\[\]<>;./,#{}^]+")
PV_TAGS = {
    *("description", "enabled", "latching", "annunciating", "delay", "count", "filter"),
    *("guidance", "display", "command", "automated_action"),
}
COMPONENT_TAGS = {"pv", "component", "guidance", "display", "command", "automated_action"}
TITLED = {"guidance", "display", "command", "automated_action"}


def exported(camera: str, top: str, option: str, folder: Path, *more: str) -> str:
    file = folder / "exported"
    status = main(["records", "export", "--camera", camera, "--top", top, option, str(file), *more])
    assert status == 0
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize(("camera", "top"), [*CAMERAS, ("nifs", "cam2:")])
def test_an_archiver_appliance_takes_what_is_to_be_archived(camera: str, top: str, tmp_path: Path) -> None:
    requests = json.loads(exported(camera, top, "--archiver", tmp_path))
    for request in requests:
        assert set(request) == {"pv", "samplingmethod", "samplingperiod"}
        assert all(isinstance(value, str) for value in request.values())
        assert request["samplingmethod"] in METHODS
        assert 0.1 <= float(request["samplingperiod"]) <= 86400
        assert PV_NAME.fullmatch(request["pv"])
    names = [request["pv"] for request in requests]
    assert len(set(names)) == len(names)
    assert set(names) <= {record.name for record in load(camera=camera).records(top)}
    setpoints = {f"{top}dc:{each.setpoint.name}" for each in load(camera=camera).parameters if each.setpoint}
    assert setpoints <= set(names)
    assert {f"{top}dc:observeC", f"{top}sad:dc:detTemp", f"{top}sad:dc:state"} <= set(names)
    assert f"{top}sad:dc:heartBeat" not in names


def hold_titled(element: ET.Element) -> None:
    for each in element:
        if each.tag in TITLED:
            assert {part.tag for part in each} <= {"title", "details", "delay"}
            assert each.findtext("title")
            assert each.findtext("details")


def names_of(component: ET.Element, seen: set[str]) -> None:
    """Hold a component, or the root, against what XmlModelReader takes of it; add its PVs."""
    assert set(component.attrib) == {"name"}
    assert "/" not in component.attrib["name"]
    assert {each.tag for each in component} <= COMPONENT_TAGS
    hold_titled(component)
    for pv in component.findall("pv"):
        assert set(pv.attrib) == {"name"}
        assert pv.attrib["name"] not in seen
        seen.add(pv.attrib["name"])
        assert {each.tag for each in pv} <= PV_TAGS
        assert len({each.tag for each in pv} - TITLED) == len([each for each in pv if each.tag not in TITLED])
        for tag in ("enabled", "latching", "annunciating"):
            assert pv.findtext(tag) in ("true", "false")
        # A description that begins with * or ! is spoken otherwise.
        assert (pv.findtext("description") or "*")[0] not in "*!"
        hold_titled(pv)
    inner = [each.attrib["name"] for each in component.findall("component")]
    assert len(set(inner)) == len(inner)
    for each in component.findall("component"):
        names_of(each, seen)


@pytest.mark.parametrize(("camera", "top"), [*CAMERAS, ("nifs", "cam2:")])
def test_an_alarm_server_takes_every_record_that_can_be_in_alarm(
    camera: str, top: str, tmp_path: Path
) -> None:
    root = ET.fromstring(exported(camera, top, "--alarms", tmp_path))
    assert (root.tag, root.attrib) == ("config", {"name": camera.upper()})
    seen: set[str] = set()
    names_of(root, seen)
    can = set()
    for record in load(camera=camera).records(top):
        severities = [
            text
            for name, text in record.fields.items()
            if name.endswith("SV") and text in ("MINOR", "MAJOR", "INVALID")
        ]
        if severities or record.fields.get("SNAM") == "dcHealthAlarm":
            can.add(record.name)
    assert seen == can
    assert f"{top}sad:dc:health" in seen


def test_the_alarms_root_is_a_name_for_kafka_topics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = exported("nifs", "nifs:", "--alarms", tmp_path, "--alarm-config", "MaunaKea")
    assert ET.fromstring(text).attrib["name"] == "MaunaKea"
    assert main(["records", "export", "--alarms", "-", "--alarm-config", "Mauna Kea"]) == 2
    assert "'Mauna Kea': expected letters" in capsys.readouterr().err


def test_who_exports_nothing_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["records", "export"]) == 2
    assert "--db, --archiver or --alarms" in capsys.readouterr().err


def test_several_are_exported_at_once(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("db", "archiver", "alarms")}
    options = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    assert main(["records", "export", *options]) == 0
    assert all(file.stat().st_size > 1000 for file in files.values())
