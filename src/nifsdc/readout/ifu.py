"""The image of the sky, and the cube, that an integral field unit's slitlets make (SDN 11.03 section 4.6.4).

With the mirror in, the staircase of slitlets is collapsed: each becomes a column of the image. With a grating
in, each slitlet's spectrum begins where its step of the staircase is; the spectra are put on one wavelength
axis by whole pixels, which moves no light from one pixel to another, and the cube is summed over an interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.readout.ifu_loops import collapse, sort_cube, subdivide

Card = tuple[str, str | int | float, str]
"""keyword, value, comment of a header"""


class IfuError(ValueError):
    """A geometry or a request that cannot be used; the text says what to correct."""


@dataclass(frozen=True)
class Grating:
    """How a grating spreads wavelengths over columns."""

    centre: float
    """micrometres, at the column of a slitlet's step"""
    dispersion: float
    """micrometres a pixel; negative where wavelengths grow towards column 0"""
    low: float
    """micrometres: from here on ..."""
    high: float
    """... to here unless an interval is asked for"""


@dataclass(frozen=True)
class Ifu:
    """Where each slitlet's light falls on the detector; ``db/ifu.yaml`` explains the entries."""

    shape: tuple[int, int]
    """rows and columns of the detector"""
    rows: NDArray[np.int64]
    """lowest row of each slitlet, in the order of their places in the image"""
    columns: NDArray[np.int64]
    """column of each slitlet's step"""
    height: int
    """pixels along a slitlet"""
    width: int
    """columns of a slitlet seen by the mirror"""
    pixel: tuple[float, float]
    """arcseconds along a slitlet and across"""
    display: tuple[int, int]
    """display pixels along and across that a pixel is divided into"""
    gratings: Mapping[str, Grating]

    @classmethod
    def from_mapping(cls, tree: Mapping[str, Any]) -> Ifu:
        """Return the geometry that a file like ``db/ifu.yaml`` holds.

        Raises
        ------
        IfuError
            when an entry is missing or wrong, or a slitlet lies outside the detector
        """
        try:
            count, height = int(tree["slitlets"]), int(tree["height"])
            order = np.argsort(_each_slitlet(tree["place"], count, "place"))
            rows = np.rint(_each_slitlet(tree["row"], count, "row"))[order].astype(np.int64)
            columns = np.rint(_each_slitlet(tree["column"], count, "column"))[order].astype(np.int64)
            ifu = cls(
                (int(tree["rows"]), int(tree["columns"])),
                rows,
                columns,
                height,
                int(tree["width"]),
                (float(tree["along"]["arcsec"]), float(tree["across"]["arcsec"])),
                (int(tree["along"]["display"]), int(tree["across"]["display"])),
                {
                    str(name): Grating(float(g["centre"]), float(g["dispersion"]), *map(float, g["range"]))
                    for name, g in tree["gratings"].items()
                },
            )
        except KeyError as error:
            raise IfuError(f"IFU geometry: the entry {error} is missing") from error
        except (TypeError, AttributeError) as error:
            raise IfuError(f"IFU geometry: an entry has the wrong form: {error}") from error
        ifu._check()
        return ifu

    def _check(self) -> None:
        if min(self.height, self.width, *self.display) < 1:
            raise IfuError("IFU geometry: height, width and display are 1 or more")
        if self.rows.min() < 0 or self.rows.max() + self.height > self.shape[0]:
            raise IfuError(
                f"IFU geometry: slitlets from row {self.rows.min()} to {self.rows.max() + self.height - 1}; "
                f"the detector has the rows 0 to {self.shape[0] - 1}: correct row or height"
            )
        for name, grating in self.gratings.items():
            if grating.dispersion == 0.0 or not grating.low < grating.high:
                raise IfuError(f"IFU geometry: grating {name} needs a dispersion and a range that ascends")

    def acquisition(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Collapse the staircase of undispersed slitlets.

        Parameters
        ----------
        image
            shape of the detector; NaN where there is no value

        Returns
        -------
        shape (height, slitlets): the light of each pixel along each slitlet; see `compressed` for NaN
        """
        return self._collapse(image, self.columns - self.width // 2, self.width)

    def compressed(
        self, image: NDArray[np.float32], grating: str, interval: tuple[float, float] | None = None
    ) -> NDArray[np.float32]:
        """Sum the dispersed light over an interval of wavelengths: the cube compressed, without making it.

        Parameters
        ----------
        image
            shape of the detector; NaN where there is no value
        grating
            its name
        interval
            wavelengths, micrometres, that the middle of a pixel must be within; None for the grating's range

        Returns
        -------
        shape (height, slitlets), sums. Where pixels have no value or are off the detector, the mean of the
        others stands for them; NaN where there are no others.

        Raises
        ------
        IfuError
            for an unknown grating, or an interval without a pixel
        """
        first, planes = self.planes(grating, interval)
        last = first + planes - 1
        lowest = first if self._grating(grating).dispersion > 0 else -last
        return self._collapse(image, self.columns + lowest, planes)

    def cube(
        self, image: NDArray[np.float32], grating: str, interval: tuple[float, float] | None = None
    ) -> NDArray[np.float32]:
        """Put every slitlet's spectrum on one wavelength axis; arguments and errors as `compressed`.

        Returns
        -------
        shape (planes, height, slitlets), wavelengths ascending; NaN off the detector
        """
        self._check_image(image)
        first, planes = self.planes(grating, interval)
        step = 1 if self._grating(grating).dispersion > 0 else -1
        result = np.empty((planes, self.height, len(self.rows)), np.float32)
        sort_cube(image, self.rows, self.columns + step * first, step, result)
        return result

    def planes(self, grating: str, interval: tuple[float, float] | None = None) -> tuple[int, int]:
        """Return the first plane of an interval, in pixels of wavelength from the step, and how many.

        Planes that no slitlet has on the detector are left out.

        Raises
        ------
        IfuError
            for an unknown grating, or an interval without a pixel
        """
        chosen = self._grating(grating)
        low, high = (chosen.low, chosen.high) if interval is None else interval
        scale = abs(chosen.dispersion)
        # A wavelength written as the middle of a pixel stays within when its division is rounded.
        first = ceil((low - chosen.centre) / scale - 1e-6)
        last = floor((high - chosen.centre) / scale + 1e-6)
        leftmost, rightmost = -int(self.columns.max()), self.shape[1] - 1 - int(self.columns.min())
        if chosen.dispersion < 0:
            leftmost, rightmost = -rightmost, -leftmost
        first, last = max(first, leftmost), min(last, rightmost)
        if last < first:
            ends = [chosen.centre + scale * end for end in (leftmost, rightmost)]
            raise IfuError(
                f"{low} to {high} um has no pixel of grating {grating}, which shows "
                f"{ends[0]:.4f} to {ends[1]:.4f} um: correct waveMin or waveMax"
            )
        return first, last - first + 1

    def display_image(self, spaxels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Divide every pixel into display pixels of a square of sky, its light in equal parts.

        Parameters
        ----------
        spaxels
            shape (height, slitlets), of `acquisition` or `compressed`

        Returns
        -------
        shape (height x 2, slitlets x 5) for NIFS: 140 rows of 145, with the sum of ``spaxels``
        """
        along, across = self.display
        result = np.empty((spaxels.shape[0] * along, spaxels.shape[1] * across), np.float32)
        subdivide(np.ascontiguousarray(spaxels), along, across, result)
        return result

    def cards(self, grating: str, interval: tuple[float, float] | None = None) -> tuple[Card, ...]:
        """Return the world coordinates of a cube (FITS papers I and III); errors as `compressed`.

        Offsets on the sky are from the middle of the field; the axes of the field turn with the instrument.
        """
        chosen = self._grating(grating)
        first, _ = self.planes(grating, interval)
        scale = abs(chosen.dispersion)
        along, across = self.pixel
        return (
            ("CTYPE1", "XOFFSET", "across the slitlets"),
            ("CUNIT1", "arcsec", ""),
            ("CRPIX1", (len(self.rows) + 1) / 2, "middle of the field"),
            ("CRVAL1", 0.0, ""),
            ("CDELT1", across, "width of a slitlet"),
            ("CTYPE2", "YOFFSET", "along the slitlets"),
            ("CUNIT2", "arcsec", ""),
            ("CRPIX2", (self.height + 1) / 2, "middle of the field"),
            ("CRVAL2", 0.0, ""),
            ("CDELT2", along, "a pixel"),
            ("CTYPE3", "WAVE", "wavelength"),
            ("CUNIT3", "um", ""),
            ("CRPIX3", 1.0, ""),
            ("CRVAL3", chosen.centre + scale * first, "of the first plane"),
            ("CDELT3", scale, "a plane"),
        )

    def _grating(self, name: str) -> Grating:
        if name not in self.gratings:
            raise IfuError(f"no grating {name!r}; the geometry has {', '.join(self.gratings)}")
        return self.gratings[name]

    def _check_image(self, image: NDArray[np.float32]) -> None:
        if image.shape != self.shape:
            raise IfuError(f"an image of shape {image.shape}; the IFU geometry is for {self.shape}")

    def _collapse(
        self, image: NDArray[np.float32], starts: NDArray[np.int64], count: int
    ) -> NDArray[np.float32]:
        self._check_image(image)
        result = np.empty((self.height, len(self.rows)), np.float32)
        collapse(image, self.rows, starts, count, result)
        return result


def _each_slitlet(rule: Any, count: int, name: str) -> NDArray[np.float64]:
    if isinstance(rule, Mapping):
        return np.asarray(float(rule["first"]) + float(rule["step"]) * np.arange(count), np.float64)
    values = np.asarray(rule, np.float64)
    if values.shape != (count,):
        raise IfuError(f"IFU geometry: {name} has {values.size} entries for {count} slitlets")
    return values
