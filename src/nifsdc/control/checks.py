"""Checks that need more than one parameter, or more than a parameter: why a command cannot be taken.

Every refusal fits MESS (39 characters) and names the parameter, its value and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from nifsdc.camera.slicer import MIRROR, Slicer
from nifsdc.control.settings import compression
from nifsdc.data.names import label_problem
from nifsdc.tasks.messages import ObservationKind
from nifsdc.timing.infrared import MOST_PERIODS, ReadMode, TimeMode, consistent_times

Scalar = int | float | str
Check = Callable[[Mapping[str, Scalar]], str | None]

LABEL = re.compile(r"[A-Za-z0-9._+-]+")
"""what a data label is made of, so that it is the file's name letter by letter"""
LONGEST_EXPOSURE = 7200.0
"""seconds; the bound of ``obs_exposed`` (db/parameters.yaml), for an exposure that is worked out"""


def ramp_times(kind: ObservationKind) -> Check:
    """Return the check that the times give an exposure, and a ramp no more reads than can be numbered."""
    prefix = kind.value

    def check(values: Mapping[str, Scalar]) -> str | None:
        period, nperiods = float(values[f"{prefix}_period"]), int(values[f"{prefix}_nperiods"])
        mode = values[f"{prefix}_timeMode"]
        if mode == "Nr Periods" and period <= 0:
            return f"{prefix}_period 0: above 0 for Nr Periods"
        if mode == "Exposure time" and period * nperiods > LONGEST_EXPOSURE:
            return f"period*nperiods {period * nperiods:g}: to {LONGEST_EXPOSURE:g} s"
        nperiods = ramp_periods(prefix, values)
        if values[f"{prefix}_readMode"] == ReadMode.LINEAR.name and nperiods > MOST_PERIODS:
            return f"{prefix}_nperiods {nperiods}: LINEAR has 1 to {MOST_PERIODS}"
        return None

    return check


def ramp_periods(prefix: str, values: Mapping[str, Scalar]) -> int:
    """Return the number of periods of a ramp, worked out where that is what the time mode asks for."""
    period, nperiods = float(values[f"{prefix}_period"]), int(values[f"{prefix}_nperiods"])
    if values[f"{prefix}_timeMode"] != "Nr Periods" or period <= 0:
        return nperiods
    exposed = float(values[f"{prefix}_exposed"])
    return consistent_times(TimeMode.NPERIODS, exposed, period, nperiods).nperiods


def slow_store(store_time: Callable[[], float]) -> Check:
    """Return the check that an exposure whose reads are stored does not become too long by that.

    Parameters
    ----------
    store_time
        returns the seconds to allow for the storing of one read
    """

    def check(values: Mapping[str, Scalar]) -> str | None:
        if values["obs_saveNdrs"] != "Yes":
            return None
        reads = {"LINEAR": ramp_periods("obs", values), "FOWLER": int(values["obs_nfowler"])}
        if store_time() * reads.get(str(values["obs_readMode"]), 1) > LONGEST_EXPOSURE:
            return f"saveNdrs: {store_time():.0f} s a read is too slow"
        return None

    return check


def data_label(values: Mapping[str, Scalar]) -> str | None:
    """Check that a data label can be a file's name."""
    label = str(values["dataLabel"])
    if label.strip() and not LABEL.fullmatch(label.strip()):
        return label_problem(label) or f"dataLabel '{label[:10]}': A-Z a-z 0-9 . _ + -"
    return label_problem(label)


PATTERN = {
    "testPatSeed": 0,
    "testPatInc": 1,
    "testPatAmpInc": 0,
    "testPatReadInc": 0,
    "testPatOS": 0,
}
"""the one test pattern that the timing board sends (INS-DAS-18, "Readout mode")"""


def view_destination(values: Mapping[str, Scalar]) -> str | None:
    """Check that a view is not to be stored: it is for displays alone."""
    destination = values["view_dataDest"]
    return None if destination == "NONE" else f"view_dataDest {destination}: views not stored"


def cosmic_rays(kind: ObservationKind) -> Check:
    """Return the check that a search for cosmic rays has a threshold."""
    prefix = kind.value

    def check(values: Mapping[str, Scalar]) -> str | None:
        if values[f"{prefix}_cosmRej"] == "Yes" and float(values[f"{prefix}_cosmThrsh"]) <= 0:
            return f"{prefix}_cosmThrsh 0: above 0 for cosmRej"
        return None

    return check


def corrections(kind: ObservationKind, *, linearity: bool, reference: bool) -> Check:
    """Return the check that the corrections asked for can be made.

    Parameters
    ----------
    kind
        whose parameters
    linearity
        whether the detector's linearity is known
    reference
        whether its lines end with reference samples
    """
    prefix = kind.value

    def check(values: Mapping[str, Scalar]) -> str | None:
        if values[f"{prefix}_linCorr"] == "Yes" and not linearity:
            return f"{prefix}_linCorr Yes: no linearity file"
        if values[f"{prefix}_refCorr"] != "NONE" and not reference:
            return f"{prefix}_refCorr: no reference samples"
        return None

    return check


def sky(kind: ObservationKind) -> Check:
    """Return the check that there is a name where a file is to be subtracted."""
    prefix = kind.value

    def check(values: Mapping[str, Scalar]) -> str | None:
        if values[f"{prefix}_doSubFile"] == "Yes" and not str(values[f"{prefix}_subFile"]).strip():
            return f"{prefix}_subFile is empty: name a file"
        return None

    return check


def compressed_image(slicer: Slicer | None) -> Check:
    """Return the check that an image of the sky can be made of a view, by the slicer that there is."""

    def check(values: Mapping[str, Scalar]) -> str | None:
        wanted = compression(values)
        if wanted is None or wanted.disperser == MIRROR:
            return None
        if slicer is None:
            return "view_doCmpIm Yes: no IFU geometry"
        if wanted.interval is not None and not wanted.interval[0] < wanted.interval[1]:
            return f"view_waveMax {wanted.interval[1]:g}: above view_waveMin"
        if not slicer.can(wanted):
            return f"view_waveMin, waveMax: not in {wanted.disperser}"
        return None

    return check


def pattern(values: Mapping[str, Scalar]) -> str | None:
    """Check that the test pattern asked for is the one that there is."""
    for name, there_is in PATTERN.items():
        if values[name] != there_is:
            return f"{name} {values[name]}: only {there_is}"
    return None


COMMON_CHECKS: Mapping[str, tuple[Check, ...]] = {"testPat": (pattern,), "observe": (data_label,)}
"""what is checked whatever the camera is"""
CHECKS: Mapping[str, tuple[Check, ...]] = {
    **COMMON_CHECKS,
    "dataObs": (cosmic_rays(ObservationKind.OBSERVE), sky(ObservationKind.OBSERVE)),
    "dataView": (view_destination, cosmic_rays(ObservationKind.VIEW), sky(ObservationKind.VIEW)),
    "seqObserve": (ramp_times(ObservationKind.OBSERVE),),
    "seqView": (ramp_times(ObservationKind.VIEW),),
}
"""what is checked of an infrared camera's commands"""


def first_problem(
    command: str, values: Mapping[str, Scalar], checks: Mapping[str, tuple[Check, ...]] = CHECKS
) -> str | None:
    """Return the first reason why a command cannot be taken with these parameters, or None.

    Parameters
    ----------
    command
        its name
    values
        all parameters as they would be, the new ones included
    checks
        those of the camera, by command
    """
    for check in checks.get(command, ()):
        problem = check(values)
        if problem is not None:
            return problem
    return None
