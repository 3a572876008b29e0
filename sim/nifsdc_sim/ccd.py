"""A CCD: light becomes charge while the shutter is open, clocks move it, an output makes numbers of it.

What the sequencer may do with it is `clear`, the shutter, `flash` and `read`; each takes moments of the
simulator's clock in nanoseconds, which may not go backwards. The random numbers of a readout depend on the
seed and its number alone.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim.ccd_charge import ChargeArray
from nifsdc_sim.ccd_clocking import Clocking, samples
from nifsdc_sim.ccd_collect import Collector, HotColumns
from nifsdc_sim.ccd_geometry import CCD1, CcdGeometry
from nifsdc_sim.ccd_model import EFFECTS, SLOW, CcdModel, with_wishes
from nifsdc_sim.ccd_output import Outputs
from nifsdc_sim.ccd_readout import Chip, Chunk, Order, Purpose, Readout
from nifsdc_sim.detector import Video
from nifsdc_sim.effects import amounts
from nifsdc_sim.particles import HIT, HITS_KEPT
from nifsdc_sim.scene import Light

NOTHING = Order(Clocking(1), 0, 0.0, Video.DEAD, CcdModel().slow)


@dataclass(frozen=True)
class Truth:
    """What a CCD really held."""

    charge: NDArray[np.float32]
    """electron, shape (rows, columns), in the image area when the last readout began"""
    hits: NDArray[np.void]
    """pixels that particles hit, with the fields of `particles.HIT`; resets are clearings"""


class Ccd:
    """A CCD in front of a scene.

    Clear, shutter, flash and reads are for one thread at a time; `set_scene` may be called by another.

    Parameters
    ----------
    seed
        start of all random numbers
    scene
        what falls on it
    """

    def __init__(
        self, seed: int, scene: Light, model: CcdModel | None = None, geometry: CcdGeometry = CCD1
    ) -> None:
        self.geometry = geometry
        self.model = model or CcdModel()
        self.scene = scene
        self._seed = seed
        self._lock = threading.RLock()
        self._speed = SLOW
        self._chip = self._made(Collector(seed, self._flux(scene), self.model, geometry))
        self._reads = self._clears = 0
        self._hits: deque[tuple[int | float, ...]] = deque(maxlen=HITS_KEPT)
        self._readout: Readout | None = None
        self._stopped_after: int | None = None
        """chunks of the last read that were sent, where what it left has not been worked out"""
        self._order = NOTHING
        self._before = self._chip.array

    @property
    def pixel_rate(self) -> int:
        """Samples of one output a second at the present speed."""
        return self.model.stage(self._speed).pixel_rate

    @property
    def effects(self) -> dict[str, float]:
        """The amount of each effect, by name."""
        return amounts(self.model, EFFECTS)

    def set_effects(self, *wishes: str) -> None:
        """Switch effects on or set them, as `ccd_model.with_wishes`; from the next readout on."""
        self.set_model(with_wishes(self.model, *wishes))

    def set_model(self, model: CcdModel) -> None:
        """Have other properties from the next readout on; what was collected for it is so by these too."""
        self.model = model

    def truth(self) -> Truth:
        """Return with what the last readout began and what particles hit so far."""
        with self._lock:
            charge = self.geometry.from_channels(self._before.image)
            return Truth(charge, np.array(list(self._hits), dtype=HIT))

    def pixels(self, clocking: Clocking) -> int:
        """Return how many pixels a readout sends, of all outputs together."""
        return samples(clocking, self.geometry) * len(self.geometry.channels)

    def set_scene(self, scene: Light, moment_ns: int | None = None) -> None:
        """Put another scene in front of it at a moment; without one, where the last operation was."""
        flux = self._flux(scene)
        with self._lock:
            self._settle()
            if moment_ns is not None and self._readout is None:
                self._chip.collector.pass_to(moment_ns)
            self._chip.collector.change_flux(flux)
            self.scene = scene

    def set_speed(self, speed: int) -> None:
        """Take the gain stage and the rate of LSP (1) or HSP (2)."""
        self._speed = speed

    def clear(self, moment_ns: int) -> None:
        """Have no charge anywhere at a moment."""
        with self._lock:
            if self._stopped_after is not None:
                self._forget_readout()
            self._end_readout()
            self._clears += 1
            self._chip.collector.begin(moment_ns)
            self._chip.array.clear()

    def open_shutter(self, moment_ns: int) -> None:
        """Let light in from a moment on."""
        self._move_shutter(moment_ns, True)

    def close_shutter(self, moment_ns: int) -> None:
        """Let no more light in."""
        self._move_shutter(moment_ns, False)

    def flash(self, start_ns: int, duration_ns: int) -> None:
        """Light the preflash lamps, which are behind the shutter, for a while."""
        with self._lock:
            self._end_readout()
            self._chip.collector.pass_to(start_ns + duration_ns)
            self._chip.collector.flash(duration_ns)

    def put(self, charge: NDArray[np.float32]) -> None:
        """Put charge on the image area, electron, shape (rows, columns), in place of what was there."""
        with self._lock:
            self._end_readout()
            self._chip.array.image[:] = self.geometry.to_channels(charge)

    def charge(self) -> NDArray[np.float32]:
        """Return what the last readout left in the image area, electron, shape (rows, columns).

        What has been collected since is not in it yet.
        """
        with self._lock:
            self._end_readout()
            return self.geometry.from_channels(self._chip.array.image)

    def register(self) -> NDArray[np.float32]:
        """Return what the last readout left in the registers, electron, shape (channels, elements)."""
        with self._lock:
            self._end_readout()
            return self._chip.array.register.copy()

    def read(
        self, clocking: Clocking, start_ns: int, sample_ns: float, video: Video
    ) -> Generator[Chunk, None, None]:
        """Clock the charge as the noticeboard says and yield what comes, a parallel read at a time.

        Given up, it leaves the charge as it is after the last chunk that was taken. Whoever takes chunks
        ahead of their time tells `stop_after` how many were really sent.

        Parameters
        ----------
        clocking
            what the noticeboard holds at the start
        start_ns
            moment of the first clock
        sample_ns
            time from one sample of an output to its next
        video
            what is to be sent
        """
        with self._lock:
            self._end_readout()
            self._reads += 1
            if self._chip.model is not self.model:
                self._refit()
            chip = self._chip
            chip.collector.pass_to(start_ns)
            for hit in chip.collector.collect(self._random(Purpose.EXPOSURE), chip.array.image):
                self._hits.append((hit.moment_ns, self._clears, self._reads, *hit[1:]))
            self._before = copy.deepcopy(chip.array)
            self._order = Order(clocking, start_ns, sample_ns, video, chip.model.stage(self._speed))
            self._readout = readout = self._begin_readout(self._order)
        yield from readout.chunks()

    def stop_after(self, chunks: int) -> None:
        """Leave the charge as it was after so many chunks of the last read.

        It is worked out when somebody wants to know it: that takes long, and a controller that was told to
        give up answers at once. Most often the CCD is cleared before.
        """
        with self._lock:
            if self._readout is not None:
                self._readout.abandon()
            self._stopped_after = chunks

    def _settle(self) -> None:
        """Work out what a read left that was stopped, by another without a picture."""
        chunks = self._stopped_after
        if chunks is None:
            return
        self._forget_readout()
        self._readout = readout = self._begin_readout(replace(self._order, video=Video.DEAD))
        for _ in islice(readout.chunks(), chunks):
            pass
        readout.end()
        self._readout = None

    def _forget_readout(self) -> None:
        """Have the charge with which the last read began."""
        self._readout = self._stopped_after = None
        self._chip = replace(self._chip, array=copy.deepcopy(self._before))

    def _made(self, collector: Collector) -> Chip:
        """Return a chip of the present model, empty."""
        model, geometry = self.model, self.geometry
        return Chip(
            ChargeArray(geometry, model.parallel_cti, model.serial_cti, model.register_well),
            collector,
            HotColumns(model, geometry, self._seed),
            Outputs(self._seed, model, geometry),
            model,
        )

    def _refit(self) -> None:
        """Give the chip the present model; its charge stays."""
        former = self._chip
        former.collector.change_model(self.model, self._seed)
        self._chip = self._made(former.collector)
        self._chip.array.image[:] = former.array.image
        self._chip.array.register[:] = former.array.register

    def _begin_readout(self, order: Order) -> Readout:
        return Readout(self._chip, order, self._random, self._lock)

    def _end_readout(self) -> None:
        """End a readout that nobody took to its end."""
        self._settle()
        if self._readout is not None:
            self._readout.end()
            self._readout = None

    def _move_shutter(self, moment_ns: int, is_open: bool) -> None:
        with self._lock:
            self._end_readout()
            self._chip.collector.pass_to(moment_ns)
            self._chip.collector.is_open = is_open

    def _random(self, purpose: Purpose) -> np.random.Generator:
        return np.random.Generator(np.random.SFC64((self._seed, 5, self._reads, int(purpose))))

    def _flux(self, scene: Light) -> NDArray[np.float32]:
        return self.geometry.to_channels(scene.flux(self.geometry.rows, self.geometry.columns))
