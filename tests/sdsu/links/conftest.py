"""The three kinds of link, each to a simulator process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nifsdc.sdsu.controller import Controller, StartupSettings
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.links.choose import open_link
from nifsdc.sdsu.links.device import DeviceLink
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.links.spec import DriverKind
from nifsdc.sdsu.programs import synthetic
from nifsdc.sdsu.words import Board
from nifsdc_sim.process import SimulatorProcess

from .fake_driver import FakeDriver, FakePci, FakePcie

SPEED = 50.0
START_SECONDS = 60.0
KINDS = ("sim", "tcp", "pci", "pci-old", "pcie")


def raw_start_up(link: Link) -> Controller:
    """Load the controller's programmes and return what commands it."""
    controller = Controller(link)
    controller.startup(
        StartupSettings(
            synthetic(Board.TIMING), synthetic(Board.UTILITY), 65_000, high_speed=True, verify=False
        )
    )
    return controller


class ServerProcess:
    """``nifsdc link-server`` as a process; a context manager."""

    def __init__(self, link: str, *arguments: str) -> None:
        self._command = [sys.executable, "-m", "nifsdc", "link-server", link, "--port", "0", *arguments]
        self.port = 0
        self.interface = ""

    def __enter__(self) -> ServerProcess:
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        try:
            assert select.select([self.process.stdout], [], [], START_SECONDS)[0], "the server is not ready"
            ready = json.loads(self.process.stdout.readline().decode().removeprefix("READY "))
        except BaseException:
            self.__exit__()
            raise
        self.port, self.interface = int(ready["port"]), str(ready["interface"])
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def kill(self) -> None:
        """End it as a power failure would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(START_SECONDS)


@dataclass
class LinkRig:
    """A link, what it leads to, and what commands it."""

    kind: str
    simulator: SimulatorProcess
    link: Link
    controller: Controller
    consumed: Callable[[int, int], None]
    """say that pixels were taken: a card's host cannot, but the simulator behind it has to be told"""
    driver: FakeDriver | None = None


def fake_driver(kind: str, simulator: SimulatorProcess) -> tuple[DeviceLink, FakeDriver]:
    """Return a link to a fake driver, and that."""
    driver: FakeDriver
    if kind == "pcie":
        node, driver_kind = Path("/dev/AstroPCIe0"), DriverKind.PCIE
        driver = FakePcie(simulator, node)
    elif kind == "pci-old":
        node, driver_kind = Path("/dev/astropci0"), DriverKind.PCI_OLD
        driver = FakePci(simulator, node, 0)
    else:
        node, driver_kind = Path("/dev/AstroPCI0"), DriverKind.PCI
        driver = FakePci(simulator, node, 0x41524300)
    return DeviceLink(node, driver_kind, connect=False, system=driver), driver


def spec_of(simulator: SimulatorProcess) -> str:
    """Return how the simulator's link is written."""
    return f"sim:{simulator.host}:{simulator.port}:{simulator.buffer}"


@pytest.fixture(scope="module", params=KINDS)
def rig_process(request: pytest.FixtureRequest) -> Iterator[LinkRig]:
    with contextlib.ExitStack() as stack:
        simulator = stack.enter_context(SimulatorProcess(speed=SPEED, seed=1))
        link: Link
        driver = None
        if request.param == "sim":
            link = SimLink(simulator.host, simulator.port, simulator.buffer)
        elif request.param == "tcp":
            server = stack.enter_context(ServerProcess(spec_of(simulator)))
            link = open_link(f"tcp:127.0.0.1:{server.port}")
        else:
            link, driver = fake_driver(request.param, simulator)
        stack.callback(link.close)
        consumed = link.consumed if driver is None else driver.consumed
        yield LinkRig(request.param, simulator, link, Controller(link), consumed, driver)


@pytest.fixture
def rig(rig_process: LinkRig) -> LinkRig:
    """A controller started up behind each kind of link in turn."""
    rig_process.simulator.clear_faults()
    rig_process.link.reopen()
    rig_process.controller = raw_start_up(rig_process.link)
    return rig_process
