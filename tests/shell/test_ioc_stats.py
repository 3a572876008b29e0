"""What an IOC tells of itself: values, rates, alarms, and that clients cannot write them."""

from __future__ import annotations

import os
import resource
import socket
from dataclasses import dataclass, replace

import pytest

from nifsdc.records.database import Database
from nifsdc.records.errors import PutRefused
from nifsdc.records.ioc_stats import (
    Identity,
    ProcessMeter,
    StatsSampler,
    Usage,
    stats_records,
    uptime_text,
)

P = "s:ioc:"
QUIET = Usage(uptime=10.0, cpu=2.5, memory=50 << 20, descriptors=20, descriptors_max=1024)


@dataclass(frozen=True)
class Counts:
    clients: int = 0
    channels: int = 0
    monitors: int = 0
    puts: int = 0
    events: int = 0


class Site:
    """A database with the records, at a time of its own, and what is measured of a process and a server."""

    def __init__(self, **options: int) -> None:
        self.now = 1000.0
        self.usage = QUIET
        self.statistics = Counts()
        self.database = Database(stats_records(P, **options), now=lambda: self.now)
        self.database.init()
        self.sampler = StatsSampler(
            self.database, self, P, identity=Identity("1.2", "A. Nobody", "here"), meter=lambda: self.usage
        )

    def __getitem__(self, name: str) -> object:
        found = self.database.find(P + name)
        assert found is not None, name
        return found.value

    def alarm(self, name: str) -> str:
        found = self.database.find(f"{P}{name}.SEVR")
        assert found is not None
        return found.text

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.database.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.database.run_timers(self.now)
        self.now = until


def test_what_does_not_change_is_shown_from_the_start() -> None:
    site = Site()
    site.sampler.start()
    assert (site["VERSION"], site["ENGINEER"], site["LOCATION"]) == ("1.2", "A. Nobody", "here")
    assert (site["HOSTNAME"], site["PROCESS_ID"]) == (socket.gethostname()[:39], os.getpid())


def test_the_environment_tells_engineer_and_location_when_nobody_else_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENGINEER", "E. Body")
    monkeypatch.setenv("LOCATION", "Cerro Pachón")
    texts = Identity().texts()
    assert (texts["ENGINEER"], texts["LOCATION"]) == ("E. Body", "Cerro Pachón")
    assert Identity(engineer="A. Nobody").texts()["ENGINEER"] == "A. Nobody"


def test_samples_come_by_the_timers_of_the_database_and_stop() -> None:
    site = Site()
    site.sampler.start(5.0)
    assert (site["UPTIME"], site["MEM_USED"], site["IOC_CPU_LOAD"]) == ("00:00:10", 50.0, 2.5)
    assert (site["FD_CNT"], site["FD_MAX"], site["FD_FREE"]) == (20, 1024, 1004)
    site.usage = replace(QUIET, uptime=90061.0, cpu=7.5)
    site.wait(4.9)
    assert site["IOC_CPU_LOAD"] == 2.5
    site.wait(0.2)
    assert (site["UPTIME"], site["UPTIME_SEC"], site["IOC_CPU_LOAD"]) == ("1 day, 01:01:01", 90061.0, 7.5)
    site.sampler.stop()
    site.usage = QUIET
    site.wait(60.0)
    assert site["IOC_CPU_LOAD"] == 7.5


def test_rates_are_what_was_counted_by_the_time_it_took() -> None:
    site = Site()
    site.statistics = Counts(2, 30, 20, 1000, 5000)
    site.sampler.sample()
    assert (site["CA_CLNT_CNT"], site["CA_CONN_CNT"], site["CA_MON_CNT"]) == (2, 30, 20)
    assert (site["PUT_RATE"], site["EVENT_RATE"]) == (0.0, 0.0)
    site.usage = replace(QUIET, uptime=QUIET.uptime + 4.0)
    site.statistics = Counts(2, 30, 20, 1100, 7000)
    site.sampler.sample()
    assert (site["PUT_RATE"], site["EVENT_RATE"]) == (25.0, 500.0)


def test_the_heartbeat_counts_seconds_by_itself() -> None:
    site = Site()
    site.wait(3.5)
    assert site["HEARTBEAT"] == 3.0


@pytest.mark.parametrize(
    ("usage", "name", "severity"),
    [
        (QUIET, "IOC_CPU_LOAD", "NO_ALARM"),
        (replace(QUIET, cpu=75.0), "IOC_CPU_LOAD", "MINOR"),
        (replace(QUIET, cpu=99.0), "IOC_CPU_LOAD", "MAJOR"),
        (QUIET, "MEM_USED", "NO_ALARM"),
        (replace(QUIET, memory=80 << 20), "MEM_USED", "MINOR"),
        (replace(QUIET, memory=101 << 20), "MEM_USED", "MAJOR"),
        (QUIET, "FD_FREE", "NO_ALARM"),
        (replace(QUIET, descriptors=1000), "FD_FREE", "MINOR"),
        (replace(QUIET, descriptors=1020), "FD_FREE", "MAJOR"),
    ],
)
def test_alarms_come_where_there_is_reason(usage: Usage, name: str, severity: str) -> None:
    site = Site(memory_limit=100 << 20)
    site.usage = usage
    site.sampler.sample()
    assert site.alarm(name) == severity


def test_clients_may_not_write_what_is_measured() -> None:
    site = Site()
    for record in stats_records(P):
        found = site.database.find(record.name)
        assert found is not None
        with pytest.raises(PutRefused, match="disabled"):
            site.database.put(found, "1")


def test_a_database_without_the_records_is_told_at_the_start() -> None:
    with pytest.raises(KeyError, match="s:ioc:VERSION"):
        StatsSampler(Database([]), None, P).start()


def test_the_meter_sees_this_process() -> None:
    meter = ProcessMeter()
    first = meter.read()
    read, write = os.pipe()
    try:
        second = meter.read()
    finally:
        os.close(read)
        os.close(write)
    assert second.descriptors == first.descriptors + 2
    assert second.descriptors_max == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 0 < second.memory <= peak * 1.1
    assert second.uptime >= first.uptime >= 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00"),
        (59.9, "00:00:59"),
        (86399, "23:59:59"),
        (86400, "1 day, 00:00:00"),
        (200000, "2 days, 07:33:20"),
    ],
)
def test_uptime_as_text(seconds: float, text: str) -> None:
    assert uptime_text(seconds) == text
