"""The image of the sky that a view is given on request (SDN 11.03 section 4.6.4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from nifsdc.data.frame import Frame
from nifsdc.data.ring import FrameRing, Policy, Reader

from .conftest import System

GEOMETRY = yaml.safe_load((Path(__file__).parents[2] / "db" / "ifu.yaml").read_text(encoding="utf-8"))
SLITLETS, HEIGHT, WIDTH = 29, 70, 3


@pytest.fixture
def views(system: System) -> Iterator[Reader]:
    """The ring of the views, of a system that takes short ones."""
    system.configure(view_readMode="DCS", view_exposed=12.0, view_doCmpIm="Yes")
    with FrameRing.attach(f"nifsdc-{system.top.strip(':')}-view", Policy.NEWEST) as ring:
        yield ring
    system.configure(view_doCmpIm="No", view_grating="MIRROR", view_waveMin=0.0, view_waveMax=0.0)


def view(system: System, ring: Reader) -> Frame:
    system.command("view")
    frame = ring.next(10.0)
    assert frame is not None
    return frame


def sky(image: np.ndarray, first: list[int], columns: int) -> np.ndarray:
    """Sum so many columns of each slitlet from its first one on, and divide each pixel into 2 x 5."""
    result = np.zeros((HEIGHT, SLITLETS))
    for number in range(SLITLETS):
        row = round(GEOMETRY["row"]["first"] + GEOMETRY["row"]["step"] * number)
        part = image[row : row + HEIGHT, first[number] : first[number] + columns]
        result[:, number] = part.astype(float).sum(axis=1)
    return np.kron(result / 10.0, np.ones((2, 5)))


def steps() -> list[int]:
    """Columns of the staircase."""
    column = GEOMETRY["column"]
    return [round(column["first"] + column["step"] * number) for number in range(SLITLETS)]


def test_with_the_mirror_the_staircase_is_collapsed(system: System, views: Reader) -> None:
    frame = view(system, views)
    made = frame.arrays["compressed"]
    assert made.shape == (140, 145)
    expected = sky(frame.image, [step - WIDTH // 2 for step in steps()], WIDTH)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=0.01)


def test_with_a_grating_the_light_of_an_interval_is_summed(system: System, views: Reader) -> None:
    system.configure(view_grating="K", view_waveMin=2.18, view_waveMax=2.21)
    frame = view(system, views)
    grating = GEOMETRY["gratings"]["K"]
    places = np.arange(-300, 301)
    wavelengths = grating["centre"] + grating["dispersion"] * places
    within = places[(wavelengths >= 2.18) & (wavelengths <= 2.21)]
    expected = sky(frame.image, [step + int(within[0]) for step in steps()], len(within))
    np.testing.assert_allclose(frame.arrays["compressed"], expected, rtol=1e-4, atol=0.1)
    assert system.get("sad:dc:d_view_grating", text=True) == "K"


def test_views_without_the_wish_and_runs_have_none(system: System, views: Reader) -> None:
    system.configure(view_doCmpIm="No")
    assert "compressed" not in view(system, views).arrays


@pytest.mark.parametrize(
    ("setpoints", "message"),
    [
        (
            {"view_grating": "K", "view_waveMin": 2.3, "view_waveMax": 2.1},
            "view_waveMax 2.1: above view_waveMin",
        ),
        ({"view_grating": "J", "view_waveMin": 2.1, "view_waveMax": 2.3}, "view_waveMin, waveMax: not in J"),
    ],
)
def test_an_interval_without_light_is_refused(
    system: System, views: Reader, setpoints: dict[str, float | str], message: str
) -> None:
    for name, value in setpoints.items():
        system.put(f"dc:{name}", value)
    assert system.refused() == message


def test_the_image_of_the_sky_has_a_stream_of_its_own(system: System, views: Reader) -> None:
    system.configure(cmpQlStream="mySky")
    assert view(system, views).header.streams == (("compressed", "mySky"),)
    system.configure(cmpQlStream="nifsCmpQL")
