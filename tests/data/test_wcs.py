"""World coordinates against astropy's, which knows the sky and nothing of us."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from nifsdc.data.fits_image import build
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.wcs import Sky, Window, on_detector, on_sky

POINTING = (40.67, -0.0133)
SKY = Sky(0.33, (1000.0, 1500.0))


def header(window: Window, sky: Sky = SKY, angle: float = 0.0) -> fits.Header:
    """The header of a file with such an image."""
    cards = on_detector(window, "SCI") + on_sky(sky, window, POINTING, angle, "SCI")
    frame = Frame.build(
        "e", FrameKind.SCIENCE, {"science": np.zeros((50, 60), np.uint16)}, night="20260301", cards=cards
    )
    content = b"".join(bytes(buffer) for buffer in build(frame))
    with fits.HDUList.fromstring(content) as hdus:
        hdus.verify("exception")
        found: fits.Header = hdus["SCI"].header
    return found


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 30.0, 200.0])
@pytest.mark.parametrize("window", [Window(), Window((101, 31), (1, 1)), Window((101, 31), (2, 5))])
def test_a_pixel_lies_where_it_should_on_the_sky(window: Window, angle: float, mirrored: bool) -> None:
    sky = Sky(0.33, (1000.0, 1500.0), 10.0, mirrored)
    wcs = WCS(header(window, sky, angle))
    # The corner of the detector's pixel (1, 1): corners stay where they are when pixels are added up.
    there = [(0.5 - window.first[axis] + 0.5) / window.binning[axis] + 0.5 for axis in (0, 1)]
    up = SkyCoord(*POINTING, unit="deg").directional_offset_by((10.0 + angle) * units.deg, 1 * units.arcsec)
    centre = SkyCoord(*POINTING, unit="deg")
    corner = wcs.pixel_to_world(there[0] - 1, there[1] - 1)
    offset = np.array([0.5 - 1000.0, 0.5 - 1500.0]) * 0.33
    assert corner.separation(centre).arcsec == pytest.approx(np.hypot(*offset), rel=1e-4)
    column = centre.position_angle(up).deg
    turned = np.degrees(np.arctan2(offset[0], offset[1])) * (1 if mirrored else -1)
    assert (centre.position_angle(corner).deg - column - turned + 180) % 360 - 180 == pytest.approx(
        0, abs=0.02
    )


@pytest.mark.parametrize("window", [Window(), Window((101, 31), (2, 5))])
def test_a_pixel_lies_where_it_should_on_the_detector(window: Window) -> None:
    found = header(window)
    x, y = WCS(found, key="P").wcs_pix2world([[1.0, 1.0]], 1)[0]
    # The middle of all detector pixels that the image's first one is made of.
    first = [np.mean(np.arange(window.binning[axis]) + window.first[axis]) for axis in (0, 1)]
    assert (x, y) == pytest.approx(first)
    assert found["LTM1_1"] * x + found["LTV1"] == pytest.approx(1.0)
    assert found["LTM2_2"] * y + found["LTV2"] == pytest.approx(1.0)


def test_windows_of_keywords() -> None:
    assert Window.from_keywords(None, None) == Window()
    assert Window.from_keywords("[101:300,31:40]", "2 5") == Window((101, 31), (2, 5))
    for section, binning in (("101", "1 1"), (None, "2"), (None, "0 1"), (None, "a b")):
        with pytest.raises(ValueError, match=r"window|invalid literal"):
            Window.from_keywords(section, binning)
