"""What every camera behind an SDSU controller does with it, on the simulator process."""

from __future__ import annotations

import math

import pytest

from nifsdc.config import IocConfig
from nifsdc.control import cameras
from nifsdc.database.locate import share
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.words import Board
from nifsdc_sim.process import SimulatorProcess


@pytest.mark.parametrize(("name", "detector"), [("nifs", "hawaii2"), ("ccd", "ccd2"), ("ft", "ft2")])
def test_a_started_camera_is_in_charge_and_a_parked_one_is_not(name: str, detector: str) -> None:
    """INS-DAS-18, "UltraDAS' flag": 2 through a PCI card, 0 before other software takes over."""
    config = IocConfig.load(share("ioc") / f"{name}.yaml")
    with SimulatorProcess(speed=math.inf, seed=1, detector=detector) as simulator:
        controller = Controller(SimLink(simulator.host, simulator.port, simulator.buffer))
        camera = cameras.assemble(config).build(controller)
        camera.start_up(lambda step: None)
        flag = controller.timing_board.ultradas_flag
        assert flag.address.offset == controller.timing_board.windowing.address.offset - 3
        assert controller.read_memory(Board.TIMING, flag.address) == 2
        camera.shut_down()
        assert controller.read_memory(Board.TIMING, flag.address) == 0
        camera.close()
