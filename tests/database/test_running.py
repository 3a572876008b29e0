"""The database at work in the record engine: responses, health, toggles, status chains, both doors."""

from __future__ import annotations

import itertools

import pytest

from nifsdc.records.types import AlarmStatus, Severity

from .conftest import Running

IDLE, PAUSED, BUSY, ERROR = range(4)
MARK, CLEAR, PRESET, START, STOP = range(5)
COMBINED = [
    *("initC", "setupSDSUC", "observeC", "seqViewC", "seqObserveC", "dataObsC", "dataViewC", "setDhsInfoC"),
    *("testC", "pauseC", "continueC", "DSPDirectCmdC", "verifyC", "endVerifyC", "endObserveC"),
    *("datumC", "guideC", "endGuideC", "parkC"),
]


def start(running: Running, *commands: str) -> int:
    """Mark commands and START the top apply; the client id, or a negative number when refused."""
    for command in commands:
        running.put(f"dc:{command}.DIR", MARK)
    running.put("dc:nifsApply.DIR", START)
    value: int = running.get("dc:nifsApply.VAL")
    return value


def test_verify_toggles_its_response_and_the_combined_one(running: Running) -> None:
    seen = running.watch("dc:nifsApply.VAL", "dc:verifyC", "dc:applyC.CLID", "dc:applyC")
    client_id = start(running, "verify")
    assert client_id > 0
    assert running.get("dc:verifyC") == BUSY
    running.wait(0.9)
    assert running.get("dc:verifyC") == BUSY
    running.wait(0.2)
    wanted = [
        ("dc:nifsApply.VAL", client_id),
        ("dc:verifyC", BUSY),
        ("dc:applyC.CLID", client_id),
        ("dc:applyC", BUSY),
        ("dc:verifyC", IDLE),
        ("dc:applyC.CLID", client_id),
        ("dc:applyC", IDLE),
    ]
    # START's second half posts the client id once more, while the response is BUSY already.
    events = iter(seen)
    assert all(event in events for event in wanted), seen
    assert [value for name, value in seen if name in ("dc:verifyC", "dc:applyC")] == [BUSY, BUSY, IDLE, IDLE]
    assert running.get("dc:verifyC.CLID") == client_id


@pytest.mark.parametrize("car", COMBINED)
def test_every_member_reaches_the_combined_response_by_its_own_change(running: Running, car: str) -> None:
    running.set(f"dc:{car}.IVAL", BUSY)
    assert running.get("dc:applyC") == BUSY
    running.set(f"dc:{car}.IMSS", "it broke")
    running.set(f"dc:{car}.IERR", 7)
    running.set(f"dc:{car}.IVAL", ERROR)
    assert (running.get("dc:applyC"), running.get("dc:applyC.OERR")) == (ERROR, 7)
    assert running.get("dc:applyC.OMSS") == "it broke"
    running.set(f"dc:{car}.IVAL", IDLE)
    assert (running.get("dc:applyC"), running.get("dc:applyC.OMSS")) == (IDLE, "")


@pytest.mark.parametrize("car", ["rebootC", "simulateC", "viewC"])
def test_the_others_stay_out_of_it(running: Running, car: str) -> None:
    running.set(f"dc:{car}.IVAL", BUSY)
    assert running.get("dc:applyC") == IDLE


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.product(("initC", "datumC"), ("testC", "dataViewC")))
)
def test_the_greatest_state_of_different_branches_wins(running: Running, first: str, second: str) -> None:
    running.set(f"dc:{first}.IVAL", BUSY)
    running.set(f"dc:{second}.IVAL", BUSY)
    running.set(f"dc:{first}.IVAL", IDLE)
    assert running.get("dc:applyC") == BUSY
    running.set(f"dc:{second}.IVAL", PAUSED)
    assert running.get("dc:applyC") == PAUSED
    running.set(f"dc:{first}.IVAL", BUSY)
    assert running.get("dc:applyC") == BUSY
    running.set(f"dc:{second}.IVAL", IDLE)
    running.set(f"dc:{first}.IVAL", IDLE)
    assert running.get("dc:applyC") == IDLE


@pytest.mark.parametrize(
    "command", ["init", "observe", "seqObserve", "setDhsInfo", "stop", "testSDSU", "view"]
)
def test_each_accepted_start_is_one_pulse(running: Running, command: str) -> None:
    starts = running.watch(f"dc:{command}P:st")
    stops = running.watch(f"dc:{command}P:sp")
    assert start(running, command) > 0
    assert starts == [(f"dc:{command}P:st", 1.0)]
    assert start(running, command) > 0
    assert len(starts) == 2
    assert stops == []
    running.put(f"dc:{command}.DIR", MARK)
    running.put("dc:nifsApply.DIR", STOP)
    assert len(stops) == 1
    assert len(starts) == 2


