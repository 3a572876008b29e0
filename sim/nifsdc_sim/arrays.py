"""The detectors as the boards drive them: cleared, exposed, flashed, read in chunks with their moments."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.commands import Detectors
from nifsdc_sim import ccd_model, ft_model, ir_model, program
from nifsdc_sim.ccd import Ccd
from nifsdc_sim.ccd_clocking import Clocking
from nifsdc_sim.ccd_geometry import GEOMETRIES
from nifsdc_sim.ccd_model import CcdModel
from nifsdc_sim.chunk import Chunk
from nifsdc_sim.detector import CHUNK_LINES, Detector, Video
from nifsdc_sim.ft_array import FrameTransferArray
from nifsdc_sim.ft_model import FT_GEOMETRIES, FtModel
from nifsdc_sim.ir_model import DetectorModel
from nifsdc_sim.scene import Light

LOW, HIGH = 1, 2
"""codes of the noticeboard for the readout speeds"""
HIGH_RATE = 204_027
"""pixels a second of one output of the HAWAII-2 at high speed: a full read of 1024 x 1056 takes 5.3 s"""
LOW_RATE = HIGH_RATE // 2
DETECTORS = ("hawaii2", *GEOMETRIES, *FT_GEOMETRIES)
"""names of the detectors that the simulator can be started with"""


class DetectorArray(Protocol):
    """What a controller has in front of it. Moments are the detector's clock's, in nanoseconds."""

    detectors: Detectors
    """kind of programmes that it takes"""
    full_pixels: int
    """of an unbinned full frame, all outputs together"""

    @property
    def clear_ns(self) -> int:
        """Time of one clearing."""

    @property
    def scene(self) -> Light:
        """What is in front of it."""

    def set_scene(self, scene: Light) -> None:
        """Put another scene in front of it."""

    @property
    def effects(self) -> dict[str, float]:
        """The amount of each effect, by name."""

    def set_effects(self, *wishes: str) -> None:
        """Switch effects on (``cosmic-rays``) or set them (``cosmic-rays=5``); raises ValueError."""

    def truth(self) -> dict[str, NDArray[Any]]:
        """Return what really fell on it, as arrays by name.

        All have ``sources`` (row, column and electron/s of each point of light) and ``hits`` (see
        `particles.HIT`). An infrared array adds ``flux``, ``dark`` (electron/s) and ``dead``, each of shape
        (rows, columns), and ``reads`` (number, resets before it, start in ns); a CCD adds ``charge``, what
        the last readout began with, electron, shape (rows, columns); a frame-transfer CCD what is in
        ``imaging`` and ``masked``.
        """

    def set_speed(self, speed: int) -> None:
        """Take the gain stage and the rate of LSP (1) or HSP (2)."""

    @property
    def rate(self) -> int:
        """Pixels of one output a second."""

    def clear(self, moment_ns: int) -> None:
        """Be empty at a moment."""

    def expose(self, lit: bool, moment_ns: int) -> None:
        """Let a shutter in front of it open or close."""

    def flash(self, start_ns: int, duration_ns: int) -> None:
        """Light the preflash lamps for a while."""

    def pixels(self, clocking: Clocking) -> int:
        """Return how many pixels one read sends."""

    def read(
        self, clocking: Clocking, start_ns: int, sample_ns: float, video: Video, reads: int
    ) -> Iterator[Chunk]:
        """Yield what comes of so many reads one after another."""

    def stop_after(self, chunks: int) -> None:
        """Leave everything as it was after so many chunks of the last read, which did not come to its end."""


class InfraredArray:
    """A HAWAII-2: read without being emptied, its shutter someone else's.

    Parameters
    ----------
    group
        lines that are sent together at most
    """

    detectors = Detectors.IR
    clear_ns = 10_000_000

    def __init__(self, detector: Detector, group: int = CHUNK_LINES) -> None:
        self.detector = detector
        lines, samples = detector.layout.shape
        self.full_pixels = lines * samples
        self._group = group
        self.rate = LOW_RATE

    @property
    def scene(self) -> Light:
        """What is in front of it."""
        return self.detector.scene

    def set_scene(self, scene: Light) -> None:
        """Put another scene in front of it."""
        self.detector.set_scene(scene)

    @property
    def effects(self) -> dict[str, float]:
        """The amount of each effect, by name."""
        return self.detector.effects

    def set_effects(self, *wishes: str) -> None:
        """Switch effects on or set them."""
        self.detector.set_effects(*wishes)

    def truth(self) -> dict[str, NDArray[Any]]:
        """Return what really fell on it."""
        truth, layout = self.detector.truth(), self.detector.layout
        return {
            "sources": _sources(self.scene, layout.rows, layout.columns),
            "hits": truth.hits,
            "flux": truth.flux,
            "dark": truth.dark,
            "dead": truth.dead,
            "reads": np.array(truth.reads, dtype=np.int64).reshape(-1, 3),
        }

    def set_speed(self, speed: int) -> None:
        """Take the gain stage and the rate of LSP (1) or HSP (2)."""
        self.rate = HIGH_RATE if speed == HIGH else LOW_RATE

    def clear(self, moment_ns: int) -> None:
        """Be empty at a moment."""
        self.detector.reset(moment_ns)

    def expose(self, lit: bool, moment_ns: int) -> None:
        """Do nothing: there is no shutter."""

    def flash(self, start_ns: int, duration_ns: int) -> None:
        """Do nothing: there are no lamps."""

    def pixels(self, clocking: Clocking) -> int:
        """Return the pixels of a full frame, whatever the noticeboard says of windows."""
        return self.full_pixels

    def read(
        self, clocking: Clocking, start_ns: int, sample_ns: float, video: Video, reads: int
    ) -> Iterator[Chunk]:
        """Yield what comes of so many reads one after another."""
        layout = self.detector.layout
        line_ns = sample_ns * layout.samples
        line = 0
        for number in range(reads):
            begin = start_ns + round(number * layout.lines * line_ns)
            for chunk in self.detector.read(begin, sample_ns, video):
                for first in range(0, CHUNK_LINES, self._group):
                    lines = chunk[first : first + self._group]
                    line += len(lines)
                    yield Chunk(lines.ravel(), len(lines), start_ns + round(line * line_ns))

    def stop_after(self, chunks: int) -> None:
        """Do nothing: a read changes nothing."""


class CcdArray:
    """A CCD with shutter and preflash lamps."""

    detectors = Detectors.CCD
    clear_ns = 50_000_000

    def __init__(self, ccd: Ccd) -> None:
        self.ccd = ccd
        self.full_pixels = ccd.pixels(Clocking())
        self._lock = threading.Lock()
        self._reading = False
        self._shutter: tuple[bool, int] | None = None

    @property
    def scene(self) -> Light:
        """What is in front of it."""
        return self.ccd.scene

    def set_scene(self, scene: Light) -> None:
        """Put another scene in front of it."""
        self.ccd.set_scene(scene)

    @property
    def effects(self) -> dict[str, float]:
        """The amount of each effect, by name."""
        return self.ccd.effects

    def set_effects(self, *wishes: str) -> None:
        """Switch effects on or set them."""
        self.ccd.set_effects(*wishes)

    def truth(self) -> dict[str, NDArray[Any]]:
        """Return what really fell on it."""
        truth, geometry = self.ccd.truth(), self.ccd.geometry
        return {
            "sources": _sources(self.scene, geometry.rows, geometry.columns),
            "hits": truth.hits,
            "charge": truth.charge,
        }

    def set_speed(self, speed: int) -> None:
        """Take the gain stage and the rate of LSP (1) or HSP (2)."""
        self.ccd.set_speed(speed)

    @property
    def rate(self) -> int:
        """Pixels of one output a second."""
        return self.ccd.pixel_rate

    def clear(self, moment_ns: int) -> None:
        """Be empty at a moment."""
        self.ccd.clear(moment_ns)

    def expose(self, lit: bool, moment_ns: int) -> None:
        """Let the shutter open or close; what it does during a readout counts from the end of that."""
        with self._lock:
            if self._reading:
                self._shutter = lit, moment_ns
            else:
                self._expose(lit, moment_ns)

    def _expose(self, lit: bool, moment_ns: int) -> None:
        if lit:
            self.ccd.open_shutter(moment_ns)
        else:
            self.ccd.close_shutter(moment_ns)

    def _begin_reading(self) -> None:
        with self._lock:
            self._reading = True

    def _end_reading(self) -> None:
        with self._lock:
            self._reading = False
            shutter, self._shutter = self._shutter, None
            if shutter is not None:
                self._expose(*shutter)

    def flash(self, start_ns: int, duration_ns: int) -> None:
        """Light the preflash lamps for a while."""
        self.ccd.flash(start_ns, duration_ns)

    def pixels(self, clocking: Clocking) -> int:
        """Return how many pixels one read sends."""
        return self.ccd.pixels(clocking)

    def read(
        self, clocking: Clocking, start_ns: int, sample_ns: float, video: Video, reads: int
    ) -> Iterator[Chunk]:
        """Yield what comes of so many reads one after another."""
        begin = start_ns
        self._begin_reading()
        for _ in range(reads):
            for pixels, end_ns in self.ccd.read(clocking, begin, sample_ns, video):
                begin = end_ns
                yield Chunk(pixels, 1, end_ns)
        self._end_reading()

    def stop_after(self, chunks: int) -> None:
        """Leave the charge as it was after so many chunks of the last read."""
        self.ccd.stop_after(chunks)
        self._end_reading()


def _sources(scene: Light, rows: int, columns: int) -> NDArray[np.float64]:
    return np.array(scene.sources(rows, columns), dtype=np.float64).reshape(-1, 3)


def detector_array(
    name: str, seed: int, scene: Light, speed: float, effects: Sequence[str] = ()
) -> DetectorArray:
    """Return a detector by its name, for a clock of some speed.

    Raises ValueError for effects that it does not have.
    """
    if name in GEOMETRIES:
        return CcdArray(Ccd(seed, scene, ccd_model.with_wishes(CcdModel(), *effects), GEOMETRIES[name]))
    if name in FT_GEOMETRIES:
        properties = ft_model.with_wishes(FtModel(), *effects)
        return FrameTransferArray(FT_GEOMETRIES[name], seed, scene, properties)
    group = 1
    while group < CHUNK_LINES and group < speed:
        group *= 2
    model = ir_model.with_wishes(DetectorModel(), *effects)
    return InfraredArray(Detector(seed, scene, model), group)


def boot_programmes(array: DetectorArray) -> program.Family:
    """Return the programmes in the boot PROMs of a controller with that detector."""
    return program.FAMILIES[array.detectors]
