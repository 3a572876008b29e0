"""Processes killed while single reads are stored: what was taken is on disk once, or somebody is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.io import fits

from nifsdc.data.check import check_file

from ..system.conftest import wait_until, watching
from .rig import Name, Rig, running

CAR = "dc:observeC.VAL"
SECONDS = 180.0


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running(tmp_path_factory.mktemp("kills"), speed="20") as made:
        wait_until(lambda: made.system.get("sad:dc:storeRate") > 0, SECONDS, "the rate of storing")
        made.system.configure(
            obs_readMode="LINEAR",
            obs_timeMode="Read period",
            obs_saveNdrs="Yes",
            obs_exposed=60.0,
            obs_nperiods=8,
        )
        yield made


def reads(folder: Path) -> list[int]:
    """Numbers of the reads in a folder, each file of which is checked."""
    files = sorted(folder.glob("*r???.fits"))
    assert [problem for path in files for problem in check_file(path).problems] == []
    return [fits.getheader(path)["NDRNO"] for path in files]


@pytest.mark.timeout(600)
def test_a_server_that_is_killed_meanwhile_gets_every_read_once(rig: Rig) -> None:
    system = rig.system
    with watching(system, CAR, "sad:dc:readsSaved") as seen:
        assert system.start_marked("observe") > 0, system.message()
        seen.wait(lambda events: any(name != CAR and value >= 2 for name, value in events), SECONDS)
        rig.kill(Name.SERVER)
        seen.wait(lambda events: (CAR, 3) in events, SECONDS)
    assert system.get("dc:observeC.OMSS", text=True) == "not stored; kept in the spool"
    assert system.get("sad:dc:framesSpooled") >= 2
    rig.start(Name.SERVER)
    rig.wait_ready()
    (image,) = rig.data.glob("[0-9]*/*.fits")
    header = fits.getheader(image)
    assert (header["NREADS"], header["NDRSAVED"], header["NDRLOST"]) == (9, 9, 0)
    assert reads(rig.data / header["NDRDIR"]) == list(range(1, 10))
    assert system.get("sad:dc:readsLost") == 0


@pytest.mark.timeout(600)
def test_an_ioc_that_is_killed_meanwhile_leaves_its_reads_and_the_next_one_says_so(rig: Rig) -> None:
    images, folders = set(rig.data.glob("[0-9]*/*.fits")), set(rig.data.glob("[0-9]*/raw/*"))
    with watching(rig.system, "sad:dc:readsSaved") as seen:
        assert rig.system.start_marked("observe") > 0, rig.system.message()
        # The count of the exposure before stands until the first read of this one.
        seen.wait(lambda events: any(value == 3 for _, value in events), SECONDS)
        rig.kill(Name.IOC)
    rig.restart(Name.IOC)
    wait_until(
        lambda: rig.system.get("sad:dc:unclaimed") == 1, SECONDS, "the reads without an image to be told"
    )
    assert set(rig.data.glob("[0-9]*/*.fits")) == images
    (folder,) = set(rig.data.glob("[0-9]*/raw/*")) - folders
    found = reads(folder)
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= 3
    assert (
        f"{folder.relative_to(rig.data)}: {len(found)} reads or coadds of an exposure without an image"
        in (rig.log(Name.IOC))
    )
