"""Noise over the whole of a simulated array, through the sums that the camera makes of its reads.

The flown device had 15.2, 8.1 and 4.65 electrons with 1, 4 and 16 Fowler samples: what averaging lessens, and
2.8 electrons that it does not, which are those of 8 electrons of dark current between the two sets.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nifsdc.readout.fowler import FowlerSum
from nifsdc.readout.linear import LinearFit
from nifsdc_sim.detector import Detector, Video
from nifsdc_sim.ir_model import DetectorModel
from nifsdc_sim.scene import Scene

SAMPLE_NS = 1e9 / 204_027
LINES, OUTPUTS = 1024, 4
SAMPLES = 1024 + 32
PIXELS = LINES * SAMPLES * OUTPUTS
READ_S = LINES * SAMPLES / 204_027
DARK = 0.01  # electrons a second
APART_S = 800.0
EACH = np.sqrt((15.2**2 - DARK * APART_S) / 2)  # electrons of one read
MOST = 16
WITHIN = 0.03


@pytest.fixture(scope="module")
def device() -> Detector:
    model = replace(DetectorModel(), read_noise=float(EACH), dark_current=DARK, hot_pixels=0)
    detector = Detector(5, Scene.dark(), model=model)
    detector.reset(0)
    return detector


@pytest.fixture(scope="module")
def sets(device: Detector) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sixteen reads, and sixteen more that begin 800 seconds after them."""
    first, last = (
        [
            np.concatenate(
                list(device.read(round((start + k * READ_S) * 1e9), SAMPLE_NS, Video.DATA))
            ).ravel()
            for k in range(MOST)
        ]
        for start in (0.0, APART_S)
    )
    return first, last


def of_pixels(values: np.ndarray) -> np.ndarray:
    """Without reference samples; in electrons."""
    lines = values.reshape(LINES, SAMPLES, OUTPUTS)[:, : SAMPLES - 32]
    return lines.astype(np.float64) * DetectorModel().gain


@pytest.mark.parametrize(("count", "electrons"), [(1, 15.2), (4, 8.1), (16, 4.65)])
def test_fowler_samples(
    sets: tuple[list[np.ndarray], list[np.ndarray]], count: int, electrons: float
) -> None:
    total = FowlerSum(PIXELS, count)
    for number, reads in enumerate(sets):
        for k, read in enumerate(reads[:count]):
            total.add(read, k * PIXELS, number)
    assert total.complete
    assert np.std(of_pixels(total.difference())) == pytest.approx(electrons, rel=WITHIN)


@pytest.mark.parametrize("count", [4, MOST])
def test_a_line_through_the_reads(sets: tuple[list[np.ndarray], list[np.ndarray]], count: int) -> None:
    """Chapman et al. 1990; dark current and the converter's rounding add what photons and a step of 1 do."""
    total = LinearFit(PIXELS)
    for k, read in enumerate(sets[0][:count]):
        total.add(read, k * PIXELS)
    n, gain = count, DetectorModel().gain
    by_reading = 12 / (n * (n * n - 1)) * (EACH**2 + gain**2 / 12)
    by_dark = 6 * (n * n + 1) / (5 * n * (n * n - 1)) * DARK * READ_S
    fit = total.fit()
    assert np.std(of_pixels(fit.slope)) == pytest.approx(np.sqrt(by_reading + by_dark), rel=WITHIN)
    assert np.mean(of_pixels(fit.variance)) * gain == pytest.approx(by_reading, rel=WITHIN)
