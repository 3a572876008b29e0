"""What is asked of frame-transfer CCDs for a run of frames, and its timing as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from nifsdc.timing.ccd import Region
from nifsdc.timing.frame_transfer import FrameMode, FrameTiming

BYTES_PER_PIXEL = 2
FOREVER = 1e8
"""seconds that a run without an end is given: three years"""
MOST_FRAME_READS = 8
"""read times of a full frame that transfer, wipe and all else of a frame never take together"""


def duty_cycle(timing: FrameTiming) -> float:
    """Return the share of the time in which light is collected."""
    return timing.regular.seconds / timing.cycle


def data_rate(timing: FrameTiming, pixels: int) -> float:
    """Return the bytes a second of frames of so many pixels."""
    return BYTES_PER_PIXEL * pixels / timing.frame_period


@dataclass(frozen=True)
class FrameRequest:
    """What is asked of the camera for one run; times in seconds."""

    mode: FrameMode
    delay: float
    """E"""
    frames: int
    """0 for as many as there are until it is stopped"""
    nskip: tuple[int, ...]
    """of each CCD; not in drift mode"""
    ndrift: int
    """windows in the masked area; in drift mode only"""
    fast: bool
    """readout speed and gain: high, or low"""
    xbin: int
    ybin: int
    regions: tuple[Region, ...]
    """windows, in pairs; none for the full frame"""

    @property
    def exposure(self) -> float:
        """The exposure delay: what is asked for."""
        return self.delay

    @property
    def exposing(self) -> float:
        """Seconds of exposure delays in the whole run."""
        return self.frames * self.delay

    def longest(self, read_time: float) -> float:
        """Return the detector seconds that the run may take at most."""
        return 1.5 * self.frames * (self.delay + MOST_FRAME_READS * read_time) if self.frames else FOREVER


@dataclass(frozen=True)
class FramePlan:
    """The timing of a run, in detector seconds."""

    request: FrameRequest
    timings: tuple[FrameTiming, ...]
    """of each CCD"""
    read: float
    """R"""
    pixels: int
    """of a frame, all CCDs together"""

    coadds = sets = nreads = 1
    gap = 0.0

    @property
    def frame_period(self) -> float:
        """Seconds from one time stamp to the next, the same for all CCDs."""
        return self.timings[0].frame_period

    @property
    def reads(self) -> int:
        """Frames of the run; 0 if it has no end."""
        return self.request.frames

    @property
    def set_time(self) -> float:
        """Seconds of a frame."""
        return self.frame_period

    @property
    def total_time(self) -> float:
        """Seconds up to the last pixel; 0 if there is none."""
        return self.request.frames * self.frame_period
