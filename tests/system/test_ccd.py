"""A CCD camera as a whole: simulator, data server and IOC as processes; set-points, commands, files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from nifsdc_sim.scene import index_rate

from .conftest import System, run_system, wait_until, watching

OBSERVE_C = "dc:observeC.VAL"
CLI_SECONDS = 120.0


@pytest.fixture(scope="module")
def ccd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A CCD with two outputs that adds nothing to a scene in which every pixel has a number of its own."""
    with run_system(
        tmp_path_factory.mktemp("ccd"),
        *("--config", "ccd", "--speed", "10", "--simulator", "--scene index --effect ideal"),
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def at_rest(ccd: System) -> Iterator[None]:
    """Begin each test with the full frame, unbinned, and nothing under way."""
    ccd.configure(
        **{f"window{number}": "" for number in range(1, 11)},
        obs_xbin=1,
        obs_ybin=1,
        obs_speed="FAST",
        obs_obsType="OBJECT",
        obs_exposed=1.0,
        obs_preflash=1.0,
        obs_nexp=1,
        objectName="",
    )
    yield
    if ccd.get("sad:dc:obsSnlState", text=True) != "IDLE":
        ccd.start_marked("abort")
        wait_until(lambda: ccd.get(OBSERVE_C) in (0, 3), 60.0, "the observation to end")


def command(ccd: System, *words: str) -> subprocess.CompletedProcess[str]:
    """Type a command."""
    return subprocess.run(
        [sys.executable, "-m", "nifsdc", *words, "--top", ccd.top],
        capture_output=True,
        text=True,
        timeout=CLI_SECONDS,
        env=dict(os.environ),
        check=False,
    )


def files(typed: subprocess.CompletedProcess[str]) -> list[Path]:
    assert typed.returncode == 0, typed.stderr
    return [Path(line.removeprefix("FILE ")) for line in typed.stdout.splitlines()]


def truth(x1: int, x2: int, y1: int, y2: int, xbin: int = 1, ybin: int = 1) -> NDArray[np.int64]:
    """What a window of the scene has after a second: an ideal CCD has an ADU for each electron.

    The full frame has 16 columns of prescan at either edge, and twice 32 of overscan in the middle.
    """
    row, column = np.arange(1024)[:, np.newaxis], np.arange(1024)[np.newaxis, :]
    scene = index_rate(row, column)
    frame = np.hstack(
        [np.pad(scene[:, :512], ((0, 0), (16, 32))), np.pad(scene[:, 512:], ((0, 0), (32, 16)))]
    )
    rate = frame[y1 - 1 : y2, x1 - 1 : x2]
    shape = (rate.shape[0] // ybin, ybin, rate.shape[1] // xbin, xbin)
    summed: NDArray[np.int64] = rate.reshape(shape).sum(axis=(1, 3))
    return summed


def expose_until_integrating(ccd: System, seconds: float) -> None:
    """Start a long exposure and wait until its shutter is open."""
    ccd.configure(obs_exposed=seconds)
    assert ccd.start_marked("observe") > 0, ccd.message()
    ccd.wait("sad:dc:obsSnlState", "EXPOSING")
    ccd.wait("sad:dc:acq", 0)


def test_a_full_frame_is_the_scene_with_its_overscan(ccd: System) -> None:
    with fits.open(ccd.observe()) as file:
        header, image = file[0].header, file["SCI"].data
        assert len(file) == 2
    # Two channels of 16 prescan, 512 image and 32 overscan columns each, the right one the other way round.
    assert image.shape == (1024, 1120)
    assert header["OBSTYPE"] == header["IMAGETYP"] == "OBJECT"
    assert header["SHUTTER"] == "OPEN"
    assert header["EXPRQ"] == 1.0
    assert header["EXPTIME"] == pytest.approx(1.0, abs=0.002)
    assert header["EXPSRC"] == "CONTROLLER"
    assert (header["CCDXBIN"], header["CCDYBIN"], header["NWINDOWS"]) == (1, 1, 0)
    assert header["DETSPEED"] == "FAST"
    np.testing.assert_array_equal(image, truth(1, 1120, 1, 1024))


def test_windows_have_an_extension_each(ccd: System) -> None:
    regions = [(101, 200, 301, 340), (401, 640, 321, 420), (1001, 1024, 1, 10)]
    ccd.configure(**{f"window{n}": f"[{x1}:{x2},{y1}:{y2}]" for n, (x1, x2, y1, y2) in enumerate(regions, 1)})
    assert ccd.get("sad:dc:obs_windows", text=True) == "[101:200,301:340] [401:640,321:420] [1001:1024,1:10]"
    with fits.open(ccd.observe()) as file:
        assert file[0].header["NWINDOWS"] == 3
        for number, (x1, x2, y1, y2) in enumerate(regions, 1):
            extension = file["SCI", number]
            assert extension.header["DETSEC"] == f"[{x1}:{x2},{y1}:{y2}]"
            assert WCS(extension.header, key="P").wcs_pix2world([[0.5, 0.5]], 1)[0].tolist() == [
                x1 - 0.5,
                y1 - 0.5,
            ]
            assert extension.header["WINDOW"] == number
            np.testing.assert_array_equal(extension.data, truth(x1, x2, y1, y2))


def test_windows_are_binned_at_the_other_speed(ccd: System) -> None:
    ccd.configure(window1="[11:40,21:80]", window2="[601:660,101:160]", obs_xbin=3, obs_ybin=2)
    ccd.configure(obs_speed="SLOW")
    with fits.open(ccd.observe()) as file:
        header = file[0].header
        assert (header["CCDXBIN"], header["CCDYBIN"], header["DETSPEED"]) == (3, 2, "SLOW")
        assert file["SCI", 1].header["CCDSUM"] == "3 2"
        assert file["SCI", 1].header["GAIN"] == 1.2
        np.testing.assert_array_equal(file["SCI", 1].data, truth(11, 40, 21, 80, 3, 2))
        np.testing.assert_array_equal(file["SCI", 2].data, truth(601, 660, 101, 160, 3, 2))


@pytest.mark.parametrize(
    ("setpoints", "words"),
    [
        ({"window1": "[5:2,1:3]"}, ("window1", "lower")),
        ({"window2": "here"}, ("window2", "[x1:x2,y1:y2]")),
        ({"window1": "[1:2000,1:3]"}, ("window1", "1120 x 1024")),
        ({"obs_xbin": 2}, ("window10", "multiple", "binning")),
    ],
)
def test_windows_that_cannot_be_read_are_refused(
    ccd: System, setpoints: dict[str, object], words: tuple[str, ...]
) -> None:
    ccd.configure(window10="[1:5,1:4]")
    for name, value in setpoints.items():
        ccd.put(f"dc:{name}", value)
    message = ccd.refused()
    for word in words:
        assert word in message
    assert len(message) <= 39


@pytest.mark.parametrize(
    ("kind", "shutter", "seconds", "preflash"),
    [("DARK", "CLOSED", 1.0, 0.0), ("BIAS", "CLOSED", 0.0, 0.0), ("FLASH", "CLOSED", 0.0, 1.0)],
)
def test_a_closed_shutter(ccd: System, kind: str, shutter: str, seconds: float, preflash: float) -> None:
    ccd.configure(obs_obsType=kind, window1="[101:200,1:100]")
    with fits.open(ccd.observe()) as file:
        header, image = file[0].header, file["SCI"].data
    assert (header["OBSTYPE"], header["SHUTTER"]) == (kind, shutter)
    assert header["EXPTIME"] >= seconds
    assert header["EXPRQ"] == seconds
    assert header["PREFLASH"] == preflash
    # The lamps give 500 electrons a second and pixel.
    np.testing.assert_array_equal(image, np.full((100, 100), round(500 * preflash)))


@pytest.mark.parametrize("kind", ["SKY", "FLAT", "ARC"])
def test_other_types_open_the_shutter(ccd: System, kind: str) -> None:
    ccd.configure(obs_obsType=kind, window1="[1:50,1:50]", objectName="dome lamp")
    with fits.open(ccd.observe()) as file:
        assert (file[0].header["OBSTYPE"], file[0].header["SHUTTER"]) == (kind, "OPEN")
        assert file[0].header["OBJECT"] == "dome lamp"
        np.testing.assert_array_equal(file["SCI"].data, truth(1, 50, 1, 50))


def test_a_pause_closes_the_shutter_and_halts_the_time(ccd: System) -> None:
    ccd.configure(window1="[1:50,1:50]")
    with watching(ccd, OBSERVE_C, "sad:dc:obsSnlState") as seen:
        expose_until_integrating(ccd, 120.0)
        ccd.command("pause")
        assert ccd.get(OBSERVE_C) == 1
        assert ccd.get("sad:dc:obsSnlState", text=True) == "PAUSED"
        paused = ccd.get("sad:dc:elapsed")
        wait_until(lambda: ccd.get("sad:dc:elapsed") > paused + 10.0, 60.0, "times shown since the pause")
        before = ccd.get("sad:dc:expElapsed")
        wait_until(lambda: ccd.get("sad:dc:elapsed") > 122.0, 60.0, "more time than the exposure has to pass")
        assert ccd.get("sad:dc:expElapsed") == pytest.approx(before, abs=0.02)
        ccd.command("continue")
        seen.wait_for("sad:dc:obsSnlState", "EXPOSING")
        seen.wait(lambda events: (OBSERVE_C, 0) in events)
        assert seen.of(OBSERVE_C) == [2, 1, 2, 0]
    with fits.open(Path(ccd.get("sad:dc:lastPath", text=True))) as file:
        assert file[0].header["EXPTIME"] == pytest.approx(120.0, abs=0.01)
        # The simulator opens and closes its shutter on a millisecond: the light is that of the open time.
        exposed = np.asarray(file["SCI"].data, dtype=float)
        np.testing.assert_allclose(exposed, np.minimum(truth(1, 50, 1, 50) * 120.0, 65535), rtol=1e-3)


def test_a_longer_time_and_a_shorter_one(ccd: System) -> None:
    ccd.configure(window1="[1:50,1:50]")
    expose_until_integrating(ccd, 600.0)
    ccd.put("dc:retime.A", "30")
    ccd.command("retime")
    ccd.wait(OBSERVE_C, 0)
    with fits.open(Path(ccd.get("sad:dc:lastPath", text=True))) as file:
        assert file[0].header["EXPRQ"] == 600.0
        assert 30.0 <= file[0].header["EXPTIME"] < 300.0


def test_a_stop_keeps_what_was_exposed(ccd: System) -> None:
    ccd.configure(window1="[1:50,1:50]")
    expose_until_integrating(ccd, 3600.0)
    assert ccd.start_marked("stop") > 0
    ccd.wait(OBSERVE_C, 0)
    with fits.open(Path(ccd.get("sad:dc:lastPath", text=True))) as file:
        assert 0 < file[0].header["EXPTIME"] < 3600.0
        assert file[0].header["STOPPED"]


def test_an_abort_leaves_no_file_and_a_closed_shutter(ccd: System) -> None:
    ccd.configure(window1="[1:50,1:50]")
    before = ccd.get("sad:dc:lastPath", text=True)
    expose_until_integrating(ccd, 3600.0)
    assert ccd.start_marked("abort") > 0
    ccd.wait(OBSERVE_C, 0)
    assert ccd.get("sad:dc:lastPath", text=True) == before
    ccd.wait("sad:dc:shutter", 1)
    with fits.open(_one_second(ccd)) as file:
        np.testing.assert_array_equal(file["SCI"].data, truth(1, 50, 1, 50))


def test_an_abort_during_the_readout_leaves_a_camera_that_reads_on(tmp_path: Path) -> None:
    # In real time, in which a slow full frame takes six seconds.
    with run_system(tmp_path, "--config", "ccd", "--simulator", "--scene index --effect ideal") as slow:
        slow.configure(obs_speed="SLOW", obs_exposed=1.0)
        with watching(slow, "sad:dc:rdout") as seen:
            assert slow.start_marked("observe") > 0, slow.message()
            seen.wait_for("sad:dc:rdout", 0)
        assert slow.start_marked("abort") > 0, slow.message()
        slow.wait(OBSERVE_C, 0)
        assert slow.get("sad:dc:lastPath", text=True) == ""
        slow.configure(window1="[101:150,1:50]")
        with fits.open(slow.observe()) as file:
            np.testing.assert_array_equal(file["SCI"].data, truth(101, 150, 1, 50))


def _one_second(ccd: System) -> Path:
    ccd.configure(obs_exposed=1.0)
    return ccd.observe()


def test_nothing_is_paused_when_nothing_is_exposed(ccd: System) -> None:
    assert ccd.start_marked("pause") < 0
    assert "observation is IDLE" in ccd.message()
    ccd.put("dc:nifsApply.DIR", "CLEAR")


def test_several_runs_by_one_command(ccd: System) -> None:
    command(ccd, "window", "1", "[1:50,1:50]")
    before = ccd.get("sad:dc:obs_totalCount")
    made = files(command(ccd, "multrun", "3", "1", "three", "of", "them"))
    assert ccd.get("sad:dc:obs_nexpDone") == 3
    assert ccd.get("sad:dc:obs_totalCount") == before + 3
    assert len(made) == len(set(made)) == 3
    for path in made:
        with fits.open(path) as file:
            assert file[0].header["OBJECT"] == "three of them"
            np.testing.assert_array_equal(file["SCI"].data, truth(1, 50, 1, 50))


def test_a_glance_becomes_a_run(ccd: System) -> None:
    command(ccd, "window", "1", "[1:50,1:50]")
    (glanced,) = files(command(ccd, "glance", "1"))
    assert glanced.parent.name == "scratch"
    (kept,) = files(command(ccd, "keep"))
    assert not glanced.exists()
    assert kept.parent.name != "scratch"
    with fits.open(kept, checksum=True) as file:
        assert file[0].header["FILENAME"] == kept.name
        assert file[0].header["DATALAB"] == kept.stem
        np.testing.assert_array_equal(file["SCI"].data, truth(1, 50, 1, 50))


def test_scratch_files_have_names_and_runs_go_on_beside_them(ccd: System) -> None:
    command(ccd, "window", "1", "[1:50,1:50]")
    (scratch,) = files(command(ccd, "scratch", "s3", "1"))
    assert scratch.name == "s3.fits"
    (run,) = files(command(ccd, "bias"))
    (promoted,) = files(command(ccd, "promote", "s3"))
    assert promoted.parent == run.parent
    again = command(ccd, "promote", "s3")
    assert again.returncode == 1
    assert "no scratch file s3" in again.stderr


def test_what_observers_type(ccd: System) -> None:
    assert command(ccd, "window", "1", "[1:50,1:50]").stdout == "1 [1:50,1:50]\n"
    assert command(ccd, "window", "3", "[61:80,1:10]").stdout == "1 [1:50,1:50]\n3 [61:80,1:10]\n"
    assert command(ccd, "window", "1", "off").stdout == "3 [61:80,1:10]\n"
    assert command(ccd, "bin", "2").returncode == 0
    assert command(ccd, "rspeed", "slow").returncode == 0
    (path,) = files(command(ccd, "arc", "1", "CuAr"))
    with fits.open(path) as file:
        header = file[0].header
        assert (header["OBSTYPE"], header["OBJECT"], header["DETSPEED"]) == ("ARC", "CuAr", "SLOW")
        np.testing.assert_array_equal(file["SCI"].data, truth(61, 80, 1, 10, 2, 2))
    refused = command(ccd, "window", "2", "[61:81,1:10]")
    assert refused.returncode == 2
    assert "binning" in refused.stderr
    assert command(ccd, "window", "off").stdout == "full frame\n"


def test_a_run_is_paused_and_finished_from_another_terminal(ccd: System) -> None:
    command(ccd, "window", "1", "[1:50,1:50]")
    run = subprocess.Popen(
        [sys.executable, "-m", "nifsdc", "run", "3600", "--json", "--top", ccd.top],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        ccd.wait("sad:dc:obsSnlState", "EXPOSING")
        ccd.wait("sad:dc:acq", 0)
        assert command(ccd, "pause").returncode == 0
        assert ccd.get("sad:dc:obsSnlState", text=True) == "PAUSED"
        assert command(ccd, "continue").returncode == 0
        assert command(ccd, "newtime", "3000").returncode == 0
        assert command(ccd, "finish").returncode == 0
        assert run.wait(CLI_SECONDS) == 4
        assert run.stdout is not None
        outcome = json.loads(run.stdout.read())
    finally:
        if run.poll() is None:
            run.kill()
            run.wait()
        if run.stdout is not None:
            run.stdout.close()
    assert outcome["status"] == 4
    with fits.open(outcome["file"]) as file:
        assert file[0].header["STOPPED"]


def test_the_engineer_moves_the_shutter(ccd: System) -> None:
    for where, shown in (("OPEN", 0), ("CLOSE", 1)):
        ccd.put("dc:shutter.A", where)
        assert ccd.start_marked("shutter") > 0, ccd.message()
        ccd.wait("dc:ccdC.VAL", 0)
        ccd.wait("sad:dc:shutter", shown)
