"""How long a client waits from START to BUSY while the detector is being read out.

The design note grants one second (SDN 11.03 section 5.2.1). A hundred sequence commands are started one after
the other during a Fowler readout at the detector's own speed, all through the real libca; beside them stands
a plain get of the same server in the same run.
"""

from __future__ import annotations

import statistics
import threading
import time

import up
from rows import Rows

import epics  # isort: skip

from nifsdc.client import Camera
from nifsdc.client.subscription import Subscription

COMMANDS = ("verify", "endVerify", "guide", "endGuide", "endObserve", "datum", "pause", "continue")
RESPONSES = 100
LIMIT_SECONDS = 1.0
"""SDN 11.03 section 5.2.1"""
FOWLER, EXPOSURE = 24, 140.0
"""24 reads take 127 s: long enough for all responses"""


class Busy:
    """Tells when a CAR goes BUSY and when it is IDLE again."""

    def __init__(self, name: str) -> None:
        self._state = threading.Condition()
        self._last, self._busy_at = 0, 0.0
        self._name = name
        self._subscription = Subscription(name, self._note, 10.0)

    def _note(self, value: int, **_: object) -> None:
        with self._state:
            self._last = value
            if value == 2:
                self._busy_at = time.perf_counter()
            self._state.notify_all()

    def wait(self, value: int) -> float:
        """Wait for a state; return when BUSY was seen last."""
        with self._state:
            if not self._state.wait_for(lambda: self._last == value, 10):
                raise SystemExit(f"{self._name} did not go {value}")
            return self._busy_at


def responses(top: str) -> list[float]:
    """Return the seconds from START to BUSY of each command."""
    camera = Camera(top)
    cars = {name: Busy(f"{top}dc:{name}C") for name in COMMANDS}
    marks = {name: epics.PV(f"{top}dc:{name}.DIR") for name in COMMANDS}
    start = epics.PV(f"{top}dc:nifsApply.DIR")
    rdout = epics.PV(f"{top}sad:dc:rdout")
    camera.configure(obs_readMode="FOWLER", obs_nfowler=FOWLER, obs_exposed=EXPOSURE)
    epics.PV(f"{top}dc:observe.DIR").put(0, wait=True)
    camera.start()
    while rdout.get(use_monitor=False) != 0:
        time.sleep(0.05)
    waits = []
    for number in range(RESPONSES):
        name = COMMANDS[number % len(COMMANDS)]
        cars[name].wait(0)
        marks[name].put(0, wait=True)
        begun = time.perf_counter()
        start.put(3)
        waits.append(cars[name].wait(2) - begun)
    if rdout.get(use_monitor=False) != 0:
        raise SystemExit("the readout had ended before the last response: the figures mean nothing")
    camera.abort()
    return waits


def gets(top: str) -> list[float]:
    """Return the seconds of plain gets."""
    channel = epics.PV(f"{top}dc:nifsApply.CLID", auto_monitor=False)
    channel.wait_for_connection(10)
    times = []
    for _ in range(RESPONSES):
        begun = time.perf_counter()
        channel.get(use_monitor=False)
        times.append(time.perf_counter() - begun)
    return times


def main() -> None:
    """Start the system, measure, end it."""
    rows = Rows(__doc__)
    with up.running() as (top, _):
        waits, plain = responses(top), gets(top)
    slowest = statistics.quantiles(waits, n=100, method="inclusive")[98]
    against = "a plain get"
    median, get = statistics.median(waits), statistics.median(plain)
    rows.add("START to BUSY during a readout, median", median * 1e3, "ms", median / get, against)
    rows.add("START to BUSY, 99th percentile", slowest * 1e3, "ms", slowest / LIMIT_SECONDS, "the note's 1 s")
    rows.save()


if __name__ == "__main__":
    main()
