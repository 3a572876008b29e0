"""Frame-transfer CCDs: light collects in the imaging area, clocks move charge to the masked area and out.

Charge is moved by operations alone: whether what is read is an image, when it was exposed and for how long
follows from their order. Light that falls while rows of the imaging area move is not followed: it is lost.
Moments are the detector clock's, in nanoseconds, and may not go backwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim import photons
from nifsdc_sim.effects import BOUNDLESS
from nifsdc_sim.ft_clocks import FtReadout
from nifsdc_sim.ft_model import FtGeometry, FtModel
from nifsdc_sim.led import NS, Led
from nifsdc_sim.scene import Light

Charge = NDArray[np.float32]


class FtChip:
    """All CCDs of a controller.

    Each array has the shape (rows, columns, CCDs, outputs): row 0 is next to the serial register, or to the
    masked area, column 0 next to the output.

    Parameters
    ----------
    random
        source of random numbers
    """

    def __init__(
        self, geometry: FtGeometry, light: Light, model: FtModel, random: np.random.Generator
    ) -> None:
        ccd = geometry.ccd
        shape = (ccd.channel_columns, geometry.ccds, len(ccd.channels))
        self.geometry = geometry
        self.model = model
        # As large as the masked area, so that a transfer of all CCDs can exchange them.
        self._beneath = np.zeros((geometry.masked_rows, *shape), dtype=np.float32)
        self.imaging = self._beneath[: ccd.channel_rows]
        """electrons"""
        self.masked = np.zeros((geometry.masked_rows, *shape), dtype=np.float32)
        """electrons"""
        self.lit_rows = ccd.channel_rows
        """rows of the imaging area, from the masked one on, that a focal-plane mask leaves open"""
        self._random = random
        self._booked = np.zeros(geometry.ccds, dtype=np.int64)
        """moment up to which the light of each CCD was counted"""
        self._spans = np.zeros((2, geometry.ccds), dtype=np.int64)
        """time of steady light, and of the lamp's, that is not charge yet, ns"""
        self.set_light(light)

    def set_light(self, light: Light) -> None:
        """Put another scene in front of it."""
        ccd = self.geometry.ccd
        lamp = light if isinstance(light, Led) else None
        if lamp is None:
            flux = ccd.to_channels(light.flux(ccd.rows, ccd.columns))
        else:
            flux = np.full(
                (ccd.channel_rows, len(ccd.channels), ccd.channel_columns), lamp.sky, dtype=np.float32
            )
        self._flux: Charge = np.ascontiguousarray(flux.transpose(0, 2, 1))[:, :, np.newaxis, :]
        self._lamp = lamp

    # --- operations ---------------------------------------------------------------------------------------

    def clear(self, moment_ns: int) -> None:
        """Have no charge anywhere at a moment (C)."""
        self.imaging[:] = 0.0
        self.masked[:] = 0.0
        self._spans[:] = 0
        self._booked[:] = moment_ns

    def transfer(self, begin_ns: int, end_ns: int, ccds: Sequence[int]) -> None:
        """Move the images of some CCDs into their masked areas (F); the others wait and collect light."""
        self._collect(begin_ns, end_ns, ccds)
        rows = len(self.imaging)
        if len(ccds) == self.geometry.ccds:
            self._beneath, self.masked = self.masked, self._beneath
            self._beneath[:] = 0.0
            self.imaging = self._beneath[:rows]
            return
        for ccd in ccds:
            self.masked[:rows, :, ccd] = self.imaging[:, :, ccd]
            self.masked[rows:, :, ccd] = 0.0
            self.imaging[:, :, ccd] = 0.0

    def wipe(self, begin_ns: int, end_ns: int, ccds: Sequence[int]) -> None:
        """Throw away what is in the imaging areas of some CCDs (W); the others wait and collect light."""
        self._collect(begin_ns, end_ns, ccds)
        for ccd in ccds:
            self.imaging[:, :, ccd] = 0.0

    def line_shift(self, begin_ns: int, end_ns: int, rows: int) -> None:
        """Move both areas of all CCDs by some rows (LS)."""
        self._collect(begin_ns, end_ns, range(self.geometry.ccds))
        below = self.imaging[:rows].copy()
        _move(self.imaging, rows)
        _move(self.masked, rows)
        self.masked[len(self.masked) - len(below) :] = below

    def line_dump(self, rows: int) -> None:
        """Throw away rows of the masked areas next to the registers (LD)."""
        _move(self.masked, rows)

    def read(self, readout: FtReadout) -> Charge:
        """Clock the masked areas out (R).

        Returns
        -------
        electrons, shape (samples, channels), channels in their order on the fibre
        """
        flat = self.masked.reshape(-1, self.geometry.channels)
        pixels = readout.pixels
        if readout.in_order:
            charge = flat[: len(pixels)].copy()
        else:
            found = flat[pixels]
            if readout.has_none:
                found[pixels < 0] = 0.0
            charge = found[:, 0] if pixels.shape[1] == 1 else found.sum(axis=1)
        _move(self.masked, readout.rows)
        return charge

    # --- light --------------------------------------------------------------------------------------------

    def _collect(self, begin_ns: int, end_ns: int, moving: Sequence[int]) -> None:
        """Count light up to a moment; of CCDs that move make it charge, and lose it until they stand."""
        for ccd in moving:
            booked = int(self._booked[ccd])
            self._spans[0, ccd] += begin_ns - booked
            if self._lamp is not None:
                self._spans[1, ccd] += self._lamp.on_ns(booked, begin_ns)
        chosen = list(moving)
        if chosen:
            self._expose(chosen)
            self._booked[chosen] = end_ns
            self._spans[:, chosen] = 0

    def _expose(self, ccds: list[int]) -> None:
        """Make charge of the light that some CCDs have collected."""
        model, lit = self.model, self.lit_rows
        steady, blinking = (self._spans[:, ccds] / NS).astype(np.float32)[:, :, np.newaxis]
        if self._lamp is not None:
            blinking = blinking * np.float32(self._lamp.rate)
        expected = self._flux[:lit] * steady
        everywhere = blinking + np.float32(model.dark_current) * steady
        if everywhere.any():
            expected += everywhere
        if model.photon_noise:
            expected = photons.draw(self._random, expected, float(expected.max()), float(expected.min()))
        all_of_them = len(ccds) == self.geometry.ccds
        image = self.imaging[:lit] if all_of_them else self.imaging[:lit, :, ccds]
        image += expected
        if model.full_well < BOUNDLESS:
            np.minimum(image, np.float32(model.full_well), out=image)
        if not all_of_them:
            self.imaging[:lit, :, ccds] = image


def _move(charge: Charge, rows: int) -> None:
    """Move charge towards the first row, in place; what passes it is gone, and nothing follows the last."""
    kept = max(0, len(charge) - rows)
    if rows and kept:
        charge[:kept] = charge[rows:].copy()
    if rows:
        charge[kept:] = 0.0
