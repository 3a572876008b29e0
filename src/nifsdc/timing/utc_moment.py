"""A moment that stays unambiguous through midnight and leap seconds, and its UTC.

Moments are counted in nanoseconds of TAI, which has no leap seconds, and are turned into UTC by the table of
the IERS that astropy brings along; no network is asked. A day of UTC with a leap second has 86,401 s, and a
fraction of it is a fraction of these, as in astropy's (ERFA's) MJD.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from nifsdc.timing.utc import MJD_EPOCH

if TYPE_CHECKING:
    from astropy.time import Time

SECOND = 1_000_000_000
"""nanoseconds"""
DAY_SECONDS = 86_400
UNIX_MJD = 40_587
"""MJD of 1970-01-01"""
_UNIX = date(1970, 1, 1)


class Mjd(NamedTuple):
    """A modified Julian date of UTC in two numbers, of which the first is whole: 10 ps are not lost."""

    day: int
    fraction: float
    """of the day, which has 86,401 s when it ends in a leap second; at least 0, below 1"""


class LeapTable:
    """TAI - UTC since 1972.

    Parameters
    ----------
    entries
        days (UTC) at whose beginning a new difference came into force, each with that difference, seconds
    expires
        until when nobody has announced another one
    """

    def __init__(self, entries: Iterable[tuple[date, int]], expires: date) -> None:
        ordered = sorted(entries)
        if not ordered:
            raise ValueError("a table of leap seconds without entries; expected those since 1972")
        self.expires = expires
        self._begins = [(day - _UNIX).days * DAY_SECONDS for day, _ in ordered]
        self._offsets = [offset for _, offset in ordered]
        self._tai = [begin + offset for begin, offset in zip(self._begins, self._offsets, strict=True)]

    def of_posix(self, seconds: int) -> int:
        """Return TAI - UTC at a POSIX time; the same second counted twice is not told apart."""
        return self._offsets[self._place(self._begins, seconds)]

    def of_tai(self, seconds: int) -> tuple[int, int | None]:
        """Return TAI - UTC at a second of TAI since 1970, and the POSIX time of the next change, if any."""
        place = self._place(self._tai, seconds)
        following = place + 1
        return self._offsets[place], (self._begins[following] if following < len(self._begins) else None)

    def length_of(self, day: int) -> int:
        """Return the seconds of a day of UTC, counted in days since 1970."""
        end = (day + 1) * DAY_SECONDS
        place = bisect_right(self._begins, end) - 1
        if place > 0 and self._begins[place] == end:
            return DAY_SECONDS + self._offsets[place] - self._offsets[place - 1]
        return DAY_SECONDS

    @staticmethod
    def _place(begins: list[int], seconds: int) -> int:
        place = bisect_right(begins, seconds) - 1
        if place < 0:
            raise ValueError("a moment before 1972, when UTC had no leap seconds yet")
        return place


@functools.cache
def leap_table() -> LeapTable:
    """Return the IERS's table as astropy brings it along."""
    from astropy.utils import iers  # takes a while to import

    table = iers.LeapSeconds.from_iers_leap_seconds(iers.IERS_LEAP_SECOND_FILE)
    entries = [(date(int(row["year"]), int(row["month"]), 1), int(row["tai_utc"])) for row in table]
    return LeapTable(entries, table.expires.to_datetime().date())


@dataclass(frozen=True, order=True)
class Moment:
    """One moment, to the nanosecond."""

    tai_ns: int
    """nanoseconds of TAI since 1970-01-01 00:00:00 TAI, as CLOCK_TAI counts them"""
    table: LeapTable = field(default_factory=leap_table, repr=False, compare=False)

    @classmethod
    def from_posix(
        cls, nanoseconds: int, *, leap_second: bool = False, table: LeapTable | None = None
    ) -> Moment:
        """Return the moment of a POSIX time.

        Parameters
        ----------
        nanoseconds
            since 1970, as CLOCK_REALTIME counts them: the second before a leap second twice
        leap_second
            whether this is the second time, 23:59:60
        table
            of leap seconds; astropy's by default
        """
        table = leap_table() if table is None else table
        offset = table.of_posix(nanoseconds // SECOND) + leap_second
        return cls(nanoseconds + offset * SECOND, table)

    @classmethod
    def from_utc(cls, moment: datetime) -> Moment:
        """Return the moment of a datetime, which has to have a time zone and cannot be in a leap second."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment} does not say its time zone; expected UTC")
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return cls.from_posix((since // timedelta(microseconds=1)) * 1000)

    def plus(self, seconds: float) -> Moment:
        """Return the moment so many seconds later, leap seconds counted."""
        return Moment(self.tai_ns + round(seconds * SECOND), self.table)

    def since(self, earlier: Moment) -> float:
        """Return the seconds since another moment, leap seconds counted."""
        return (self.tai_ns - earlier.tai_ns) / SECOND

    @property
    def tai_utc(self) -> int:
        """TAI - UTC, seconds."""
        return self.table.of_tai(self.tai_ns // SECOND)[0]

    def _utc(self) -> tuple[int, int]:
        """Return days since 1970 and nanoseconds of that day."""
        offset, change = self.table.of_tai(self.tai_ns // SECOND)
        posix = self.tai_ns - offset * SECOND
        # Between the end of the day and the change lies the leap second, which still belongs to the day.
        day = change // DAY_SECONDS - 1 if change is not None and posix >= change * SECOND else None
        if day is None:
            day = posix // (DAY_SECONDS * SECOND)
        return day, posix - day * DAY_SECONDS * SECOND

    @property
    def mjd(self) -> Mjd:
        """Modified Julian date of UTC, nothing lost."""
        day, nanoseconds = self._utc()
        return Mjd(UNIX_MJD + day, nanoseconds / (self.table.length_of(day) * SECOND))

    @property
    def time(self) -> Time:
        """The same as astropy has it, in two doubles."""
        from astropy.time import Time

        day, fraction = self.mjd
        return Time(float(day), fraction, format="mjd", scale="utc")

    @property
    def night(self) -> str:
        """UTC date, ``20260301``."""
        return self.text[:10].replace("-", "")

    @property
    def text(self) -> str:
        """UTC as FITS writes it, to the microsecond below: ``2016-12-31T23:59:60.500000``."""
        day, nanoseconds = self._utc()
        second, rest = divmod(nanoseconds, SECOND)
        # A leap second is the 61st of its minute: the last minute of a day takes what is beyond it.
        minutes = min(second // 60, DAY_SECONDS // 60 - 1)
        hour, minute = divmod(minutes, 60)
        the_date = (MJD_EPOCH + timedelta(days=UNIX_MJD + day)).date()
        return f"{the_date}T{hour:02d}:{minute:02d}:{second - 60 * minutes:02d}.{rest // 1000:06d}"
