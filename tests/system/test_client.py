"""The Python client, its command line and its Bluesky device, against a running system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
import pytest
from astropy.io import fits
from bluesky import RunEngine
from bluesky.plans import count
from bluesky.protocols import Configurable, Readable, Stoppable, Triggerable

from nifsdc.client import (
    Camera,
    CommandFailed,
    CommandRefused,
    NotConnected,
    Outcome,
    Progress,
    TookTooLong,
)
from nifsdc.client.device import CameraDevice

from .conftest import ANSWER_SECONDS, System, wait_until

EXPOSURE_S = 6.0
LONG = {"obs_exposed": 3000.0, "obs_ncoadds": 200}
"""an observation that is under way until it is ended"""
SHORT = {"obs_exposed": EXPOSURE_S, "obs_readMode": "DCS", "obs_ncoadds": 1}


@pytest.fixture(scope="module")
def camera(system: System) -> Iterator[Camera]:
    with Camera(system.top, ANSWER_SECONDS) as camera:
        yield camera


@pytest.fixture
def short(camera: Camera) -> Iterator[Camera]:
    camera.configure(**SHORT)
    yield camera
    camera.configure(**SHORT)


def client(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nifsdc.client", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        env=dict(os.environ),
        check=False,
    )


def integrating(look: Progress) -> bool:
    return look.stage in ("integrating", "reading out")


def test_an_observation_shows_its_progress_and_names_its_file(short: Camera) -> None:
    short.configure(obs_readMode="FOWLER", obs_nfowler="2", obs_ncoadds=2, obs_exposed=12)
    looks: list[Progress] = []
    taken = short.observe("FromClient", progress=looks.append)
    assert (taken.outcome, taken.label, taken.message) == (Outcome.DONE, "FromClient", "done")
    assert taken.paths == (taken.path,)
    header = fits.getheader(taken.path)
    assert (header["DATALAB"], header["READMODE"], header["LNRS"]) == ("FromClient", "FOWLER", 2)
    assert taken.coadds == header["COADDS"] == 2
    assert taken.reads == 2 * 2 * 2, "two sets of two reads, twice"
    assert looks
    assert all(0 <= look.reads_done <= 8 and look.coadds_done <= 2 for look in looks)
    assert short.last_file() == taken.path


def test_a_running_number_is_the_label_where_none_is_given(short: Camera) -> None:
    taken = short.observe()
    assert taken.label == fits.getheader(taken.path)["DATALAB"] == Path(taken.path).stem


@pytest.mark.parametrize(
    ("setpoints", "reason"),
    [
        ({"obs_exposed": 9000}, "obs_exposed 9000: 0 to 7200"),
        ({"obs_nfowler": 5, "obs_ncoadds": 0}, "obs_ncoadds 0: 1 to 1000"),
        (
            {"obs_nfowler": 5, "obs_readMode": "SLOW"},
            "obs_readMode 'SLOW': expected DCS, FOWLER, LINEAR, SINGLE",
        ),
        ({"obs_nfowler": 5, "obs_exposed": "long"}, "obs_exposed 'long': expected a number"),
        ({"obs_nfowler": 2.5}, "obs_nfowler 2.5: it became 2"),
    ],
)
def test_a_setpoint_that_cannot_be_is_refused_and_nothing_is_left_of_it(
    short: Camera, system: System, setpoints: dict[str, object], reason: str
) -> None:
    before = short.get("sad:dc:obs_nfowler")
    with pytest.raises(CommandRefused) as refused:
        short.configure(**setpoints)
    assert refused.value.reason == reason
    assert system.get("dc:seqObserve.MARK") == 0
    short.configure(obs_exposed=EXPOSURE_S)
    assert short.get("sad:dc:obs_nfowler") == before


def test_a_label_that_cannot_be_is_refused(short: Camera) -> None:
    with pytest.raises(CommandRefused, match="dataLabel 'a/b'"):
        short.observe("a/b")


def test_a_stop_keeps_the_data(short: Camera) -> None:
    short.configure(**LONG)
    asked: list[Progress] = []

    def stop_once(look: Progress) -> None:
        if integrating(look) and not asked:
            asked.append(look)
            short.stop()

    taken = short.observe(progress=stop_once)
    assert taken.outcome is Outcome.STOPPED
    assert fits.getheader(taken.path)["COADDS"] == taken.coadds < 200


def test_an_abort_discards_them(short: Camera) -> None:
    short.configure(**LONG)
    before = short.last_file()
    asked: list[Progress] = []

    def abort_once(look: Progress) -> None:
        if integrating(look) and not asked:
            asked.append(look)
            short.abort()

    taken = short.observe(progress=abort_once)
    assert (taken.outcome, taken.paths, taken.path) == (Outcome.ABORTED, (), "")
    assert short.last_file() == before


def test_an_observation_that_takes_too_long_goes_on_until_it_is_aborted(
    short: Camera, system: System
) -> None:
    short.configure(**LONG)
    with pytest.raises(TookTooLong, match="did not end in time"):
        short.observe(timeout=0.0)
    system.wait("sad:dc:obsSnlState", "EXPOSING")
    assert short.status().observation == "EXPOSING"
    short.abort()
    system.wait("dc:observeC.VAL", 0)


def test_a_failure_tells_its_reason_and_a_command_recovers(short: Camera, system: System) -> None:
    assert system.simulator(command="inject", kind="error", label="CLR")["ok"] is True
    with pytest.raises(CommandFailed, match="CLR") as failed:
        short.observe()
    assert failed.value.record == "observeC"
    assert failed.value.reason == system.get("dc:observeC.OMSS", text=True)
    told = short.status()
    assert (told.health, told.electronics) == ("BAD", "FAULT")
    assert told.reason == system.get("sad:dc:health.OMSS", text=True) != ""
    with pytest.raises(CommandRefused, match="initSDSU first"):
        short.observe()
    system.simulator(command="clear")
    short.command("init")
    told = short.status()
    assert (told.state, told.observation, told.electronics) == ("READY", "IDLE", "READY")
    assert (told.health, told.reason, told.data_server, told.spooled) == ("GOOD", "", True, 0)


def test_a_camera_that_is_not_there_says_what_to_check() -> None:
    with pytest.raises(NotConnected, match=r"nowhere:dc:nifsApply.DIR does not answer.*EPICS_CA_ADDR_LIST"):
        Camera("nowhere:", timeout=0.2)


def test_the_client_from_a_shell(short: Camera, system: System) -> None:
    top = ("--top", system.top, "--connect", str(ANSWER_SECONDS))
    ended = client("observe", *top, "--label", "ByModule", "--json", "obs_readMode=FOWLER", "obs_nfowler=1")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["status"], told["outcome"]) == (0, "done")
    assert fits.getheader(told["file"])["READMODE"] == "FOWLER"
    told = json.loads(client("status", *top, "--json").stdout)
    assert (told["state"], told["last_path"]) == ("READY", short.last_file())
    refused = client("configure", *top, "obs_readMode=SLOW")
    assert refused.returncode == 2
    assert "refused: obs_readMode 'SLOW': expected DCS" in refused.stderr
    idle = client("stop", *top)
    assert (idle.returncode, idle.stdout) == (2, "")
    assert "observation is IDLE" in idle.stderr


@pytest.fixture(scope="module")
def device(camera: Camera, system: System) -> Iterator[CameraDevice]:
    device = CameraDevice(system.top, name="nifs", timeout=ANSWER_SECONDS)
    yield device
    device.close()


def test_a_plan_of_bluesky_configures_triggers_and_reads(device: CameraDevice, short: Camera) -> None:
    for protocol in (Readable, Triggerable, Configurable, Stoppable):
        assert isinstance(device, protocol)
    documents: dict[str, list[dict[str, Any]]] = {}
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(lambda name, document: documents.setdefault(name, []).append(document))

    def plan() -> Iterator[Any]:
        yield from bps.configure(device, {"obs_readMode": "SINGLE", "obs_ncoadds": 2})
        yield from count([device], num=2)

    engine(plan())
    [descriptor] = documents["descriptor"]
    assert descriptor["configuration"]["nifs"]["data"] == {"obs_readMode": "SINGLE", "obs_ncoadds": 2}
    paths = [event["data"]["nifs_path"] for event in documents["event"]]
    assert len(set(paths)) == 2
    assert [fits.getheader(path)["READMODE"] for path in paths] == ["SINGLE", "SINGLE"]
    assert [event["data"]["nifs_coadds"] for event in documents["event"]] == [2, 2]
    assert documents["stop"][-1]["exit_status"] == "success"


def test_a_device_is_stopped_and_tells_of_failures(
    device: CameraDevice, short: Camera, system: System
) -> None:
    device.configure(LONG)
    status = device.trigger()
    wait_until(
        lambda: status.done or system.get("sad:dc:obsSnlState") == "EXPOSING", ANSWER_SECONDS, "the exposure"
    )
    assert not status.done, status.exception()
    device.stop(success=True)
    assert status.exception(ANSWER_SECONDS) is None
    assert status.success
    assert device.read()["nifs_outcome"]["value"] == "stopped"
    assert device.describe().keys() == device.read().keys()
    device.configure(SHORT)
    assert system.simulator(command="inject", kind="error", label="CLR")["ok"] is True
    status = device.trigger()
    assert isinstance(status.exception(ANSWER_SECONDS), CommandFailed)
    assert status.done
    assert not status.success
    system.simulator(command="clear")
    short.command("init")
