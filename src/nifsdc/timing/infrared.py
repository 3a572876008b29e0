"""How long an infrared exposure takes: reads, resets, integration and coadds.

The exposure time of a non-destructive readout is the time from the start of the first read of the first
set to the start of the first read of the second set, which is what the controller reports as its current
exposure (INS-DAS-18, "Current exposure"). With nothing waited between the sets it is therefore the time
of one set of reads (SDN 11.03 section 5.2.2: an exposure of one read time leaves no gap).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ReadMode(Enum):
    """How the array is read over one exposure (SDN 11.03 section 4.6.1), in the order of the menu."""

    DCS = 0
    """one read after the reset, one at the end"""
    FOWLER = 1
    """several reads averaged at both ends"""
    LINEAR = 2
    """a line fitted through reads at a constant period"""
    SINGLE = 3
    """one read at the end, nothing subtracted"""


class ReferenceCorrection(Enum):
    """What is taken off an image by its reference samples (SDN 11.03 section 4.6.5), as in the menu."""

    NONE = 0
    OUTPUT = 1
    """the level of each output"""
    LINE = 2
    """what each line differs by from its output"""
    BOTH = 3

    @property
    def per_output(self) -> bool:
        """Whether the level of each output is taken off."""
        return self in (ReferenceCorrection.OUTPUT, ReferenceCorrection.BOTH)

    @property
    def per_line(self) -> bool:
        """Whether that of each line is."""
        return self in (ReferenceCorrection.LINE, ReferenceCorrection.BOTH)


class TimeMode(Enum):
    """Which of exposure time, read period and number of periods is worked out from the other two."""

    EXPOSURE = 0
    PERIOD = 1
    NPERIODS = 2


@dataclass(frozen=True)
class RampTimes:
    """Exposure time, read period (both seconds) and number of periods, made consistent."""

    exposure: float
    period: float
    nperiods: int


def consistent_times(mode: TimeMode, exposure: float, period: float, nperiods: int) -> RampTimes:
    """Work out the one of the three that ``mode`` names from the other two.

    Parameters
    ----------
    mode
        the quantity to be calculated (``obs_timeMode``)
    exposure, period
        seconds
    nperiods
        number of read periods in the exposure, at least 1

    Raises
    ------
    ValueError
        when the number of periods is asked for and the period is zero
    """
    if mode is TimeMode.EXPOSURE:
        return RampTimes(period * nperiods, period, nperiods)
    if mode is TimeMode.PERIOD:
        return RampTimes(exposure, exposure / max(nperiods, 1), nperiods)
    if period <= 0:
        raise ValueError("the number of periods needs a read period above 0 s")
    return RampTimes(exposure, period, max(1, round(exposure / period)))


MOST_PERIODS = 253
"""periods of a ramp: its reads are numbered up to 254 (SDN 11.03 section 4.6.1.1)"""
TURNAROUND = 0.1
"""detector seconds from a read's last pixel to the next read at the soonest: between them the host asks for
the time of the one and sets that of the other (INS-DAS-18 Annex B)"""


def possible_times(mode: TimeMode, times: RampTimes, read_time: float, store_time: float = 0.0) -> RampTimes:
    """Lengthen the period of a ramp to what the reads allow, and make the times consistent again.

    Parameters
    ----------
    mode
        the quantity that is worked out: the number of periods, or else the exposure is what gives way
    times
        as asked for
    read_time
        seconds of one full read
    store_time
        seconds that the storing of one takes, if each is stored: while one is read the last one has to get
        out of the way (SDN 11.03 section 4.6.5)
    """
    shortest = max(read_time + TURNAROUND, store_time)
    if times.period >= shortest:
        return times
    kept = TimeMode.NPERIODS if mode is TimeMode.NPERIODS else TimeMode.EXPOSURE
    fewer = consistent_times(kept, times.exposure, shortest, times.nperiods)
    return RampTimes(fewer.period * fewer.nperiods, fewer.period, fewer.nperiods)


@dataclass(frozen=True)
class Products:
    """What is made of the reads, and stored, beside the image."""

    variance: bool = False
    quality: bool = False
    reject_cosmic_rays: bool = False
    """whether a ramp's fit looks for hits"""
    cosmic_threshold: float = 5.0
    """standard errors from which a jump is a hit"""
    cosmic_minimum: float = 0.0
    """counts below which no jump is a hit"""
    reference: ReferenceCorrection = ReferenceCorrection.NONE
    linearise: bool = False
    """whether the linearity correction is made"""
    reads: bool = False
    """whether every read is stored as it came"""
    coadds: bool = False
    """whether every exposure is stored, not only their sum"""


