"""Levels of the video chain that wander: drift from read to read, and 1/f noise within one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.amplifiers import DetectorLayout
from nifsdc_sim.ir_model import DetectorModel

SEGMENT = 32
"""samples of one amplifier that share a value of the 1/f noise"""


class VideoLevels:
    """What the levels of a read are off by.

    Parameters
    ----------
    begin, end
        drift of each amplifier at the read's beginning and at its end, ADU, shape (amplifiers,)
    noise
        1/f noise, ADU, shape (lines, samples, amplifiers); None where there is none
    """

    def __init__(
        self,
        layout: DetectorLayout,
        begin: NDArray[np.float64],
        end: NDArray[np.float64],
        noise: NDArray[np.float32] | None,
    ) -> None:
        self._layout = layout
        self._begin, self._end = begin, end
        self._noise = noise

    def lines(self, first: int, count: int) -> NDArray[np.float32]:
        """Return the levels of some lines, ADU, shape (count, samples of all amplifiers)."""
        layout = self._layout
        part = (np.arange(first, first + count) / layout.lines)[:, np.newaxis]
        drift = (self._begin + part * (self._end - self._begin)).astype(np.float32)
        levels = np.tile(drift, layout.samples)
        if self._noise is not None:
            levels += self._noise[first : first + count].reshape(count, -1)
        return levels


class VideoChain:
    """The wandering levels of all amplifiers, read by read; drift goes on from one read to the next."""

    def __init__(self, seed: int, layout: DetectorLayout) -> None:
        self._seed = seed
        self._layout = layout
        self._drift = np.zeros(len(layout.amplifiers))
        """in units of its scatter"""

    def levels(self, read: int, model: DetectorModel) -> VideoLevels | None:
        """Return the levels of a read by its number; None where they do not wander."""
        if not model.bias_drift and not model.one_over_f:
            return None
        random = np.random.Generator(np.random.SFC64((self._seed, 6, read)))
        begin = self._drift
        if not begin.any():
            begin = random.standard_normal(len(begin))
        fresh = random.standard_normal(len(begin)) * math.sqrt(1.0 - model.drift_memory**2)
        self._drift = model.drift_memory * begin + fresh
        noise = self._one_over_f(random) * np.float32(model.one_over_f) if model.one_over_f else None
        return VideoLevels(self._layout, begin * model.bias_drift, self._drift * model.bias_drift, noise)

    def _one_over_f(self, random: np.random.Generator) -> NDArray[np.float32]:
        """Return noise of scatter 1 whose power falls with the frequency, (lines, samples, amplifiers).

        Each octave of frequency has the same share of it, from one period a read to one in two segments.
        """
        layout = self._layout
        samples = layout.lines * layout.samples
        segments = math.ceil(samples / SEGMENT)
        frequency = np.arange(segments // 2 + 1)
        power = np.zeros(len(frequency))
        power[1:] = 1.0 / frequency[1:]
        amplitude = np.sqrt(power / power.sum())
        shape = (len(layout.amplifiers), len(frequency))
        spectrum = random.standard_normal(shape) + 1j * random.standard_normal(shape)
        noise = np.fft.irfft(spectrum * amplitude, segments) * (segments / 2.0)
        spread = np.repeat(noise.T.astype(np.float32), SEGMENT, axis=0)[:samples]
        return spread.reshape(layout.lines, layout.samples, len(layout.amplifiers))
