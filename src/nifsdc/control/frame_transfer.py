"""What the control tasks must know of a frame-transfer camera: parameters, checks, what is shown."""

from __future__ import annotations

from collections.abc import Mapping

from nifsdc.camera.frame_clocks import FrameClocks
from nifsdc.camera.frame_transfer import FrameReadoutPlan, FrameTransferDetector, check_pairs, run_plan
from nifsdc.control.ccd import FAST, FULL_FRAME
from nifsdc.control.checks import COMMON_CHECKS
from nifsdc.control.kinds import CameraKind, Parameters
from nifsdc.control.states import FRAME_RULES, MESSAGE_LENGTH
from nifsdc.dictionary import StatusDictionary
from nifsdc.sdsu.frames import MOST_CCDS
from nifsdc.timing.ccd import Region
from nifsdc.timing.frame_plan import FrameRequest, data_rate, duty_cycle
from nifsdc.timing.frame_transfer import Clear, Drift, FrameMode, NoClear

Scalar = int | float | str

WINDOWS = tuple(f"window{number}" for number in range(1, 7))
MODES = {"NOCLEAR": FrameMode.NO_CLEAR, "CLEAR": FrameMode.CLEAR, "DRIFT": FrameMode.DRIFT}
_AS_SET = ("obs_frames", "obs_ndrift", "obs_speed", "obs_xbin", "obs_ybin", "objectName")
"""parameters whose status record has the same name and shows what was set"""


def frame_request(prefix: str, parameters: Parameters, choice: Mapping[str, int]) -> FrameRequest:
    """Return what is asked of the camera; arguments as of `nifsdc.control.ccd.ccd_request`.

    Raises
    ------
    ValueError
        when a window is none
    """
    mode = MODES[str(parameters[f"{prefix}_ftMode"])]
    drift = mode is FrameMode.DRIFT
    regions = []
    for name in WINDOWS:
        if text := str(parameters[name]).strip():
            try:
                regions.append(Region.parse(text))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
    return FrameRequest(
        mode=mode,
        delay=float(parameters[f"{prefix}_delay"]),
        frames=int(parameters[f"{prefix}_frames"]),
        nskip=tuple(0 if drift else int(parameters[f"nskip{number}"]) for number in range(1, MOST_CCDS + 1)),
        ndrift=int(parameters[f"{prefix}_ndrift"]),
        fast=parameters[f"{prefix}_speed"] == FAST,
        xbin=int(parameters[f"{prefix}_xbin"]),
        ybin=int(parameters[f"{prefix}_ybin"]),
        regions=tuple(regions),
    )


class FrameSetUp:
    """Plans what is set, to refuse what cannot be run and to show the timing of what can.

    Parameters
    ----------
    detector
        the CCDs
    fragments
        how many window fragments a table can describe
    """

    def __init__(self, detector: FrameTransferDetector, fragments: int) -> None:
        self._detector = detector
        self._fragments = fragments
        self._clocks = detector.clocks

    def learn(self, clocks: FrameClocks) -> None:
        """Take what the controller says of its clocks in place of what they are by design."""
        self._clocks = clocks

    def plan(self, request: FrameRequest) -> FrameReadoutPlan:
        """Return how a request would be run; raises WindowError for one that cannot be."""
        if request.regions:
            check_pairs(self._detector, request)
        return run_plan(self._detector, self._clocks, request, self._fragments)

    def check(self, values: Mapping[str, Scalar]) -> str | None:
        """Check that a run can be taken."""
        geometry = self._detector.ccd.geometry
        try:
            request = frame_request("obs", values, {})
            for region in request.regions:
                if (
                    region.x + region.width - 1 > geometry.width
                    or region.y + region.height - 1 > geometry.height
                ):
                    raise ValueError(f"windows: full frame is {geometry.width} x {geometry.height}")
            self.plan(request)
        except ValueError as error:
            return str(error)[:MESSAGE_LENGTH]
        return None

    def check_windows(self, values: Mapping[str, Scalar]) -> str | None:
        """Check windows and binning alone: what else they go with may still be set."""
        return self.check({**values, "obs_ftMode": "NOCLEAR"})

    def show(
        self, status: StatusDictionary, values: Mapping[str, Scalar], ordinals: Mapping[str, int]
    ) -> None:
        """Show what is set, and its timing."""
        request = frame_request("obs", values, ordinals)
        status.set("obs_ftModeSet", ordinals["obs_ftMode"])
        status.set("obs_exposedRQ", request.delay)
        status.set("obs_windows", " ".join(map(str, request.regions)) or FULL_FRAME)
        status.set("obs_nskip", " ".join(map(str, request.nskip[: self._detector.ccds])))
        for name in _AS_SET:
            status.set(name, values[name])
        try:
            plan = self.plan(request)
        except ValueError as error:
            status.set("ftProblem", str(error)[:MESSAGE_LENGTH])
            return
        status.set("ftProblem", "")
        for name, value in figures(plan).items():
            status.set(name, value)


def figures(plan: FrameReadoutPlan) -> Mapping[str, float]:
    """Return the timing of a run by status record: of its first CCD, in seconds."""
    timing = plan.timings[0]
    times = {
        "ftDelay": plan.request.delay,
        "ftRead": plan.read,
        "ftTransfer": 0.0,
        "ftWipe": 0.0,
        "ftLineDump": 0.0,
        "ftLineShift": 0.0,
    }
    match timing:
        case NoClear():
            times["ftTransfer"] = timing.transfer
        case Clear():
            times |= {"ftTransfer": timing.transfer, "ftWipe": timing.wipe}
        case Drift():
            times |= {"ftLineDump": timing.line_dump, "ftLineShift": timing.line_shift}
    return {
        **times,
        "ftPeriod": timing.frame_period,
        "ftCycle": timing.cycle,
        "ftExposure": timing.regular.seconds,
        "ftDead": timing.dead,
        "ftDuty": 100 * duty_cycle(timing),
        "ftMidOffset": timing.regular.middle,
        "ftPixels": plan.pixels,
        "ftDataRate": data_rate(timing, plan.pixels),
    }


def frame_kind(set_up: FrameSetUp) -> CameraKind:
    """Return what is particular to a camera with such CCDs."""
    windows = (set_up.check_windows,)
    return CameraKind(
        rules=FRAME_RULES,
        checks={
            **COMMON_CHECKS,
            **dict.fromkeys(("seqObserve", "seqWindows"), windows),
            "observe": (*COMMON_CHECKS["observe"], set_up.check),
        },
        request=frame_request,
        show=set_up.show,
        configuring=("seqObserve", "seqWindows", "dataObs", "simulate"),
    )
