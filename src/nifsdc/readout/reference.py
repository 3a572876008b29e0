"""Correction by reference samples (SDN 11.03 section 4.6.5: 32 samples appended to each line of readout).

What drifts in the electronics between reads is common to the pixels of an output and to the reference samples
read with them: the level of a whole output, and, slower than a line, that of each line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nifsdc.readout.unravel import OutputLike, Unraveller, readout_order


@dataclass(frozen=True)
class ReferenceLevels:
    """Levels of the reference samples of one image."""

    outputs: NDArray[np.float64]
    """mean of each output, counts, shape (outputs,)"""
    noise: NDArray[np.float64]
    """standard deviation of each output's samples about the mean of their line, counts, shape (outputs,)"""
    lines: NDArray[np.float64]
    """mean of each line less that of its output, smoothed, counts, shape (outputs, lines)"""


class ReferenceWatch:
    """Keeps the reference samples of the present read as its pixels arrive.

    Parameters
    ----------
    unraveller
        knows where in the stream they are
    """

    def __init__(self, unraveller: Unraveller) -> None:
        lines, _, outputs = unraveller.stream_shape
        places = np.arange(unraveller.pixels_per_read).reshape(unraveller.stream_shape)
        self._places = np.ascontiguousarray(places[:, unraveller.line_pixels :, :]).reshape(-1)
        self._shape = (lines, unraveller.reference, outputs)
        self._pixels = unraveller.pixels_per_read
        self._samples = np.zeros(len(self._places), np.uint16)
        self._seen = 0

    def add(self, pixels: NDArray[np.uint16], offset: int) -> None:
        """Take pixels that arrived.

        Parameters
        ----------
        pixels
            shape (n,), counts
        offset
            index of the first of them in the stream, which may be of many reads
        """
        taken = 0
        while taken < len(pixels):
            start = (offset + taken) % self._pixels
            count = min(len(pixels) - taken, self._pixels - start)
            first, last = np.searchsorted(self._places, (start, start + count))
            self._samples[first:last] = pixels[self._places[first:last] - start + taken]
            self._seen = max(self._seen, int(last))
            taken += count

    def levels(self) -> ReferenceLevels | None:
        """Return the levels of the newest read; None before one is complete, or without samples."""
        if self._seen < len(self._samples) or not len(self._samples):
            return None
        return reference_levels(self._samples.reshape(self._shape).transpose(2, 0, 1))


def reference_levels(reference: NDArray[np.generic], smooth: int = 1) -> ReferenceLevels:
    """Reduce reference samples to levels.

    Parameters
    ----------
    reference
        shape (outputs, lines, samples), counts, as `Unraveller.unravel` gives them; samples without a value
        (NaN) are left out
    smooth
        lines, an odd number, over which the lines' means are averaged: a line's own 32 samples would add a
        sixth of their noise to its pixels; at the ends, over the lines there are

    Raises
    ------
    ValueError
        when there are no samples, or ``smooth`` is even or less than 1
    """
    if reference.ndim != 3 or reference.size == 0:
        raise ValueError(
            f"reference samples of shape {reference.shape}; expected (outputs, lines, samples): "
            "switch the correction off for a device without them"
        )
    if smooth < 1 or smooth % 2 == 0:
        raise ValueError(f"smoothing over {smooth} lines; expected an odd number")
    values = reference.astype(np.float64)
    known = np.isfinite(values)
    counts = known.sum(axis=2)
    lines = counts > 0
    means = np.where(known, values, 0.0).sum(axis=2) / np.maximum(counts, 1)
    outputs = _mean(means, lines)
    left = np.where(known, values - means[:, :, np.newaxis], 0.0)
    free = np.maximum(1, np.maximum(counts - 1, 0).sum(axis=1))
    noise = np.sqrt(np.sum(left**2, axis=(1, 2)) / free)
    return ReferenceLevels(outputs, noise, _running_mean(means - outputs[:, np.newaxis], lines, smooth))


def _mean(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean along the last axis of the values that are known, 0 where none is."""
    return np.asarray(np.where(known, values, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1))


def _running_mean(values: NDArray[np.float64], known: NDArray[np.bool_], width: int) -> NDArray[np.float64]:
    """Return the mean of the known values about each place along the last axis, 0 where none is."""
    count = values.shape[1]
    first = np.maximum(np.arange(count) - width // 2, 0)
    last = np.minimum(np.arange(count) + width // 2 + 1, count)
    before = np.zeros((len(values), 1))
    sums, weights = (
        np.concatenate([before, np.cumsum(each, axis=1)], axis=1)
        for each in (np.where(known, values, 0.0), known.astype(np.float64))
    )
    return np.asarray((sums[:, last] - sums[:, first]) / np.maximum(weights[:, last] - weights[:, first], 1))


def correct_by_reference(
    image: NDArray[np.float32],
    levels: ReferenceLevels,
    outputs: Sequence[OutputLike],
    *,
    per_output: bool = True,
    per_line: bool = True,
) -> None:
    """Subtract reference levels from an image, in place.

    Parameters
    ----------
    image
        shape (rows, columns), counts
    levels
        of the same image's reference samples: for a slope, those of the samples' slopes
    outputs
        the amplifiers, in the order of the levels
    per_output, per_line
        which of the corrections to make
    """
    for number, output in enumerate(outputs):
        part = readout_order(image, output)
        if per_output:
            part -= np.float32(levels.outputs[number])
        if per_line:
            part -= levels.lines[number].astype(np.float32)[:, np.newaxis]
