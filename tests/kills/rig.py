"""Simulator, data server, IOC and quick look, each a process that can be killed and started again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import yaml
from astropy.io import fits

from nifsdc.cli.process import Part

from ..ports import free_port
from ..system.conftest import START_SECONDS, System, random_top, wait_until, watching
from .roads import Road

RESTART_SECONDS = 90.0


IDLE, BUSY, ERROR = 0, 2, 3


def ended_in(*states: int) -> Callable[[list[tuple[str, object]]], bool]:
    """Return what tells of the events of a CAR whether it was BUSY and has ended in one of these states."""

    def ended(events: list[tuple[str, object]]) -> bool:
        values = [value for _, value in events]
        return BUSY in values and values[-1] in states

    return ended


class Name(Enum):
    """The processes."""

    SIMULATOR = "simulator"
    SERVER = "data server"
    IOC = "IOC"
    QUICKLOOK = "quick look"


class Rig:
    """All of them, on fixed ports, in one folder."""

    def __init__(self, folder: Path, speed: str, road: Road, server_options: tuple[str, ...]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.spool = folder / "spool"
        self.road = road
        self.data_bytes = 0
        """of the pixels of a product, once there was one"""
        self.top = random_top()
        word, control = free_port(), free_port()
        self._control = control
        config = {
            "top": self.top,
            "link": {"kind": "sim", "port": word, "buffer": str(folder / "pixels")},
            "data": {
                "server_host": road.host,
                "server_port": road.port,
                "spool": str(self.spool),
                "sky": str(self.data),
            },
        }
        self.config = folder / "ioc.yaml"
        self.config.write_text(yaml.safe_dump(config), encoding="utf-8")
        self._arguments = {
            Name.SIMULATOR: (
                "nifsdc_sim",
                *("--port", str(word), "--control-port", str(control), "--buffer", str(folder / "pixels")),
                *("--speed", speed, "--seed", "5"),
            ),
            Name.SERVER: (*road.server(), "--root", str(self.data), *server_options),
            Name.IOC: ("nifsdc", "ioc", str(self.config)),
            Name.QUICKLOOK: ("nifsdc", "quicklook", "--config", str(self.config)),
        }
        self._parts: dict[Name, Part] = {}
        self.system: System

    def start(self, name: Name) -> None:
        """Start one, and wait until it is ready."""
        part = Part(name.value, self._arguments[name], self.folder / f"{name.name.lower()}.log")
        self._parts[name] = part
        if name is not Name.QUICKLOOK:
            part.wait_ready(START_SECONDS)
        if name is Name.IOC:
            self.system = System(self.top, self.data, part.process, self._control)

    def process(self, name: Name) -> int:
        """Return the identifier of a process."""
        return self._parts[name].process.pid

    def kill(self, name: Name) -> None:
        """Kill one, as power failures and the kernel do."""
        part = self._parts.pop(name)
        part.process.send_signal(signal.SIGKILL)
        part.process.wait()
        part.stop()

    def restart(self, name: Name) -> None:
        """Start one again and bring the rest back to work, as an operator would."""
        if name is Name.IOC:
            self.system.close()
        self.start(name)
        if name is Name.SIMULATOR:
            self.init()
        self.wait_ready()

    def init(self) -> None:
        """Have the controller initialised."""
        # Always once: the IOC may not have noticed yet that the controller was gone, and show READY.
        deadline = time.monotonic() + RESTART_SECONDS
        while True:
            with watching(self.system, "dc:initC.VAL") as seen:
                if self.system.start_marked("init") > 0:
                    seen.wait(ended_in(IDLE, ERROR))
                    if seen.of("dc:initC.VAL")[-1] == IDLE:
                        return
                else:
                    self.system.put("dc:nifsApply.DIR", "CLEAR")
            assert time.monotonic() < deadline, "the controller does not come back"

    def wait_ready(self) -> None:
        """Wait until an observation could be taken, and nothing waits to be stored."""
        wait_until(lambda: self.system.get("sad:dc:fitsConnO") == 0, RESTART_SECONDS, "the data server")
        wait_until(lambda: self.system.get("sad:dc:fitsProblem") == 0, RESTART_SECONDS, "room for data")
        wait_until(lambda: self.system.get("sad:dc:framesSpooled") == 0, RESTART_SECONDS, "an empty spool")
        wait_until(lambda: not list(self.spool.glob("*.frame")), RESTART_SECONDS, "the spool")

    def files(self, label: str) -> list[Path]:
        """Return the files of a label."""
        return sorted(self.data.glob(f"[0-9]*/{label}*.fits"))

    def log(self, name: Name) -> str:
        """Return what one has logged in all its lives."""
        return (self.folder / f"{name.name.lower()}.log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End all of them."""
        if Name.IOC in self._parts:
            self.system.close()
        for name in (Name.QUICKLOOK, Name.IOC, Name.SERVER, Name.SIMULATOR):
            if name in self._parts:
                self._parts[name].stop()
        self.road.close()


@contextmanager
def running(
    folder: Path, speed: str, road: type[Road] = Road, server_options: tuple[str, ...] = ()
) -> Iterator[Rig]:
    """Start everything, and end it.

    Parameters
    ----------
    folder
        for everything
    speed
        of the simulator
    road
        from the IOC to the data server
    server_options
        arguments of the data server
    """
    rig = Rig(folder, speed, road(free_port()), server_options)
    try:
        for name in Name:
            rig.start(name)
        rig.wait_ready()
        rig.system.configure(obs_readMode="DCS", obs_exposed=6.0)
        yield rig
    finally:
        rig.close()


def verified(path: Path) -> tuple[str, int]:
    """Check a file as a stranger would; return the identifier of its exposure and the bytes of its pixels."""
    with fits.open(path, checksum=True, memmap=False) as hdus:
        hdus.verify("exception")
        assert hdus["SCI"].data.shape == (2048, 2048)
        return str(hdus[0].header["EXPID"]), sum(hdu.size for hdu in hdus)
