"""A frame-transfer camera as a whole: simulator, data server and IOC as processes; runs, records, files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from nifsdc.cli.main import main
from nifsdc.timing.frame_header import from_header
from nifsdc.timing.frame_transfer import Exposed, FrameMode

from ..timing.light_curve import TOLERANCE, Flashes, Sample, errors, frames_needed
from .conftest import System, run_system, wait_until

OBSERVE_C = "dc:observeC.VAL"
IDLE, ERROR = 0, 3
DETECTOR = "ft-small"
CONFIG = f"""
name: FT
camera: ft
detector: detectors/{DETECTOR}.yaml
gain: 1.2
read_noise: 5.5
link: {{detector: {DETECTOR}}}
controller: {{speed: high, temperature: 170.0, window_fragments: 10}}
"""
PAIR = {"window1": "[3:20,1:4]", "window2": "[35:52,1:4]"}
MODES = {"NOCLEAR": FrameMode.NO_CLEAR, "CLEAR": FrameMode.CLEAR, "DRIFT": FrameMode.DRIFT}


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two small CCDs that add nothing to the light."""
    with run_system(
        tmp_path_factory.mktemp("ft"),
        *("--speed", "fast", "--simulator", "--scene flat:rate=1000000 --effect ideal"),
        config=CONFIG,
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def at_rest(camera: System) -> Iterator[None]:
    """Begin each test with full frames in no-clear mode, and nothing under way."""
    camera.configure(
        **{f"window{number}": "" for number in range(1, 7)},
        **{f"nskip{number}": 0 for number in range(1, 6)},
        obs_ftMode="NOCLEAR",
        obs_delay=200e-6,
        obs_frames=20,
        obs_ndrift=1,
    )
    camera.simulator(command="scene", name="flat", rate=1e6)
    yield
    if camera.get("sad:dc:obsSnlState", text=True) != "IDLE":
        camera.start_marked("abort")
        wait_until(lambda: camera.get(OBSERVE_C) in (IDLE, ERROR), 60.0, "the run to end")


def timing_says(camera: System, mode: str, capsys: pytest.CaptureFixture[str], **extra: int) -> Any:
    """Return what `nifsdc timing` prints for the times that the records show."""
    symbols = {
        "e": "ftDelay",
        "r": "ftRead",
        "f": "ftTransfer",
        "w": "ftWipe",
        "ld": "ftLineDump",
        "ls": "ftLineShift",
    }
    arguments = [
        "timing",
        "--mode",
        MODES[mode].value,
        "--json",
        "--pixels",
        str(camera.get("sad:dc:ftPixels")),
    ]
    for symbol, record in symbols.items():
        arguments += [f"--{symbol}", repr(1000 * camera.get(f"sad:dc:{record}"))]
    for name, value in extra.items():
        arguments += [f"--{name}", str(value)]
    capsys.readouterr()
    assert main(arguments) == 0
    return json.loads(capsys.readouterr().out)


SETUPS: list[Mapping[str, Any]] = [
    {"obs_ftMode": "NOCLEAR", "nskip2": 2},
    {"obs_ftMode": "CLEAR", "nskip1": 1, "nskip2": 3},
    {"obs_ftMode": "DRIFT", "obs_ndrift": 3, **PAIR},
]


def called(setup: Mapping[str, Any]) -> str:
    return str(setup["obs_ftMode"])


@pytest.mark.parametrize("setup", SETUPS, ids=called)
def test_records_tell_the_timing_before_the_run(
    camera: System, setup: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """What the records show is what `nifsdc timing` prints, and what the controller then keeps to."""
    camera.configure(**setup)
    mode = str(setup["obs_ftMode"])
    extra = {"ndrift": setup["obs_ndrift"]} if mode == "DRIFT" else {"nskip": setup.get("nskip1", 0)}
    said = timing_says(camera, mode, capsys, **extra)
    for record, entry, scale in (
        ("ftPeriod", "frame_period_s", 1),
        ("ftCycle", "cycle_s", 1),
        ("ftExposure", "exposure_s", 1),
        ("ftDead", "dead_s", 1),
        ("ftMidOffset", "mid_offset_s", 1),
        ("ftDuty", "duty_cycle", 100),
        ("ftDataRate", "data_rate_bytes_s", 1),
    ):
        assert camera.get(f"sad:dc:{record}") == pytest.approx(scale * said[entry], rel=1e-9), record
    assert camera.get("sad:dc:ftProblem", text=True) == ""
    with fits.open(camera.observe()) as file:
        stamps = file["FRAMES"].data["MJD_FRAC"]
        assert np.diff(stamps) * 86400 == pytest.approx(said["frame_period_s"], abs=2e-9)


def detector_ns(days: Any, fractions: Any, anchor: tuple[int, int]) -> list[int]:
    """Return moments of a file by the controller's clock, which the file's header ties to TAI."""
    clock_ns, tai_ns = anchor
    begin = Time(0.0, format="unix_tai", scale="tai")
    since = Time(days, fractions, format="mjd", scale="utc").tai - begin
    return [
        round(day * 86400e9) + round(part * 86400e9) - tai_ns + clock_ns
        for day, part in zip(since.jd1.tolist(), since.jd2.tolist(), strict=True)
    ]


@pytest.mark.parametrize("setup", SETUPS, ids=called)
def test_light_curves_in_the_file_have_the_phase_of_the_lamp(
    camera: System, setup: Mapping[str, Any]
) -> None:
    """Folded on the mid-exposure times of the table, as an astronomer would."""
    camera.configure(**setup)
    drift = setup["obs_ftMode"] == "DRIFT"
    skips = [0, 0] if drift else [setup.get("nskip1", 0), setup.get("nskip2", 0)]
    period = camera.get("sad:dc:ftPeriod")
    flashes = Flashes.for_cycles(period, max(skips))
    camera.simulator(command="scene", name="led", **flashes.scene())
    camera.configure(obs_frames=frames_needed(max(skips), setup.get("obs_ndrift", 0)))
    with fits.open(camera.observe()) as file:
        header, table = file[0].header, file["FRAMES"].data
        anchor = header["NIFSDC ANCHOR CLOCK"], header["NIFSDC ANCHOR TAI"]
        stamps = detector_ns(table["MJD_INT"], table["MJD_FRAC"], anchor)
        for ccd, skip in enumerate(skips, 1):
            own = {**header, "ESO DET NSKIP": skip}
            timing = from_header(MODES[str(setup["obs_ftMode"])], own)
            good = np.flatnonzero(~np.isnan(table[f"MID_FRAC{ccd}"]))
            middles = detector_ns(table[f"MID_INT{ccd}"][good], table[f"MID_FRAC{ccd}"][good], anchor)
            times = zip(middles, table[f"EXPTIME{ccd}"][good], strict=True)
            spans = dict(zip((table["FRAME"][good]).tolist(), times, strict=True))

            def exposed(number: int, spans: Any = spans) -> Exposed | None:
                """Return what the table says of a frame, from its time stamp."""
                if number not in spans:
                    return None
                middle, seconds = spans[number]
                offset = (middle - stamps[number - 1]) / 1e9
                return Exposed(offset - seconds / 2, offset + seconds / 2)

            images = table[f"IMAGE{(ccd - 1) * (2 if drift else 1) + 1}"]
            samples = [
                Sample(int(number), stamp, float(image.mean()))
                for number, stamp, image in zip(table["FRAME"], stamps, images, strict=True)
            ]
            found = errors(samples, timing, flashes, exposed)
            assert found.greatest < TOLERANCE, found


def begin(camera: System, frames: int) -> Path:
    """Start a run and return its file, which has so many frames and grows."""
    before = camera.get("sad:dc:runPath", text=True)
    assert camera.start_marked("observe") > 0, camera.message()
    wait_until(
        lambda: camera.get("sad:dc:runPath", text=True) not in ("", before), 60.0, "the run to have a file"
    )
    wait_until(lambda: camera.get("sad:dc:ftStored") >= frames, 60.0, "frames to be stored")
    return Path(camera.get("sad:dc:runPath", text=True))


def test_table_and_images_agree_and_a_run_goes_on_until_it_is_stopped(camera: System) -> None:
    """Steady light: each image has its exposure time; whoever reads the growing file sees whole frames."""
    camera.configure(obs_frames=0, nskip2=2)
    growing = begin(camera, 50)
    with fits.open(growing) as file:
        seen = len(file["FRAMES"].data)
        assert list(file["FRAMES"].data["FRAME"][:3]) == [1, 2, 3]
    assert seen >= 50
    assert camera.start_marked("stop") > 0, camera.message()
    wait_until(lambda: camera.get(OBSERVE_C) in (IDLE, ERROR), 60.0, "the run to end")
    assert camera.get(OBSERVE_C) == IDLE, camera.get("dc:observeC.OMSS", text=True)
    path = Path(camera.get("sad:dc:lastPath", text=True))
    assert path == growing
    with fits.open(path, checksum=True) as file:
        table = file["FRAMES"].data
        count = camera.get("sad:dc:ftFrame")
        assert len(table) == count > seen
        assert camera.get("sad:dc:ftLost") == 0
        assert np.array_equal(table["FRAME"], np.arange(1, count + 1))
        assert file[0].header["STOPPED"]
        for ccd in (1, 2):
            good = table[f"EXPTIME{ccd}"] > 0
            means = table[f"IMAGE{ccd}"].mean(axis=(1, 2))
            assert np.abs(means[good] - 1e6 * table[f"EXPTIME{ccd}"][good]).max() < 0.6
            assert not means[~good].any()
        assert np.array_equal(np.flatnonzero(table["EXPTIME2"] > 0), np.arange(2, count, 3))


def test_a_run_that_is_aborted_keeps_its_frames(camera: System) -> None:
    camera.configure(obs_frames=0)
    path = begin(camera, 10)
    assert camera.start_marked("abort") > 0, camera.message()
    wait_until(lambda: camera.get("sad:dc:obsSnlState", text=True) == "IDLE", 60.0, "the run to end")
    with fits.open(path) as file:
        table = file["FRAMES"].data
        assert np.array_equal(table["FRAME"], np.arange(1, len(table) + 1))
        assert len(table) >= 10


@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        ({"obs_ftMode": "DRIFT"}, "drift mode: set one pair of windows"),
        ({"obs_ftMode": "DRIFT", "obs_ndrift": 9, **PAIR}, "ndrift 9: at most 7 windows fit"),
        ({"window1": "[3:20,1:4]"}, "windows come in pairs: left and right"),
        ({"window1": "[3:20,1:4]", "window2": "[35:52,2:5]"}, "windows 1, 2: same rows and size"),
        ({"window1": "[3:20,1:4]", "window2": "[35:72,1:4]"}, "windows: full frame is 64 x 64"),
    ],
)
def test_what_cannot_be_run_is_refused(camera: System, setup: Mapping[str, Any], reason: str) -> None:
    """Windows that are none at once; a mode for which they do not do when it is to be run, and before."""
    for name, value in setup.items():
        camera.put(f"dc:{name}", value)
    if "obs_ftMode" in setup:
        camera.configure()
        assert camera.get("sad:dc:ftProblem", text=True) == reason
        camera.put("dc:observe.DIR", "MARK")
    assert camera.refused() == reason
