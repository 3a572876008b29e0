"""What an IOC tells of itself, as records with the names that users of iocStats know.

``stats_records`` gives the records, ``StatsSampler`` fills them: every few seconds, by a timer of the
database, from counters that the process and the server keep anyway.
"""

from __future__ import annotations

import os
import platform
import resource
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .database import Database
from .definition import RecordDef
from .timers import Timer

PERIOD = 5.0
"""seconds between samples"""
MEGABYTE = 1 << 20
_STATM = Path("/proc/self/statm")
_DESCRIPTORS = (Path("/proc/self/fd"), Path("/dev/fd"))


class Counts(Protocol):
    """What a server counts (``ca_server.Statistics``)."""

    @property
    def clients(self) -> int:
        """Clients connected now."""

    @property
    def channels(self) -> int:
        """Channels open now."""

    @property
    def monitors(self) -> int:
        """Monitors open now."""

    @property
    def puts(self) -> int:
        """Writes since the start."""

    @property
    def events(self) -> int:
        """Monitored events since the start."""


class Counting(Protocol):
    """A server that counts (``CaServer``)."""

    @property
    def statistics(self) -> Counts:
        """Present counts."""


@dataclass(frozen=True)
class Identity:
    """What does not change while the IOC runs."""

    version: str = ""
    """of the application"""
    engineer: str = ""
    """who looks after the IOC; by default the environment's ENGINEER"""
    location: str = ""
    """where it stands; by default the environment's LOCATION"""

    def texts(self) -> Mapping[str, str]:
        """Values of the records that are set once, by name without prefix."""
        return {
            "VERSION": self.version,
            "ENGINEER": self.engineer or os.environ.get("ENGINEER", ""),
            "LOCATION": self.location or os.environ.get("LOCATION", ""),
            "HOSTNAME": socket.gethostname(),
            "KERNEL_VERS": f"{platform.system()} {platform.release()}",
            "PYTHON_VERS": platform.python_version(),
            "STARTTOD": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        }


@dataclass(frozen=True)
class Usage:
    """What a process uses."""

    uptime: float
    """seconds since the meter was made"""
    cpu: float
    """percent of one core, since the previous reading"""
    memory: int
    """bytes of resident memory (its peak where the system does not tell the present)"""
    descriptors: int
    """open file descriptors; -1 where the system does not tell"""
    descriptors_max: int
    """file descriptors the process may have"""


class ProcessMeter:
    """Reads what this process uses; a reading takes a fraction of a millisecond."""

    def __init__(self) -> None:
        self._started = self._read_at = time.monotonic()
        self._cpu = time.process_time()

    def read(self) -> Usage:
        """Present usage."""
        now, cpu = time.monotonic(), time.process_time()
        elapsed = now - self._read_at
        percent = 100.0 * (cpu - self._cpu) / elapsed if elapsed > 0 else 0.0
        self._read_at, self._cpu = now, cpu
        return Usage(
            now - self._started,
            percent,
            _resident(),
            _descriptors(),
            resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )


def _resident() -> int:
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return pages * resource.getpagesize()


def _descriptors() -> int:
    for folder in _DESCRIPTORS:
        try:
            return sum(1 for _ in folder.iterdir()) - 1  # one of them is that of the listing
        except OSError:
            continue
    return -1


def uptime_text(seconds: float) -> str:
    """``3 days, 02:11:09``; without the days on the first."""
    days, rest = divmod(int(seconds), 86400)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return clock if not days else f"{days} day{'s' if days > 1 else ''}, {clock}"


_COUNTERS: Mapping[str, Mapping[str, str]] = {
    "CA_CLNT_CNT": {"DESC": "Channel Access clients", "HIGH": "500", "HSV": "MINOR"},
    "CA_CONN_CNT": {"DESC": "Channel Access channels open"},
    "CA_MON_CNT": {"DESC": "Channel Access monitors"},
    "FD_CNT": {"DESC": "File descriptors in use"},
    "FD_MAX": {"DESC": "File descriptors allowed"},
    "FD_FREE": {"DESC": "File descriptors free", "LOW": "50", "LSV": "MINOR", "LOLO": "10", "LLSV": "MAJOR"},
    "PROCESS_ID": {"DESC": "Process number"},
    "PARENT_ID": {"DESC": "Process number of the parent"},
}
_NUMBERS: Mapping[str, Mapping[str, str]] = {
    "UPTIME_SEC": {"DESC": "Time since start", "EGU": "s", "PREC": "0"},
    "IOC_CPU_LOAD": {
        "DESC": "Load of one processor core",
        "EGU": "%",
        "PREC": "1",
        "HOPR": "100",
        "HIGH": "70",
        "HSV": "MINOR",
        "HIHI": "90",
        "HHSV": "MAJOR",
        "HYST": "5",
    },
    "MEM_USED": {"DESC": "Resident memory", "EGU": "MB", "PREC": "1", "HSV": "MINOR", "HHSV": "MAJOR"},
    "PUT_RATE": {"DESC": "Writes by clients", "EGU": "1/s", "PREC": "1"},
    "EVENT_RATE": {"DESC": "Events to monitors", "EGU": "1/s", "PREC": "1"},
}
_TEXTS: Mapping[str, str] = {
    "UPTIME": "Time since start",
    "STARTTOD": "Time of start",
    "TOD": "Time of the last sample",
    "VERSION": "Version of the application",
    "HOSTNAME": "Host",
    "KERNEL_VERS": "Operating system",
    "PYTHON_VERS": "Python",
    "ENGINEER": "Who looks after this IOC",
    "LOCATION": "Where it stands",
}


