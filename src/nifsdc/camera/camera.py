"""What every camera is, whatever drives it (SDN 11.03 section 4.6, figure 4)."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from nifsdc.camera.accumulator import Accumulator, Keywords
from nifsdc.camera.reads import ReadCutter
from nifsdc.sdsu.errors import NotNow
from nifsdc.sdsu.pixels import Chunk
from nifsdc.timing.plan import Plan

R = TypeVar("R", contravariant=True)
"""what is asked of this kind of camera"""
P = TypeVar("P", bound=Plan)
"""how this kind of camera plans it"""

Step = Callable[[str], None]
"""told what a long operation is doing, in a few words"""


class Stopped(Exception):
    """A set of reads is not taken any more, because a stop came before it and there are enough without it."""


@dataclass(frozen=True)
class ReadSize:
    """How much one read is."""

    pixels: int
    """all that the stream has, reference samples, overscan and ghosts included"""
    rows: int
    """rows of the images it makes"""


@dataclass(frozen=True)
class Measured:
    """How long was exposed."""

    seconds: float
    by: str
    """who measured it: CONTROLLER or HOST"""


class Camera(abc.ABC, Generic[R, P]):
    """A detector and the electronics that read it; one exposure at a time.

    The Slave task prepares, stops and aborts; the Readout task takes the pixels. Only the methods whose
    docstring says so may be called while another one runs.
    """

    # --- what an observation will be ----------------------------------------------------------------------

    @abc.abstractmethod
    def plan(self, request: R) -> P:
        """Plan an observation, without asking the electronics."""

    @abc.abstractmethod
    def read_size(self, plan: P) -> ReadSize:
        """Return how much one read of an observation is."""

    @abc.abstractmethod
    def keywords(self, request: R, plan: P) -> Keywords:
        """Return what the header says of the way an observation is taken, and of the camera."""

    # --- the electronics ----------------------------------------------------------------------------------

    @abc.abstractmethod
    def now(self) -> float:
        """Return the detector clock, seconds."""

    @property
    @abc.abstractmethod
    def read_time(self) -> float:
        """Detector seconds of one full read at the present speed."""

    @abc.abstractmethod
    def start_up(self, step: Step) -> None:
        """Bring the electronics from whatever they are in to idle and ready."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the electronics, so that another camera object can have them."""

    @abc.abstractmethod
    def shut_down(self) -> None:
        """Stop clocks and take the analogue power away."""

    @abc.abstractmethod
    def prepare(self, plan: P) -> None:
        """Set the electronics up for an observation."""

    @abc.abstractmethod
    def finish_early(self) -> None:
        """End the integration now, keep what was collected; may be called while another task reads."""

    def pause(self) -> None:
        """Halt the running exposure; may be called while another task waits for its end. Raises NotNow."""
        raise NotNow("this detector cannot pause")

    def resume(self) -> None:
        """Let a paused exposure go on; may be called while another task waits. Raises NotNow."""
        raise NotNow("this detector cannot pause")

    def retime(self, seconds: float) -> None:
        """Give the running exposure another length; may be called while another task waits.

        Parameters
        ----------
        seconds
            of the whole exposure, what has passed included; if that is more, it ends at once

        Raises
        ------
        NotNow
        """
        raise NotNow("this detector cannot be retimed")

    @abc.abstractmethod
    def abort(self) -> None:
        """Give up the exposure; may be called while another task reads."""

    @abc.abstractmethod
    def idle(self) -> None:
        """Let the clocks clear the array until the next exposure."""

    @abc.abstractmethod
    def telemetry(self) -> Mapping[str, float]:
        """Read temperatures and states, by status record; never while pixels flow."""


class ExposingCamera(Camera[R, P]):
    """A camera whose observations are exposures: reads that are made one image.

    The Readout task runs `read_set` and friends, all of them in this order: `begin_exposure`, a `read_set`
    for each set, `end_exposure`.
    """

    @abc.abstractmethod
    def accumulator(self, plan: P) -> Accumulator:
        """Return what takes the pixels of an observation."""

    def reads(self, plan: P) -> ReadCutter | None:
        """Return what gives out every single read of an observation; None if they are not asked for."""
        return None

    @abc.abstractmethod
    def begin_exposure(self, plan: P, cancel: threading.Event) -> datetime | None:
        """Clear the detector and set one exposure going; its first set of reads follows.

        Returns the moment (UTC) from which light was collected, where that is not the beginning of this.
        """

    @abc.abstractmethod
    def read_set(
        self,
        plan: P,
        number: int,
        take: Callable[[Chunk], None],
        *,
        cancel: threading.Event,
        stop: threading.Event,
        started: Callable[[], None],
    ) -> None:
        """Take the pixels of set ``number``, from 0, as they arrive; ``started`` at the first one.

        Raises
        ------
        Stopped
            when a stop made this set superfluous, and with it all that would follow
        """

    @abc.abstractmethod
    def end_exposure(self, plan: P) -> Measured:
        """Close an exposure after its last pixel and return how long was exposed."""
