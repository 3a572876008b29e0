"""The detector: charge that grows from a reset on, is read without being destroyed, and comes out as numbers.

Everything is kept in the order of the stream, shape (lines, samples): one line of every amplifier at a time,
amplifiers in rotation. Each sample has its own moment, that at which its pixel is clocked out; a reset acts
on the whole array at once.

Times are whole nanoseconds, and the random numbers of a reset or a read depend on the seed and its number
alone. So a seed, and the same commands, give the same pixels whatever the machine does meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim import photons
from nifsdc_sim.amplifiers import HAWAII2, DetectorLayout
from nifsdc_sim.scene import Light

CHUNK_LINES = 16
"""lines that are made at a time"""
TOP_ADU = 65535


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


@dataclass(frozen=True)
class DetectorModel:
    """Properties of the detector and its electronics."""

    gain: float = 2.8
    """electron/ADU"""
    read_noise: float = 10.75
    """of one read, electron; two of them give a correlated double sample 15.2"""
    full_well: float = 134_400.0
    """electron; saturated pixels stay here"""
    ktc_noise: float = 30.0
    """scatter of a pixel from reset to reset, electron"""
    dark_current: float = 0.01
    """electron/s/pixel"""
    hot_pixels: int = 200
    hottest: float = 20.0
    """dark current of a hot pixel at most, electron/s"""
    bias: tuple[int, ...] = (4000, 4250, 3900, 4100)
    """level of each amplifier without signal, ADU"""


def dark_current(model: DetectorModel, layout: DetectorLayout, seed: int) -> NDArray[np.float32]:
    """Return the dark current in electron/s, shape (rows, columns); the seed decides which pixels are hot."""
    random = np.random.Generator(np.random.PCG64((seed, 1)))
    image = np.full((layout.rows, layout.columns), model.dark_current, dtype=np.float32)
    places = random.choice(image.size, model.hot_pixels, replace=False)
    image.flat[places] = random.uniform(0.5, model.hottest, model.hot_pixels)
    return image


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
        self._dark = layout.to_stream(dark_current(self.model, layout, seed))
        lines, samples = layout.shape
        amplifiers = len(layout.amplifiers)
        self._bias = np.tile(np.array(self.model.bias, dtype=np.float32), samples // amplifiers)
        self._pixel_samples = layout.pixels * amplifiers
        self._sample_number = (np.arange(samples) // amplifiers).astype(np.float32)
        self._charge = np.zeros(layout.shape, dtype=np.float32)
        self._moment = np.zeros(lines, dtype=np.int64)
        self._fresh = np.ones(lines, dtype=bool)
        self._resets = 0
        self._reads = 0
        self.set_scene(scene)

    def set_scene(self, scene: Light) -> None:
        """Put another scene in front of it; light collected so far stays."""
        flux = self.layout.to_stream(scene.flux(self.layout.rows, self.layout.columns))
        flux += self._dark
        pixels = flux[:, : self._pixel_samples]
        chunks = range(0, self.layout.lines, CHUNK_LINES)
        bounds = [
            (float(pixels[line : line + CHUNK_LINES].min()), float(pixels[line : line + CHUNK_LINES].max()))
            for line in chunks
        ]
        with self._lock:
            self._flux, self._bounds, self.scene = flux, bounds, scene

    def reset(self, moment_ns: int) -> None:
        """Empty all pixels at a moment."""
        with self._lock:
            self._resets += 1
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
        for first in range(0, self.layout.lines, CHUNK_LINES):
            if video is not Video.DATA:
                yield self._test_data(first, video)
                continue
            lines = np.arange(first, first + CHUNK_LINES)
            moments = start_ns + np.rint(lines * line_ns).astype(np.int64)
            with self._lock:
                chunk = self._expose(number, first, moments, sample_ns)
            yield chunk

    def _expose(
        self, number: int, first: int, moments: NDArray[np.int64], sample_ns: float
    ) -> NDArray[np.uint16]:
        """Let charge grow until a chunk's pixels are clocked, and digitise it."""
        lines = slice(first, first + CHUNK_LINES)
        chunk = first // CHUNK_LINES
        random = np.random.Generator(np.random.SFC64((self._seed, 2, number, chunk)))
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
        pixels += photons.draw(random, expected, most * longest, least * shortest)
        np.minimum(pixels, np.float32(self.model.full_well), out=pixels)
        return self._digitise(random, charge)

    def _forget_charge(self, chunk: int, charge: NDArray[np.float32]) -> None:
        """Give the pixels of a chunk what the last reset left in them."""
        random = np.random.Generator(np.random.SFC64((self._seed, 3, self._resets, chunk)))
        charge[:] = 0.0
        pixels = charge[:, : self._pixel_samples]
        pixels[:] = random.standard_normal(pixels.shape, dtype=np.float32)
        pixels *= np.float32(self.model.ktc_noise)

    def _digitise(self, random: np.random.Generator, charge: NDArray[np.float32]) -> NDArray[np.uint16]:
        adu = random.standard_normal(charge.shape, dtype=np.float32)
        adu *= np.float32(self.model.read_noise)
        adu += charge
        adu *= np.float32(1.0 / self.model.gain)
        adu += self._bias
        np.rint(adu, out=adu)
        np.clip(adu, 0, TOP_ADU, out=adu)
        return adu.astype(np.uint16)

    def _test_data(self, first: int, video: Video) -> NDArray[np.uint16]:
        samples = self.layout.shape[1]
        data = video.test_data(first * samples, CHUNK_LINES * samples, len(self.layout.amplifiers))
        return data.reshape(CHUNK_LINES, samples)
