"""The charge in a CCD, moved by clock operations alone (INS-DAS-18 Annex A)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.ccd_geometry import CcdGeometry

Charge = NDArray[np.float32]
NEGLIGIBLE = 1e-9
"""share of a packet's charge that is not followed any further behind it"""


def left_behind(transfers: int, inefficiency: float) -> list[float]:
    """Return which shares of a packet are 0, 1, 2... places behind it after so many transfers.

    Each transfer leaves the same share of what it finds, so the shares are those of a binomial distribution.
    """
    if inefficiency == 0.0 or transfers == 0:
        return [1.0]
    shares = [math.exp(transfers * math.log1p(-inefficiency))]
    ratio = inefficiency / (1.0 - inefficiency)
    while len(shares) <= transfers:
        place = len(shares)
        share = shares[-1] * (transfers - place + 1) / place * ratio
        if place > transfers * inefficiency and share < NEGLIGIBLE:
            break
        shares.append(share)
    return shares


class ChargeArray:
    """Image area and serial registers of all channels, clocked alike.

    A row that is skipped goes into the registers and is thrown away with whatever was in them. A parallel
    read begins by emptying the registers too, for Annex A gives a table no means to do it: a row with n
    fragments uses all n pairs and has none left to clock out what lies behind its last fragment. So charge
    of pixels that are not clocked out lasts until the next parallel operation or `clear`; rows that are not
    moved stay where they are.

    Nothing is moved in memory until `put_down`: what transfers leave behind is worked out from their number
    when a row or a pixel comes out.

    Parameters
    ----------
    geometry
        the chip
    parallel_cti, serial_cti
        charge-transfer inefficiency: the share of a packet that a transfer leaves behind
    well
        most that an element of the registers holds, electron
    """

    def __init__(
        self,
        geometry: CcdGeometry,
        parallel_cti: float = 0.0,
        serial_cti: float = 0.0,
        well: float = math.inf,
    ) -> None:
        self.geometry = geometry
        self._parallel_cti = parallel_cti
        self._well = np.float32(well)
        self.image = np.zeros(
            (geometry.channel_rows, len(geometry.channels), geometry.channel_columns), dtype=np.float32
        )
        """electrons, shape (rows, channels, columns), where they were when last put down"""
        self.register = np.zeros((len(geometry.channels), geometry.register), dtype=np.float32)
        """electrons, shape (channels, elements), where they were after the last parallel operation"""
        self.shifted = 0
        """rows by which the image has moved since it was last put down"""
        self.clocked = 0
        """pixels by which the registers have moved since the last parallel operation"""
        self._serial_cti = serial_cti
        self._serial = _serial_shares(geometry.register, serial_cti)

    def clear(self) -> None:
        """Empty everything."""
        self.image[:] = 0.0
        self.shifted = 0
        self._empty_register()

    def put_down(self) -> None:
        """Give charge that is left the numbers of the places where it is now."""
        self.image = _moved(self.image, self.shifted, self._parallel_cti)
        self.register = _moved(self.register.T, self.clocked, self._serial_cti).T.copy()
        self.shifted = self.clocked = 0

    def parallel_skip(self, count: int) -> None:
        """Throw rows away."""
        if count:
            self._empty_register()
            self.shifted += count

    def parallel_read(self, binning: int, more: Charge | float = 0.0) -> None:
        """Add up rows in the registers, with more electrons that came on the way, (channels, columns)."""
        self._empty_register()
        columns = self.register[:, self.geometry.prescan :]
        columns += more
        if self._parallel_cti == 0.0:
            columns += self.image[self.shifted : self.shifted + binning].sum(axis=0)
            self.shifted += binning
        else:
            for _ in range(binning):
                self._transfer(columns)
        np.minimum(self.register, self._well, out=self.register)

    def serial_skip(self, count: int) -> None:
        """Throw pixels away."""
        self.clocked += count

    def serial_read(self, count: int, binning: int) -> Charge:
        """Return the charge of the next pixels, each the sum of some of the register's, (channels, count)."""
        wanted = count * binning
        pixels = np.zeros((len(self.register), wanted), dtype=np.float32)
        first, end = self.clocked, min(self.clocked + wanted, self._serial.shape[1])
        for behind, shares in enumerate(self._serial):
            begin, stop = max(first, behind), min(end, self.geometry.register + behind)
            if begin < stop:
                there = self.register[:, begin - behind : stop - behind]
                pixels[:, begin - first : stop - first] += shares[begin:stop] * there
        self.clocked += wanted
        return pixels if binning == 1 else pixels.reshape(len(pixels), count, binning).sum(axis=2)

    def _transfer(self, columns: Charge) -> None:
        """Move one row into the registers, where charge-transfer efficiency is not perfect."""
        for behind, share in enumerate(left_behind(self.shifted, self._parallel_cti)):
            if 0 <= self.shifted - behind < len(self.image):
                row = self.image[self.shifted - behind]
                columns += np.float32(share * (1.0 - self._parallel_cti)) * row
        self.shifted += 1

    def _empty_register(self) -> None:
        self.register[:] = 0.0
        self.clocked = 0


def _serial_shares(elements: int, inefficiency: float) -> Charge:
    """Return what comes out with each clock pulse of the pixels 0, 1, 2... places ahead, (places, pulses)."""
    most = len(left_behind(elements, inefficiency))
    shares = np.zeros((most, elements + most - 1), dtype=np.float32)
    for pulse in range(shares.shape[1]):
        column = left_behind(pulse, inefficiency)[:most]
        shares[: len(column), pulse] = column
    return shares * np.float32(1.0 - inefficiency)


def _moved(charge: Charge, steps: int, inefficiency: float) -> Charge:
    """Move charge by so many places towards the first along axis 0; what passes it is gone."""
    if steps == 0:
        return charge
    result = np.zeros_like(charge)
    for behind, share in enumerate(left_behind(steps, inefficiency)):
        by = steps - behind
        if by < len(charge):
            result[: len(charge) - by] += np.float32(share) * charge[by:]
    return result
