"""CCDs as data: their image area, what surrounds it, and the corner that each output reads towards.

An output's channel is the part of the image area that leaves through it. Everything of a channel is in
clocking order: row 0 is next to the serial register, column 0 next to the output. A serial register is
longer than a channel by its prescan elements, which lie between the output and the first column and collect
no light; clocked further than its end it gives empty (overscan) pixels, and so does an image area that is
clocked further than its last row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.amplifiers import Amplifier


@dataclass(frozen=True)
class CcdGeometry:
    """A CCD with one, two or four outputs; rows are counted from the bottom, columns from the left."""

    name: str
    rows: int
    """of the image area"""
    columns: int
    channels: tuple[Amplifier, ...]
    """for each output, in their order on the fibre: the corner pixel it reads first, the step along a row
    towards the next pixel, the step to the next row"""
    prescan: int = 16
    """register elements of each channel before its first column"""
    overscan: int = 32
    """columns of a full frame after a channel's last"""
    parallel_overscan: int = 0
    """rows of a full frame after a channel's last"""

    @property
    def channel_rows(self) -> int:
        """Rows of the image area that leave through one output."""
        split = len({amplifier.slow for amplifier in self.channels})
        return self.rows // split

    @property
    def channel_columns(self) -> int:
        """Columns of the image area that leave through one output."""
        split = len({amplifier.fast for amplifier in self.channels})
        return self.columns // split

    @property
    def register(self) -> int:
        """Elements of one output's serial register."""
        return self.prescan + self.channel_columns

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of one channel in an unbinned full frame, with prescan and overscan."""
        return self.channel_rows + self.parallel_overscan, self.register + self.overscan

    def place(self, channel: int, row: int, column: int) -> tuple[int, int]:
        """Return row and column in the image area of a channel's pixel."""
        return self.channels[channel].place(row, column)

    def _indices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return row and column in the image area, each of shape (rows, channels, columns of a channel)."""
        line = np.arange(self.channel_rows)[:, np.newaxis]
        pixel = np.arange(self.channel_columns)[np.newaxis, :]
        rows, columns = (
            np.stack(
                [amp.first[axis] + line * amp.slow[axis] + pixel * amp.fast[axis] for amp in self.channels],
                axis=1,
            )
            for axis in (0, 1)
        )
        return rows, columns

    def to_channels(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put an image (rows, columns) in clocking order, shape (rows, channels, columns of a channel)."""
        return np.ascontiguousarray(image[self._indices()])

    def from_channels(self, charge: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put charge in clocking order, as of `to_channels`, back where it is on the chip."""
        image = np.empty((self.rows, self.columns), dtype=charge.dtype)
        image[self._indices()] = charge
        return image


def split(
    name: str,
    rows: int,
    columns: int,
    outputs: int,
    *,
    prescan: int = 16,
    overscan: int = 32,
    parallel_overscan: int = 0,
) -> CcdGeometry:
    """Return a CCD of 1 output, 2 (the serial register split) or 4 (a split register at either end).

    The outputs are bottom left, bottom right, top left, top right. Raises ValueError for other numbers of
    outputs or sizes that cannot be split.
    """
    if outputs not in (1, 2, 4) or (outputs > 1 and columns % 2) or (outputs == 4 and rows % 2):
        raise ValueError(f"{rows} x {columns} pixels cannot be read through {outputs} outputs: 1, 2 or 4")
    right, top = columns - 1, rows - 1
    corners = (
        Amplifier(first=(0, 0), fast=(0, 1), slow=(1, 0)),
        Amplifier(first=(0, right), fast=(0, -1), slow=(1, 0)),
        Amplifier(first=(top, 0), fast=(0, 1), slow=(-1, 0)),
        Amplifier(first=(top, right), fast=(0, -1), slow=(-1, 0)),
    )
    return CcdGeometry(name, rows, columns, corners[:outputs], prescan, overscan, parallel_overscan)


CCD1 = split("ccd1", 1024, 1024, 1)
CCD2 = split("ccd2", 1024, 1024, 2)
CCD4 = split("ccd4", 1024, 1024, 4)
GEOMETRIES = {geometry.name: geometry for geometry in (CCD1, CCD2, CCD4)}
"""the CCDs that the simulator can be started with, by name"""