def stats_records(prefix: str, *, memory_limit: int | None = None) -> list[RecordDef]:
    """Records that tell how an IOC is: ``<prefix>HEARTBEAT``, ``UPTIME``, ``IOC_CPU_LOAD`` and so on.

    Clients cannot write their values (DISP). HEARTBEAT counts seconds by itself, so it stands still when the
    loop that owns the database does.

    Args:
        prefix: e.g. ``nifs:dc:ioc:``.
        memory_limit: bytes at which MEM_USED is in MAJOR alarm, three quarters of it MINOR; by default half
            of the machine's memory.
    """
    limit = (memory_limit or _machine_memory() // 2) / MEGABYTE
    memory = {"HIGH": f"{0.75 * limit:.0f}", "HIHI": f"{limit:.0f}"}
    beat = {"DESC": "Counts seconds", "CALC": "VAL+1", "SCAN": "1 second", "VAL": "0", "DISP": "1"}
    return [
        RecordDef("calc", prefix + "HEARTBEAT", beat),
        *(RecordDef("longin", prefix + name, {**fields, "DISP": "1"}) for name, fields in _COUNTERS.items()),
        *(
            RecordDef("ai", prefix + name, {**fields, **(memory if name == "MEM_USED" else {}), "DISP": "1"})
            for name, fields in _NUMBERS.items()
        ),
        *(RecordDef("stringin", prefix + name, {"DESC": text, "DISP": "1"}) for name, text in _TEXTS.items()),
    ]


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 8 << 30


class StatsSampler:
    """Fills the records of ``stats_records``.

    Args:
        database: that has them; used on the thread that owns it only.
        server: whose load is shown; None for a database without one.
        prefix: as given to ``stats_records``.
        identity: version, engineer, location.
        meter: where the process' usage comes from.
    """

    def __init__(
        self,
        database: Database,
        server: Counting | None,
        prefix: str,
        *,
        identity: Identity | None = None,
        meter: Callable[[], Usage] | None = None,
    ) -> None:
        self._database = database
        self._server = server
        self._prefix = prefix
        self._identity = identity or Identity()
        self._meter = meter or ProcessMeter().read
        self._timer: Timer | None = None
        self._last: tuple[float, int, int] | None = None

    def start(self, period: float = PERIOD) -> None:
        """Show what does not change, take the first sample, and one every ``period`` seconds from then on.

        Raises:
            KeyError: the database lacks a record of ``stats_records``.
        """
        for name, text in self._identity.texts().items():
            self._set(name, text)
        self._set("PROCESS_ID", os.getpid())
        self._set("PARENT_ID", os.getppid())
        self._tick(period)

    def stop(self) -> None:
        """Take no more samples."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, period: float) -> None:
        self.sample()
        due = self._database.now() + period
        self._timer = self._database.timers.at(due, lambda: self._tick(period))

    def _set(self, name: str, value: object) -> None:
        self._database.set(f"{self._prefix}{name}.VAL", value)

    def sample(self) -> None:
        """Take a sample now."""
        usage = self._meter()
        self._set("UPTIME", uptime_text(usage.uptime))
        self._set("UPTIME_SEC", usage.uptime)
        self._set("TOD", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self._database.now())))
        self._set("IOC_CPU_LOAD", usage.cpu)
        self._set("MEM_USED", usage.memory / MEGABYTE)
        self._set("FD_MAX", min(usage.descriptors_max, 0x7FFFFFFF) if usage.descriptors_max >= 0 else -1)
        if usage.descriptors >= 0 and usage.descriptors_max >= 0:
            self._set("FD_CNT", usage.descriptors)
            self._set("FD_FREE", min(usage.descriptors_max - usage.descriptors, 0x7FFFFFFF))
        if self._server is not None:
            self._sample_server(self._server.statistics, usage.uptime)

    def _sample_server(self, counts: Counts, uptime: float) -> None:
        self._set("CA_CLNT_CNT", counts.clients)
        self._set("CA_CONN_CNT", counts.channels)
        self._set("CA_MON_CNT", counts.monitors)
        before, puts, events = self._last or (uptime, counts.puts, counts.events)
        self._last = (uptime, counts.puts, counts.events)
        elapsed = uptime - before
        self._set("PUT_RATE", (counts.puts - puts) / elapsed if elapsed > 0 else 0.0)
        self._set("EVENT_RATE", (counts.events - events) / elapsed if elapsed > 0 else 0.0)
