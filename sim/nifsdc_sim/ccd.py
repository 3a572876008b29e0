"""A CCD: light becomes charge while the shutter is open, clocks move it, an output makes numbers of it.

What the sequencer may do with it is `clear`, the shutter, `flash` and `read`; each takes moments of the
simulator's clock in nanoseconds, which may not go backwards. The random numbers of a readout depend on the
seed and its number alone.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nifsdc_sim import photons
from nifsdc_sim.ccd_charge import Charge, ChargeArray
from nifsdc_sim.ccd_clocking import Clock, Clocking, operations, samples
from nifsdc_sim.ccd_geometry import CCD1, CcdGeometry
from nifsdc_sim.ccd_model import FAST, SLOW, CcdModel
from nifsdc_sim.detector import TOP_ADU, Video
from nifsdc_sim.scene import Scene

NS = 1_000_000_000
LONGEST_CHUNK = 65536
"""samples of one output that are made at a time"""


class Chunk(NamedTuple):
    """What comes of one parallel read (or, of an endless row, a part)."""

    pixels: NDArray[np.uint16]
    """ADU in the order of the fibre, one pixel of each output in rotation; may be empty"""
    end_ns: int
    """moment at which the last of them was clocked"""


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
        self, seed: int, scene: Scene, model: CcdModel | None = None, geometry: CcdGeometry = CCD1
    ) -> None:
        self.geometry = geometry
        self.model = model or CcdModel()
        self._seed = seed
        self._lock = threading.Lock()
        self._array = ChargeArray(geometry)
        self._stage = self.model.stage(SLOW)
        self._reads = 0
        self._before = self._array
        self._reading = (Clocking(), 0, 0.0)
        self._moment_ns = 0
        self._open = False
        self._dark_ns = self._open_ns = self._flash_ns = 0
        self.set_scene(scene)

    @property
    def shutter_open(self) -> bool:
        """Whether light falls on it."""
        return self._open

    @property
    def pixel_rate(self) -> int:
        """Samples of one output a second at the present speed."""
        return self._stage.pixel_rate

    def pixels(self, clocking: Clocking) -> int:
        """Return how many pixels a readout sends, of all outputs together."""
        return samples(clocking, self.geometry) * len(self.geometry.channels)

    def set_scene(self, scene: Scene) -> None:
        """Put another scene in front of it; it counts for all of the light that has not been read."""
        flux = self.geometry.to_channels(scene.flux(self.geometry.rows, self.geometry.columns))
        with self._lock:
            self._flux, self.scene = flux, scene

    def set_speed(self, speed: int) -> None:
        """Take the gain stage of LSP (1) or HSP (2)."""
        self._stage = self.model.stage(FAST if speed == FAST else SLOW)

    def clear(self, moment_ns: int) -> None:
        """Have no charge anywhere at a moment."""
        with self._lock:
            self._moment_ns = moment_ns
            self._dark_ns = self._open_ns = self._flash_ns = 0
            self._array.clear()

    def open_shutter(self, moment_ns: int) -> None:
        """Let light in from a moment on."""
        with self._lock:
            self._pass(moment_ns)
            self._open = True

    def close_shutter(self, moment_ns: int) -> None:
        """Let no more light in."""
        with self._lock:
            self._pass(moment_ns)
            self._open = False

    def flash(self, start_ns: int, duration_ns: int) -> None:
        """Light the preflash lamps for a while."""
        with self._lock:
            self._pass(start_ns + duration_ns)
            self._flash_ns += duration_ns

    def charge(self) -> NDArray[np.float32]:
        """Return what the last readout left in the image area, electron, shape (rows, columns)."""
        with self._lock:
            return self.geometry.from_channels(self._array.image)

    def read(self, clocking: Clocking, start_ns: int, sample_ns: float, video: Video) -> Iterator[Chunk]:
        """Clock the charge as the noticeboard says and yield what comes, a parallel read at a time.

        Closed early, it leaves the charge as it is after the last chunk that was taken. Whoever takes chunks
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
            self._reads += 1
            self._pass(start_ns)
            self._collect(self._random(0))
            self._before = copy.deepcopy(self._array)
            self._reading = (clocking, start_ns, sample_ns)
        yield from self._clock(clocking, start_ns, sample_ns, video)

    def stop_after(self, chunks: int) -> None:
        """Leave the charge as it was after so many chunks of the last read; for reads made ahead of time."""
        with self._lock:
            self._array = self._before
        clocks = self._clock(*self._reading, Video.DEAD)
        for _ in zip(range(chunks), clocks, strict=False):
            pass
        clocks.close()

    def _clock(
        self, clocking: Clocking, start_ns: int, sample_ns: float, video: Video
    ) -> Generator[Chunk, None, None]:
        random = self._random(1)
        moment = float(start_ns)
        sent = 0
        rows: list[Charge] = []
        xbin, ybin = clocking.binning
        begun = False
        try:
            for operation, count in operations(clocking, self.geometry):
                if operation is Clock.PARALLEL_READ and begun:
                    yield self._chunk(rows, sent, moment, random, video)
                    sent += sum(row.size for row in rows)
                    rows = []
                with self._lock:
                    match operation:
                        case Clock.PARALLEL_SKIP:
                            self._array.parallel_skip(count)
                            moment += count * self.model.parallel_ns
                        case Clock.PARALLEL_READ:
                            self._array.parallel_read(ybin)
                            moment += ybin * self.model.parallel_ns
                            begun = True
                        case Clock.SERIAL_SKIP:
                            self._array.serial_skip(count)
                            moment += count * self.model.skip_ns
                        case Clock.SERIAL_READ:
                            rows.append(self._array.serial_read(count, xbin))
                            moment += count * (sample_ns + (xbin - 1) * self.model.skip_ns)
            if begun:
                yield self._chunk(rows, sent, moment, random, video)
        finally:
            with self._lock:
                self._array.put_down()
                self._moment_ns = round(moment)

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.Generator(np.random.SFC64((self._seed, 5, self._reads, purpose)))

    def _pass(self, moment_ns: int) -> None:
        """Count what time has gone by."""
        passed = max(0, moment_ns - self._moment_ns)
        self._dark_ns += passed
        if self._open:
            self._open_ns += passed
        self._moment_ns = max(self._moment_ns, moment_ns)

    def _collect(self, random: np.random.Generator) -> None:
        """Turn the time that was counted into charge."""
        expected = self._flux * np.float32(self._open_ns / NS)
        expected += np.float32(
            self.model.dark_current * self._dark_ns / NS + self.model.preflash * self._flash_ns / NS
        )
        self._dark_ns = self._open_ns = self._flash_ns = 0
        if self.model.photon_noise:
            expected = photons.draw(random, expected, float(expected.max()), float(expected.min()))
        self._array.image += expected
        np.minimum(self._array.image, np.float32(self.model.full_well), out=self._array.image)

    def _chunk(
        self, rows: list[Charge], sent: int, moment: float, random: np.random.Generator, video: Video
    ) -> Chunk:
        channels = len(self.geometry.channels)
        charge = np.concatenate([*rows, np.empty((channels, 0), dtype=np.float32)], axis=1).T
        if video is Video.DATA:
            adu = charge + random.standard_normal(charge.shape, dtype=np.float32) * self._stage.read_noise
            adu = adu / self._stage.gain + np.array(self.model.bias[:channels])
            pixels = np.clip(np.rint(adu), 0, TOP_ADU).astype(np.uint16).ravel()
        else:
            pixels = video.test_data(sent, charge.size, channels)
        return Chunk(pixels, round(moment))
