"""What a readout of the masked area samples, and how long the clocks take (INS-DAS-18 Annex A)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.ccd_clocking import Clock, Clocking, operations
from nifsdc_sim.ft_model import FtGeometry, FtModel


@dataclass(frozen=True)
class FtReadout:
    """One way to read the masked areas."""

    pixels: NDArray[np.intp]
    """for each sample of an output the pixels that it adds up, by their number in a masked area of rows and
    columns, -1 for prescan and overscan, shape (samples, pixels)"""
    rows: int
    """rows by which the masked areas move"""
    duration_ns: int
    in_order: bool
    """whether these are the first pixels of the area as they lie there"""
    has_none: bool
    """whether some of them are none"""

    @classmethod
    def of(cls, clocking: Clocking, geometry: FtGeometry, model: FtModel, sample_ns: float) -> FtReadout:
        """Return what the noticeboard asks for.

        Parameters
        ----------
        clocking
            what it says of windows and binning
        sample_ns
            time from one sample of an output to its next
        """
        ccd = geometry.ccd
        xbin, ybin = clocking.binning
        columns = ccd.channel_columns
        samples: list[NDArray[np.intp]] = []
        row = clocked = 0
        duration = 0.0
        for operation, count in operations(clocking, ccd):
            match operation:
                case Clock.PARALLEL_SKIP:
                    row += count
                    duration += count * model.row_ns
                case Clock.PARALLEL_READ:
                    row += ybin
                    clocked = 0
                    duration += ybin * model.row_ns
                case Clock.SERIAL_SKIP:
                    clocked += count
                    duration += count * model.skip_ns
                case Clock.SERIAL_READ:
                    element = clocked + np.arange(count * xbin).reshape(count, xbin) - ccd.prescan
                    rows = row - ybin + np.arange(ybin)
                    number = rows[:, np.newaxis, np.newaxis] * columns + element
                    there = (element >= 0) & (element < columns)
                    number = np.where(there & (rows < geometry.masked_rows)[:, None, None], number, -1)
                    samples.append(number.transpose(1, 0, 2).reshape(count, xbin * ybin))
                    clocked += count * xbin
                    duration += count * (sample_ns + (xbin - 1) * model.skip_ns)
        pixels = np.concatenate([np.empty((0, xbin * ybin), dtype=np.intp), *samples])
        in_order = pixels.shape[1] == 1 and bool((pixels[:, 0] == np.arange(len(pixels))).all())
        return cls(pixels, row, round(duration), in_order, bool((pixels < 0).any()))
