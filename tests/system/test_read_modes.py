"""SINGLE and DCS, coadds, resets and a stop, as they end in files and as they reach the controller."""

from __future__ import annotations

import os
import signal
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
BRIGHT_ROWS = slice(960, 1000)
"""rows of the star's slitlets"""


def commands_of(system: System) -> list[str]:
    """Labels of the commands that the simulated controller has received."""
    answer: Any = system.simulator(command="log", since=0)
    return [label(entry["words"][1]) for entry in answer["commands"] if len(entry["words"]) > 1]


def configure(system: System, **setpoints: Any) -> None:
    system.configure(obs_ncoadds=1, obs_nresets=1, **setpoints)


def test_single_is_one_read_as_it_was_read(system: System) -> None:
    configure(system, obs_readMode="SINGLE", obs_exposed=30.0)
    with fits.open(system.observe("Single"), checksum=True) as hdus:
        header, science, reference = hdus[0].header, hdus["SCI"].data, hdus["REF"].data
        assert science.dtype == np.uint16
        assert reference.dtype == np.uint16
        assert header["READMODE"] == "SINGLE"
        assert header["NREADS"] == 1
        assert header["EXPTIME"] == pytest.approx(30.0, abs=0.5)
        # Nothing is subtracted: the bias of the quadrants is still there, the same under image and reference.
        assert np.median(science[:, :900]) == pytest.approx(np.median(reference), rel=0.1)


def test_coadds_are_added_up(system: System) -> None:
    configure(system, obs_readMode="DCS", obs_exposed=60.0)
    one = fits.getdata(system.observe("One"), "SCI").astype(float)
    system.configure(obs_ncoadds=3)
    path = system.observe("Three")
    three = fits.getdata(path, "SCI").astype(float)
    header = fits.getheader(path)
    assert (header["COADDS"], header["NREADS"]) == (3, 6)
    assert header["EXPTIME"] == pytest.approx(60.0, abs=0.01)
    truth = (Scene.default(SEED).flux() + DARK) * 60.0 / GAIN
    bright = truth > 20
    assert bright.sum() > 1000
    assert (one[bright] / truth[bright]).mean() == pytest.approx(1.0, rel=0.01)
    assert (three[bright] / truth[bright]).mean() == pytest.approx(3.0, rel=0.01)
    dark = fits.getdata(path, "REF").astype(float)
    assert dark.std() == pytest.approx(CDS_NOISE * np.sqrt(3) / GAIN, rel=0.05)


def test_resets_and_their_delay_reach_the_controller(system: System) -> None:
    system.configure(obs_readMode="DCS", obs_exposed=6.0, obs_ncoadds=1, obs_nresets=4)
    system.put("dc:obs_resetDelay", 2.5)
    system.configure()
    before = len(commands_of(system))
    header = fits.getheader(system.observe())
    assert (header["NRESETS"], header["RSTDELAY"]) == (4, 2.5)
    sent = commands_of(system)[before:]
    sequence = [label for label in sent if label in ("STP", "CLR", "MRA", "RDC", "IDL")]
    # INS-DAS-18 Annex D, "Run"
    assert sequence == ["STP", "CLR", "MRA", "IDL"]
    system.put("dc:obs_resetDelay", 0.0)
    system.configure(obs_nresets=1)


def test_a_stop_shortens_the_exposure_and_the_header_says_so(system: System) -> None:
    configure(system, obs_readMode="DCS", obs_exposed=3000.0)
    system.configure(obs_ncoadds=50)
    with watching(system, "dc:observeC.VAL", "sad:dc:ncoaddsDone") as seen:
        assert system.start_marked("observe") > 0
        seen.wait(lambda events: any(name.endswith("Done") and value >= 1 for name, value in events))
        assert system.start_marked("stop") > 0
        seen.wait_for("dc:observeC.VAL", 0)
    header = fits.getheader(system.get("sad:dc:lastPath", text=True))
    assert header["STOPPED"] is True
    assert 1 <= header["COADDS"] < 50
    assert header["COADDSRQ"] == 50


def test_a_view_makes_no_file(system: System) -> None:
    last = system.get("sad:dc:lastPath", text=True)
    system.command("view")
    assert system.get("sad:dc:lastPath", text=True) == last


def test_data_that_are_not_to_be_saved_make_no_file(system: System) -> None:
    last = system.get("sad:dc:lastPath", text=True)
    system.configure(obs_readMode="DCS", obs_exposed=6.0, obs_ncoadds=1, obs_save="No")
    system.command("observe")
    assert system.get("sad:dc:lastPath", text=True) == last
    system.configure(obs_save="Yes")


def test_a_data_server_that_is_gone_is_shown_and_refuses_observations(system: System) -> None:
    server = system.child("nifsdc.data.server")
    os.kill(server, signal.SIGSTOP)
    try:
        system.wait("sad:dc:dhsConnO", 1, 30.0)
        assert system.start_marked("observe") < 0
        assert system.message() == "data server not connected"
        system.put("dc:nifsApply.DIR", "CLEAR")
    finally:
        os.kill(server, signal.SIGCONT)
    system.wait("sad:dc:dhsConnO", 0, 30.0)
    assert system.observe().exists()
