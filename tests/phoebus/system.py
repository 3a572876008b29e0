"""A whole system on the loopback, at ports of its own: simulator, data server, IOC and quick look."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

END_SECONDS = 60.0


@dataclass(frozen=True)
class Ports:
    """Where a system is found on the loopback."""

    ca: int
    pva: int
    pva_search: int


@dataclass(frozen=True)
class System:
    """A system that takes commands."""

    top: str
    folder: Path
    ports: Ports


def free_ports() -> Ports:
    """Return ports that nobody uses just now, each for TCP and UDP."""
    sockets = [socket.socket() for _ in range(3)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    numbers = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return Ports(*numbers)


@contextmanager
def running(camera: str, ports: Ports, folder: Path) -> Iterator[System]:
    """Run `nifsdc up` with a simulator twenty times as fast as a detector."""
    server = {
        "EPICS_CAS_SERVER_PORT": str(ports.ca),
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_PVAS_SERVER_PORT": str(ports.pva),
        "EPICS_PVAS_BROADCAST_PORT": str(ports.pva_search),
        "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
    }
    command = [sys.executable, "-m", "nifsdc", "up", "--speed", "20", "--data-dir", str(folder)]
    config = [] if camera == "nifs" else ["--config", camera]
    process = subprocess.Popen(
        [*command, *config], env={**os.environ, **server}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = next((each for each in process.stdout if each.startswith("READY")), "")
        assert line, f"`nifsdc up` of {camera} ended before it was ready"
        fields = dict(item.split("=", 1) for item in line.split()[1:])
        yield System(fields["prefix"], folder, ports)
    finally:
        process.terminate()
        process.wait(END_SECONDS)
        process.stdout.close()