def test_a_refused_command_stops_all_others_and_tells_why(running: Running) -> None:
    starts = running.watch("dc:initP:st", "dc:observeP:st", "dc:verifyC")
    running.refused["observe"] = "observe: DC is DOWN; init first"
    assert start(running, "init", "observe", "verify") < 0
    assert running.get("dc:nifsApply.MESS") == "observe: DC is DOWN; init first"
    assert starts == []
    running.put("dc:nifsApply.DIR", CLEAR)
    assert start(running, "init") > 0
    assert starts == [("dc:initP:st", 1.0)]


def test_the_client_id_reaches_the_command(running: Running) -> None:
    client_id = start(running, "observe")
    assert running.get("dc:observe.OCID") == client_id
    running.set("dc:observeID", client_id)
    running.set("dc:observeC.IVAL", BUSY)
    assert running.get("dc:observeC.CLID") == client_id
    assert running.get("dc:applyC.CLID") == client_id


def test_a_setpoint_marks_its_command_and_writes_its_input(running: Running) -> None:
    marks = running.watch("dc:seqObserve.MARK", "dc:seqView.MARK")
    running.put("dc:obs_exposed", 60.25)
    assert running.get("dc:seqObserve.B") == "60.250000"
    assert marks == [("dc:seqObserve.MARK", 1)]
    running.put("dc:obs_readMode", "FOWLER")
    assert running.get("dc:seqObserve.A") == "1"
    running.put("dc:obs_nfowler", 16)
    assert running.get("dc:seqObserve.C") == "16"
    running.put("dc:view_timeMode", "Nr Periods")
    assert running.get("dc:seqView.F") == "2"
    running.put("dc:obs_dataDest", "NONE")
    assert running.get("dc:dataObs.A") == "2"
    running.put("dc:observationID", "N20260101S0001")
    assert running.get("dc:observe.A") == "N20260101S0001"


def test_a_value_out_of_bounds_goes_through_to_the_command_unchanged(running: Running) -> None:
    running.put("dc:obs_exposed", 1e6)
    running.put("dc:obs_nfowler", -5)
    assert float(running.get("dc:seqObserve.B")) == 1e6
    assert running.get("dc:seqObserve.C") == "-5"


def test_marking_a_command_at_start_overwrites_nothing_with_zeros(running: Running) -> None:
    running.put("dc:dataObs.DIR", MARK)
    assert running.text("sad:dc:d_obs_dataDest") == "FITS"
    assert running.text("sad:dc:d_obs_saveNdrsO") == "No"
    assert running.get("sad:dc:d_obs_cosmThrsh") == 5.0


def test_a_verified_argument_is_in_its_status_record_at_preset(running: Running) -> None:
    running.put("dc:testPatSeed", 4711)
    running.put("dc:obs_saveCoadds", "Yes")
    running.put("dc:nifsApply.DIR", PRESET)
    assert running.get("sad:dc:testPatSeed") == 4711
    assert running.text("sad:dc:d_obs_saveCoadO") == "Yes"


@pytest.mark.parametrize("door", ["DSPCmd", "DSPBootCmd"])
def test_a_direct_command_travels_as_a_word_and_shows_as_letters(running: Running, door: str) -> None:
    running.put(f"dc:{door}", "RDM")
    assert running.get("dc:DSPDirectCmd.B") == str(0x52444D)
    assert running.get("dc:DSPDirectCmd.MARK") == 1
    assert start(running) > 0
    assert running.get("sad:dc:SDSUcommand") == 0x52444D
    assert running.get("sad:dc:SDSUcmdAscii") == "RDM"


def test_nonsense_instead_of_a_direct_command_never_leaves_an_old_one_behind(running: Running) -> None:
    running.put("dc:DSPCmd", "RDM")
    running.put("dc:DSPCmd", "read memory")
    assert running.get("dc:DSPDirectCmd.B") == "0"


def test_controller_words_show_in_hexadecimal_and_letters(running: Running) -> None:
    running.set("sad:dc:lastHeader", 0x020002)
    running.set("sad:dc:exptHeader", 0x000203)
    running.set("sad:dc:lastReply", 0x444F4E)
    running.set("sad:dc:exptReply", 0)
    running.set("sad:dc:SDSUcmdDone", 0x54444C)
    assert running.get("sad:dc:lastHeaderHex") == "0x020002"
    assert running.get("sad:dc:exptHeaderHex") == "0x000203"
    assert running.get("sad:dc:lastReplyHex") == "0x444F4E"
    assert running.get("sad:dc:exptReplyHex") == "0x000000"
    assert running.get("sad:dc:SDSUcmdAsciiO") == "TDL"


