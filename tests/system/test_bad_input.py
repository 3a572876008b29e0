"""What is wrong is refused where it came, with its name, value and bounds, and changes nothing."""

from __future__ import annotations

import ctypes
from typing import Any

import epics
import pytest

from .conftest import System, run_system, watching

SHOWN = (
    "obs_exposedRQ",
    "obs_nfowler",
    "obs_ncoadds",
    "obs_nresets",
    "obs_period",
    "obs_nperiods",
    "obs_readMode",
)


def shown(system: System) -> list[Any]:
    return [system.get(f"sad:dc:{name}") for name in SHOWN]


@pytest.mark.parametrize(
    ("channel", "value", "message"),
    [
        ("dc:obs_exposed", -1.0, ("obs_exposed", "-1", "0")),
        ("dc:obs_exposed", 1e6, ("obs_exposed", "1000000", "7200")),
        ("dc:obs_nfowler", 0, ("obs_nfowler", "0", "1")),
        ("dc:obs_nfowler", 100000, ("obs_nfowler", "100000")),
        ("dc:obs_ncoadds", 0, ("obs_ncoadds", "0", "1")),
        ("dc:obs_nresets", -3, ("obs_nresets", "-3")),
        ("dc:obs_period", -0.5, ("obs_period", "-0.5")),
        ("dc:obs_nperiods", 0, ("obs_nperiods", "0")),
        ("dc:seqObserve.A", "BRIGHT", ("obs_readMode", "BRIGHT")),
        ("dc:seqObserve.B", "ten", ("obs_exposed", "ten")),
        ("dc:seqObserve.B", "nan", ("obs_exposed", "nan")),
        ("dc:seqObserve.B", "1e999", ("obs_exposed", "1e999")),
        ("dc:seqObserve.C", "2.5", ("obs_nfowler", "2.5")),
        ("dc:seqObserve.C", "0x10", ("obs_nfowler", "0x10", "64")),
        ("dc:dataObs.A", "TAPE", ("obs_dataDest", "TAPE")),
        ("dc:dataObs.H", "-1", ("obs_cosmThrsh", "-1")),
        ("dc:observe.A", "../../etc/passwd", ("dataLabel", "../..", "no /")),
        ("dc:observe.A", ".hidden", (".hidden",)),
        ("dc:observe.A", "bad label", ("dataLabel 'bad label'",)),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name_value_and_bounds(
    system: System, channel: str, value: Any, message: tuple[str, ...]
) -> None:
    before = shown(system)
    system.put(channel, value)
    reason = system.refused()
    for word in message:
        assert word in reason
    assert len(reason) <= 39
    assert shown(system) == before
    record = channel.split(".")[0]
    if record not in ("dc:observe", "dc:dataObs", "dc:seqObserve"):
        record = "dc:seqObserve"
    assert system.get(f"{record}.MARK") == 0


def test_a_wrong_type_is_refused_at_the_channel_and_the_old_value_stays(system: System) -> None:
    before = system.get("dc:obs_exposed")
    # As text, which is how `caput -s` and the observatory's client write it; pyepics would convert it itself.
    text = ctypes.create_string_buffer(b"soon", 40)
    chid = system.channel("dc:obs_exposed").chid
    assert epics.ca.libca.ca_array_put(epics.dbr.STRING, 1, chid, text) == epics.dbr.ECA_NORMAL
    assert system.get("dc:obs_exposed") == before
    assert system.get("dc:seqObserve.MARK") == 0


def test_an_index_beyond_the_menu_is_refused_and_the_old_value_stays(system: System) -> None:
    system.put("dc:obs_readMode", "DCS")
    channel = system.channel("dc:obs_readMode")
    channel.put(9, wait=True, timeout=60.0)
    assert system.get("dc:obs_readMode") == 0
    system.put("dc:nifsApply.DIR", "CLEAR")


def test_a_text_too_long_for_its_field_is_cut_by_nobody_unseen(system: System) -> None:
    system.put("dc:setDhsInfo.A", "x" * 39)
    reason = system.refused()
    assert "qlStream" in reason


def test_a_rejected_apply_stores_nothing_of_the_commands_that_were_right(system: System) -> None:
    system.configure(obs_exposed=6.0)
    system.put("dc:obs_exposed", 77.0)
    system.put("dc:dataObs.A", "TAPE")
    assert "TAPE" in system.refused()
    assert system.get("sad:dc:obs_exposedRQ") == 6.0


def test_observe_while_observing_is_refused_and_the_observation_goes_on(system: System) -> None:
    system.configure(obs_exposed=3000.0, obs_readMode="DCS", obs_ncoadds=200)
    with watching(system, "dc:observeC.VAL", "dc:observeC.OMSS") as seen:
        assert system.start_marked("observe") > 0
        seen.wait_for("dc:observeC.VAL", 2)
        assert system.start_marked("observe") < 0
        assert "observe: observation is" in system.message()
        assert system.start_marked("seqObserve") < 0
        system.put("dc:nifsApply.DIR", "CLEAR")
        assert seen.of("dc:observeC.VAL") == [2]
        assert system.start_marked("abort") > 0
        seen.wait_for("dc:observeC.VAL", 0)
    system.configure(obs_exposed=6.0, obs_ncoadds=1)


@pytest.mark.parametrize("command", ["stop", "abort"])
def test_nothing_to_end_is_said_so(system: System, command: str) -> None:
    assert system.start_marked(command) < 0
    assert system.message() == f"{command}: observation is IDLE"
    system.put("dc:nifsApply.DIR", "CLEAR")


def test_observe_before_init_is_refused_with_the_remedy(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("uninitialised")
    with run_system(folder, "--speed", "fast", config="initialise: false\n") as fresh:
        assert fresh.get("sad:dc:state") == "DOWN"
        assert fresh.start_marked("observe") < 0
        assert fresh.message() == "observe: DC is DOWN; init first"
        fresh.put("dc:nifsApply.DIR", "CLEAR")
        fresh.command("init")
        assert fresh.observe("AfterInit").exists()
