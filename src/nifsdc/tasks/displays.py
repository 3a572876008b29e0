"""Images that are looked at and not stored: which ring they go to, by the mode in which they were taken.

What is stored goes through the ring of the runs, and so do images of a run while it is made. What is taken
for display alone has a ring of its own (SDN 11.03 section 4.8), so that no view pushes a run out of its ring.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from nifsdc.camera.accumulator import Image
from nifsdc.camera.slicer import COMPRESSED, Slicer
from nifsdc.data.frame import Card, Frame, FrameKind
from nifsdc.data.header import UNKNOWN, cards
from nifsdc.data.ring import FrameRing
from nifsdc.data.sky_file import SkyError
from nifsdc.tasks.exposure import Exposure
from nifsdc.tasks.messages import Look, ObservationKind
from nifsdc.tasks.skies import Skies
from nifsdc.timing.utc import night, utc_stamp

VIEW_SLOTS = 2
"""frames of the ring of views: its readers want the newest"""
VIEW_BYTES = 24 * 1024 * 1024
"""science in float32 and reference samples of 2048 x 2048 pixels"""

_log = logging.getLogger("nifsdc.slave")


class Displays:
    """Puts images where displays find them.

    Parameters
    ----------
    run
        the ring of the runs
    view
        the ring of what is taken for display alone; None for a camera that takes no views
    skies
        what is taken off images that are looked at; None for a camera whose images keep their sky
    slicer
        what makes images of the sky; None for a camera without one
    """

    def __init__(
        self,
        run: FrameRing,
        view: FrameRing | None = None,
        skies: Skies | None = None,
        slicer: Slicer | None = None,
    ) -> None:
        self._rings = {ObservationKind.OBSERVE: run, ObservationKind.VIEW: view or run}
        self._skies = skies
        self._slicer = slicer

    def choose_skies(self, request: Look) -> tuple[Mapping[str, str], SkyError | None]:
        """Take other skies off images from now on (see `Skies.choose`).

        Returns the name of the sky that is in force now, by status record, and why one could not be had.
        """
        chosen: dict[str, str] = {}
        problem: SkyError | None = None
        for kind, record, name in (
            (ObservationKind.VIEW, "skyIdle", request.view_sky),
            (ObservationKind.OBSERVE, "skyScience", request.run_sky),
        ):
            chosen[record] = ""
            try:
                if self._skies is not None:
                    self._skies.choose(kind, name)
                    chosen[record] = name
            except SkyError as error:
                _log.error("%s: %s", record, error)
                problem = problem or error
        return chosen, problem

    def changes(self, kind: ObservationKind) -> bool:
        """Whether images of a kind are shown otherwise than they are stored."""
        return self._skies is not None and self._skies.chosen(kind)

    def show(self, exposure: Exposure, kind: FrameKind, images: tuple[Image, ...], number: int = 0) -> int:
        """Show images of an exposure, and return their sequence number in the ring.

        Parameters
        ----------
        exposure
            what they belong to
        kind, number
            as in `FrameHeader`
        images
            the one to look at first
        """
        settings = exposure.settings
        if self._skies is not None:
            images = self._skies.off(settings.kind, images, sum(exposure.measured))
        sky: tuple[Image, ...] = ()
        if self._slicer is not None and settings.compression is not None:
            sky = (self._slicer.image(images[0].pixels, settings.compression),)
        frame = Frame.build(
            settings.exposure_id,
            kind,
            {image.name: image.pixels for image in (*images, *sky)},
            night=night(exposure.start_utc),
            number=number,
            stream=settings.stream,
            streams={COMPRESSED: settings.compressed_stream} if sky else {},
            cards=_cards(exposure),
        )
        return self._rings[settings.kind].write(frame)


def _cards(exposure: Exposure) -> tuple[Card, ...]:
    """Return what a display may say of an image that is not stored."""
    settings = exposure.settings
    return cards(
        {
            "OBJECT": settings.title or UNKNOWN,
            "TIMESYS": "UTC",
            "DATE-OBS": utc_stamp(exposure.start_utc),
            "EXPRQ": settings.request.exposure,
        }
    )
