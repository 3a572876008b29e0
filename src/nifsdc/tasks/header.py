"""The header of an observation: what its clients look for, what it was made with, when it was made.

Keywords are those that the observatory's client writes for NIFS (icd/nifs_clients.md) and the usual ones
beside them; their comments and order stand in `nifsdc.data.header`. What only the telescope or the instrument
knows is UNKNOWN here: their own systems, or a header template, will say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nifsdc import __version__
from nifsdc.camera.layout import Layout
from nifsdc.data.frame import Card, CardValue
from nifsdc.data.header import UNKNOWN, cards
from nifsdc.dictionary import StatusDictionary
from nifsdc.readout.statistics import Statistics
from nifsdc.tasks.exposure import Exposure
from nifsdc.timing.utc import mjd, utc_stamp, utc_time

Values = Mapping[str, CardValue]


@dataclass(frozen=True)
class Installation:
    """What a header says of the camera and never changes while the IOC runs."""

    name: str
    layout: Layout
    detector_id: str
    gain: float
    """electrons per ADU"""
    read_noise: float
    """electrons of one read"""
    simulated: bool


class ObservationHeader:
    """Makes the header cards of finished observations.

    Parameters
    ----------
    installation
        the camera
    status
        status records that the header shows
    """

    def __init__(self, installation: Installation, status: StatusDictionary) -> None:
        self._installation = installation
        self._status = status

    def __call__(self, exposure: Exposure, summary: Statistics, saturation: int) -> tuple[Card, ...]:
        """Return the cards of one observation, in the order in which they will stand.

        Parameters
        ----------
        exposure
            the observation, ended
        summary
            of its image, ADU
        saturation
            counts of one read from which a pixel is marked as saturated
        """
        return cards(
            {
                **self._identity(exposure),
                **_times(exposure),
                **_readout(exposure),
                **self._hardware(),
                "BUNIT": "adu",
                "GAIN": self._installation.gain,
                "RDNOISE": self._installation.read_noise,
                "SATLEVEL": saturation,
                "NSATUR": summary.saturated,
                "DATAMIN": summary.minimum,
                "DATAMAX": summary.maximum,
                "DATAMEAN": summary.mean,
            }
        )

    def _identity(self, exposure: Exposure) -> Values:
        settings, camera = exposure.settings, self._installation
        return {
            "OBSERVAT": "Gemini-North",
            "TELESCOP": "Gemini-North",
            "INSTRUME": camera.name,
            "DCNAME": f"{camera.name} DC",
            "DATALAB": settings.label or settings.exposure_id,
            "EXPID": settings.exposure_id,
            "OBSMODE": "IFU",
            "SIMULATE": camera.simulated,
            "SWCREATE": f"nifsdc {__version__}",
            **dict.fromkeys(("OBJECT", "GRATING", "FILTER", "APERTURE", "FLIP"), UNKNOWN),
            "GRATWAVE": None,
        }

    def _hardware(self) -> Values:
        layout = self._installation.layout
        return {
            "DETTYPE": layout.name,
            "DETID": self._installation.detector_id,
            "DETTEMP": self._status.get("detTemp"),
            "DETTEMP2": self._status.get("temp2"),
            "DETTEMP3": self._status.get("temp3"),
            "BIASPWR": self._status.get("VBIASPWR"),
            "DSPTIM": str(self._status.get("timingDSP")),
            "NAMPS": len(layout.amplifiers),
            "REFSAMP": layout.reference_shape[2],
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
        "EXPRQ": exposure.settings.exposure,
        "EXPTIME": exposure.exposure_time,
        "EXPSRC": "HOST" if exposure.plan.sets == 1 else exposure.measured_by,
        "ELAPSED": exposure.elapsed(),
    }


def _readout(exposure: Exposure) -> Values:
    settings, plan = exposure.settings, exposure.plan
    return {
        "READMODE": settings.read_mode.name,
        "EXPMODE": settings.read_mode.name,
        "TIMEMODE": str(settings.parameters[f"{settings.kind.value}_timeMode"]),
        "LNRS": plan.nreads,
        "NREADS": exposure.coadds_done * plan.sets * plan.nreads,
        "COADDS": exposure.coadds_done,
        "COADDSRQ": settings.coadds,
        "NRESETS": settings.resets,
        "RSTDELAY": settings.reset_delay,
        "PERIOD": settings.period,
        "NPERIODS": settings.nperiods,
        "RDTIME": plan.read_time,
        "STOPPED": exposure.stop.is_set(),
    }
