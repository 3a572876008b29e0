"""The kernel's clock and what it says of it: adjtimex(2), for which nobody needs a daemon or a privilege."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass, replace

UNSYNCHRONISED = 0x0040
"""STA_UNSYNC"""
NANOSECONDS = 0x2000
"""STA_NANO: the time's fraction is in nanoseconds, not microseconds"""
LEAP_IN_PROGRESS = 3
"""TIME_OOP: the second before midnight is counted for the second time"""
_MICRO = 1e-6
SECOND = 1_000_000_000
"""nanoseconds"""


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("fraction", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


@dataclass(frozen=True)
class KernelClock:
    """One reading of the kernel's clock."""

    posix_ns: int
    """nanoseconds since 1970, as CLOCK_REALTIME"""
    leap_second: bool
    """whether the second before midnight is counted for the second time"""
    unsynchronised: bool
    """whether nobody disciplines the clock"""
    estimated_error: float
    """seconds"""
    maximum_error: float
    """seconds; grows until the clock is set right again"""
    tai_offset: int
    """TAI - UTC as the kernel was told, seconds; 0 when nobody told it"""


_LIBC = ctypes.CDLL(None, use_errno=True)


def read() -> KernelClock:
    """Read the clock, to the nanosecond; raises OSError."""
    while True:
        found = _adjtimex()
        posix_ns = time.time_ns()
        # What adjtimex says of a second holds for all of it; its own fraction may be in microseconds only.
        if posix_ns // SECOND == found.posix_ns // SECOND:
            return replace(found, posix_ns=posix_ns)


def _adjtimex() -> KernelClock:
    timex = _Timex()
    state = _LIBC.adjtimex(ctypes.byref(timex))
    if state < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"adjtimex: {os.strerror(error)}")
    scale = 1 if timex.status & NANOSECONDS else 1000
    return KernelClock(
        posix_ns=timex.seconds * SECOND + timex.fraction * scale,
        leap_second=state == LEAP_IN_PROGRESS,
        unsynchronised=bool(timex.status & UNSYNCHRONISED),
        estimated_error=timex.esterror * _MICRO,
        maximum_error=timex.maxerror * _MICRO,
        tai_offset=timex.tai,
    )
