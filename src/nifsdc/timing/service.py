"""The one time service: which moment it is, and how well that is known.

UTC is that of the host's clock, which chrony or linuxptp discipline; this only reads it. A clock counts the
second before a leap second twice, and the kernel tells which of the two it is; the moments that come from
here go on through it. Leap seconds must not be smeared over the day by the time servers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from nifsdc.timing import clock_quality_kernel as kernel
from nifsdc.timing.clock_quality import UNKNOWN, ClockQuality
from nifsdc.timing.clock_quality_kernel import KernelClock
from nifsdc.timing.utc_moment import SECOND, LeapTable, Moment, leap_table

CLOSE_NS = 20_000
"""two readings of the steady clock with one of UTC between them should be as close"""
_TRIES = 5


class TimeService:
    """Tells moments; safe to use from any thread.

    Parameters
    ----------
    clock
        reads the host's clock
    steady
        nanoseconds of a clock that is never set: CLOCK_MONOTONIC, as that of `time.monotonic_ns`
    quality
        how good the clock is, `nifsdc.timing.clock_quality.ClockWatch.latest` for one
    table
        of leap seconds; astropy's by default
    """

    def __init__(
        self,
        clock: Callable[[], KernelClock] = kernel.read,
        steady: Callable[[], int] = time.monotonic_ns,
        quality: Callable[[], ClockQuality] = lambda: UNKNOWN,
        table: LeapTable | None = None,
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._quality = quality
        self._table = leap_table() if table is None else table

    def now(self) -> Moment:
        """Return the moment that it is."""
        return self._moment(self._clock())

    def at(self, steady_ns: int) -> Moment:
        """Return the moment of a reading of the steady clock (CLOCK_MONOTONIC), taken not long ago.

        A stamp can be taken by the steady clock where it is due, and be made a moment when there is time.
        """
        closest, found = 0, None
        for _ in range(_TRIES):
            before = self._steady()
            reading = self._clock()
            apart = self._steady() - before
            if found is None or apart < closest:
                closest, found = apart, (before + apart // 2, reading)
            if apart <= CLOSE_NS:
                break
        assert found is not None
        middle, reading = found
        return Moment(self._moment(reading).tai_ns + steady_ns - middle, self._table)

    def _moment(self, reading: KernelClock) -> Moment:
        return Moment.from_posix(reading.posix_ns, leap_second=reading.leap_second, table=self._table)

    @property
    def quality(self) -> ClockQuality:
        """How good the clock is, as far as is known."""
        return self._quality()

    @property
    def leap_problem(self) -> str:
        """What is wrong with the table of leap seconds and what to do; empty when nothing is."""
        reading = self._clock()
        seconds = reading.posix_ns // SECOND
        offset = self._table.of_posix(seconds)
        # In the second time round the kernel has the new difference already.
        if reading.tai_offset and reading.tai_offset - reading.leap_second != offset:
            return f"TAI-UTC {offset} here, {reading.tai_offset} in the kernel: update astropy-iers-data"
        if self._moment(reading).text[:10] > self._table.expires.isoformat():
            return f"leap seconds known until {self._table.expires} only: update astropy-iers-data"
        return ""

    def keywords(self) -> Mapping[str, str | int | float | bool | None]:
        """Return what a header says of the clock; keywords of `nifsdc.data.header`."""
        quality = self.quality
        return {
            "TIMSYER": quality.error_s,
            "CLKSRC": quality.source.value,
            "CLKSYNC": quality.synchronised,
            "TAI-UTC": self.now().tai_utc,
        }
