"""What the control tasks must know of a CCD camera: its parameters, its checks, what it shows."""

from __future__ import annotations

from collections.abc import Mapping

from nifsdc.camera.ccd import readout_plan
from nifsdc.camera.ccd_detector import CcdDetector
from nifsdc.control.checks import COMMON_CHECKS, Check
from nifsdc.control.kinds import CameraKind
from nifsdc.control.states import CCD_RULES, MESSAGE_LENGTH
from nifsdc.dictionary import StatusDictionary
from nifsdc.timing.ccd import CcdRequest, ExposureType, Region

Scalar = int | float | str

WINDOWS = tuple(f"window{number}" for number in range(1, 11))
FULL_FRAME = "full frame"
FAST = "FAST"
_AS_SET = ("obs_preflash", "obs_nexp", "obs_xbin", "obs_ybin", "obs_speed", "objectName")
"""parameters whose status record has the same name and shows what was set"""


def windows(parameters: Mapping[str, Scalar]) -> dict[str, Region]:
    """Return the windows that are set, by parameter; raises ValueError that names the one that is none."""
    found = {}
    for name in WINDOWS:
        text = str(parameters[name]).strip()
        if text:
            try:
                found[name] = Region.parse(text)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
    return found


def ccd_request(prefix: str, parameters: Mapping[str, Scalar], choice: Mapping[str, int]) -> CcdRequest:
    """Return what is asked of the camera.

    Parameters
    ----------
    prefix
        ``obs``: a CCD camera has no other set of parameters
    parameters
        all parameters by name
    choice
        the ordinal of every parameter that is a choice

    Raises
    ------
    ValueError
        when a window is none
    """
    return CcdRequest(
        type=ExposureType(choice[f"{prefix}_obsType"]),
        asked=float(parameters[f"{prefix}_exposed"]),
        preflash=float(parameters[f"{prefix}_preflash"]),
        fast=parameters[f"{prefix}_speed"] == FAST,
        xbin=int(parameters[f"{prefix}_xbin"]),
        ybin=int(parameters[f"{prefix}_ybin"]),
        regions=tuple(windows(parameters).values()),
    )


def readout_check(detector: CcdDetector, fragments: int) -> Check:
    """Return the check that windows and binning can be read together.

    Parameters
    ----------
    detector
        the CCD
    fragments
        how many window fragments a table can describe
    """

    def check(values: Mapping[str, Scalar]) -> str | None:
        try:
            # Of what is asked only windows and binning matter here.
            request = ccd_request("obs", values, {"obs_obsType": 0})
            for name, region in windows(values).items():
                _check_region(detector, name, region, request)
            readout_plan(detector, request, fragments)
        except ValueError as error:
            return str(error)[:MESSAGE_LENGTH]
        return None

    return check


def _check_region(detector: CcdDetector, name: str, region: Region, request: CcdRequest) -> None:
    geometry = detector.geometry
    if region.x + region.width - 1 > geometry.width or region.y + region.height - 1 > geometry.height:
        raise ValueError(f"{name}: full frame is {geometry.width} x {geometry.height}")
    if region.width % request.xbin or region.height % request.ybin:
        raise ValueError(f"{name}: no multiple of binning {request.xbin} x {request.ybin}")


def show_ccd(status: StatusDictionary, values: Mapping[str, Scalar], ordinals: Mapping[str, int]) -> None:
    """Show the exposure parameters as they are now."""
    request = ccd_request("obs", values, ordinals)
    status.set("obs_obsTypeSet", ordinals["obs_obsType"])
    status.set("obs_exposedRQ", request.exposure)
    status.set("obs_windows", " ".join(map(str, request.regions)) or FULL_FRAME)
    for name in _AS_SET:
        status.set(name, values[name])


def ccd_kind(detector: CcdDetector, fragments: int) -> CameraKind:
    """Return what is particular to a camera with this CCD; parameters as of `readout_check`."""
    readout = (readout_check(detector, fragments),)
    return CameraKind(
        rules=CCD_RULES,
        checks={
            **COMMON_CHECKS,
            **dict.fromkeys(("seqObserve", "seqWindows", "glance"), readout),
            "observe": (*COMMON_CHECKS["observe"], *readout),
        },
        request=ccd_request,
        show=show_ccd,
        configuring=("seqObserve", "seqWindows", "dataObs", "simulate"),
        controller_commands=frozenset({*CameraKind.controller_commands, "clear", "shutter"}),
    )
