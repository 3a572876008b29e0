"""What falls on the detector, without any noise: NIFS's 29 slitlets with sky lines and a star, or stars.

In NIFS's scene the dispersion runs along the rows. Each slitlet is a band of rows, and its spectrum is
shifted against its neighbour's, because the slicer's slits lie on a staircase. The staircase's pitch is in no
document at hand; it is a parameter here, and its default a straight ramp.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.led import Led

SLITLETS = 29
STAIRCASE_PIXELS = 2.5
"""shift of the spectrum from one slitlet to the next, in columns"""
LINE_SIGMA_PIXELS = 1.1
SKY_CONTINUUM = 0.05
"""sky between the lines, electron/s/pixel"""
LINES = 60
FAINTEST_LINE, BRIGHTEST_LINE = 0.3, 60.0
"""peaks of the sky lines, electron/s/pixel: the brightest has 36,000 electrons in 600 s"""
STAR_PEAK = 12.0
"""star's continuum at its brightest, electron/s/pixel"""
STAR_SLITLET = 13.6
STAR_WIDTH_SLITLETS = 1.1
STAR_WIDTH_ROWS = 4.0

FIELD_STARS = 150
FIELD_SKY = 2.0
"""sky of a field of stars, electron/s/pixel"""
FAINTEST_STAR, BRIGHTEST_STAR = 200.0, 60_000.0
"""electron/s of a whole star"""
SEEING_SIGMA = 1.8
"""pixels"""
STAMP = 12
"""pixels to either side of a star within which its light falls"""
INDEX_PRIME = 601
NAMES = ("default", "dark", "flat", "stars", "points", "index", "led")
"""the scenes that `named` knows"""


class Source(NamedTuple):
    """A source of light that is a point in the sky."""

    row: float
    column: float
    rate: float
    """all of its light, electron/s"""


class Light(Protocol):
    """What can be put in front of a detector."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def flux(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Return the light in electron/s/pixel, shape (rows, columns), row 0 at the bottom."""
        ...

    def sources(self, rows: int, columns: int) -> tuple[tuple[float, float, float], ...]:
        """Return the points of light (`Source`) on a detector of a size, in no order."""
        ...


def slitlets(rows: int = 2048) -> tuple[tuple[int, int], ...]:
    """Return the first row and the row after the last of each slitlet, bottom one first.

    The pitch is a whole number of rows on average only, so a gap of one or two dark rows lies between.
    """
    pitch = rows / SLITLETS
    bands = []
    for number in range(SLITLETS):
        first = round(number * pitch) + number % 2
        bands.append((first, max(first, round((number + 1) * pitch) - 1)))
    return tuple(bands)


