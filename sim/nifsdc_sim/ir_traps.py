"""Persistence: traps keep some of a pixel's charge over a reset and let it go slowly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.ir_model import DetectorModel

NS = 1_000_000_000
Charge = NDArray[np.float32]


class Traps:
    """The traps of all pixels, chunk by chunk of lines.

    Traps fill at a reset only, with a share of what the pixel held when it was last read. What they let go is
    no random number.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[int, Charge]] = {}
        """for each chunk the moment of what is held, in ns, and electrons"""

    def fill(self, chunk: int, moment_ns: int, charge: Charge, model: DetectorModel) -> None:
        """Keep some of the charge that a reset takes away at a moment."""
        kept = charge * np.float32(model.persistence)
        np.maximum(kept, 0, out=kept)
        if chunk in self._held:
            before, held = self._held[chunk]
            kept += held * np.float32(np.exp((before - moment_ns) / (NS * model.persistence_s)))
        self._held[chunk] = (moment_ns, kept)

    def release(self, chunk: int, moments: NDArray[np.int64], model: DetectorModel) -> Charge | float:
        """Return what a chunk's pixels get until their lines' moments, electron, and hold it no longer."""
        if chunk not in self._held:
            return 0.0
        before, held = self._held[chunk]
        # The lines of a chunk are some milliseconds apart: the first stands for all.
        moment = int(moments[0])
        left = np.float32(np.exp((before - moment) / (NS * model.persistence_s)))
        released = held * (np.float32(1.0) - left)
        self._held[chunk] = (moment, held - released)
        return released
