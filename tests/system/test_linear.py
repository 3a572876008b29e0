"""LINEAR: ramps of reads at their times, fitted while they arrive, as they end in files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data.frame import FrameKind
from nifsdc.data.ring import FrameRing, Policy
from nifsdc.readout.quality import Quality
from nifsdc.sdsu.words import label
from nifsdc_sim.scene import Scene

from .conftest import System, watching

SEED = 7
GAIN, DARK, CDS_NOISE = 2.8, 0.01, 15.2
"""electrons per ADU, electrons a second, electrons (icd/sdsu_facts.md section 6)"""


def commands_of(system: System) -> list[str]:
    """Labels of the commands that the simulated controller has received."""
    answer: Any = system.simulator(command="log", since=0)
    return [label(entry["words"][1]) for entry in answer["commands"] if len(entry["words"]) > 1]


def linear(system: System, exposure: float, nperiods: int, **setpoints: Any) -> None:
    system.configure(
        obs_readMode="LINEAR",
        obs_timeMode="Read period",
        obs_exposed=exposure,
        obs_nperiods=nperiods,
        **{"obs_ncoadds": 1, "obs_nresets": 1, **setpoints},
    )


def slope_noise(reads: int, period: float) -> float:
    """Noise of a slope in ADU/s where that of reading decides (Garnett & Forrest 1993)."""
    read_noise = CDS_NOISE / np.sqrt(2) / GAIN
    return float(read_noise / period * np.sqrt(12 / (reads * (reads**2 - 1))))


def test_a_ramp_is_read_at_its_times_and_its_image_is_the_rate(system: System) -> None:
    linear(system, 120.0, 8)
    before = len(commands_of(system))
    path = system.observe("Ramp")
    sequence = [
        name for name in commands_of(system)[before:] if name in ("CLR", "RDT", "RDM", "WRM", "ABR", "MRA")
    ]
    # Temperatures are read before it and after it.
    ramp = sequence[sequence.index("CLR") : sequence.index("ABR") + 1]
    # INS-DAS-18 Annex B: the time of each read is asked for, that of each but the first is set.
    assert ramp[:1] == ["CLR"]
    assert ramp[ramp.index("RDT") :] == ["RDT", "RDM", *["WRM", "RDM"] * 8, "ABR"]
    with fits.open(path, checksum=True) as hdus:
        header, science, reference = hdus[0].header, hdus["SCI"], hdus["REF"]
        assert header["READMODE"] == "LINEAR"
        assert (header["NREADS"], header["NPERIODS"], header["PERIOD"]) == (9, 8, 15.0)
        assert header["EXPTIME"] == pytest.approx(120.0, abs=0.05)
        assert header["EXPSRC"] == "CONTROLLER"
        assert science.header["BUNIT"] == reference.header["BUNIT"] == "adu/s"
        image = science.data.astype(float)
        dark = reference.data.astype(float)
    truth = (Scene.default(SEED).flux() + DARK) / GAIN
    bright = (truth > 0.2) & (truth < 100)
    assert bright.sum() > 1000
    assert (image[bright] / truth[bright]).mean() == pytest.approx(1.0, rel=0.01)
    assert dark.std() == pytest.approx(slope_noise(9, 15.0), rel=0.05)


def test_a_ramp_is_read_at_its_times_when_its_start_is_answered_late(system: System) -> None:
    linear(system, 30.0, 2)
    assert system.simulator(command="inject", kind="late-reply", label="RDT", seconds=0.5)["ok"] is True
    assert fits.getheader(system.observe())["EXPTIME"] == pytest.approx(30.0, abs=0.05)


def test_coadds_of_ramps_are_the_rate_of_all_of_them(system: System) -> None:
    linear(system, 60.0, 4, obs_ncoadds=3)
    with fits.open(system.observe()) as hdus:
        assert (hdus[0].header["COADDS"], hdus[0].header["NREADS"]) == (3, 15)
        dark = hdus["REF"].data.astype(float)
    assert dark.std() == pytest.approx(slope_noise(5, 15.0) / np.sqrt(3), rel=0.05)


def test_a_stop_keeps_the_ramp_so_far(system: System) -> None:
    linear(system, 3000.0, 200)
    with watching(system, "dc:observeC.VAL", "sad:dc:nreadsDone") as seen:
        assert system.start_marked("observe") > 0
        seen.wait(lambda events: any(name.endswith("Done") and value >= 4 for name, value in events))
        assert system.start_marked("stop") > 0
        seen.wait_for("dc:observeC.VAL", 0)
    with fits.open(system.get("sad:dc:lastPath", text=True)) as hdus:
        header, dark = hdus[0].header, hdus["REF"].data.astype(float)
    reads = header["NREADS"]
    assert header["STOPPED"] is True
    assert 4 <= reads < 201
    assert header["EXPTIME"] == pytest.approx((reads - 1) * 15.0, abs=0.05)
    assert dark.std() == pytest.approx(slope_noise(reads, 15.0), rel=0.05)
    # Temperatures may have been read since.
    assert [name for name in commands_of(system) if name != "RDM"][-2:] == ["ABR", "IDL"]


def test_an_abort_discards_the_ramp_and_the_next_one_is_whole(system: System) -> None:
    last = system.get("sad:dc:lastPath", text=True)
    linear(system, 3000.0, 200)
    with watching(system, "dc:observeC.VAL", "sad:dc:nreadsDone") as seen:
        assert system.start_marked("observe") > 0
        seen.wait(lambda events: any(name.endswith("Done") and value >= 2 for name, value in events))
        assert system.start_marked("abort") > 0
        seen.wait_for("dc:observeC.VAL", 0)
    assert system.get("sad:dc:lastPath", text=True) == last
    linear(system, 30.0, 2)
    assert fits.getheader(system.observe())["NREADS"] == 3


def test_a_period_below_the_time_of_a_read_is_lengthened(system: System) -> None:
    linear(system, 4.0, 4)
    header = fits.getheader(system.observe())
    assert header["NREADS"] == 5
    assert header["RDTIME"] < header["PERIOD"] < header["RDTIME"] + 0.2
    assert header["EXPTIME"] == pytest.approx(4 * header["PERIOD"], abs=0.05)


def test_the_image_is_shown_after_every_read(system: System) -> None:
    linear(system, 120.0, 4)
    with FrameRing.attach(f"nifsdc-{system.top.strip(':')}", Policy.ALL) as ring:
        path = system.observe()
        frames = []
        while (frame := ring.next(0.0)) is not None:
            frames.append(frame)
    kinds = [(frame.header.kind, frame.header.number) for frame in frames]
    assert kinds[-1] == (FrameKind.SCIENCE, 0)
    shown = dict(zip(kinds, frames, strict=True))
    # One read makes no line; the last one makes the image of the observation.
    assert set(kinds[:-1]) <= {(FrameKind.PREVIEW, number) for number in (1, 2, 3)}
    for number in (2, 3):
        preview = shown[FrameKind.PREVIEW, number].image
        assert preview[:, 900:1000].mean() == pytest.approx(fits.getdata(path)[:, 900:1000].mean(), rel=0.1)
    assert system.get("sad:dc:nreadsDone") == 5
    assert system.get("sad:dc:nsaturPix") == fits.getheader(path, "SCI")["NSATUR"]


def test_variance_quality_and_cosmic_rays_on_request(system: System) -> None:
    wanted = {"obs_cosmRej": "Yes", "obs_cosmThrsh": 6.0, "obs_cosmMin": 20.0}
    linear(system, 300.0, 20, obs_saveVar="Yes", obs_saveQual="Yes", **wanted)
    with fits.open(system.observe(), checksum=True) as hdus:
        header, science = hdus[0].header, hdus["SCI"]
        assert (header["COSMREJ"], header["COSMTHR"], header["COSMMIN"]) == (True, 6.0, 20.0)
        assert hdus["VAR"].header["BUNIT"] == "adu2/s2"
        quality = hdus["DQ"].data
        hit = (quality & (Quality.COSMIC_RAY | Quality.LOST)) != 0
        assert science.header["NCOSMIC"] == system.get("sad:dc:ncosmicPix") == hit.sum()
        assert np.isnan(science.data[(quality & Quality.NO_VALUE) != 0]).all()
        truth = (Scene.default(SEED).flux() + DARK) / GAIN
        dark = (truth <= np.percentile(truth, 2)) & (quality == 0)
        assert dark.sum() > 50_000
        # The residuals of a line tell the noise of reading, and nearly none of the photons' here.
        assert np.sqrt(np.median(hdus["VAR"].data[dark])) == pytest.approx(slope_noise(21, 15.0), rel=0.1)
    system.configure(obs_readMode="FOWLER", obs_nfowler=4, obs_exposed=60.0)
    with fits.open(system.observe()) as hdus:
        image, variance = hdus["SCI"].data, hdus["VAR"].data
        expected = CDS_NOISE**2 / GAIN**2 / 4 + np.maximum(image, 0) / GAIN
        assert np.median(variance / expected) == pytest.approx(1.0, abs=0.02)
        assert hdus["DQ"].data.shape == image.shape
    system.configure(obs_saveVar="No", obs_saveQual="No", obs_cosmRej="No")


def test_a_search_for_cosmic_rays_needs_a_threshold(system: System) -> None:
    system.put("dc:obs_cosmRej", "Yes")
    system.put("dc:obs_cosmThrsh", 0.0)
    assert system.refused() == "obs_cosmThrsh 0: above 0 for cosmRej"


@pytest.mark.parametrize(
    ("setpoints", "message"),
    [
        ({"obs_nperiods": 254}, "obs_nperiods 254: LINEAR has 1 to 253"),
        ({"obs_timeMode": "Nr Periods", "obs_exposed": 6000.0, "obs_period": 6.0}, "obs_nperiods 1000"),
    ],
)
def test_more_reads_than_can_be_numbered_are_refused(
    system: System, setpoints: dict[str, Any], message: str
) -> None:
    linear(system, 60.0, 4)
    for name, value in setpoints.items():
        system.put(f"dc:{name}", value)
    assert message in system.refused()
    assert system.get("sad:dc:obs_nperiods") == 4
