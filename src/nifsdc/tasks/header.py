"""The header of an observation: what its clients look for, what it was made with, when it was made.

Keywords are those that the observatory's client writes for NIFS (icd/nifs_clients.md) and the usual ones
beside them; their comments and order stand in `nifsdc.data.header`. What only the telescope or the instrument
knows is UNKNOWN here: their own systems, or a header template, will say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nifsdc import __version__
from nifsdc.camera.accumulator import Image, Keywords
from nifsdc.data.fits_image import extension_of
from nifsdc.data.frame import QUALITY, REFERENCE, SCIENCE, VARIANCE, Card, CardValue
from nifsdc.data.header import SCI, UNKNOWN, cards
from nifsdc.data.wcs import Sky, Window, on_detector, on_sky
from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.exposure import Exposure
from nifsdc.tasks.template_cards import DEFAULT, Samples, TemplateCards
from nifsdc.timing.service import TimeService
from nifsdc.timing.utc import mjd, utc_stamp, utc_time

Values = Mapping[str, CardValue]

_BESIDE = {REFERENCE: "REF", VARIANCE: "VAR"}
"""extensions of images that may say their own unit"""
_SAME_PLACE = {VARIANCE: "VAR", QUALITY: "DQ"}
"""extensions of images that lie where the first one does"""


@dataclass(frozen=True)
class Installation:
    """What a header says of the camera and never changes while the IOC runs."""

    name: str
    observatory: str
    telescope: str
    detector_type: str
    detector_id: str
    gain: float
    """electrons per ADU"""
    read_noise: float
    """electrons of one read"""
    simulated: bool
    sky: Sky | None = None
    """how the detector looks at the sky, where that is known"""


class ObservationHeader:
    """Makes the header cards of finished observations.

    Parameters
    ----------
    installation
        the camera
    status
        status records that the header shows
    template
        what the installation wants in it besides
    clock
        how good the times are
    """

    def __init__(
        self,
        installation: Installation,
        status: StatusDictionary,
        template: TemplateCards,
        clock: TimeService,
    ) -> None:
        self._clock = clock
        self._installation = installation
        self._status = status
        self._template = template

    def begin(self) -> Samples:
        """Return what the template takes at the start of an observation."""
        return self._template.begin()

    def __call__(self, exposure: Exposure, keywords: Keywords, images: tuple[Image, ...]) -> tuple[Card, ...]:
        """Return the cards of one observation, in the order in which they will stand.

        Parameters
        ----------
        exposure
            the observation, ended
        keywords
            what the camera says of it
        images
            its images, each with what is said of it alone
        """
        primary = {
            **self._identity(exposure),
            **_times(exposure),
            **self._clock.keywords(),
            **_progress(exposure),
            **self._hardware(),
            **keywords,
        }
        templated, missing = self._template.end(exposure.at_start, primary)
        self._status.set("hdrMissing", missing)
        if templated:
            primary["HDRMISS"] = missing
        made = cards(primary)
        several = f"{SCIENCE}:2" in {image.name for image in images}
        for image in images:
            name, _, version = image.name.partition(":")
            if name == SCIENCE:
                extension = f"{SCI}:{version or 1}" if several else SCI
                made += self._of_image(image, extension) + self._where(image, templated, extension)
            elif name in _BESIDE:
                made += cards(image.keywords, extension=_BESIDE[name])
            if name in _SAME_PLACE:
                made += self._where(images[0], templated, _SAME_PLACE[name])
        stated = {(card.keyword, card.extension) for card in templated}
        return tuple(card for card in made if (card.keyword, card.extension) not in stated) + templated

    def of_part(
        self,
        exposure: Exposure,
        values: Values,
        times: tuple[datetime, datetime],
        images: tuple[Image, ...],
    ) -> tuple[Card, ...]:
        """Return the cards of a read or a coadd that is stored beside the image.

        Parameters
        ----------
        exposure
            the observation, under way
        values
            what is said of this part of it
        times
            its start and its end, UTC
        images
            as of an observation; the first one is the part
        """
        first, *others = images
        primary = {
            **self._identity(exposure),
            **self._hardware(),
            "TIMESYS": "UTC",
            "DATE-OBS": utc_stamp(times[0]),
            "DATE-END": utc_stamp(times[1]),
            "MJD-OBS": mjd(times[0]),
            **self._clock.keywords(),
            "EXPRQ": exposure.settings.request.exposure,
            **values,
        }
        made = cards(primary) + self._of_image(first, extension_of(first.name)[0].name)
        for image in others:
            if image.name in _BESIDE:
                made += cards(image.keywords, extension=_BESIDE[image.name])
        return made

    def _of_image(self, image: Image, extension: str) -> tuple[Card, ...]:
        camera = self._installation
        values = {"BUNIT": "adu", "GAIN": camera.gain, "RDNOISE": camera.read_noise, **image.keywords}
        return cards(values, extension=extension)

    def _where(self, image: Image, templated: tuple[Card, ...], extension: str) -> tuple[Card, ...]:
        """Return where an image lies on the detector, for a CCD, and on the sky, if that is known."""
        section, binning = image.keywords.get("DETSEC"), image.keywords.get("CCDSUM")
        window = Window.from_keywords(section, binning)
        made = () if binning is None else on_detector(window, extension)
        told = {
            card.keyword: card.value
            for card in templated
            if not card.extension and not card.comment.startswith(DEFAULT)
        }
        ra, dec, angle = (told.get(name) for name in ("RA", "DEC", "PA"))
        if self._installation.sky is None or not isinstance(ra, float) or not isinstance(dec, float):
            return made
        turned = angle if isinstance(angle, float) else 0.0
        return made + on_sky(self._installation.sky, window, (ra, dec), turned, extension)

    def _identity(self, exposure: Exposure) -> Values:
        settings, camera = exposure.settings, self._installation
        return {
            "OBSERVAT": camera.observatory,
            "TELESCOP": camera.telescope,
            "INSTRUME": camera.name,
            "DCNAME": f"{camera.name} DC",
            "DATALAB": settings.label or settings.exposure_id,
            "EXPID": settings.exposure_id,
            "OBJECT": settings.title or UNKNOWN,
            "PRODUCT": "IMAGE",
            "SIMULATE": camera.simulated,
            "SWCREATE": f"nifsdc {__version__}",
        }

    def _hardware(self) -> Values:
        return {
            "DETTYPE": self._installation.detector_type,
            "DETID": self._installation.detector_id,
            "DETTEMP": self._status.get("detTemp"),
            "DETTEMP2": self._status.get("temp2"),
            "DETTEMP3": self._status.get("temp3"),
            "DSPTIM": str(self._status.get("timingDSP")),
        }


def _times(exposure: Exposure) -> Values:
    start, end = exposure.start_utc, exposure.end_utc
    return {
        "TIMESYS": "UTC",
        "DATE-OBS": utc_stamp(start),
        "DATE-END": utc_stamp(end),
        "UTSTART": utc_time(start),
        "UTEND": utc_time(end),
        "MJD-OBS": mjd(start),
        "EXPRQ": exposure.settings.request.exposure,
        "EXPTIME": exposure.exposure_time,
        "EXPSRC": exposure.measured_by,
        "ELAPSED": exposure.elapsed(),
    }


def _progress(exposure: Exposure) -> Values:
    plan = exposure.plan
    return {
        "NREADS": exposure.pixels_done // exposure.size.pixels,
        "COADDS": exposure.coadds_done,
        "COADDSRQ": plan.coadds,
        "STOPPED": exposure.stop.is_set(),
    }
