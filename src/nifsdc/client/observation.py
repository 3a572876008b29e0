"""What a client is told: how an observation goes on, how it ended, and how the camera is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """How an observation ended."""

    DONE = "done"
    STOPPED = "stopped"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Progress:
    """One look at a running observation."""

    stage: str
    """preparing, integrating, reading out or saving"""
    seconds_left: float
    """detector seconds"""
    reads_done: int
    reads: int
    coadds_done: int


@dataclass(frozen=True)
class Observation:
    """An observation that has ended."""

    outcome: Outcome
    label: str
    """its data label; where none was given, the name of its first file, which is the running number"""
    paths: tuple[str, ...]
    """files that were written, as the data server sees them, in order"""
    reads: int
    """reads that were taken"""
    coadds: int
    """exposures that were added"""
    message: str
    """how it ended, for people"""

    @property
    def path(self) -> str:
        """The file written last; empty where there is none."""
        return self.paths[-1] if self.paths else ""


@dataclass(frozen=True)
class Status:
    """How a camera is, at one moment."""

    state: str
    """of the controller: READY when it takes commands"""
    observation: str
    """state of the observation: IDLE between observations"""
    electronics: str
    """state of the SDSU controller"""
    health: str
    """GOOD, WARNING or BAD"""
    reason: str
    """why it is not GOOD; empty otherwise"""
    data_server: bool
    """whether the data server is connected"""
    spooled: int
    """frames that wait for it"""
    seconds_left: float
    """of the observation"""
    last_path: str
    """file written last; empty for none"""
