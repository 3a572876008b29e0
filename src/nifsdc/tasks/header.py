"""The header of an observation: what its clients look for, what it was made with, when it was made.

Keywords are those the observatory's client writes for NIFS (icd/nifs_clients.md) and the usual ones beside them.
What only the telescope or the instrument knows is left out here: their systems add it, or a header template
will fetch it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nifsdc import __version__
from nifsdc.data.frame import Card
from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.exposure import Exposure
from nifsdc.timing.utc import mjd, utc_stamp, utc_time

Scalar = int | float | str

UNKNOWN = "UNKNOWN"
"""what the instrument's mechanisms show until their own controller is asked"""


@dataclass(frozen=True)
class Installation:
    """What a header says of the camera and never changes while the IOC runs."""

    name: str
    detector_type: str
    detector_id: str
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

    def __call__(self, exposure: Exposure) -> tuple[Card, ...]:
        """Return the cards of one observation, in the order in which they will stand."""
        return (
            *self._identity(exposure),
            *_times(exposure),
            *_readout(exposure),
            *self._hardware(),
            *_parameters(exposure.settings.parameters, exposure.settings.kind.value),
            Card("BUNIT", "ADU", extension="SCI"),
        )

    def _identity(self, exposure: Exposure) -> tuple[Card, ...]:
        settings, camera = exposure.settings, self._installation
        return (
            Card("OBSERVAT", "Gemini-North"),
            Card("TELESCOP", "Gemini-North"),
            Card("INSTRUME", camera.name),
            Card("DCNAME", f"{camera.name} DC"),
            Card("DATALAB", settings.label),
            Card("EXPID", settings.exposure_id),
            Card("OBSMODE", "IFU"),
            Card("SIMULATE", camera.simulated),
            Card("SWCREATE", f"nifsdc {__version__}"),
            *(Card(keyword, UNKNOWN) for keyword in ("GRATING", "FILTER", "APERTURE", "FLIP")),
            Card("GRATWAVE", None),
        )

    def _hardware(self) -> tuple[Card, ...]:
        return (
            Card("DETTYPE", self._installation.detector_type),
            Card("DETID", self._installation.detector_id),
            Card("BIASPWR", float(self._status.get("VBIASPWR"))),
            Card("DETTEMP", float(self._status.get("detTemp"))),
        )


def _times(exposure: Exposure) -> tuple[Card, ...]:
    start, end = exposure.start_utc, exposure.end_utc
    return (
        Card("TIMESYS", "UTC"),
        Card("DATE-OBS", utc_stamp(start)),
        Card("DATE-END", utc_stamp(end)),
        Card("UTSTART", utc_time(start)),
        Card("UTEND", utc_time(end)),
        Card("MJD-OBS", mjd(start)),
        Card("EXPRQ", exposure.settings.exposure),
        Card("EXPTIME", exposure.exposure_time),
        Card("ELAPSED", exposure.elapsed()),
    )


def _readout(exposure: Exposure) -> tuple[Card, ...]:
    settings, plan = exposure.settings, exposure.plan
    return (
        Card("READMODE", settings.read_mode.name),
        Card("EXPMODE", settings.read_mode.name),
        Card("LNRS", plan.nreads),
        Card("COADDS", exposure.coadds_done),
        Card("COADDSRQ", settings.coadds),
        Card("NRESETS", settings.resets),
        Card("RSTDELAY", settings.reset_delay),
        Card("PERIOD", settings.period),
        Card("NPERIODS", settings.nperiods),
        Card("RDTIME", plan.read_time),
        Card("STOPPED", exposure.stop.is_set()),
    )


def _parameters(parameters: Mapping[str, Scalar], prefix: str) -> tuple[Card, ...]:
    """Return one record-valued card for every parameter of the mode that no keyword of its own shows."""
    shown = {"readMode", "exposed", "nfowler", "period", "nperiods", "ncoadds", "nresets", "resetDelay"}
    names = [name for name in parameters if name.startswith(f"{prefix}_")]
    return tuple(
        Card(f"HIERARCH NIFSDC {name.removeprefix(prefix + '_').upper()}", parameters[name])
        for name in sorted(names)
        if name.removeprefix(f"{prefix}_") not in shown
    )
