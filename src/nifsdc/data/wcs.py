"""World coordinates of an image, as far as they are known (FITS standard 4.0, section 8).

Where the pixels of a window lie on the detector is always known; where on the sky, when a configuration tells
how the detector looks at it and somebody else where the telescope points. Pixels of the detector are those of
the unbinned full frame, the middle of the first is 1; all is linear but for the projection (TAN).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from nifsdc.data.frame import Card, CardValue

DEGREE = 3600.0
"""arcseconds"""
DECIMALS = 12
"""digits kept behind the point of a matrix"""
_SECTION = re.compile(r"\[(\d+):(\d+),(\d+):(\d+)\]")


@dataclass(frozen=True)
class Window:
    """Which pixels of the detector those of an image are."""

    first: tuple[int, int] = (1, 1)
    """column and row of the detector's pixel in the lower left corner"""
    binning: tuple[int, int] = (1, 1)
    """along rows and columns"""

    @classmethod
    def from_keywords(cls, section: CardValue, binning: CardValue) -> Window:
        """Return the window of the keywords DETSEC and CCDSUM; None stands for the full frame, unbinned.

        Raises
        ------
        ValueError
            when they are not such as ``[1:100,20:30]`` and ``2 2``
        """
        found = _SECTION.fullmatch("[1:1,1:1]" if section is None else str(section))
        factors = (1, 1) if binning is None else tuple(int(factor) for factor in str(binning).split())
        if found is None or len(factors) != 2 or min(factors) < 1:
            raise ValueError(
                f"window {section!r} with the binning {binning!r}; expected [1:100,20:30] and 2 2"
            )
        return cls((int(found[1]), int(found[3])), factors)

    def place(self, axis: int, pixel: float) -> float:
        """Return where a pixel of the detector is in the image, along an axis (0 or 1)."""
        return (pixel - self.first[axis] + 0.5) / self.binning[axis] + 0.5


@dataclass(frozen=True)
class Sky:
    """How the detector looks at the sky."""

    arcsec: float
    """of a pixel of the detector"""
    pixel: tuple[float, float]
    """column and row at which the telescope points"""
    angle: float = 0.0
    """of the columns, degrees from north through east, when the position angle of the telescope is 0"""
    mirrored: bool = False
    """whether east is where it is not on a chart: to the right where north is up"""


def on_detector(window: Window, extension: str) -> tuple[Card, ...]:
    """Return where an image lies on the detector: the coordinates P, and the same as IRAF has it."""
    made = [Card("WCSNAMEP", "PHYSICAL", "pixels of the unbinned full frame", extension)]
    for axis, (name, first, binning) in enumerate(zip("XY", window.first, window.binning, strict=True)):
        n = axis + 1
        made += [
            Card(f"CTYPE{n}P", name, "", extension),
            Card(f"CRPIX{n}P", 1.0, "", extension),
            Card(f"CRVAL{n}P", first + (binning - 1) / 2, "", extension),
            Card(f"CDELT{n}P", float(binning), "", extension),
            Card(f"LTM{n}_{n}", round(1 / binning, DECIMALS), "", extension),
            Card(f"LTV{n}", round(window.place(axis, 0.0), DECIMALS), "", extension),
        ]
    return tuple(made)


def on_sky(
    sky: Sky, window: Window, pointing: tuple[float, float], position_angle: float, extension: str
) -> tuple[Card, ...]:
    """Return where an image lies on the sky.

    Parameters
    ----------
    sky, window
        how the detector looks at it; which pixels the image has
    pointing
        right ascension and declination, degrees, ICRS
    position_angle
        of the telescope's field, degrees from north through east
    extension
        whose header it is
    """
    angle = math.radians(sky.angle + position_angle)
    scale = sky.arcsec / DEGREE
    across = scale * window.binning[0] * (1 if sky.mirrored else -1)
    along = scale * window.binning[1]
    matrix = {
        "CD1_1": across * math.cos(angle),
        "CD1_2": along * math.sin(angle),
        "CD2_1": -across * math.sin(angle),
        "CD2_2": along * math.cos(angle),
    }
    axes: list[tuple[str, CardValue, str]] = [
        ("RADESYS", "ICRS", "system of right ascension and declination")
    ]
    for axis, (kind, value) in enumerate(zip(("RA---TAN", "DEC--TAN"), pointing, strict=True)):
        n = axis + 1
        axes += [
            (f"CTYPE{n}", kind, "gnomonic projection"),
            (f"CUNIT{n}", "deg", ""),
            (f"CRVAL{n}", value, "where the telescope points"),
            (f"CRPIX{n}", round(window.place(axis, sky.pixel[axis]), 6), "pixel at which it points"),
        ]
    cells = [(name, round(value, DECIMALS), "[deg] of a pixel") for name, value in matrix.items()]
    return tuple(Card(name, value, comment, extension) for name, value, comment in (*axes, *cells))
