"""LINEAR: ramps of reads at their times, fitted while they arrive, as they end in files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.io import fits

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
