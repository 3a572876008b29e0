"""From the parameter dictionary to what the tasks are asked: one frozen object per observation."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Mapping

from nifsdc.camera.slicer import Compression
from nifsdc.tasks.messages import Destination, Look, ObservationKind, ObservationSettings
from nifsdc.timing.plan import Request

Scalar = int | float | str

MakeRequest = Callable[[str, Mapping[str, Scalar], Mapping[str, int]], Request]
"""makes what a camera is asked for from a mode, the parameters and the ordinals of those that are choices"""
STREAMS = {ObservationKind.OBSERVE: "qlStream", ObservationKind.VIEW: "viewQlStream"}
"""the parameters that name the quick-look streams"""
COMPRESSED_STREAM = "cmpQlStream"
"""the one that names the stream of the images of the sky"""
GLANCE = "glance"
"""the command, and the name of its scratch file when it is given none"""


def observation_settings(
    command: str,
    parameters: Mapping[str, Scalar],
    choice: Mapping[str, int],
    request: MakeRequest,
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
        compressed_stream=str(parameters.get(COMPRESSED_STREAM, "")).strip(),
        compression=compression(parameters) if kind is ObservationKind.VIEW else None,
    )


def compression(parameters: Mapping[str, Scalar]) -> Compression | None:
    """Return what is to be made of a view's slitlets; None for nothing, or for a camera without them."""
    if parameters.get("view_doCmpIm") != "Yes":
        return None
    low, high = float(parameters["view_waveMin"]), float(parameters["view_waveMax"])
    return Compression(str(parameters["view_grating"]), (low, high) if low or high else None)


def look(
    command: str, parameters: Mapping[str, Scalar], choice: Mapping[str, int], request: MakeRequest
) -> Look:
    """Return what is to be shown beside what is observed; arguments as of `observation_settings`."""
    views = None
    if parameters.get("view_idle") == "Enabled":
        settings = observation_settings("view", parameters, choice, request)
        views = dataclasses.replace(settings, exposure_id="", idle=True)
    return Look(views, _sky("view", parameters), _sky("obs", parameters), command)


def _sky(prefix: str, parameters: Mapping[str, Scalar]) -> str:
    wanted = parameters.get(f"{prefix}_doSubFile") == "Yes"
    return str(parameters[f"{prefix}_subFile"]).strip() if wanted else ""
