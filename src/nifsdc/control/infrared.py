"""What the control tasks must know of an infrared camera: its parameters, its checks, what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from nifsdc.camera.slicer import Slicer
from nifsdc.control.checks import CHECKS, compressed_image, corrections, ramp_periods, slow_store
from nifsdc.control.kinds import CameraKind
from nifsdc.control.states import RULES
from nifsdc.dictionary import StatusDictionary
from nifsdc.tasks.messages import ObservationKind
from nifsdc.timing.infrared import (
    IrRequest,
    Products,
    ReadMode,
    ReferenceCorrection,
    TimeMode,
    consistent_times,
)

Scalar = int | float | str

TIME_MODES = tuple(TimeMode)
PREFIXES = ("obs", "view")
_AS_SET = ("nfowler", "ncoadds", "nresets", "resetDelay")
"""parameters whose status record has the same name and shows what was set"""


def infrared_request(
    prefix: str, parameters: Mapping[str, Scalar], choice: Mapping[str, int], store_time: float = 0.0
) -> IrRequest:
    """Return what is asked of the camera.

    Parameters
    ----------
    prefix
        ``obs`` or ``view``: which set of parameters
    parameters
        all parameters by name
    choice
        the ordinal of every parameter that is a choice
    store_time
        seconds that the storing of one read takes

    Raises
    ------
    ValueError
        when exposure time, period and number of periods do not fit each other
    """

    def number(name: str) -> float:
        return float(parameters[f"{prefix}_{name}"])

    works_out = TIME_MODES[choice[f"{prefix}_timeMode"]]
    times = consistent_times(works_out, number("exposed"), number("period"), int(number("nperiods")))
    mode = ReadMode(choice[f"{prefix}_readMode"])
    reads = stores(prefix, "saveNdrs", parameters)
    return IrRequest(
        read_mode=mode,
        exposure=times.exposure,
        period=times.period,
        nperiods=times.nperiods,
        nreads=int(number("nfowler")) if mode is ReadMode.FOWLER else 1,
        coadds=int(number("ncoadds")),
        resets=int(number("nresets")),
        reset_delay=number("resetDelay"),
        time_mode=str(parameters[f"{prefix}_timeMode"]),
        works_out=works_out,
        products=Products(
            variance=parameters.get(f"{prefix}_saveVar") == "Yes",
            quality=parameters.get(f"{prefix}_saveQual") == "Yes",
            reject_cosmic_rays=parameters[f"{prefix}_cosmRej"] == "Yes",
            cosmic_threshold=number("cosmThrsh"),
            cosmic_minimum=number("cosmMin"),
            reference=ReferenceCorrection(choice[f"{prefix}_refCorr"]),
            linearise=parameters[f"{prefix}_linCorr"] == "Yes",
            reads=reads,
            coadds=stores(prefix, "saveCoadds", parameters),
        ),
        store_time=store_time if reads else 0.0,
    )


def stores(prefix: str, wish: str, parameters: Mapping[str, Scalar]) -> bool:
    """Return whether something is to be stored beside an image: if it is wished and the image is stored."""
    stored = parameters.get(f"{prefix}_save") == "Yes" and parameters[f"{prefix}_dataDest"] != "NONE"
    return stored and parameters.get(f"{prefix}_{wish}") == "Yes"


@dataclass(frozen=True)
class Sizes:
    """Bytes of what is stored beside an image."""

    read: int
    """one read as it came: 16 bits a sample, reference samples included"""
    pixels: int
    """pixels of an image"""

    def coadd(self, parameters: Mapping[str, Scalar]) -> int:
        """Return the bytes of one coadd: 32 bits a sample, and variance and quality as asked for."""
        variance = 4 if parameters["obs_saveVar"] == "Yes" else 0
        quality = 1 if parameters["obs_saveQual"] == "Yes" else 0
        return 2 * self.read + (variance + quality) * self.pixels


def beside_bytes(parameters: Mapping[str, Scalar], sizes: Sizes) -> int:
    """Return the bytes of the reads and coadds that an observation with these parameters stores."""
    reads = {
        ReadMode.SINGLE: 1,
        ReadMode.DCS: 2,
        ReadMode.FOWLER: 2 * int(parameters["obs_nfowler"]),
        ReadMode.LINEAR: ramp_periods("obs", parameters) + 1,
    }[ReadMode[str(parameters["obs_readMode"])]]
    each = 0
    if stores("obs", "saveNdrs", parameters):
        each += reads * sizes.read
    if stores("obs", "saveCoadds", parameters):
        each += sizes.coadd(parameters)
    return int(parameters["obs_ncoadds"]) * each


def show_infrared(
    status: StatusDictionary, values: Mapping[str, Scalar], ordinals: Mapping[str, int]
) -> None:
    """Show the exposure parameters of both modes as they are now."""
    for prefix in PREFIXES:
        times = consistent_times(
            TIME_MODES[ordinals[f"{prefix}_timeMode"]],
            float(values[f"{prefix}_exposed"]),
            float(values[f"{prefix}_period"]),
            int(values[f"{prefix}_nperiods"]),
        )
        status.set(f"{prefix}_readModeSet", ordinals[f"{prefix}_readMode"])
        status.set(f"{prefix}_timeModeSet", ordinals[f"{prefix}_timeMode"])
        status.set(f"{prefix}_expMode", ReadMode(ordinals[f"{prefix}_readMode"]).name)
        status.set(f"{prefix}_exposedRQ", times.exposure)
        status.set(f"{prefix}_period", times.period)
        status.set(f"{prefix}_nperiods", times.nperiods)
        for name in _AS_SET:
            if f"{prefix}_{name}" in values:
                status.set(f"{prefix}_{name}", values[f"{prefix}_{name}"])


def infrared_kind(
    *,
    linearity: bool,
    reference: bool,
    slicer: Slicer | None,
    sizes: Sizes,
    store_time: Callable[[int], float],
) -> CameraKind:
    """Return what the control tasks must know of an infrared camera.

    Parameters
    ----------
    linearity
        whether its linearity is known
    reference
        whether its lines end with reference samples
    slicer
        what makes images of the sky of its views, if anything does
    sizes
        of what is stored beside an image
    store_time
        returns the seconds to allow for the storing of so many bytes, as far as that is known by now
    """

    def one_read() -> float:
        return store_time(sizes.read)

    def request(prefix: str, parameters: Mapping[str, Scalar], choice: Mapping[str, int]) -> IrRequest:
        return infrared_request(prefix, parameters, choice, one_read())

    observe, view = (
        corrections(kind, linearity=linearity, reference=reference)
        for kind in (ObservationKind.OBSERVE, ObservationKind.VIEW)
    )
    checks = {
        **CHECKS,
        "dataObs": (*CHECKS["dataObs"], observe),
        "observe": (*CHECKS["observe"], slow_store(one_read)),
        "dataView": (*CHECKS["dataView"], view, compressed_image(slicer)),
    }
    return CameraKind(
        rules=RULES,
        checks=checks,
        request=request,
        beside=partial(beside_bytes, sizes=sizes),
        show=show_infrared,
        configuring=("seqObserve", "seqView", "dataObs", "dataView", "setDhsInfo", "simulate"),
    )
