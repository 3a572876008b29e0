"""Single reads and coadds that are stored beside an image, against the image that was made of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data.check import check_file
from tests.data.test_fits import check_independently

from .conftest import System, run_system, wait_until, watching

READ_BYTES = 2 * 2048 * 2112
FLOAT32 = 2.0**-24
"""relative rounding of a 32-bit float"""
READ_S = 5.3
SPEED = 5
LATE = 3.0
"""detector seconds by which a busy host may notice a read late, at this speed"""


@dataclass(frozen=True)
class Part:
    """A file beside an image."""

    header: fits.Header
    image: np.ndarray
    reference: np.ndarray


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with run_system(tmp_path_factory.mktemp("up"), "--speed", "fast") as running:
        wait_until(lambda: running.get("sad:dc:storeRate") > 0, 60, "the rate of storing")
        yield running


def part(path: Path) -> Part:
    check_independently(path)
    assert check_file(path).problems == ()
    with fits.open(path, memmap=False) as hdus:
        return Part(hdus[0].header, hdus[1].data, hdus["REF"].data)


def folder(system: System, path: Path) -> Path:
    return system.folder / fits.getheader(path)["NDRDIR"]


def reads(system: System, path: Path) -> list[Part]:
    found = [part(one) for one in sorted(folder(system, path).glob("*r???.fits"))]
    assert all(one.header["PRODUCT"] == "READ" and one.image.dtype == np.uint16 for one in found)
    assert len({(one.header["COADDNO"], one.header["NDRNO"]) for one in found}) == len(found)
    return found


def coadds(system: System, path: Path) -> list[Part]:
    found = [part(one) for one in sorted(folder(system, path).glob("*c????.fits"))]
    assert [one.header["COADDNO"] for one in found] == list(range(1, len(found) + 1))
    assert all(one.header["PRODUCT"] == "COADD" for one in found)
    return found


def configure(system: System, mode: str, **setpoints: Any) -> None:
    system.configure(
        obs_readMode=mode,
        **{
            "obs_timeMode": "Read period",
            "obs_exposed": 20.0,
            "obs_ncoadds": 1,
            "obs_saveNdrs": "Yes",
            "obs_saveCoadds": "No",
            **setpoints,
        },
    )


def assert_complete(system: System, path: Path, count: int, of_coadds: int = 0) -> None:
    header = fits.getheader(path)
    assert header["PRODUCT"] == "IMAGE"
    assert (header["NDRSAVED"], header["NDRLOST"]) == (count, 0)
    assert (header["COASAVED"], header["COALOST"]) == (of_coadds, 0)
    assert header["NREADS"] == count or not count
    for name, value in (("readsSaved", count), ("readsLost", 0), ("coaddsSaved", of_coadds)):
        system.wait(f"sad:dc:{name}", value)


def close(ours: np.ndarray, theirs: np.ndarray, largest: float) -> None:
    """Equal to the rounding of 32-bit floats, of the numbers that were added and not of their difference."""
    np.testing.assert_allclose(ours, theirs, rtol=4 * FLOAT32, atol=4 * FLOAT32 * largest)


def test_fowler_reads_and_coadds_make_the_image(system: System) -> None:
    configure(system, "FOWLER", obs_nfowler=2, obs_ncoadds=2, obs_saveCoadds="Yes")
    path = system.observe("Fowler")
    assert_complete(system, path, 8, of_coadds=2)
    science = fits.getdata(path, "SCI").astype(np.float64)
    samples = fits.getdata(path, "REF").astype(np.float64)
    of = reads(system, path)
    sign = {1: -0.5, 2: 0.5}
    total = sum(sign[one.header["NDRSET"]] * one.image.astype(np.float64) for one in of)
    of_samples = sum(sign[one.header["NDRSET"]] * one.reference.astype(np.float64) for one in of)
    assert np.array_equal(science, total)
    assert np.array_equal(samples, of_samples)
    each = coadds(system, path)
    assert np.array_equal(science, sum(one.image.astype(np.float64) for one in each))
    assert each[0].header["EXPTIME"] == pytest.approx(fits.getheader(path)["EXPTIME"], abs=0.05)
    assert [one.header["NDRNO"] for one in of] == [1, 2, 3, 4] * 2
    assert [one.header["COADDNO"] for one in of] == [1] * 4 + [2] * 4
    # When a set began is known no better than the host looks, on a clock that jumps meanwhile.
    times = [one.header["NDRTIME"] for one in of[:4]]
    assert times[0] == 0.0
    assert [times[1], times[3] - times[2]] == pytest.approx([READ_S, READ_S], abs=0.01)
    header = fits.getheader(path)
    assert {one.header["EXPID"] for one in (*of, *each)} == {header["EXPID"]}
    assert of[0].header["READMODE"] == "FOWLER"
    assert header["DATE-OBS"] <= of[0].header["DATE-OBS"] < of[-1].header["DATE-OBS"]


def test_a_double_sample_is_the_second_read_less_the_first(system: System) -> None:
    configure(system, "DCS", obs_exposed=10.0)
    path = system.observe()
    assert_complete(system, path, 2)
    first, second = reads(system, path)
    science = fits.getdata(path, "SCI")
    assert np.array_equal(science, second.image.astype(np.int32) - first.image)
    assert np.array_equal(fits.getdata(path, "REF"), second.reference.astype(np.int32) - first.reference)


def test_a_single_read_is_the_read(system: System) -> None:
    configure(system, "SINGLE", obs_exposed=5.0)
    path = system.observe("Single")
    assert_complete(system, path, 1)
    (only,) = reads(system, path)
    assert np.array_equal(fits.getdata(path, "SCI"), only.image)


def rates(of: list[Part], seconds: float) -> np.ndarray:
    """Least squares through the reads of one ramp, by the textbook and in 64 bits."""
    samples = np.stack([one.image for one in of]).astype(np.float64)
    index = np.arange(len(of), dtype=np.float64)
    index -= index.mean()
    slope = np.tensordot(index, samples - samples.mean(axis=0), 1) / (index**2).sum()
    return slope * (len(of) - 1) / seconds


def test_ramps_fitted_by_numpy_are_the_image(system: System) -> None:
    configure(system, "LINEAR", obs_exposed=60.0, obs_nperiods=4, obs_ncoadds=2, obs_saveCoadds="Yes")
    path = system.observe("Ramps")
    assert_complete(system, path, 10, of_coadds=2)
    of, each = reads(system, path), coadds(system, path)
    science = fits.getdata(path, "SCI").astype(np.float64)
    total, seconds = 0.0, 0.0
    for number, coadd in enumerate(each, 1):
        ramp = [one for one in of if one.header["COADDNO"] == number]
        assert [one.header["NDRNO"] for one in ramp] == [1, 2, 3, 4, 5]
        times = [one.header["NDRTIME"] for one in ramp]
        assert times == sorted(times)
        exposed = coadd.header["EXPTIME"]
        # A pixel that saturates stops there; all others are fitted through the whole of the ramp.
        whole = np.all([one.image < 65535 for one in ramp], axis=0)
        assert whole.mean() > 0.99
        fitted = rates(ramp, exposed)
        close(coadd.image[whole], fitted[whole], 65535 / exposed)
        total, seconds = total + coadd.image.astype(np.float64) * exposed, seconds + exposed
    usable = np.isfinite(science)
    close(science[usable], (total / seconds)[usable], 65535 / 60)


def test_a_stop_keeps_the_reads_so_far_and_they_are_the_image(system: System) -> None:
    configure(system, "LINEAR", obs_exposed=3000.0, obs_nperiods=200)
    with watching(system, "dc:observeC.VAL", "sad:dc:nreadsDone") as seen:
        assert system.start_marked("observe") > 0
        seen.wait(lambda events: any(name.endswith("Done") and value >= 3 for name, value in events))
        assert system.start_marked("stop") > 0
        seen.wait(lambda events: {("dc:observeC.VAL", 0), ("dc:observeC.VAL", 3)} & set(events), 120)
    path = Path(system.get("sad:dc:lastPath", text=True))
    header = fits.getheader(path)
    assert header["STOPPED"] is True
    # The simulator takes no time to read, so that more may have come than the disk could take.
    assert header["NDRSAVED"] + header["NDRLOST"] == header["NREADS"] >= 3
    of = reads(system, path)
    assert len(of) == header["NDRSAVED"]
    if header["NDRLOST"]:
        assert "lost" in system.get("dc:observeC.OMSS", text=True)
        return
    whole = np.all([one.image < 65535 for one in of], axis=0)
    science = fits.getdata(path, "SCI")
    close(science[whole], rates(of, header["EXPTIME"])[whole], 65535 / header["EXPTIME"])


def test_an_abort_removes_the_reads_that_were_stored(system: System) -> None:
    configure(system, "LINEAR", obs_exposed=3000.0, obs_nperiods=200)
    last = system.get("sad:dc:lastPath", text=True)
    before = set(system.folder.glob("*/raw/*"))
    with watching(system, "dc:observeC.VAL", "sad:dc:readsSaved") as seen:
        assert system.start_marked("observe") > 0
        seen.wait(lambda events: any(name.endswith("Saved") and value >= 2 for name, value in events))
        assert set(system.folder.glob("*/raw/*")) > before
        assert system.start_marked("abort") > 0
        seen.wait_for("dc:observeC.VAL", 0)
    wait_until(lambda: set(system.folder.glob("*/raw/*")) == before, 60, "the reads to be removed")
    assert system.get("sad:dc:lastPath", text=True) == last
    configure(system, "DCS", obs_exposed=10.0)
    path = system.observe()
    assert_complete(system, path, 2)
    assert len(set(system.folder.glob("*/raw/*")) - before) == 1
    assert system.get("sad:dc:framesSpooled") == 0


def test_a_view_is_not_stored(system: System) -> None:
    system.put("dc:view_dataDest", "FITS")
    assert system.refused() == "view_dataDest FITS: views not stored"


def test_what_there_is_no_room_for_is_refused(system: System) -> None:
    configure(system, "LINEAR", obs_exposed=7200.0, obs_nperiods=253, obs_ncoadds=1000)
    system.put("dc:observe.A", "")
    free = os.statvfs(system.folder)
    assert free.f_bavail * free.f_frsize < 254_000 * READ_BYTES, "2.2 TB are more than a test's disk has"
    assert system.refused().startswith(f"no room: needs {254_000 * READ_BYTES / 1e9:.1f} GB, has ")
    configure(system, "DCS")


def test_reads_tell_their_times(tmp_path: Path) -> None:
    with run_system(tmp_path, "--speed", str(SPEED)) as steady:
        wait_until(lambda: steady.get("sad:dc:storeRate") > 0, 60, "the rate of storing")
        for mode, setpoints, expected in (
            ("FOWLER", {"obs_nfowler": 2, "obs_exposed": 15.0}, [0, READ_S, 15, 15 + READ_S]),
            ("LINEAR", {"obs_nperiods": 3, "obs_exposed": 24.0}, [0, 8, 16, 24]),
        ):
            configure(steady, mode, **setpoints)
            times = [one.header["NDRTIME"] for one in reads(steady, steady.observe())]
            assert times == pytest.approx(expected, abs=LATE)
