"""What puts charge into a CCD: light, lamps, warmth, particles and defects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim import photons
from nifsdc_sim.ccd_charge import Charge
from nifsdc_sim.ccd_geometry import CcdGeometry
from nifsdc_sim.ccd_model import CcdModel
from nifsdc_sim.particles import track

NS = 1_000_000_000


class Struck(NamedTuple):
    """A pixel that a particle hit."""

    moment_ns: int
    row: int
    """of the image area"""
    column: int
    electrons: float


def dark_current(model: CcdModel, geometry: CcdGeometry, seed: int) -> Charge:
    """Return the dark current in electron/s, shape (rows, columns); the seed decides which pixels are hot."""
    random = np.random.Generator(np.random.PCG64((seed, 11)))
    image = np.full((geometry.rows, geometry.columns), model.dark_current, dtype=np.float32)
    places = random.choice(image.size, min(model.hot_pixels, image.size), replace=False)
    image.flat[places] = random.uniform(0.5, model.hottest, len(places))
    return image


def bloom(charge: Charge, well: float) -> None:
    """Let charge above the full well spill to both sides along its column, in place, axis 0.

    What passes an end of the column is lost: at one it leaves by the register, at the other by a drain.
    """
    places = np.nonzero((charge > well).any(axis=0))
    full = (slice(None), places[0], places[1])
    columns = charge[full]
    excess = np.maximum(columns - np.float32(well), 0)
    columns -= excess
    for rows in (range(len(columns)), range(len(columns) - 1, -1, -1)):
        carried = np.zeros(columns.shape[1], dtype=np.float32)
        for row in rows:
            held = columns[row] + carried
            columns[row] = np.minimum(held, well)
            carried = held - columns[row] + excess[row] / 2
    charge[full] = columns


class HotColumns:
    """Defects that add charge to each row that is clocked past them."""

    def __init__(self, model: CcdModel, geometry: CcdGeometry, seed: int) -> None:
        random = np.random.Generator(np.random.PCG64((seed, 12)))
        self._mean = model.hot_column
        number = model.hot_columns
        self._channel = random.integers(len(geometry.channels), size=number)
        self._column = random.integers(geometry.channel_columns, size=number)
        self._row = random.integers(geometry.channel_rows, size=number)

    def add(self, random: np.random.Generator, columns: Charge, row: int, rows: int, noise: bool) -> None:
        """Add to the sum of some rows, shape (channels, columns), what they met; the first is given."""
        if not len(self._row):
            return
        mean = self._mean * np.clip(row + rows - self._row, 0, rows)
        met = random.poisson(mean) if noise else mean
        np.add.at(columns, (self._channel, self._column), met.astype(np.float32))


class Collector:
    """Counts times of light and darkness, and turns them into charge when a readout begins.

    Parameters
    ----------
    flux
        light, electron/s, shape (rows, channels, columns)
    """

    def __init__(self, seed: int, flux: Charge, model: CcdModel, geometry: CcdGeometry) -> None:
        self._model = model
        self._geometry = geometry
        self.flux = flux
        self.is_open = False
        self._dark = geometry.to_channels(dark_current(model, geometry, seed))
        self._former: Charge | None = None
        self._moment_ns = self._dark_ns = self._open_ns = self._flash_ns = 0

    def begin(self, moment_ns: int) -> None:
        """Forget what was counted, and count from a moment on."""
        self._moment_ns = moment_ns
        self._dark_ns = self._open_ns = self._flash_ns = 0
        self._former = None

    def pass_to(self, moment_ns: int) -> None:
        """Let time go by."""
        passed = max(0, moment_ns - self._moment_ns)
        self._dark_ns += passed
        if self.is_open:
            self._open_ns += passed
        self._moment_ns += passed

    def flash(self, duration_ns: int) -> None:
        """Count time of the preflash lamps."""
        self._flash_ns += duration_ns

    def change_flux(self, flux: Charge) -> None:
        """Have other light from the last moment on that was told."""
        if self._open_ns:
            light = self.flux * np.float32(self._open_ns / NS)
            self._former = light if self._former is None else self._former + light
            self._open_ns = 0
        self.flux = flux

    def change_model(self, model: CcdModel, seed: int) -> None:
        """Have other properties, from the last readout on."""
        self._model = model
        self._dark = self._geometry.to_channels(dark_current(model, self._geometry, seed))

    def collect(self, random: np.random.Generator, image: Charge) -> list[Struck]:
        """Add to the image what came in the time that was counted, and begin anew; return what was hit."""
        seconds = self._dark_ns / NS
        expected = self.flux * np.float32(self._open_ns / NS)
        if self._former is not None:
            expected += self._former
        expected += self._dark * np.float32(seconds)
        expected += np.float32(self._model.preflash * self._flash_ns / NS)
        image += self.draw(random, expected)
        struck = self._strike(random, image, self._dark_ns)
        if self._model.blooming:
            bloom(image, self._model.full_well)
        np.minimum(image, np.float32(self._model.full_well), out=image)
        self.begin(self._moment_ns)
        return struck

    def draw(self, random: np.random.Generator, expected: Charge) -> Charge:
        """Return counts for expected numbers, or these themselves where the model has no photon noise."""
        if not self._model.photon_noise:
            return expected
        return photons.draw(random, expected, float(expected.max()), float(expected.min()))

    def _strike(self, random: np.random.Generator, image: Charge, duration_ns: int) -> list[Struck]:
        """Let particles cross the chip."""
        struck = []
        rows, _, columns = image.shape
        for _ in range(random.poisson(self._model.cosmic_rays * duration_ns / NS)):
            row, channel, column = (int(random.integers(size)) for size in image.shape)
            moment = self._moment_ns - int(random.integers(max(1, duration_ns)))
            crossed = track(random)
            for up, along, electrons in zip(*crossed, strict=True):
                at = row + int(up), column + int(along)
                if 0 <= at[0] < rows and 0 <= at[1] < columns:
                    image[at[0], channel, at[1]] += electrons
                    place = self._geometry.place(channel, *at)
                    struck.append(Struck(moment, *place, float(electrons)))
        return struck


class Smear:
    """What a chip collects while it is read out: light if the shutter is open, and dark current always.

    Rows travel over the image area, so that each collects the light of every place where it stops. Dark
    current of this time is taken to be the same everywhere.
    """

    def __init__(self, collector: Collector, model: CcdModel) -> None:
        self._collector = collector
        self._model = model
        flux = collector.flux
        self._flux = flux.reshape(len(flux), -1)
        self._shape = flux.shape
        self._light = collector.is_open and bool(flux.any())
        self._stopped = np.zeros(len(flux), dtype=np.float32)
        """time in s that the image stopped where it is, one row before, two rows before..."""
        self._seconds = 0.0

    def stop(self, ns: float) -> None:
        """Have the image stop where it is for a while."""
        self._seconds += ns / NS
        if self._light:
            self._stopped[0] += ns / NS

    def move(self, rows: int, ns: float) -> None:
        """Have the image move on, with a time for each row."""
        self._seconds += rows * ns / NS
        if self._light:
            kept = max(0, len(self._stopped) - rows)
            self._stopped[len(self._stopped) - kept :] = self._stopped[:kept].copy()
            self._stopped[: len(self._stopped) - kept] = ns / NS

    def next_rows(self, random: np.random.Generator, rows: int) -> Charge | float:
        """Return what the next rows to leave have collected on their way, together, (channels, columns)."""
        dark = np.float32(rows * self._model.dark_current * self._seconds)
        if self._light:
            weights = self._stopped.copy()
            for row in range(1, rows):
                weights[row:] += self._stopped[: len(weights) - row]
            return self._collector.draw(random, (weights @ self._flux).reshape(self._shape[1:]) + dark)
        if not self._model.photon_noise:
            return float(dark)
        counts: NDArray[np.int64] = random.poisson(dark, self._shape[1:])
        return counts.astype(np.float32)

    def rest(self, random: np.random.Generator) -> Charge:
        """Return what has come to each place of the image area, (rows, channels, columns)."""
        expected = np.full(self._shape, self._model.dark_current * self._seconds, dtype=np.float32)
        if self._light:
            place = np.arange(self._shape[0])
            ahead = place[np.newaxis, :] - place[:, np.newaxis]
            weights = np.where(ahead >= 0, self._stopped[ahead], np.float32(0.0))
            expected += (weights @ self._flux).reshape(self._shape)
        return self._collector.draw(random, expected)