@dataclass(frozen=True)
class Scene:
    """Light on the detector, as a function of place alone."""

    name: str
    positions: NDArray[np.float64]
    """columns of the sky lines in the middle slitlet, shape (lines,)"""
    peaks: NDArray[np.float64]
    """their peaks, electron/s/pixel, shape (lines,)"""
    sky: float = 0.0
    """sky continuum in the slitlets, electron/s/pixel"""
    star: float = 0.0
    """peak of the star's continuum, electron/s/pixel"""
    everywhere: float = 0.0
    """light on every pixel, electron/s/pixel"""
    staircase: float = STAIRCASE_PIXELS
    """shift from one slitlet to the next, columns"""

    @classmethod
    def default(cls, seed: int = 0) -> Scene:
        """Return sky lines at places that the seed decides, and a star a little off the middle."""
        random = np.random.Generator(np.random.PCG64(seed))
        peaks = np.exp(random.uniform(np.log(FAINTEST_LINE), np.log(BRIGHTEST_LINE), LINES))
        return cls("default", random.uniform(-50.0, 2098.0, LINES), peaks, SKY_CONTINUUM, STAR_PEAK)

    @classmethod
    def dark(cls) -> Scene:
        """Return no light at all."""
        return cls("dark", np.empty(0), np.empty(0))

    @classmethod
    def flat(cls, rate: float) -> Scene:
        """Return the same light on every pixel, electron/s/pixel."""
        return cls("flat", np.empty(0), np.empty(0), everywhere=rate)

    @staticmethod
    def slitlets(rows: int = 2048) -> tuple[tuple[int, int], ...]:
        """Return the first row and the row after the last of each slitlet, bottom one first."""
        return slitlets(rows)

    def flux(self, rows: int = 2048, columns: int = 2048) -> NDArray[np.float32]:
        """Return the light in electron/s/pixel, shape (rows, columns), row 0 at the bottom."""
        image = np.full((rows, columns), self.everywhere, dtype=np.float32)
        column = np.arange(columns, dtype=np.float64)
        continuum = 0.7 + 0.3 * column / columns
        for number, (first, end) in enumerate(slitlets(rows)):
            shift = (number - SLITLETS // 2) * self.staircase
            offsets = column[np.newaxis, :] - (self.positions + shift)[:, np.newaxis]
            lines = self.peaks @ np.exp(-0.5 * (offsets / LINE_SIGMA_PIXELS) ** 2)
            across = np.exp(-0.5 * ((number - STAR_SLITLET) / STAR_WIDTH_SLITLETS) ** 2)
            along = np.arange(first, end) - (first + end) / 2
            profile = across * (1.0 + (along / STAR_WIDTH_ROWS) ** 2) ** -2.5
            image[first:end] += (self.sky + lines)[np.newaxis, :] + self.star * np.outer(profile, continuum)
        return image

    def sources(self, rows: int, columns: int) -> tuple[Source, ...]:
        """Return nothing: its star is dispersed."""
        return ()


@dataclass(frozen=True)
class StarField:
    """Stars on a sky; the seed decides where they are and how bright."""

    seed: int = 0
    sky: float = FIELD_SKY
    """electron/s/pixel"""
    stars: int = FIELD_STARS
    name: str = "stars"

    def sources(self, rows: int, columns: int) -> tuple[Source, ...]:
        """Return the stars on a detector of a size; half a pixel beyond its edges is still on it."""
        random = np.random.Generator(np.random.PCG64((self.seed, 21)))
        places = random.uniform(0.0, 1.0, (self.stars, 2)) * (rows, columns) - 0.5
        totals = np.exp(random.uniform(np.log(FAINTEST_STAR), np.log(BRIGHTEST_STAR), self.stars))
        return tuple(
            Source(float(row), float(column), float(total))
            for (row, column), total in zip(places, totals, strict=True)
        )

    def flux(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Return the light in electron/s/pixel, shape (rows, columns), with the stars spread over it."""
        image = np.full((rows, columns), self.sky, dtype=np.float32)
        for row, column, total in self.sources(rows, columns):
            near_rows = np.arange(max(0, round(row) - STAMP), min(rows, round(row) + STAMP + 1))
            near_columns = np.arange(max(0, round(column) - STAMP), min(columns, round(column) + STAMP + 1))
            along = np.exp(-0.5 * ((near_rows - row) / SEEING_SIGMA) ** 2)
            across = np.exp(-0.5 * ((near_columns - column) / SEEING_SIGMA) ** 2)
            peak = total / (2.0 * np.pi * SEEING_SIGMA**2)
            image[np.ix_(near_rows, near_columns)] += peak * np.outer(along, across)
        return image


@dataclass(frozen=True)
class Points:
    """Sources whose light falls into one pixel each, the nearest, on a sky; none lies beyond the edges."""

    given: tuple[Source, ...]
    sky: float = 0.0
    """electron/s/pixel"""
    name: str = "points"

    def sources(self, rows: int, columns: int) -> tuple[Source, ...]:
        """Return the sources that fall on a detector of a size."""
        return tuple(
            source
            for source in self.given
            if 0 <= round(source.row) < rows and 0 <= round(source.column) < columns
        )

    def flux(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Return the light in electron/s/pixel, shape (rows, columns)."""
        image = np.full((rows, columns), self.sky, dtype=np.float32)
        for row, column, rate in self.sources(rows, columns):
            image[round(row), round(column)] += rate
        return image


@dataclass(frozen=True)
class Index:
    """A different whole number of electrons a second for each pixel of a neighbourhood: `index_rate`."""

    name: str = "index"

    def flux(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Return the light in electron/s/pixel, shape (rows, columns)."""
        row, column = np.arange(rows)[:, np.newaxis], np.arange(columns)[np.newaxis, :]
        return index_rate(row, column).astype(np.float32)

    def sources(self, rows: int, columns: int) -> tuple[Source, ...]:
        """Return nothing: every pixel has its own light."""
        return ()


def index_rate(row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the light of the scene ``index`` at places, electron/s/pixel.

    A hundred pixels binned to one stay below 60,200 electrons a second. Neighbours differ, by amounts that
    change over the chip: a picture that is shifted, mirrored or binned otherwise is another one.
    """
    rate: NDArray[np.int64] = (row * 31 + column * 7 + row * row * 3 + column * row) % INDEX_PRIME
    return rate


def named(name: str, **parameters: Any) -> Light:
    """Return one of `NAMES`.

    Parameters
    ----------
    name
        ``default`` is NIFS's, with the parameter ``seed``; ``flat`` takes ``rate`` (100 electron/s/pixel),
        ``stars`` takes ``seed``, ``sky`` (electron/s/pixel) and ``stars`` (their number), ``points`` takes
        ``sources`` (a list of row, column and electron/s) and ``sky``, ``led`` what `led.Led` has; ``dark``
        and ``index`` take nothing
    parameters
        the scene's

    Raises
    ------
    ValueError
        for another name, another parameter or a value that is none
    """
    if name not in _SCENES:
        raise ValueError(f"there is no scene {name!r}: expected one of {', '.join(NAMES)}")
    kinds, make = _SCENES[name]
    values = {}
    for key, value in parameters.items():
        if key not in kinds:
            known = ", ".join(kinds) or "none"
            raise ValueError(f"scene {name} has no parameter {key!r}: expected out of {known}")
        values[key] = kinds[key](key, value)
    return make(**values)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < math.inf:
        raise ValueError(f"{key} is {value!r}, expected a number of 0 or more")
    return float(value)


def _whole(key: str, value: Any) -> int:
    number = _number(key, value)
    if not number.is_integer():
        raise ValueError(f"{key} is {value!r}, expected a whole number of 0 or more")
    return int(number)


def _sources(key: str, value: Any) -> tuple[Source, ...]:
    if not isinstance(value, (list, tuple)) or not all(
        isinstance(each, (list, tuple)) and len(each) == len(Source._fields) for each in value
    ):
        raise ValueError(f"{key} is {value!r}, expected a list of [row, column, electron/s]")
    return tuple(Source(*(_number(key, number) for number in each)) for each in value)


_Kinds = Mapping[str, Callable[[str, Any], Any]]
_SCENES: Mapping[str, tuple[_Kinds, Callable[..., Light]]] = {
    "default": ({"seed": _whole}, Scene.default),
    "dark": ({}, Scene.dark),
    "flat": ({"rate": _number}, lambda rate=100.0: Scene.flat(rate)),
    "stars": ({"seed": _whole, "sky": _number, "stars": _whole}, StarField),
    "points": ({"sources": _sources, "sky": _number}, lambda sources=(), sky=0.0: Points(sources, sky)),
    "index": ({}, Index),
    "led": (dict.fromkeys(("rate", "period", "on", "first", "sky"), _number), Led),
}


def described(text: str, seed: int = 0) -> Light:
    """Return a scene by a text, ``NAME`` or ``NAME:KEY=NUMBER,...``, with a seed where none is given.

    Raises ValueError as `named` does.
    """
    name, _, rest = text.partition(":")
    parameters: dict[str, Any] = {}
    for part in rest.split(",") if rest else ():
        key, _, value = part.partition("=")
        try:
            parameters[key] = float(value)
        except ValueError:
            raise ValueError(f"{key} is {value!r}, expected a number, as in flat:rate=50") from None
    if name in _SCENES and "seed" in _SCENES[name][0]:
        parameters.setdefault("seed", seed)
    return named(name, **parameters)
