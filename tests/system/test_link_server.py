"""The IOC on one host, the controller on another: an exposure through `nifsdc link-server`."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.cli.process import Part
from nifsdc.config import DataConfig, IocConfig, LinkConfig

from .conftest import START_SECONDS, System, random_top, wait_until, watching

BUSY, ERROR = 2, 3


@dataclasses.dataclass
class Hosts:
    """What `nifsdc up` starts, but with a link server between IOC and simulator."""

    system: System
    folder: Path
    simulator: dict[str, Any]
    server: Part

    @property
    def link(self) -> str:
        return f"sim:127.0.0.1:{self.simulator['port']}:{self.simulator['buffer']}"


@contextmanager
def link_server(link: str, folder: Path, port: int = 0) -> Iterator[tuple[Part, int]]:
    arguments = ("nifsdc", "link-server", link, "--port", str(port))
    with Part("link-server", arguments, folder / "link-server.log") as part:
        yield part, int(part.wait_ready(START_SECONDS)["port"])


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder, top = tmp_path_factory.mktemp("hosts"), random_top()
    with ExitStack() as stack:

        def part(name: str, *arguments: str) -> Part:
            return stack.enter_context(Part(name, arguments, folder / f"{name}.log"))

        ports = ("--port", "0", "--control-port", "0")
        simulator = part("simulator", "nifsdc_sim", *ports, "--speed", "fast", "--seed", "7")
        data = part("data-server", "nifsdc.data.server", "--port", "0", "--root", str(folder))
        ready = simulator.wait_ready(START_SECONDS)
        link = f"sim:127.0.0.1:{ready['port']}:{ready['buffer']}"
        server, port = stack.enter_context(link_server(link, folder))
        config = IocConfig(
            top=top,
            link=LinkConfig(kind="tcp", port=port),
            data=DataConfig(
                server_port=int(data.wait_ready(START_SECONDS)["port"]), spool=str(folder / "spool")
            ),
        )
        path = folder / "ioc.yaml"
        path.write_text(config.as_yaml(), encoding="utf-8")
        ioc = part("ioc", "nifsdc", "ioc", str(path))
        ioc.wait_ready(START_SECONDS)
        system = System(top, folder, ioc.process, int(ready["control_port"]))
        stack.callback(system.close)
        yield Hosts(system, folder, ready, server)


def test_an_exposure_through_the_link_server(hosts: Hosts) -> None:
    """The frame is a detector's, not a fault's: the data section has the scene's light and its noise."""
    system = hosts.system
    assert system.get("sad:dc:health", text=True) == "GOOD"
    system.configure(obs_exposed=6.0, obs_readMode="DCS", obs_ncoadds=1)
    with fits.open(system.observe("through")) as file:
        image = next(unit for unit in file if unit.data is not None)
        assert image.data.shape == (2048, 2048)
        assert np.isfinite(image.data).all()
        assert float(np.std(image.data)) > 1.0
    assert system.simulator(command="status")["overrun"] == 0


def test_a_link_server_that_dies_is_told_and_init_brings_it_back(hosts: Hosts) -> None:
    system = hosts.system
    system.configure(obs_exposed=6.0, obs_readMode="DCS", obs_ncoadds=1)
    port = IocConfig.load(hosts.folder / "ioc.yaml").link.port
    before = system.simulator(command="status")["block"]
    system.simulator(command="inject", kind="pixels-stop", fraction=0.5)
    with watching(system, "dc:observeC.VAL") as seen:
        assert system.start_marked("observe") > 0, system.message()
        seen.wait_for("dc:observeC.VAL", BUSY)
        wait_until(lambda: system.simulator(command="status")["block"] > before, 60.0, "a readout")
        hosts.server.process.send_signal(signal.SIGKILL)
        seen.wait_for("dc:observeC.VAL", ERROR)
    assert "link server" in system.get("dc:observeC.OMSS", text=True)
    system.simulator(command="clear")
    with link_server(hosts.link, hosts.folder, port):
        system.command("init")
        assert system.get("sad:dc:health", text=True) == "GOOD"
        assert system.observe("again").exists()
