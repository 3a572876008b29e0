"""What every kind of observation tells of itself before it is taken: what is asked for, and its timing.

The tasks that run an observation know it by these two; what a kind of detector adds to them is between its
camera and whoever made the request.
"""

from __future__ import annotations

from typing import Protocol


class Request(Protocol):
    """What is asked of a camera: the parameters of one observation, as they were when it was started."""

    @property
    def exposure(self) -> float:
        """Exposure time asked for, seconds."""

    @property
    def exposing(self) -> float:
        """Seconds of exposure in the whole observation, as a first guess of its length."""

    def longest(self, read_time: float) -> float:
        """Return the detector seconds that the observation may take at most.

        Parameters
        ----------
        read_time
            detector seconds of one full read
        """


class Plan(Protocol):
    """The timing of one observation, in detector seconds: exposures of one or two sets of reads."""

    @property
    def coadds(self) -> int:
        """Exposures that are added."""

    @property
    def sets(self) -> int:
        """Sets of reads in one exposure: 2 when the first is subtracted, or 1."""

    @property
    def nreads(self) -> int:
        """Reads in each set."""

    @property
    def reads(self) -> int:
        """Reads of the whole observation."""

    @property
    def gap(self) -> float:
        """Seconds that are waited before the last set, with the detector integrating."""

    @property
    def set_time(self) -> float:
        """Seconds that one set of reads takes."""

    @property
    def total_time(self) -> float:
        """Seconds of the whole observation up to its last pixel."""
