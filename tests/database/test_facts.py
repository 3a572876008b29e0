"""The database against tables typed from the facts on the sister instrument's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from nifsdc.database import Definition
from nifsdc.records.definition import RecordDef

from .conftest import Running

NIFS_LABELS = {
    "readModeOut": "DCS|FOWLER|LINEAR|SINGLE",
    "timeModeOut": "Exposure time|Read period|Nr Periods",
}
"""where NIFS differs: the labels of its own client"""


def facts() -> list[tuple[str, str, str, str]]:
    lines = (Path(__file__).parent / "facts" / "status.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(group, name, rtyp, what) for group, name, rtyp, what in rows]


@pytest.mark.parametrize(("group", "name", "rtyp", "what"), facts(), ids=lambda value: value)
def test_every_status_record_is_there_with_its_type(
    records: Mapping[str, RecordDef], definition: Definition, group: str, name: str, rtyp: str, what: str
) -> None:
    full = f"nifs:{name}" if name.startswith("dc:") else f"nifs:sad:dc:{name}"
    record = records[full]
    assert record.rtyp == rtyp
    assert {status.name: status.group for status in definition.status}[name.removeprefix("dc:")] == group
    if rtyp == "sir":
        assert record.fields["FTVL"] == what
    if rtyp == "mbbi":
        expected = NIFS_LABELS.get(name.partition("_")[2], what)
        labels = [text for field, text in record.fields.items() if field.endswith("ST")]
        assert "|".join(labels) == expected


APPLY_TREE = {
    "nifsApply": "sysApply controlSDSUApply seqApply dataApply stateApply noOpApply SDSUUtilsApply",
    "sysApply": "reboot init test park debug simulate",
    "controlSDSUApply": "initSDSU testPat DSPDirectCmd",
    "seqApply": "seqView seqObserve",
    "dataApply": "dataViewApply dataObsApply setDhsInfo",
    "dataViewApply": "dataView",
    "dataObsApply": "dataObs",
    "stateApply": "observe abort stop view",
    "noOpApply": "verify endVerify guide endGuide endObserve datum pause continue",
    "SDSUUtilsApply": "cancelSDSU resetSDSU debugSDSU testSDSU shutdownSDSU",
}


def test_the_apply_tree_is_closed_and_every_link_of_it_is_there(records: Mapping[str, RecordDef]) -> None:
    assert {name.removeprefix("nifs:dc:") for name, each in records.items() if each.rtyp == "apply"} == set(
        APPLY_TREE
    )
    for name, children in APPLY_TREE.items():
        fields = records[f"nifs:dc:{name}"].fields
        for letter, child in zip("ABCDEFGH", children.split(), strict=False):
            record = f"nifs:dc:{child}"
            client_id = "CLID" if child in APPLY_TREE else "ICID"
            links = {stem: fields[stem + letter].split()[0] for stem in ("OUT", "OCL", "INP", "INM")}
            assert links == {
                "OUT": f"{record}.DIR",
                "OCL": f"{record}.{client_id}",
                "INP": f"{record}.VAL",
                "INM": f"{record}.MESS",
            }
        assert float(fields["TOUT"]) == 3.0
        assert len([field for field in fields if field.startswith("OUT")]) == len(children.split())
    reached = {child for children in APPLY_TREE.values() for child in children.split()}
    commands = {name.removeprefix("nifs:dc:") for name, each in records.items() if each.rtyp == "cad"}
    assert commands == reached - set(APPLY_TREE)


RESPONSES = {
    "reboot": "rebootC",
    "init": "initC",
    "test": "testC",
    "park": "parkC",
    "debug": None,
    "simulate": "simulateC",
    "initSDSU": "setupSDSUC",
    "testPat": "setupSDSUC",
    "DSPDirectCmd": "DSPDirectCmdC",
    "seqView": "seqViewC",
    "seqObserve": "seqObserveC",
    "dataView": "dataViewC",
    "dataObs": "dataObsC",
    "setDhsInfo": "setDhsInfoC",
    "observe": "observeC",
    "view": "viewC",
    "abort": None,
    "stop": None,
    "cancelSDSU": "setupSDSUC",
    "resetSDSU": "setupSDSUC",
    "debugSDSU": "setupSDSUC",
    "testSDSU": "setupSDSUC",
    "shutdownSDSU": "setupSDSUC",
}
TOGGLED = ("verify", "endVerify", "guide", "endGuide", "endObserve", "datum", "pause", "continue")


@pytest.mark.parametrize(("command", "car"), RESPONSES.items())
def test_commands_with_an_action_have_pulses_and_a_response(
    records: Mapping[str, RecordDef], definition: Definition, command: str, car: str | None
) -> None:
    cad = records[f"nifs:dc:{command}"].fields
    defined = {each.name: each for each in definition.commands}[command]
    assert (defined.kind, defined.car) == ("control", car)
    for link, suffix in (("STLK", "st"), ("SPLK", "sp")):
        pulse = f"nifs:dc:{command}P:{suffix}"
        assert cad[link] == pulse
        assert records[pulse].fields["CALC"] == "B=0?A+1:A"
        assert records[pulse].fields["INPA"].split()[0] == f"{pulse}.VAL"
        assert records[pulse].fields["INPB"].split()[0] == f"nifs:dc:{command}.VAL"
        assert records[pulse].fields["EGU"] == "count"
    if car is None:
        assert defined.id_record is None
    else:
        icid = records[f"nifs:dc:{car}"].fields["ICID"].split()[0]
        assert icid == f"nifs:dc:{defined.id_record}.VAL"
        assert records[f"nifs:dc:{defined.id_record}"].rtyp == "longin"


@pytest.mark.parametrize("command", TOGGLED)
def test_commands_without_an_action_toggle_their_response(
    records: Mapping[str, RecordDef], command: str
) -> None:
    assert records[f"nifs:dc:{command}"].fields["STLK"] == f"nifs:dc:{command}Toggle"
    toggle = records[f"nifs:dc:{command}Toggle"].fields
    assert [toggle[name] for name in ("DLY1", "DOL1", "DLY2", "DOL2")] == ["0.0", "2", "1.0", "0"]
    assert toggle["LNK1"] == toggle["LNK2"] == f"nifs:dc:{command}C.IVAL PP NMS"
    assert records[f"nifs:dc:{command}C"].fields["ICID"].split()[0] == f"nifs:dc:{command}.OCID"
    assert f"nifs:dc:{command}P:st" not in records


COMBINED = (
    "initC setupSDSUC observeC seqViewC seqObserveC dataObsC dataViewC setDhsInfoC testC pauseC continueC "
    "DSPDirectCmdC verifyC endVerifyC endObserveC datumC guideC endGuideC parkC"
)


def test_the_intended_responses_combine_and_no_others(definition: Definition) -> None:
    combiners = {combiner.name for combiner in definition.combiners}
    members = [each for combiner in definition.combiners for each in combiner.inputs if each not in combiners]
    assert sorted(members) == sorted(COMBINED.split())
    cars = {car.name for car in definition.cars}
    assert cars - set(members) == {"applyC", "rebootC", "simulateC", "viewC"}


ARGUMENTS = [
    # command, letter, parameter, FTV, OUT; those of the facts that NIFS keeps
    ("debug", "A", "debugMode", "STRING", "sad:dc:debugMode.VAL PP MS"),
    ("simulate", "A", "simMode", "STRING", "sad:dc:simMode.VAL PP MS"),
    ("testPat", "A", "testPatSeed", "LONG", "sad:dc:testPatSeed.VAL PP NMS"),
    ("testPat", "B", "testPatInc", "LONG", "sad:dc:testPatInc.VAL PP NMS"),
    ("testPat", "C", "testPatAmpInc", "LONG", "sad:dc:testPatAmpInc.VAL PP NMS"),
    ("testPat", "D", "testPatReadInc", "LONG", "sad:dc:testPatReadInc.VAL PP NMS"),
    ("testPat", "E", "testPatOS", "LONG", "sad:dc:testPatOS.VAL PP NMS"),
    ("testPat", "F", "testPatVerify", "LONG", "sad:dc:testPatVerify.VAL PP NMS"),
    ("DSPDirectCmd", "A", "SDSUboard", "LONG", "sad:dc:SDSUboard.VAL PP MS"),
    ("DSPDirectCmd", "B", "SDSUcommand", "LONG", "sad:dc:SDSUcommand.VAL PP MS"),
    ("DSPDirectCmd", "C", "SDSUmemSpace", "LONG", "sad:dc:SDSUmemSpace.VAL PP MS"),
    ("DSPDirectCmd", "D", "SDSUaddress", "LONG", "sad:dc:SDSUaddress.VAL PP MS"),
    ("DSPDirectCmd", "E", "SDSUarg1", "LONG", "sad:dc:SDSUarg1.VAL PP MS"),
    ("DSPDirectCmd", "F", "SDSUarg2", "LONG", "sad:dc:SDSUarg2.VAL PP MS"),
    ("dataView", "A", "view_dataDest", "STRING", "sad:dc:d_view_dataDest.VAL PP NMS"),
    ("dataView", "B", "view_doSubFile", "LONG", "sad:dc:d_view_doSubFile.VAL PP NMS"),
    ("dataView", "C", "view_subFile", "STRING", "sad:dc:d_view_subFile.VAL PP NMS"),
    ("dataView", "D", "view_doCmpIm", "LONG", "sad:dc:d_view_doCmpIm.VAL PP NMS"),
    ("dataView", "E", "view_waveMin", "DOUBLE", "sad:dc:d_view_waveMin.VAL PP NMS"),
    ("dataView", "F", "view_waveMax", "DOUBLE", "sad:dc:d_view_waveMax.VAL PP NMS"),
    ("dataView", "G", "view_cosmRej", "LONG", "sad:dc:d_view_cosmRej.VAL PP NMS"),
    ("dataView", "H", "view_cosmThrsh", "DOUBLE", "sad:dc:d_view_cosmThrsh.VAL PP NMS"),
    ("dataView", "I", "view_cosmMin", "DOUBLE", "sad:dc:d_view_cosmMin.VAL PP NMS"),
    ("dataObs", "A", "obs_dataDest", "STRING", "sad:dc:d_obs_dataDest.VAL PP NMS"),
    ("dataObs", "B", "obs_save", "LONG", "sad:dc:d_obs_save.VAL PP NMS"),
    ("dataObs", "C", "obs_saveNdrs", "LONG", "sad:dc:d_obs_saveNdrs.VAL PP NMS"),
    ("dataObs", "D", "obs_saveCoadds", "LONG", "sad:dc:d_obs_saveCoadds.VAL PP NMS"),
    ("dataObs", "E", "obs_saveVar", "LONG", "sad:dc:d_obs_saveVar.VAL PP NMS"),
    ("dataObs", "F", "obs_saveQual", "LONG", "sad:dc:d_obs_saveQual.VAL PP NMS"),
    ("dataObs", "G", "obs_cosmRej", "LONG", "sad:dc:d_obs_cosmRej.VAL PP NMS"),
    ("dataObs", "H", "obs_cosmThrsh", "DOUBLE", "sad:dc:d_obs_cosmThrsh.VAL PP NMS"),
    ("dataObs", "I", "obs_cosmMin", "DOUBLE", "sad:dc:d_obs_cosmMin.VAL PP NMS"),
    ("observe", "A", "dataLabel", "STRING", "sad:dc:dataLabel.VAL PP MS"),
    ("debugSDSU", "A", "SDSUdebug", "LONG", "sad:dc:SDSUdebug.VAL PP MS"),
    ("testSDSU", "A", "SDSUntests", "LONG", "sad:dc:SDSUntests.VAL PP MS"),
    ("setDhsInfo", "A", "qlStream", "STRING", "sad:dc:d_obs_rawQLS.VAL PP NMS"),
]


@pytest.mark.parametrize(("command", "letter", "parameter", "ftv", "out"), ARGUMENTS)
def test_arguments(
    records: Mapping[str, RecordDef],
    definition: Definition,
    command: str,
    letter: str,
    parameter: str,
    ftv: str,
    out: str,
) -> None:
    fields = records[f"nifs:dc:{command}"].fields
    assert (fields[f"FTV{letter}"], fields[f"OUT{letter}"]) == (ftv, f"nifs:{out}")
    doors = {each.name: each.doors for each in definition.parameters}[parameter]
    assert doors[0] == f"{command}.{letter}"


def test_the_design_notes_inputs_are_where_it_has_them(definition: Definition) -> None:
    doors = {parameter.name: parameter.doors[0] for parameter in definition.parameters}
    assert doors["obs_readMode"] == "seqObserve.A"
    assert doors["obs_nfowler"] == "seqObserve.C"  # "nreads"
    assert doors["qlStream"] == "setDhsInfo.A"


def test_observe_reads_the_health_with_its_severity(records: Mapping[str, RecordDef]) -> None:
    assert records["nifs:dc:observe"].fields["INPB"] == "nifs:sad:dc:health.VAL PP MS"


CHOICES = {
    "dc:debugMenu": "NOLOG NONE MIN FULL SDSU STATE CALCS SPECIAL",
    "dc:simulateMenu": "NONE FAST FULL",
    "dc:obs_dataDest": "DHS FITS NONE",
    "dc:view_dataDest": "DHS FITS NONE",
    "dc:DSPBoardIn": "HOST PCI TIMING UTILITY",
    "dc:DSPMemSpaceIn": "P X Y",
    "dc:obs_save": "Yes No",
    "dc:testPatVerify": "Yes No",
}


@pytest.mark.parametrize(("name", "labels"), CHOICES.items())
def test_choices_of_setpoints(untouched: Running, name: str, labels: str) -> None:
    assert untouched.database.find(f"nifs:{name}").menu == tuple(labels.split())
