"""A ramp of 60 reads at the simulator's fastest clock, through the whole path: link, fit, file, clients.

The simulator waits for nothing: reads come as fast as the host takes them. Meanwhile a client asks the server
for a value again and again. The rows say whether a read was lost, what a read took beside the memory copy of
its bytes, how long the client waited, and how much memory the IOC took for it beside Table 1 of SDN 11.03.
"""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

import up
from rows import Rows, best

import epics  # isort: skip
import numpy as np
from astropy.io import fits

from nifsdc.client import Camera

READS = 60
PIXELS = 2048 * 2112
TABLE_1 = 222.5
"""MB of the arrays for linear fitting (SDN 11.03 section 4.6.5)"""
REPEATS = 3


class Getter(threading.Thread):
    """Asks for a value until it is told to end, and keeps how long each answer took."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True)
        self._name = name
        self.ended = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        """Get, one after the other."""
        epics.ca.use_initial_context()
        channel = epics.PV(self._name, auto_monitor=False)
        channel.wait_for_connection(10)
        while not self.ended.wait(0.005):
            begun = time.perf_counter()
            if channel.get(use_monitor=False, timeout=30) is None:
                raise SystemExit(f"{self._name} did not answer in 30 s")
            self.seconds.append(time.perf_counter() - begun)


def ioc_of(parent: int) -> int:
    """Return the process of the IOC."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(pid) for pid in children if "nifsdc\0ioc" in Path(f"/proc/{pid}/cmdline").read_text())


def peak_megabytes(pid: int) -> float:
    """Return the most memory that a process has held of its own, shared memory left out."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return (int(fields["VmHWM"].split()[0]) - int(fields["RssShmem"].split()[0])) / 1024


def ramp(camera: Camera) -> tuple[int, float]:
    """Take a ramp; return its reads and its seconds by this host's clock."""
    begun = time.perf_counter()
    path = camera.observe().path
    seconds = time.perf_counter() - begun
    return int(fits.getheader(path)["NREADS"]), seconds


def main() -> None:
    """Start the system, take ramps, look at what the client and the memory say."""
    rows = Rows(__doc__)
    with up.running("--speed", "fast") as (top, parent):
        camera = Camera(top)
        getter = Getter(f"{top}dc:nifsApply.CLID")
        getter.start()
        time.sleep(2.0)
        idle = statistics.median(getter.seconds)
        ioc = ioc_of(parent)
        before = peak_megabytes(ioc)
        camera.configure(
            obs_readMode="LINEAR", obs_timeMode="Read period", obs_exposed=1.0, obs_nperiods=READS - 1
        )
        getter.seconds.clear()
        ramps = [ramp(camera) for _ in range(REPEATS)]
        getter.ended.set()
        getter.join(60)
        grown = peak_megabytes(ioc) - before
        camera.close()
    pixels, copy = np.ones(PIXELS, np.uint16), np.empty(PIXELS, np.uint16)
    touch = best({"copy": lambda: np.copyto(copy, pixels)}, 1.0)["copy"]
    each = min(seconds for _, seconds in ramps) / READS
    lost = sum(READS - reads for reads, _ in ramps)
    slowest = statistics.quantiles(getter.seconds, n=100, method="inclusive")[98]
    rows.add(f"reads lost of {REPEATS} ramps of {READS}", lost, "reads")
    rows.add("a read of a ramp, through the whole path", each * 1e3, "ms", each / touch, "a copy of it")
    during = statistics.median(getter.seconds)
    rows.add("get while a ramp is fitted, median", during * 1e3, "ms", during / idle, "the same while idle")
    rows.add(
        "get while a ramp is fitted, 99th percentile", slowest * 1e3, "ms", slowest / idle, "a get while idle"
    )
    rows.add("memory of the IOC for ramps", grown, "MB", grown / TABLE_1, "Table 1")
    rows.save()
    if lost:
        raise SystemExit(f"{lost} reads were lost")


if __name__ == "__main__":
    main()
