"""When a frame of a frame-transfer CCD was exposed: no-clear, clear and drift mode.

A frame-transfer CCD collects light in its imaging area while the frame before is read from the masked area.
Each frame comes with a time stamp that is taken at one place of the clock sequence, so that start, middle
and end of its exposure lie at offsets from it (source: the HiPERCAM timing document).

All modes count frames from 1, and stamp n stands at the start of the exposure delay E after which frame n
is moved or shifted, before frame n is itself read:

======== =====================================================================
noclear  C, then for each frame: stamp, E, F, R
clear    C, then for each frame: stamp, E, F, R, W
drift    C, then for each frame: stamp, E, LS, LD, R
======== =====================================================================

With NSKIP above zero only one transfer F (and one wipe W) in NSKIP + 1 is genuine; the others are delays of
the same length, and the frames read after them carry no data.

Choices where the document leaves one:

- Its note on the first frame is for m = 1 of (NSKIP + 1) m. With NSKIP = 0 that is frame 1, which the clear
  precedes directly: it is exposed for E alone.
- In drift mode the first NDRIFT frames carry no data: what is read then was in the masked area when the run
  began, and the window shifted first of all, read as frame NDRIFT, has seen the delay E only. From frame
  NDRIFT + 1 on all exposures are alike; there is no special first one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class FrameMode(Enum):
    """How a frame-transfer CCD is clocked."""

    NO_CLEAR = "noclear"
    CLEAR = "clear"
    DRIFT = "drift"


@dataclass(frozen=True)
class Exposed:
    """When one frame was exposed, in seconds from its own time stamp."""

    start: float
    end: float

    @property
    def middle(self) -> float:
        """Mid-exposure, seconds from the time stamp."""
        return 0.5 * (self.start + self.end)

    @property
    def seconds(self) -> float:
        """Exposure time, seconds."""
        return self.end - self.start


class FrameTiming(Protocol):
    """The timing of a run in one mode; all times in seconds."""

    @property
    def mode(self) -> FrameMode:
        """The mode this describes."""

    @property
    def frame_period(self) -> float:
        """Seconds from one time stamp to the next."""

    @property
    def cycle(self) -> float:
        """Seconds from one exposure with data to the next."""

    @property
    def dead(self) -> float:
        """Seconds between two exposures in which light is lost."""

    @property
    def regular(self) -> Exposed:
        """Every exposure but, in no-clear mode, the first."""

    def exposed(self, frame: int) -> Exposed | None:
        """Return when a frame (1, 2, ...) was exposed, None if it carries no data.

        The answer depends on the number alone, so that a frame lost on its way changes no other one.

        Raises
        ------
        ValueError
            for a number below 1
        """


def _counted(frame: int) -> int:
    if frame < 1:
        raise ValueError(f"there is no frame {frame}: frames are counted from 1")
    return frame


def _check(times: dict[str, float], counts: dict[str, tuple[int, int]]) -> None:
    for name, seconds in times.items():
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"{name} is {seconds} s; expected 0 s or more")
    for name, (count, lowest) in counts.items():
        if count < lowest:
            raise ValueError(f"{name} is {count}; expected {lowest} or more")


@dataclass(frozen=True)
class NoClear:
    """No-clear mode: light is collected during the readout of the frame before (equation 1).

    Parameters
    ----------
    delay
        E, exposure delay, seconds
    read
        R, readout without the frame transfer, seconds
    transfer
        F, frame transfer, seconds
    nskip
        dummy frames before each one with data
    """

    delay: float
    read: float
    transfer: float
    nskip: int = 0

    mode = FrameMode.NO_CLEAR

    def __post_init__(self) -> None:
        """Refuse what no clock can do."""
        _check(
            {"E (delay)": self.delay, "R (read)": self.read, "F (transfer)": self.transfer},
            {"NSKIP": (self.nskip, 0)},
        )

    @property
    def frame_period(self) -> float:
        """E + F + R."""
        return self.delay + self.transfer + self.read

    @property
    def cycle(self) -> float:
        """(E + F + R)(NSKIP + 1): the fundamental cycle."""
        return self.frame_period * (self.nskip + 1)

    @property
    def dead(self) -> float:
        """F: no light is lost but during the transfer."""
        return self.transfer

    @property
    def regular(self) -> Exposed:
        """From t_S - (F + R + E) NSKIP - R to t_S + E (m > 1)."""
        return Exposed(-self.frame_period * self.nskip - self.read, self.delay)

    @property
    def first(self) -> Exposed:
        """From t_S - (F + R + E) NSKIP to t_S + E (m = 1): no readout precedes it."""
        return Exposed(-self.frame_period * self.nskip, self.delay)

    def exposed(self, frame: int) -> Exposed | None:
        """Return when a frame was exposed: those of number (NSKIP + 1) m carry data."""
        m, dummy = divmod(_counted(frame), self.nskip + 1)
        if dummy:
            return None
        return self.first if m == 1 else self.regular


@dataclass(frozen=True)
class Clear:
    """Clear mode: what was collected during a readout is wiped before each exposure.

    Parameters
    ----------
    delay, read, transfer, nskip
        as in no-clear mode
    wipe
        W, seconds
    """

    delay: float
    read: float
    transfer: float
    wipe: float
    nskip: int = 0

    mode = FrameMode.CLEAR

    def __post_init__(self) -> None:
        """Refuse what no clock can do."""
        _check(
            {
                "E (delay)": self.delay,
                "R (read)": self.read,
                "F (transfer)": self.transfer,
                "W (wipe)": self.wipe,
            },
            {"NSKIP": (self.nskip, 0)},
        )

    @property
    def frame_period(self) -> float:
        """E + F + R + W."""
        return self.delay + self.transfer + self.read + self.wipe

    @property
    def cycle(self) -> float:
        """(E + F + R + W)(NSKIP + 1)."""
        return self.frame_period * (self.nskip + 1)

    @property
    def dead(self) -> float:
        """F + R + W."""
        return self.transfer + self.read + self.wipe

    @property
    def regular(self) -> Exposed:
        """From t_S - (F + R + W + E) NSKIP to t_S + E, the first frame too."""
        return Exposed(-self.frame_period * self.nskip, self.delay)

    def exposed(self, frame: int) -> Exposed | None:
        """Return when a frame was exposed: those of number (NSKIP + 1) m carry data."""
        return None if _counted(frame) % (self.nskip + 1) else self.regular


@dataclass(frozen=True)
class Drift:
    """Drift mode: windows move through the masked area one behind the other; there is no NSKIP.

    Parameters
    ----------
    delay
        E, exposure delay, seconds
    read
        R, readout, seconds
    line_dump
        LD, seconds
    line_shift
        LS, seconds
    ndrift
        windows that fit into the masked area, at least 1
    """

    delay: float
    read: float
    line_dump: float
    line_shift: float
    ndrift: int

    mode = FrameMode.DRIFT

    def __post_init__(self) -> None:
        """Refuse what no clock can do."""
        _check(
            {
                "E (delay)": self.delay,
                "R (read)": self.read,
                "LD (line dump)": self.line_dump,
                "LS (line shift)": self.line_shift,
            },
            {"NDRIFT": (self.ndrift, 1)},
        )

    @property
    def frame_period(self) -> float:
        """E + LS + LD + R."""
        return self.delay + self.line_shift + self.line_dump + self.read

    @property
    def cycle(self) -> float:
        """Each frame is an exposure."""
        return self.frame_period

    @property
    def dead(self) -> float:
        """LS."""
        return self.line_shift

    @property
    def regular(self) -> Exposed:
        """From t_S + E + LS to t_S + 2E + LS + LD + R, NDRIFT frames ago."""
        start = self.delay + self.line_shift - self.frame_period * self.ndrift
        return Exposed(start, start + self.line_dump + self.read + self.delay)

    def exposed(self, frame: int) -> Exposed | None:
        """Return when a frame was exposed: the first NDRIFT carry no data."""
        return None if _counted(frame) <= self.ndrift else self.regular
