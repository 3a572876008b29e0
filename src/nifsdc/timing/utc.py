"""UTC as headers write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
DAY = timedelta(days=1)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} does not say its time zone; expected UTC")
    return moment.astimezone(UTC)


def utc_stamp(moment: datetime) -> str:
    """Return a moment as FITS writes it, to the millisecond below: ``2026-03-01T05:06:07.890``."""
    return _in_utc(moment).replace(tzinfo=None).isoformat(timespec="milliseconds")


def utc_time(moment: datetime) -> str:
    """Return the time of day of a moment, to the millisecond below: ``05:06:07.890``."""
    return utc_stamp(moment)[11:]


def night(moment: datetime) -> str:
    """Return the night a moment belongs to: its UTC date, ``20260301``.

    At Mauna Kea the sun is up at 0 h UTC, so one night has one date.
    """
    return f"{_in_utc(moment):%Y%m%d}"


def mjd(moment: datetime) -> float:
    """Return the modified Julian date of a moment, in days of UTC."""
    return (_in_utc(moment) - MJD_EPOCH) / DAY
