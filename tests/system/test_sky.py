"""Skies of idle and run mode: kept apart, taken off what is shown, never off what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ring import FrameRing, Policy, Reader

from .conftest import System, wait_until, watching

NIGHT = "20260301"


def frames_in(ring: Reader) -> list[Frame]:
    frames = []
    while (frame := ring.next(0.0)) is not None:
        frames.append(frame)
    return frames


def write_sky(system: System, name: str, rate: float) -> None:
    """Write a sky of so many counts a second, of an exposure unlike those it is taken off."""
    folder = system.folder / NIGHT
    folder.mkdir(exist_ok=True)
    hdus = fits.HDUList(
        [fits.PrimaryHDU(), fits.ImageHDU(np.full((2048, 2048), rate * 40.0, np.float32), name="SCI")]
    )
    hdus[0].header.update(EXPTIME=20.0, COADDS=2)
    hdus.writeto(folder / f"{name}.fits")


@pytest.fixture(scope="module")
def rings(system: System) -> Iterator[tuple[Reader, Reader]]:
    """The rings of the runs and of the views."""
    write_sky(system, "skyView", 3.0)
    write_sky(system, "skyRun", 5.0)
    name = f"nifsdc-{system.top.strip(':')}"
    with ExitStack() as stack:
        runs, views = (
            stack.enter_context(FrameRing.attach(each, Policy.ALL)) for each in (name, f"{name}-view")
        )
        yield runs, views


@pytest.fixture
def clean(system: System, rings: tuple[Reader, Reader]) -> Iterator[System]:
    """A system whose modes expose for different times and show all that there is."""
    system.configure(obs_readMode="DCS", obs_exposed=30.0, view_readMode="DCS", view_exposed=12.0)
    for ring in rings:
        frames_in(ring)
    yield system
    system.configure(obs_doSubFile="No", view_doSubFile="No", view_idle="Disabled", obs_ncoadds=1)


def dark(image: np.ndarray) -> float:
    """Return the level where the scene has next to nothing."""
    return float(np.median(image))


def test_each_mode_has_its_own_sky(clean: System, rings: tuple[Reader, Reader]) -> None:
    runs, views = rings
    clean.command("view")
    with_sky = dark(frames_in(views)[-1].image)
    clean.configure(view_doSubFile="Yes", view_subFile="skyView")
    assert [clean.get(f"sad:dc:{name}", text=True) for name in ("skyIdle", "skyScience")] == ["skyView", ""]
    clean.command("view")
    assert dark(frames_in(views)[-1].image) == pytest.approx(with_sky - 12.0 * 3.0, abs=1.0)
    stored = dark(fits.getdata(clean.observe(), "SCI"))
    assert [frame.header.kind for frame in frames_in(runs)] == [FrameKind.SCIENCE], "no sky of runs yet"

    clean.configure(obs_doSubFile="Yes", obs_subFile="skyRun", obs_ncoadds=2)
    path = clean.observe()
    wait_until(lambda: clean.get("sad:dc:slaveState") == 1, 60.0, "the Slave to be ready")
    science, shown = frames_in(runs)
    assert (science.header.kind, shown.header.kind) == (FrameKind.SCIENCE, FrameKind.PREVIEW)
    assert shown.header.stream == clean.get("dc:qlStream")
    in_file = fits.getdata(path, "SCI")
    assert np.array_equal(science.image, in_file)
    assert dark(in_file) == pytest.approx(2 * stored, abs=1.5)
    assert np.abs(in_file - shown.image - 60.0 * 5.0).max() < 0.5

    clean.command("view")
    assert dark(frames_in(views)[-1].image) == pytest.approx(with_sky - 12.0 * 3.0, abs=1.0)


def test_a_run_can_be_the_sky_of_the_next_ones_and_of_a_ramp(
    clean: System, rings: tuple[Reader, Reader]
) -> None:
    sky = clean.observe("SkyOfMine")
    clean.configure(view_doSubFile="Yes", view_subFile=sky.stem)
    clean.configure(view_readMode="LINEAR", view_exposed=60.0, view_nperiods=3)
    clean.command("view")
    images = [frame.image for frame in frames_in(rings[1])]
    rate = fits.getdata(sky, "SCI") / fits.getheader(sky)["EXPTIME"]
    bright = (rate > 1.0) & (rate < 300.0)
    assert bright.sum() > 1000
    assert images
    for image in images:
        assert abs(np.nanmean(image[bright])) < 0.05 * rate[bright].mean()


def test_views_while_idle_are_shown_without_their_sky(clean: System, rings: tuple[Reader, Reader]) -> None:
    clean.command("view")
    with_sky = dark(frames_in(rings[1])[-1].image)
    taken = clean.get("sad:dc:idleViews")
    clean.configure(view_doSubFile="Yes", view_subFile="skyView", view_idle="Enabled")
    wait_until(lambda: clean.get("sad:dc:idleViews") > taken, 60.0, "a view")
    shown = frames_in(rings[1])[-1]
    assert shown.header.kind is FrameKind.IDLE
    assert dark(shown.image) == pytest.approx(with_sky - 12.0 * 3.0, abs=1.0)
    clean.command("reboot", 120.0)
    wait_until(lambda: clean.get("sad:dc:skyIdle", text=True) == "skyView", 60.0, "the sky after a reboot")


@pytest.mark.parametrize("mode", ["obs", "view"])
def test_a_sky_that_is_not_there_is_an_error_and_can_be_named_again(clean: System, mode: str) -> None:
    clean.put(f"dc:{mode}_doSubFile", "Yes")
    clean.put(f"dc:{mode}_subFile", "")
    assert clean.refused() == f"{mode}_subFile is empty: name a file"
    response = f"dc:data{mode.capitalize()}C"
    with watching(clean, f"{response}.VAL") as seen:
        clean.put(f"dc:{mode}_doSubFile", "Yes")
        clean.put(f"dc:{mode}_subFile", "comes")
        assert clean.start() > 0
        seen.wait_for(f"{response}.VAL", 3)
    assert clean.get(f"{response}.OMSS", text=True) == "comes: no such file"
    assert clean.get("sad:dc:sdsuSnlState") == "READY"
    write_sky(clean, "comes", 1.0)
    clean.command(f"data{mode.capitalize()}")
    assert "comes" in [clean.get(f"sad:dc:{name}", text=True) for name in ("skyIdle", "skyScience")]
    (clean.folder / NIGHT / "comes.fits").unlink()


def test_a_replaced_file_is_read_again_and_a_missing_one_fails_its_own_command(
    clean: System, rings: tuple[Reader, Reader]
) -> None:
    write_sky(clean, "replaced", 2.0)
    clean.configure(view_doSubFile="Yes", view_subFile="replaced")
    clean.command("view")
    before = dark(frames_in(rings[1])[-1].image)
    (clean.folder / NIGHT / "replaced.fits").unlink()
    write_sky(clean, "replaced", 4.0)
    clean.configure(view_subFile="replaced")
    clean.command("view")
    assert dark(frames_in(rings[1])[-1].image) == pytest.approx(before - 12.0 * 2.0, abs=1.0)
    # Both commands of one START see the same wish.
    clean.put("dc:view_exposed", 13.0)
    clean.put("dc:view_subFile", "nowhere")
    with watching(clean, "dc:dataViewC.VAL") as seen:
        assert clean.start() > 0, clean.message()
        seen.wait_for("dc:dataViewC.VAL", 3)
    assert clean.get("dc:dataViewC.OMSS", text=True) == "nowhere: no such file"
