"""What is stored beside the image of an observation: its single reads as they came, and each of its coadds.

Every one is a frame of its own, and a file of its own (docs/decisions/0014): a ramp of 254 reads is 2.2 GB,
which no frame could hold. Reads go through a ring of their own, so that they push nothing else out.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from nifsdc.camera.accumulator import Accumulator, Image, Keywords, Separable
from nifsdc.camera.reads import ReadCutter, SingleRead
from nifsdc.data.beside import FOLDER
from nifsdc.data.frame import CardValue, Frame, FrameKind
from nifsdc.data.ring import FrameRing
from nifsdc.sdsu.pixels import Chunk
from nifsdc.tasks.exposure import Exposure
from nifsdc.tasks.header import ObservationHeader
from nifsdc.timing.utc import night, utc_stamp

_log = logging.getLogger("nifsdc.readout")


class Beside:
    """Hands reads and coadds of one observation on; for the Readout task.

    Nothing that goes wrong here ends the exposure: what was not handed on counts as lost where the frames are
    stored, since `reads` and `coadds` count it too.

    Parameters
    ----------
    exposure
        the observation
    cutter
        what gives out its reads; None if they are not asked for
    header, keywords
        makes header cards; what the camera says of the way the observation is taken
    reads, coadds
        the rings that they go to
    """

    def __init__(
        self,
        exposure: Exposure,
        cutter: ReadCutter | None,
        header: ObservationHeader,
        keywords: Keywords,
        reads: FrameRing | None,
        coadds: FrameRing,
    ) -> None:
        self._exposure = exposure
        self._cutter = cutter if reads is not None else None
        self._header = header
        self._keywords = keywords
        self._read_ring = reads
        self._coadd_ring = coadds
        self._set_began = 0.0
        self._exposure_began = 0.0
        self.reads = 0
        """reads handed on so far"""
        self.coadds = 0

    def begin_set(self, number: int) -> None:
        """Note that set ``number`` of an exposure, from 0, begins to be read now."""
        self._set_began = self._exposure.now()
        if number == 0:
            self._exposure_began = self._set_began

    def take(self, chunk: Chunk, number: int) -> None:
        """Take pixels of set ``number`` and hand on the reads that they make whole."""
        if self._cutter is None:
            return
        for read in self._cutter.take(chunk.pixels, chunk.offset):
            self._read(read, number)

    def _read(self, read: SingleRead, number: int) -> None:
        exposure, plan = self._exposure, self._exposure.plan
        in_exposure = number * plan.nreads + read.number
        began = self._set_began + read.number * plan.set_time / plan.nreads
        values: dict[str, CardValue] = {
            "PRODUCT": "READ",
            "COADDNO": exposure.coadds_done + 1,
            "NDRSET": number + 1,
            "NDRNO": in_exposure + 1,
            "NDRTIME": began - self._exposure_began,
            "EXPTIME": began - self._exposure_began,
            "COADDS": 1,
        }
        counted = exposure.coadds_done * plan.sets * plan.nreads + in_exposure
        name = f"c{exposure.coadds_done + 1:04d}r{in_exposure + 1:03d}"
        self.reads += 1
        if self._read_ring is not None:
            times = began, began + plan.set_time / plan.nreads
            self._hand_on(FrameKind.READ, counted, name, read.images, values, times, self._read_ring)

    def coadd(self, pixels: Accumulator) -> None:
        """Hand on the exposure that was finished last, if each is to be stored."""
        images = pixels.newest() if isinstance(pixels, Separable) else ()
        if not images:
            return
        exposure = self._exposure
        values: dict[str, CardValue] = {
            "PRODUCT": "COADD",
            "COADDNO": exposure.coadds_done + 1,
            "EXPTIME": exposure.measured[-1],
            "EXPSRC": exposure.measured_by,
            "COADDS": 1,
        }
        number, name = exposure.coadds_done, f"c{exposure.coadds_done + 1:04d}"
        self.coadds += 1
        times = self._exposure_began, exposure.now()
        self._hand_on(FrameKind.COADD, number, name, images, values, times, self._coadd_ring)

    def _hand_on(
        self,
        kind: FrameKind,
        number: int,
        name: str,
        images: tuple[Image, ...],
        values: dict[str, CardValue],
        times: tuple[float, float],
        ring: FrameRing,
    ) -> None:
        exposure = self._exposure
        start, end = (exposure.start_utc + timedelta(seconds=each - exposure.started) for each in times)
        try:
            frame = Frame.build(
                exposure.settings.exposure_id,
                kind,
                {image.name: image.pixels for image in images},
                night=night(exposure.start_utc),
                number=number,
                label=f"{stem(exposure)}_{name}",
                stream=exposure.settings.stream,
                folder=f"{FOLDER}/{stem(exposure)}",
                cards=self._header.of_part(exposure, {**self._keywords, **values}, (start, end), images),
            )
            ring.write(frame)
        except Exception:
            _log.exception("%s %s was not handed on", kind.value, name)

    @property
    def keywords(self) -> dict[str, CardValue]:
        """What the header of the image says of what is stored beside it, if nothing is lost on the way."""
        if not self.reads and not self.coadds:
            return {}
        exposure = self._exposure
        return {
            "NDRDIR": f"{night(exposure.start_utc)}/{FOLDER}/{stem(exposure)}",
            "NDRSAVED": self.reads,
            "NDRLOST": 0,
            "COASAVED": self.coadds,
            "COALOST": 0,
        }


def stem(exposure: Exposure) -> str:
    """Return what files beside the image of an exposure are called after: when it began, and which it is."""
    began = utc_stamp(exposure.start_utc)[11:19].replace(":", "")
    return f"T{began}_{exposure.settings.exposure_id[:8]}"
