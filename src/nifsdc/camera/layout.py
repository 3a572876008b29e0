"""How a detector is divided among its readout amplifiers, as data (SDN 11.03 section 4.7, Table 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from nifsdc.readout.unravel import Unraveller, readout_order

Orientation = Literal["row", "column"]


class LayoutError(ValueError):
    """A detector layout that cannot be used; the text says what is wrong with which amplifier."""


@dataclass(frozen=True)
class Amplifier:
    """One output and the way it walks its part of the detector (SDN 11.03 Table 3)."""

    xo: int
    """column, from 0, of the first pixel it reads"""
    yo: int
    """row, from 0 at the bottom, of the first pixel it reads"""
    width: int
    """columns it reads"""
    height: int
    """rows it reads"""
    xdir: int
    """+1 towards higher columns, -1 towards lower ones"""
    ydir: int
    """+1 towards higher rows, -1 towards lower ones"""
    orientation: Orientation
    """what one line of the readout is: ``row`` (columns change fastest) or ``column``"""
    reference: int = 0
    """reference samples appended to each line (SDN 11.03 section 4.6.5)"""

    @property
    def lines(self) -> int:
        """Lines it reads."""
        return self.height if self.orientation == "row" else self.width

    @property
    def line_pixels(self) -> int:
        """Pixels of a line, reference samples apart."""
        return self.width if self.orientation == "row" else self.height

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """First and last column, first and last row, all from 0."""
        x_end = self.xo + self.xdir * (self.width - 1)
        y_end = self.yo + self.ydir * (self.height - 1)
        return min(self.xo, x_end), max(self.xo, x_end), min(self.yo, y_end), max(self.yo, y_end)

    def in_readout_order(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return its part of an image (rows, columns) as a view (lines, pixels a line) in reading order."""
        return readout_order(image, self)


@dataclass(frozen=True)
class Layout:
    """A detector and its amplifiers, in the order of their rotation in the pixel stream.

    Raises
    ------
    LayoutError
        when the amplifiers do not cover the detector exactly once, or cannot be read in rotation
    """

    name: str
    rows: int
    columns: int
    amplifiers: tuple[Amplifier, ...]

    def __post_init__(self) -> None:
        covered = np.zeros((self.rows, self.columns), np.uint8)
        for number, amplifier in enumerate(self.amplifiers, 1):
            self._check(number, amplifier)
            covered_part = amplifier.in_readout_order(covered)
            if covered_part.any():
                raise LayoutError(
                    f"{self.name}: amplifier {number} reads pixels that an earlier one reads too"
                )
            covered_part[...] = 1
        if not covered.all():
            missing = int(covered.size - np.count_nonzero(covered))
            raise LayoutError(f"{self.name}: {missing} pixels are read by no amplifier")
        try:
            _ = self.unraveller
        except ValueError as error:
            raise LayoutError(f"{self.name}: {error}") from error

    def _check(self, number: int, amplifier: Amplifier) -> None:
        where = f"{self.name}: amplifier {number}"
        if amplifier.xdir not in (-1, 1) or amplifier.ydir not in (-1, 1):
            raise LayoutError(f"{where}: directions are +1 or -1, not {amplifier.xdir}, {amplifier.ydir}")
        if amplifier.orientation not in ("row", "column"):
            raise LayoutError(f"{where}: orientation is row or column, not {amplifier.orientation!r}")
        if amplifier.width < 1 or amplifier.height < 1 or amplifier.reference < 0:
            raise LayoutError(f"{where}: it reads {amplifier.height} x {amplifier.width} pixels")
        left, right, bottom, top = amplifier.bounds
        if left < 0 or bottom < 0 or right >= self.columns or top >= self.rows:
            raise LayoutError(
                f"{where}: columns {left} to {right}, rows {bottom} to {top} "
                f"are not within {self.columns} columns and {self.rows} rows"
            )

    @classmethod
    def load(cls, source: Path | str | Mapping[str, Any]) -> Layout:
        """Read a layout from a YAML file, or from the mapping in it.

        Raises
        ------
        LayoutError
            when the file cannot be read or an entry is missing, unknown or wrong
        """
        if isinstance(source, Mapping):
            return cls._from_tree(source, "layout")
        try:
            tree = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise LayoutError(f"{source}: cannot be read: {error}") from error
        if not isinstance(tree, Mapping):
            raise LayoutError(f"{source}: expected the entries name, rows, columns and amplifiers")
        return cls._from_tree(tree, str(source))

    @classmethod
    def _from_tree(cls, tree: Mapping[str, Any], where: str) -> Layout:
        missing = {"name", "rows", "columns", "amplifiers"} - set(tree)
        if missing:
            raise LayoutError(f"{where}: {', '.join(sorted(missing))} missing")
        known = {field.name for field in fields(Amplifier)}
        amplifiers = []
        for number, entry in enumerate(tree["amplifiers"], 1):
            unknown = sorted(set(entry) - known)
            lacking = sorted(known - {"reference"} - set(entry))
            if unknown or lacking:
                raise LayoutError(
                    f"{where}: amplifier {number}: unknown {unknown}, missing {lacking}; "
                    f"known are {sorted(known)}"
                )
            amplifiers.append(Amplifier(**entry))
        return cls(str(tree["name"]), int(tree["rows"]), int(tree["columns"]), tuple(amplifiers))

    @cached_property
    def unraveller(self) -> Unraveller:
        """What sorts this detector's pixel stream into images."""
        return Unraveller(self.rows, self.columns, self.amplifiers)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of an image: (rows, columns)."""
        return self.rows, self.columns

    @property
    def pixels_per_read(self) -> int:
        """Pixels of one full read, reference samples included."""
        return self.unraveller.pixels_per_read

    @property
    def reference_shape(self) -> tuple[int, int, int]:
        """Shape of the reference samples of one read: (amplifiers, lines, samples a line)."""
        return self.unraveller.reference_shape
