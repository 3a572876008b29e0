"""From the parameter dictionary to what the tasks are asked: one frozen object per observation."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from nifsdc.tasks.messages import Destination, ObservationKind, ObservationSettings
from nifsdc.timing.infrared import ReadMode, TimeMode, consistent_times

Scalar = int | float | str

TIME_MODES = tuple(TimeMode)


def observation_settings(
    kind: ObservationKind, parameters: Mapping[str, Scalar], choice: Mapping[str, int]
) -> ObservationSettings:
    """Return the settings of an observation.

    Parameters
    ----------
    kind
        OBSERVE takes the ``obs_`` parameters, VIEW the ``view_`` ones
    parameters
        all parameters by name
    choice
        the ordinal of every parameter that is a choice

    Raises
    ------
    ValueError
        when exposure time, period and number of periods do not fit each other
    """
    prefix = kind.value

    def number(name: str) -> float:
        return float(parameters[f"{prefix}_{name}"])

    times = consistent_times(
        TIME_MODES[choice[f"{prefix}_timeMode"]], number("exposed"), number("period"), int(number("nperiods"))
    )
    mode = ReadMode(choice[f"{prefix}_readMode"])
    return ObservationSettings(
        exposure_id=uuid.uuid4().hex,
        kind=kind,
        label=str(parameters["dataLabel"]).strip() if kind is ObservationKind.OBSERVE else "",
        read_mode=mode,
        exposure=times.exposure,
        period=times.period,
        nperiods=times.nperiods,
        nreads=int(number("nfowler")) if mode is ReadMode.FOWLER else 1,
        coadds=int(number("ncoadds")),
        resets=int(number("nresets")),
        reset_delay=number("resetDelay"),
        destination=Destination(choice[f"{prefix}_dataDest"]),
        save=kind is ObservationKind.OBSERVE and choice["obs_save"] == 0,
        parameters=dict(parameters),
    )
