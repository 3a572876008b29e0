"""The same exposure with the data server at work, stopped, slow, and with displays that hang.

Neither the disk nor a display is in the way of the readout: it writes into rings in shared memory, and takes
as long in every case. ELAPSED of the headers is from the first reset to the last pixel; "read out" is what a
client sees, from START until the record ``rdout`` says that nothing is read any more. Cases take turns.
"""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from astropy.io import fits

import up
from nifsdc.client import Camera
from nifsdc.client.subscription import Subscription
from quicklook import hanging_client
from rows import Rows

import epics  # isort: skip

SPEED = "5"
"""of the simulator: a DCS of one second takes two"""
REPEATS = 5
STOPPED_SECONDS = 1.0
"""for which a server goes on being stopped when the readout has ended"""
SLOW_SECONDS = (0.09, 0.01)
"""for which a slow server is stopped and goes on, in turn"""
WAIT_SECONDS = 120.0
MILLI = 1e3


class Exposure:
    """One exposure as a client sees it."""

    def __init__(self, camera: Camera, top: str) -> None:
        self._changed = threading.Condition()
        self._car: list[int] = []
        self._rdout: list[tuple[float, int]] = []
        watched = (f"{top}dc:observeC.VAL", self._note_car), (f"{top}sad:dc:rdout", self._note_rdout)
        self._subscriptions = [Subscription(name, note, WAIT_SECONDS) for name, note in watched]
        self._camera = camera
        self._mark = epics.PV(f"{top}dc:observe.DIR")

    def _note_car(self, value: int, **_: object) -> None:
        with self._changed:
            self._car.append(value)
            self._changed.notify_all()

    def _note_rdout(self, value: int, **_: object) -> None:
        with self._changed:
            self._rdout.append((time.perf_counter(), value))
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, WAIT_SECONDS):
                raise SystemExit(f"no {what} within {WAIT_SECONDS:g} s")

    def take(self, hindered: AbstractContextManager[None]) -> tuple[float, float]:
        """Take it; returns ELAPSED, and the seconds from START until it was read out."""
        with self._changed:
            self._car.clear()
            self._rdout.clear()
        self._mark.put(0, wait=True)
        with hindered:
            begun = time.perf_counter()
            self._camera.start()
            # Two sets of reads, each of which says when it begins and when it ends.
            self._wait(lambda: sum(value for _, value in self._rdout) >= 2, "end of the readout")
        ended = self._rdout[-1][0]
        self._wait(lambda: 2 in self._car and self._car[-1] in (0, 3), "end of the exposure")
        if self._car[-1] != 0:
            raise SystemExit(f"the exposure failed: {self._camera.get('dc:observeC.OMSS', text=True)}")
        return float(fits.getheader(self._camera.last_file())["ELAPSED"]), ended - begun

    def close(self) -> None:
        """Watch no longer."""
        for subscription in self._subscriptions:
            subscription.close()


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """A process is stopped meanwhile, and for a while after."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
        time.sleep(STOPPED_SECONDS)
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def slow(process: int) -> Iterator[None]:
    """A process is stopped for nine tenths of the time."""
    ending = threading.Event()

    def hinder() -> None:
        while not ending.is_set():
            os.kill(process, signal.SIGSTOP)
            ending.wait(SLOW_SECONDS[0])
            os.kill(process, signal.SIGCONT)
            ending.wait(SLOW_SECONDS[1])

    thread = threading.Thread(target=hinder)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@contextmanager
def both(first: AbstractContextManager[None], second: AbstractContextManager[None]) -> Iterator[None]:
    """Two of them at once."""
    with first, second:
        yield


def child(parent: int, words: bytes) -> int:
    """Return the process of a part of the system."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(pid) for pid in children if words in Path(f"/proc/{pid}/cmdline").read_bytes())


def main() -> None:
    """Start the system, take exposures, compare."""
    rows = Rows(__doc__)
    port = str(up.free_port())
    os.environ |= {
        "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_PVAS_SERVER_PORT": port,
        "EPICS_PVAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_PVA_NAME_SERVERS": f"127.0.0.1:{port}",
        "EPICS_PVA_AUTO_ADDR_LIST": "NO",
    }
    with up.running("--speed", SPEED) as (top, parent):
        server, look = child(parent, b"nifsdc.data.server"), child(parent, b"quicklook")
        cases: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "server at work": nullcontext,
            "server stopped": lambda: stopped(server),
            "server slow": lambda: slow(server),
            "displays hanging": lambda: both(hanging_client(f"{top}dc:nifsRunQL:Image"), stopped(look)),
        }
        camera = Camera(top)
        camera.configure(obs_readMode="DCS", obs_exposed=6.0, obs_save="Yes")
        exposure = Exposure(camera, top)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
        for _ in range(REPEATS):
            for name, hindered in cases.items():
                taken[name].append(exposure.take(hindered()))
        exposure.close()
        camera.close()
    for what, place in (("ELAPSED", 0), ("START to read out", 1)):
        medians = {
            name: statistics.median(each[place] for each in seconds) for name, seconds in taken.items()
        }
        first = next(iter(medians))
        for name, median in medians.items():
            ratio = None if name == first else median / medians[first]
            rows.add(f"{what}, {name}", median * MILLI, "ms", ratio, first if ratio else "")
    rows.save()


if __name__ == "__main__":
    main()
