"""The detector: charge that grows from a reset on, is read without being destroyed, and comes out as numbers.

Everything is kept in the order of the stream, shape (lines, samples): one line of every amplifier at a time,
amplifiers in rotation. Each sample has its own moment, that at which its pixel is clocked out; a reset acts
on the whole array at once.

Times are whole nanoseconds, and the random numbers of a reset or a read depend on the seed and its number
alone. So a seed, and the same commands, give the same pixels whatever the machine does meanwhile.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim import photons
from nifsdc_sim.amplifiers import HAWAII2, DetectorLayout
from nifsdc_sim.effects import amounts
from nifsdc_sim.ir_model import EFFECTS, DetectorModel, with_wishes
from nifsdc_sim.ir_traps import Traps
from nifsdc_sim.ir_video import VideoChain, VideoLevels
from nifsdc_sim.particles import HIT, HITS_KEPT, CosmicRays
from nifsdc_sim.scene import Light

CHUNK_LINES = 16
"""lines that are made at a time"""
TOP_ADU = 65535
READS_KEPT = 1000


class Video(IntEnum):
    """What a read sends; the first three are the timing board's readout modes."""

    DATA = 0
    TEST_INDEX = 1
    """each sample is its own number in the read, modulo 65536"""
    TEST_AMPLIFIER = 2
    """each sample has its amplifier's number (0 to 3) in the upper two bits, and in the other 14 its number
    among that amplifier's samples"""
    DEAD = 3
    """what comes without analogue power: zeros"""

    def test_data(self, first: int, count: int, amplifiers: int) -> NDArray[np.uint16]:
        """Return what is sent instead of data, from a pixel's number in the read on."""
        number = np.arange(first, first + count)
        if self is Video.DEAD:
            number[:] = 0
        elif self is Video.TEST_AMPLIFIER:
            number = (number % amplifiers) << 14 | (number // amplifiers) & 0x3FFF
        return (number & 0xFFFF).astype(np.uint16)


def dark_current(model: DetectorModel, layout: DetectorLayout, seed: int) -> NDArray[np.float32]:
    """Return the dark current in electron/s, shape (rows, columns); the seed decides which pixels are hot."""
    random = np.random.Generator(np.random.PCG64((seed, 1)))
    image = np.full((layout.rows, layout.columns), model.dark_current, dtype=np.float32)
    places = random.choice(image.size, model.hot_pixels, replace=False)
    image.flat[places] = random.uniform(0.5, model.hottest, model.hot_pixels)
    return image


def dead_pixels(model: DetectorModel, layout: DetectorLayout, seed: int) -> NDArray[np.bool_]:
    """Return which pixels see no light, shape (rows, columns); the seed decides."""
    random = np.random.Generator(np.random.PCG64((seed, 4)))
    dead = np.zeros((layout.rows, layout.columns), dtype=bool)
    dead.flat[random.choice(dead.size, model.dead_pixels, replace=False)] = True
    return dead


class ReadStart(NamedTuple):
    """What a read of the truth is known by."""

    read: int
    """its number, the first since the start being 1"""
    reset: int
    """how many resets there had been"""
    start_ns: int
    """moment of its first sample"""


@dataclass(frozen=True)
class Truth:
    """What really fell on a detector."""

    flux: NDArray[np.float32]
    """light of the present scene on the pixels that see it, electron/s, shape (rows, columns)"""
    dark: NDArray[np.float32]
    """dark current, electron/s, shape (rows, columns)"""
    dead: NDArray[np.bool_]
    """pixels that see no light, shape (rows, columns)"""
    reads: tuple[ReadStart, ...]
    """the last `READS_KEPT` reads"""
    hits: NDArray[np.void]
    """pixels that particles hit in the reads that were made, with the fields of `particles.HIT`"""


class Detector:
    """A detector in front of a scene.

    `reset` and the reads are for one thread at a time; `set_scene` may be called by another.

    Parameters
    ----------
    seed
        start of all random numbers
    scene
        what falls on it
    """

    def __init__(
        self,
        seed: int,
        scene: Light,
        model: DetectorModel | None = None,
        layout: DetectorLayout = HAWAII2,
    ) -> None:
        self.layout = layout
        self.model = model or DetectorModel()
        self._seed = seed
        self._lock = threading.Lock()
        self._light = scene.flux(layout.rows, layout.columns)
        lines, samples = layout.shape
        amplifiers = len(layout.amplifiers)
        self._pixel_samples = layout.pixels * amplifiers
        self._sample_number = (np.arange(samples) // amplifiers).astype(np.float32)
        self._charge = np.zeros(layout.shape, dtype=np.float32)
        self._moment = np.zeros(lines, dtype=np.int64)
        self._fresh = np.ones(lines, dtype=bool)
        self._reset_ns = 0
        self._resets = 0
        self._reads = 0
        self._cosmic_rays = CosmicRays(seed, layout, CHUNK_LINES)
        self._traps = Traps()
        self._video = VideoChain(seed, layout)
        self._hits: deque[tuple[int | float, ...]] = deque(maxlen=HITS_KEPT)
        self._starts: deque[ReadStart] = deque(maxlen=READS_KEPT)
        self.scene = scene
        self.set_model(model or DetectorModel())

    @property
    def effects(self) -> dict[str, float]:
        """The amount of each effect, by name."""
        return amounts(self.model, EFFECTS)

    def set_effects(self, *wishes: str) -> None:
        """Switch effects on or set them, as `ir_model.with_wishes`; from the next read on."""
        self.set_model(with_wishes(self.model, *wishes))

    def set_model(self, model: DetectorModel) -> None:
        """Have other properties; charge collected so far stays."""
        dark = dark_current(model, self.layout, self._seed)
        dead = dead_pixels(model, self.layout, self._seed)
        with self._lock:
            self.model, self._dark, self._dead = model, dark, dead
            self._bias = np.tile(np.array(model.bias, dtype=np.float32), self.layout.samples)
        self.set_scene(self.scene)

    def truth(self) -> Truth:
        """Return what really falls on it and what hit it."""
        with self._lock:
            flux = np.where(self._dead, np.float32(0.0), self._light)
            hits = np.array(list(self._hits), dtype=HIT)
            return Truth(flux, self._dark.copy(), self._dead.copy(), tuple(self._starts), hits)

    def set_scene(self, scene: Light) -> None:
        """Put another scene in front of it; light collected so far stays."""
        light = scene.flux(self.layout.rows, self.layout.columns)
        flux = self.layout.to_stream(np.where(self._dead, np.float32(0.0), light) + self._dark)
        pixels = flux[:, : self._pixel_samples]
        chunks = range(0, self.layout.lines, CHUNK_LINES)
        bounds = [
            (float(pixels[line : line + CHUNK_LINES].min()), float(pixels[line : line + CHUNK_LINES].max()))
            for line in chunks
        ]
        with self._lock:
            self._light, self._flux, self._bounds, self.scene = light, flux, bounds, scene

    def reset(self, moment_ns: int) -> None:
        """Empty all pixels at a moment."""
        with self._lock:
            self._resets += 1
            self._reset_ns = moment_ns
            self._cosmic_rays.forget(moment_ns)
            self._moment[:] = moment_ns
            self._fresh[:] = True

    def read(self, start_ns: int, sample_ns: float, video: Video) -> Iterator[NDArray[np.uint16]]:
        """Yield a read, `CHUNK_LINES` lines at a time, each of shape (lines, samples), ADU.

        Parameters
        ----------
        start_ns
            moment of the first sample
        sample_ns
            time from one sample of an amplifier to its next
        video
            what is to be sent
        """
        self._reads += 1
        number = self._reads
        line_ns = sample_ns * self.layout.samples
        with self._lock:
            self._starts.append(ReadStart(number, self._resets, start_ns))
            levels = self._video.levels(number, self.model)
            self._cosmic_rays.pass_to(start_ns + round(self.layout.lines * line_ns), self.model.cosmic_rays)
        for first in range(0, self.layout.lines, CHUNK_LINES):
            if video is not Video.DATA:
                yield self._test_data(first, video)
                continue
            lines = np.arange(first, first + CHUNK_LINES)
            moments = start_ns + np.rint(lines * line_ns).astype(np.int64)
            with self._lock:
                self._expose(number, first, moments, sample_ns)
                chunk = self._digitise(number, first, moments, levels)
            yield chunk

    def _expose(self, number: int, first: int, moments: NDArray[np.int64], sample_ns: float) -> None:
        """Let charge grow until a chunk's pixels are clocked."""
        lines = slice(first, first + CHUNK_LINES)
        chunk = first // CHUNK_LINES
        charge = self._charge[lines]
        seconds = ((moments - self._moment[lines]) * 1e-9)[:, np.newaxis].astype(np.float32)
        longest = float(seconds.max())
        shortest = float(seconds.min())
        if self._fresh[first]:
            self._forget_charge(chunk, charge)
            within = self._sample_number * np.float32(sample_ns * 1e-9)
            longest += float(within[-1])
            seconds = seconds + within
        self._moment[lines] = moments
        self._fresh[lines] = False
        least, most = self._bounds[chunk]
        pixels = charge[:, : self._pixel_samples]
        expected = self._flux[lines, : self._pixel_samples] * seconds[:, : self._pixel_samples]
        if self.model.photon_noise:
            random = np.random.Generator(np.random.SFC64((self._seed, 2, number, chunk)))
            pixels += photons.draw(random, expected, most * longest, least * shortest)
        else:
            pixels += expected
        if self.model.persistence:
            pixels += self._traps.release(chunk, moments, self.model)
        for hit in self._cosmic_rays.due(chunk, moments, sample_ns):
            charge[hit.line - first, hit.sample] += hit.electrons
            self._hits.append((hit.moment_ns, self._resets, number, hit.row, hit.column, hit.electrons))
        np.minimum(pixels, np.float32(self.model.full_well), out=pixels)

    def _forget_charge(self, chunk: int, charge: NDArray[np.float32]) -> None:
        """Give the pixels of a chunk what the last reset left in them."""
        random = np.random.Generator(np.random.SFC64((self._seed, 3, self._resets, chunk)))
        pixels = charge[:, : self._pixel_samples]
        if self.model.persistence:
            self._traps.fill(chunk, self._reset_ns, pixels, self.model)
        pixels[:] = random.standard_normal(pixels.shape, dtype=np.float32)
        pixels *= np.float32(self.model.ktc_noise)

    def _digitise(
        self, number: int, first: int, moments: NDArray[np.int64], levels: VideoLevels | None
    ) -> NDArray[np.uint16]:
        """Return the numbers that come of a chunk's charge."""
        model = self.model
        random = np.random.Generator(np.random.SFC64((self._seed, 8, number, first // CHUNK_LINES)))
        charge = self._charge[first : first + CHUNK_LINES]
        adu = random.standard_normal(charge.shape, dtype=np.float32)
        adu *= np.float32(model.read_noise)
        adu += charge
        if model.non_linearity:
            adu -= np.float32(model.non_linearity / model.full_well) * charge * charge
        if model.reset_anomaly:
            since = (moments - self._reset_ns) * (1e-9 / model.reset_anomaly_s)
            missing = (model.reset_anomaly * np.exp(-since)).astype(np.float32)
            adu[:, : self._pixel_samples] -= missing[:, np.newaxis]
        adu *= np.float32(1.0 / model.gain)
        adu += self._bias
        if levels is not None:
            adu += levels.lines(first, CHUNK_LINES)
        np.rint(adu, out=adu)
        np.clip(adu, 0, TOP_ADU, out=adu)
        return adu.astype(np.uint16)

    def _test_data(self, first: int, video: Video) -> NDArray[np.uint16]:
        samples = self.layout.shape[1]
        data = video.test_data(first * samples, CHUNK_LINES * samples, len(self.layout.amplifiers))
        return data.reshape(CHUNK_LINES, samples)
