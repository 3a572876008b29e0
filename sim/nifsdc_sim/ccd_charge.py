"""The charge in a CCD, moved by clock operations alone (INS-DAS-18 Annex A)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.ccd_geometry import CcdGeometry

Charge = NDArray[np.float32]


class ChargeArray:
    """Image area and serial registers of all channels, clocked alike.

    A row that is skipped goes into the registers and is thrown away with whatever was in them. A parallel
    read begins by emptying the registers too, for Annex A gives a table no means to do it: a row with n
    fragments uses all n pairs and has none left to clock out what lies behind its last fragment. So the charge
    of pixels that are not clocked out lasts until the next parallel operation or `clear`; rows that are not
    moved stay where they are.

    Parameters
    ----------
    geometry
        the chip
    """

    def __init__(self, geometry: CcdGeometry) -> None:
        self.geometry = geometry
        self.image = np.zeros(
            (geometry.channel_rows, len(geometry.channels), geometry.channel_columns), dtype=np.float32
        )
        """electrons, shape (rows, channels, columns); rows before `shifted` have left"""
        self.register = np.zeros((len(geometry.channels), geometry.register), dtype=np.float32)
        """electrons, shape (channels, elements); elements before `clocked` have left"""
        self.shifted = 0
        """rows by which the image has moved since it was last put down"""
        self.clocked = 0
        """pixels by which the registers have moved since the last parallel operation"""

    def clear(self) -> None:
        """Empty everything."""
        self.image[:] = 0.0
        self.shifted = 0
        self._empty_register()

    def put_down(self) -> None:
        """Give the rows that are left the numbers of the places where they are now."""
        left = max(0, len(self.image) - self.shifted)
        if self.shifted:
            self.image[:left] = self.image[len(self.image) - left :].copy()
            self.image[left:] = 0.0
        self.shifted = 0

    def parallel_skip(self, count: int) -> None:
        """Throw rows away."""
        if count:
            self._empty_register()
            self.shifted += count

    def parallel_read(self, binning: int) -> None:
        """Add up rows in the registers."""
        self._empty_register()
        rows = self.image[self.shifted : self.shifted + binning]
        self.register[:, self.geometry.prescan :] = rows.sum(axis=0)
        self.shifted += binning

    def serial_skip(self, count: int) -> None:
        """Throw pixels away."""
        self.clocked += count

    def serial_read(self, count: int, binning: int) -> Charge:
        """Return the charge of the next pixels, each the sum of some of the register's, (channels, count)."""
        pixels = np.zeros((len(self.register), count * binning), dtype=np.float32)
        there = self.register[:, self.clocked : self.clocked + count * binning]
        pixels[:, : there.shape[1]] = there
        self.clocked += count * binning
        return pixels if binning == 1 else pixels.reshape(len(pixels), count, binning).sum(axis=2)

    def _empty_register(self) -> None:
        self.register[:] = 0.0
        self.clocked = 0