@dataclass(frozen=True)
class IrRequest:
    """What is asked of an infrared camera for one observation; times in seconds."""

    read_mode: ReadMode
    exposure: float
    period: float
    nperiods: int
    nreads: int
    """reads in each set"""
    coadds: int
    resets: int
    reset_delay: float
    time_mode: str = ""
    """which of the three times was worked out, as the menu calls it"""
    works_out: TimeMode = TimeMode.PERIOD
    products: Products = Products()
    store_time: float = 0.0
    """that the storing of one read takes; 0 if reads are not stored"""

    @property
    def exposing(self) -> float:
        """Seconds of exposure in the whole observation."""
        return self.coadds * self.exposure

    def longest(self, read_time: float) -> float:
        """Return the detector seconds that the observation may take at most."""
        exposure = max(self.exposure, 2 * self.nreads * self.store_time)
        if self.read_mode is ReadMode.LINEAR:
            exposure = max(exposure, self.nperiods * max(read_time + TURNAROUND, self.store_time))
        reads = 2 * self.nreads * (read_time + self.store_time)
        return self.coadds * (exposure + self.reset_delay + reads) * 1.5


@dataclass(frozen=True)
class ExposurePlan:
    """The timing of one observation, in detector seconds.

    Parameters
    ----------
    mode
        read mode
    requested
        exposure time asked for, seconds
    nreads
        reads in each set (1 but for FOWLER)
    coadds
        exposures that are added
    resets
        array resets before each exposure
    reset_delay
        seconds between the last reset and the first read
    read_time
        seconds of one full read
    reset_time
        seconds of one array reset
    period, nperiods
        of a ramp: seconds from read to read, and how many times
    products
        what is made beside the image
    store_time
        seconds that the storing of one read takes; 0 if reads are not stored
    """

    mode: ReadMode
    requested: float
    nreads: int
    coadds: int
    resets: int
    reset_delay: float
    read_time: float
    reset_time: float = 0.0
    period: float = 0.0
    nperiods: int = 1
    products: Products = Products()
    store_time: float = 0.0

    @property
    def sets(self) -> int:
        """Sets of reads in one exposure: two, one for SINGLE, each read of a ramp for LINEAR."""
        if self.mode is ReadMode.LINEAR:
            return self.nperiods + 1
        return 1 if self.mode is ReadMode.SINGLE else 2

    @property
    def set_time(self) -> float:
        """Seconds that one set of reads takes."""
        return self.nreads * self.read_time

    @property
    def gap(self) -> float:
        """Seconds to wait with the array integrating: after each set but the last, or before SINGLE's."""
        if self.mode is ReadMode.LINEAR:
            return max(0.0, self.period - self.read_time)
        asked = self.requested if self.sets == 1 else self.requested - self.set_time
        return max(0.0, asked, self._storing_gap)

    @property
    def _storing_gap(self) -> float:
        """Seconds to wait for the reads of a set to get out of the way of the next (SDN 11.03 section 4.6.5).

        The next coadd follows at once, so that its one gap has to do for all of its sets.
        """
        sets = self.sets if self.coadds > 1 else 1
        return sets * (self.nreads * self.store_time - self.set_time)

    @property
    def exposure(self) -> float:
        """Seconds that will really be exposed: never below the time of the first set."""
        if self.mode is ReadMode.LINEAR:
            return self.period * self.nperiods
        return self.gap + (self.set_time if self.sets == 2 else 0.0)

    @property
    def shortened_by_reads(self) -> bool:
        """Whether the request was below what the reads allow, so that more will be exposed than asked."""
        return self.exposure > self.requested

    @property
    def coadd_time(self) -> float:
        """Seconds of one exposure with its resets and reads."""
        gaps = max(1, self.sets - 1) * self.gap
        return self.resets * self.reset_time + self.reset_delay + gaps + self.sets * self.set_time

    @property
    def total_time(self) -> float:
        """Seconds of the whole observation up to its last pixel."""
        return self.coadds * self.coadd_time

    @property
    def reads(self) -> int:
        """Reads of the whole observation."""
        return self.coadds * self.sets * self.nreads
