"""A controller on a simulator process, for the tests of the controller's side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from nifsdc.sdsu.controller import Controller, StartupProgress, StartupReport, StartupSettings
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.programs import synthetic
from nifsdc.sdsu.words import Board
from nifsdc_sim.process import SimulatorProcess

from ..waiting import until

TEMPERATURE_MK = 65_000
FULL_READ = 4 * 1024 * (1024 + 32)


@dataclass
class Rig:
    """A simulator process with a host attached."""

    simulator: SimulatorProcess
    link: SimLink
    controller: Controller
    seen: int = 0

    def start_up(
        self, *, verify: bool = False, high_speed: bool = True, tell: StartupProgress | None = None
    ) -> StartupReport:
        settings = StartupSettings(
            synthetic(Board.TIMING), synthetic(Board.UTILITY), TEMPERATURE_MK, high_speed, verify
        )
        return self.controller.startup(settings, tell)

    def forget(self) -> None:
        """Let `words` begin with what is sent from now on."""
        self.seen = max((each["number"] for each in self.simulator.commands()), default=0)

    def words(self) -> list[tuple[int, ...]]:
        """Return the words of each command since `forget`, as the controller received them."""
        return [tuple(each["words"]) for each in self.simulator.commands(self.seen)]

    def drain(self, block: int, pixels: int = FULL_READ) -> None:
        """Wait for a block's pixels and say that they were taken."""
        until(
            lambda: self.link.progress().block >= block and self.link.progress().pixels >= pixels,
            f"the end of block {block}",
        )
        self.link.consumed(block, pixels)


def _rig(speed: float) -> Iterator[Rig]:
    with SimulatorProcess(speed=speed, seed=1) as simulator:
        link = SimLink(simulator.host, simulator.port, simulator.buffer)
        try:
            yield Rig(simulator, link, Controller(link))
        finally:
            link.close()


@pytest.fixture(scope="module")
def fast_process() -> Iterator[Rig]:
    yield from _rig(math.inf)


@pytest.fixture(scope="module")
def quick_process() -> Iterator[Rig]:
    yield from _rig(50.0)


def _ready(rig: Rig) -> Rig:
    rig.simulator.clear_faults()
    rig.link.reopen()
    rig.start_up()
    return rig


@pytest.fixture
def fast(fast_process: Rig) -> Rig:
    """A controller started up, on a clock that jumps."""
    return _ready(fast_process)


@pytest.fixture
def quick(quick_process: Rig) -> Rig:
    """A controller started up, on a clock 50 times faster than real time."""
    return _ready(quick_process)
