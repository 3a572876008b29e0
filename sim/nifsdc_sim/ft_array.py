"""Frame-transfer CCDs as the timing board drives them: runs of frames, one after another without a gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.frames import FrameCommand, FrameHeader
from nifsdc_sim.ccd_clocking import Clocking, samples
from nifsdc_sim.ccd_model import SLOW
from nifsdc_sim.chunk import Chunk
from nifsdc_sim.detector import TOP_ADU, Video
from nifsdc_sim.effects import amounts
from nifsdc_sim.ft_chip import FtChip
from nifsdc_sim.ft_clocks import FtReadout
from nifsdc_sim.ft_model import FT_EFFECTS, FtGeometry, FtModel, with_wishes
from nifsdc_sim.particles import HIT
from nifsdc_sim.scene import Light


@dataclass(frozen=True)
class FrameOrder:
    """What a run of frames is to do; times in nanoseconds."""

    command: FrameCommand
    frames: int
    """0 for as many as there is time"""
    delay_ns: int
    """E"""
    nskip: tuple[int, ...]
    """of each CCD"""
    shift_rows: int
    dump_rows: tuple[int, int]
    """before the readout and after it, drift mode"""


class FrameTransferArray:
    """Frame-transfer CCDs with no shutter of their own.

    Parameters
    ----------
    seed
        start of all random numbers
    """

    detectors = Detectors.FRAME_TRANSFER

    def __init__(self, geometry: FtGeometry, seed: int, scene: Light, model: FtModel) -> None:
        self.geometry = geometry
        self.scene = scene
        self._random = np.random.Generator(np.random.SFC64((seed, 31)))
        self._chip = FtChip(geometry, scene, model, self._random)
        self._speed = SLOW
        self._number = np.arange(geometry.channels, dtype=np.float32)
        self.full_pixels = self.pixels(Clocking())

    @property
    def model(self) -> FtModel:
        """Properties of the electronics."""
        return self._chip.model

    @property
    def clear_ns(self) -> int:
        """Time of a clear or a wipe: the rows of both areas pass the register."""
        return (self.geometry.masked_rows + self.geometry.ccd.channel_rows) * self.model.transfer_ns

    @property
    def rate(self) -> int:
        """Pixels of one output a second."""
        return self.model.stage(self._speed).pixel_rate

    @property
    def effects(self) -> dict[str, float]:
        """The amount of each effect, by name."""
        return amounts(self.model, FT_EFFECTS)

    def set_scene(self, scene: Light) -> None:
        """Put another scene in front of it."""
        self.scene = scene
        self._chip.set_light(scene)

    def set_effects(self, *wishes: str) -> None:
        """Switch effects on or set them."""
        self._chip.model = with_wishes(self.model, *wishes)

    def truth(self) -> dict[str, NDArray[Any]]:
        """Return the charge, electron, shape (rows, columns, CCDs, outputs) of both areas."""
        return {
            "sources": np.array(self.scene.sources(1, 1), dtype=np.float64).reshape(-1, 3),
            "hits": np.array([], dtype=HIT),
            "imaging": self._chip.imaging.copy(),
            "masked": self._chip.masked.copy(),
        }

    def set_speed(self, speed: int) -> None:
        """Take the gain stage and the rate of LSP (1) or HSP (2)."""
        self._speed = speed

    def clear(self, moment_ns: int) -> None:
        """Be empty at a moment."""
        self._chip.clear(moment_ns)

    def expose(self, lit: bool, moment_ns: int) -> None:
        """Do nothing: there is no shutter."""

    def flash(self, start_ns: int, duration_ns: int) -> None:
        """Do nothing: there are no lamps."""

    def stop_after(self, chunks: int) -> None:
        """Do nothing: what a run left is cleared by the next one."""

    def pixels(self, clocking: Clocking) -> int:
        """Return how many pixels one read sends, of all outputs of all CCDs."""
        return samples(clocking, self.geometry.ccd) * self.geometry.channels

    def read(
        self, clocking: Clocking, start_ns: int, sample_ns: float, video: Video, reads: int
    ) -> Iterator[Chunk]:
        """Transfer and read so many times, one after another."""
        readout = FtReadout.of(clocking, self.geometry, self.model, sample_ns)
        moment = start_ns
        for number in range(reads):
            begin, moment = moment, moment + self._transfer_ns
            self._chip.transfer(begin, moment, range(self.geometry.ccds))
            moment += readout.duration_ns
            sent = number * readout.pixels.shape[0] * self.geometry.channels
            yield Chunk(self._digitise(self._chip.read(readout), video, sent), 1, moment)

    def frames(
        self, order: FrameOrder, clocking: Clocking, start_ns: int, sample_ns: float, video: Video
    ) -> Iterator[Chunk]:
        """Clear, and yield frames, each with its header, until there are enough of them.

        Parameters
        ----------
        order
            mode and times
        clocking
            what the noticeboard says of windows and binning
        start_ns
            beginning of the clear
        sample_ns
            time from one sample of an output to its next
        video
            what is sent
        """
        readout = FtReadout.of(clocking, self.geometry, self.model, sample_ns)
        drift = order.command is FrameCommand.DRIFT
        moment = start_ns + self.clear_ns
        self._chip.clear(moment)
        self._chip.lit_rows = order.shift_rows if drift else self.geometry.ccd.channel_rows
        number = 0
        while number < order.frames or not order.frames:
            number += 1
            stamp = moment
            if drift:
                charge, moment, end = self._drift_frame(order, readout, stamp)
                data = (1 << self.geometry.ccds) - 1
            else:
                genuine = [ccd for ccd, skip in enumerate(order.nskip) if number % (skip + 1) == 0]
                charge, moment, end = self._frame(order, readout, stamp, genuine)
                data = sum(1 << ccd for ccd in genuine)
            sent = (number - 1) * charge.size
            header = FrameHeader(number, stamp, data).encode()
            yield Chunk(np.concatenate((header, self._digitise(charge, video, sent))), 1, end)

    @property
    def _transfer_ns(self) -> int:
        return self.geometry.masked_rows * self.model.transfer_ns

    def _frame(
        self, order: FrameOrder, readout: FtReadout, stamp: int, genuine: list[int]
    ) -> tuple[NDArray[np.float32], int, int]:
        """E F R, and W in clear mode; return charge, the end of it all, and that of the readout."""
        begin = stamp + order.delay_ns
        moved = begin + self._transfer_ns
        self._chip.transfer(begin, moved, genuine)
        read = moved + readout.duration_ns
        charge = self._chip.read(readout)
        if order.command is FrameCommand.NO_CLEAR:
            return charge, read, read
        self._chip.wipe(read, read + self.clear_ns, genuine)
        return charge, read + self.clear_ns, read

    def _drift_frame(
        self, order: FrameOrder, readout: FtReadout, stamp: int
    ) -> tuple[NDArray[np.float32], int, int]:
        """E LS LD R; what is dumped after the readout counts as LD too."""
        chip, row_ns = self._chip, self.model.transfer_ns
        before, after = order.dump_rows
        begin = stamp + order.delay_ns
        shifted = begin + order.shift_rows * row_ns
        chip.line_shift(begin, shifted, order.shift_rows)
        chip.line_dump(before)
        charge = chip.read(readout)
        chip.line_dump(after)
        read = shifted + before * row_ns + readout.duration_ns
        return charge, read + after * row_ns, read

    def _digitise(self, charge: NDArray[np.float32], video: Video, sent: int) -> NDArray[np.uint16]:
        """Return numbers in the order of the fibre for charge of shape (samples, channels)."""
        channels = self.geometry.channels
        if video is not Video.DATA:
            return video.test_data(sent, charge.size, channels)
        model, stage = self.model, self.model.stage(self._speed)
        adu = charge
        adu *= np.float32(1.0 / stage.gain)
        adu += np.float32(model.bias) + np.float32(model.bias_spread) * self._number
        if stage.read_noise and model.read_noise:
            noise = self._random.standard_normal(charge.shape, dtype=np.float32)
            noise *= np.float32(stage.read_noise / stage.gain)
            adu += noise
        np.rint(adu, out=adu)
        np.clip(adu, 0, TOP_ADU, out=adu)
        return adu.astype(np.uint16).ravel()
