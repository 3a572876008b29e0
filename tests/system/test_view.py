"""Views: with settings of their own, for displays of their own, and nothing of them in the archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ring import FrameRing, Policy, Reader
from nifsdc_sim.scene import Scene

from .conftest import System, wait_until

SEED = 7
GAIN, DARK = 2.8, 0.01
"""electrons per ADU, electrons a second (icd/sdsu_facts.md section 6)"""


@contextmanager
def ring_of(system: System, suffix: str = "") -> Iterator[Reader]:
    """Read what is written from now on into the ring of the runs, or of the views."""
    with FrameRing.attach(f"nifsdc-{system.top.strip(':')}{suffix}", Policy.ALL) as ring:
        yield ring


def frames_in(ring: Reader) -> list[Frame]:
    frames = []
    while (frame := ring.next(0.0)) is not None:
        frames.append(frame)
    return frames


def light(seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels are bright, and the counts that the scene gives them."""
    truth = (Scene.default(SEED).flux() + DARK) * seconds / GAIN
    bright = (truth > 50) & (truth < 20000)
    assert bright.sum() > 1000
    return bright, truth[bright]


def test_a_view_has_settings_and_a_display_of_its_own(system: System) -> None:
    system.configure(obs_readMode="DCS", obs_exposed=12.0, view_readMode="FOWLER", view_nfowler=2)
    system.configure(view_exposed=60.0, viewQlStream="looking")
    last, files = system.get("sad:dc:lastPath", text=True), sorted(system.folder.rglob("*.fits"))
    with ring_of(system) as runs, ring_of(system, "-view") as views:
        views_before = system.get("sad:dc:view_totalCount")
        system.command("view")
        (shown,) = frames_in(views)
        assert frames_in(runs) == []
        path = system.observe("Apart")
        assert [frame.header.kind for frame in frames_in(runs)] == [FrameKind.SCIENCE]
        assert frames_in(views) == []
    assert (shown.header.kind, shown.header.stream) == (FrameKind.VIEW, "looking")
    assert last != system.get("sad:dc:lastPath", text=True) == str(path)
    assert sorted(system.folder.rglob("*.fits")) == sorted([*files, path])
    bright, truth = light(60.0)
    assert (shown.image[bright] / truth).mean() == pytest.approx(1.0, rel=0.01)
    # What each mode was set to, and what its last exposure was.
    assert system.get("sad:dc:view_exposed") == pytest.approx(60.0, abs=0.05)
    assert system.get("sad:dc:obs_exposed") == pytest.approx(12.0, abs=0.05)
    modes = [system.get(f"sad:dc:{mode}_readMode", text=True) for mode in ("view", "obs")]
    assert modes == ["FOWLER", "DCS"]
    assert system.get("sad:dc:view_totalCount") == views_before + 1


def test_a_ramp_that_is_viewed_is_shown_while_it_is_made(system: System) -> None:
    system.configure(view_readMode="LINEAR", view_exposed=60.0, view_nperiods=3)
    with ring_of(system) as runs, ring_of(system, "-view") as views:
        system.command("view")
        shown = [(frame.header.kind, frame.header.number) for frame in frames_in(views)]
        assert frames_in(runs) == []
    assert shown[-1] == (FrameKind.VIEW, 0)
    assert set(shown[:-1]) <= {(FrameKind.PREVIEW, number) for number in (1, 2)}


def test_no_number_of_views_pushes_a_run_out_of_its_ring(system: System) -> None:
    system.configure(view_readMode="SINGLE", view_exposed=0.0)
    missed = system.get("sad:dc:framesMissed")
    path = system.observe("Kept")
    for _ in range(6):
        system.command("view")
    with ring_of(system) as runs:
        runs.rewind(1)
        kept = runs.next(0.0)
    assert kept is not None
    assert kept.header.label == "Kept"
    assert path.exists()
    assert system.get("sad:dc:framesMissed") == missed


def test_a_view_is_drawn_in_a_picture_of_its_own(system: System) -> None:
    picture = system.folder / "view.png"
    picture.unlink(missing_ok=True)
    system.command("view")
    wait_until(picture.exists, 60.0, "a picture of the view")