@pytest.mark.parametrize("mode", ["obs", "view"])
def test_choices_pass_from_number_over_label_to_text(running: Running, mode: str) -> None:
    assert running.get(f"sad:dc:{mode}_readMode") == "DCS"
    assert running.get(f"sad:dc:{mode}_timeMode") == "Read period"
    seen = running.watch(f"sad:dc:{mode}_readMode")
    running.set(f"sad:dc:{mode}_readModeSet", 1)
    assert running.text(f"sad:dc:{mode}_readModeOut") == "FOWLER"
    assert seen == [(f"sad:dc:{mode}_readMode", "FOWLER")]
    running.set(f"sad:dc:{mode}_timeModeSet", 2)
    assert running.get(f"sad:dc:{mode}_timeMode") == "Nr Periods"
    assert running.get(f"sad:dc:{mode}_timeMode.OMSS") == "nperiods = exposure / period"
    assert running.get(f"sad:dc:{mode}_quadrants") == "FULL_FRAME"


def test_the_mode_of_operation_makes_one_of_two_records_zero(running: Running) -> None:
    for mode, view, obs in ((0, -1.0, -2.0), (1, 0.0, -1.0), (2, 1.0, 0.0)):
        running.set("sad:dc:irMode", mode)
        assert (running.get("sad:dc:viewMode"), running.get("sad:dc:obsMode")) == (view, obs)


PARTS = ("dataTask", "slaveTask", "fits", "dhs", "camera", "control")


@pytest.mark.parametrize("part", PARTS)
def test_the_worst_health_is_the_controllers_with_its_message(running: Running, part: str) -> None:
    assert running.get("sad:dc:health") == "GOOD"
    running.set("sad:dc:dhsHealth.IMSS", "server is slow")
    running.set("sad:dc:dhsHealth", "WARNING")
    assert (running.get("sad:dc:health"), running.get("sad:dc:health.OMSS")) == ("WARNING", "server is slow")
    running.set(f"sad:dc:{part}Health.IMSS", "gone")
    running.set(f"sad:dc:{part}Health", "BAD")
    assert (running.get("sad:dc:health"), running.get("sad:dc:health.OMSS")) == ("BAD", "gone")
    field = running.database.find("nifs:sad:dc:health")
    assert field is not None
    assert (field.stat, field.sevr) == (AlarmStatus.STATE, Severity.MAJOR)
    for each in PARTS:
        running.set(f"sad:dc:{each}Health.IMSS", "")
        running.set(f"sad:dc:{each}Health", "GOOD")
    assert (running.get("sad:dc:health"), running.get("sad:dc:health.OMSS")) == ("GOOD", "")
    assert field.sevr == Severity.NO_ALARM


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("VBIASPWR", 3.0, Severity.NO_ALARM),
        ("VBIASPWR", 3.09, Severity.NO_ALARM),
        ("VBIASPWR", 3.11, Severity.MINOR),
        ("VBIASPWR", 2.89, Severity.MINOR),
        ("detTemp", 65.0, Severity.NO_ALARM),
        ("detTemp", 91.0, Severity.MINOR),
        ("detTemp", 120.0, Severity.MAJOR),
        ("detTemp", 59.0, Severity.MINOR),
        ("detTemp", 40.0, Severity.MAJOR),
        ("framesMissed", 0, Severity.NO_ALARM),
        ("framesMissed", 1, Severity.MAJOR),
        ("cameraHealth", "WARNING", Severity.MINOR),
    ],
)
def test_alarm_limits(running: Running, name: str, value: float | str, severity: Severity) -> None:
    running.set(f"sad:dc:{name}", value)
    field = running.database.find(f"nifs:sad:dc:{name}")
    assert field is not None
    assert field.sevr == severity


def test_what_nobody_has_read_yet_is_undefined_and_everything_else_is_not(running: Running) -> None:
    for name in ("detTemp", "VRESET", "clockState"):
        field = running.database.find(f"nifs:sad:dc:{name}")
        assert field is not None
        assert (field.stat, field.sevr) == (AlarmStatus.UDF, Severity.INVALID), name
    for name in ("obs_readMode", "timeLeft", "health", "prep", "lastFile", "statusMsg1", "d_obs_saveO"):
        field = running.database.find(f"nifs:sad:dc:{name}")
        assert field is not None
        assert (field.stat, field.sevr) == (AlarmStatus.NO_ALARM, Severity.NO_ALARM), name
        assert field.timestamp == 1000.0


def test_long_text_has_room(running: Running) -> None:
    path = "/data/nifs/20260301/" + "N" * 80 + ".fits"
    running.set("sad:dc:lastPath", (*path.encode("ascii"), 0))
    value = running.get("sad:dc:lastPath")
    assert bytes(value).split(b"\0")[0].decode("ascii") == path


def test_the_operators_way_to_the_simulation_mode_shown(running: Running) -> None:
    running.put("sad:dc:simMenuOut", "FAST")
    assert running.get("sad:dc:simMode") == "FAST"


def test_the_grating_as_another_controller_writes_it(running: Running) -> None:
    running.put("sad:dc:gratNameIn", "K_G5605")
    assert running.get("sad:dc:gratName") == "K_G5605"
