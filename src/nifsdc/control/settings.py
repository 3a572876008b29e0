"""From the parameter dictionary to what the tasks are asked: one frozen object per observation."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from nifsdc.tasks.messages import Destination, ObservationKind, ObservationSettings
from nifsdc.timing.plan import Request

Scalar = int | float | str

STREAMS = {ObservationKind.OBSERVE: "qlStream", ObservationKind.VIEW: "viewQlStream"}
"""the parameters that name the quick-look streams"""
GLANCE = "glance"
"""the command, and the name of its scratch file when it is given none"""


def observation_settings(
    command: str,
    parameters: Mapping[str, Scalar],
    choice: Mapping[str, int],
    request: Callable[[str, Mapping[str, Scalar], Mapping[str, int]], Request],
) -> ObservationSettings:
    """Return the settings of an observation.

    Parameters
    ----------
    command
        ``observe`` takes the ``obs_`` parameters, and so does ``glance``, whose file is not a run; ``view``
        takes the ``view_`` ones
    parameters
        all parameters by name
    choice
        the ordinal of every parameter that is a choice
    request
        what the camera is asked for, from the parameters

    Raises
    ------
    ValueError
        when parameters do not fit each other
    """
    kind = ObservationKind.VIEW if command == "view" else ObservationKind.OBSERVE
    prefix = kind.value
    glance = command == GLANCE
    return ObservationSettings(
        exposure_id=uuid.uuid4().hex,
        kind=kind,
        label=str(parameters["dataLabel"]).strip() if command == "observe" else "",
        request=request(prefix, parameters, choice),
        destination=Destination.FITS if glance else Destination(choice[f"{prefix}_dataDest"]),
        save=glance or (command == "observe" and choice["obs_save"] == 0),
        command=command,
        title=str(parameters.get("objectName", "")).strip(),
        scratch=(str(parameters["scratchName"]).strip() or GLANCE) if glance else "",
        exposures=int(parameters.get("obs_nexp", 1)) if command == "observe" else 1,
        stream=str(parameters.get(STREAMS[kind], "")).strip(),
    )
