"""What names a way to a controller; read from text and opened by `nifsdc.sdsu.links.choose`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

DEFAULT_HOST = "127.0.0.1"
FORMS = "sim:HOST:PORT:BUFFER, tcp:HOST:PORT or device:PATH[:pci|pci-old|pcie[:BYTES]]"


class BadLink(ValueError):
    """A text or a specification that names no link."""


class LinkKind(Enum):
    """The ways to a controller; the value is the word before the first colon."""

    SIM = "sim"
    """a simulator process on this host, with shared memory"""
    TCP = "tcp"
    """a link server, anywhere"""
    DEVICE = "device"
    """an interface card in this host"""


class DriverKind(Enum):
    """The drivers of interface cards (sdsu facts, section 4); the value is the word behind the path."""

    PCI = "pci"
    """ARC-63 and ARC-64, the driver whose requests begin with ``ARC``"""
    PCI_OLD = "pci-old"
    """ARC-63 and ARC-64, the older driver whose requests are the bare codes"""
    PCIE = "pcie"
    """ARC-66 and ARC-67"""


@dataclass(frozen=True)
class LinkSpec:
    """A way to a controller, not opened yet."""

    kind: LinkKind
    host: str = DEFAULT_HOST
    """sim, tcp: where it listens"""
    port: int = 0
    """sim, tcp: TCP port"""
    buffer: Path = Path()
    """sim: file of the image buffer"""
    device: Path = Path()
    """device: the driver's node"""
    driver: DriverKind = DriverKind.PCI
    """device: which driver it is"""
    buffer_bytes: int = 0
    """device: how much of the driver's buffer to map; 0 for what the driver says that it has"""

    def __post_init__(self) -> None:
        if self.kind is LinkKind.DEVICE:
            if not self.device.is_absolute():
                raise BadLink(f"{str(self.device)!r} is no device: expected a path such as /dev/AstroPCI0")
            if self.buffer_bytes < 0 or self.buffer_bytes % 2:
                raise BadLink(f"{self.buffer_bytes} bytes hold no whole number of pixels of 2 bytes")
            return
        if not self.host:
            raise BadLink(f"a {self.kind.value} link needs a host: expected {FORMS}")
        if not 1 <= self.port <= 0xFFFF:
            raise BadLink(f"{self.port} is no TCP port (1..65535): expected {FORMS}")
        if self.kind is LinkKind.SIM and self.buffer == Path():
            raise BadLink(f"a sim link needs the simulator's buffer file: expected {FORMS}")

    def __str__(self) -> str:
        if self.kind is LinkKind.DEVICE:
            size = f":{self.buffer_bytes}" if self.buffer_bytes else ""
            return f"device:{self.device}:{self.driver.value}{size}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        file = f":{self.buffer}" if self.kind is LinkKind.SIM else ""
        return f"{self.kind.value}:{host}:{self.port}{file}"


def driver_of(device: Path) -> DriverKind:
    """Tell the driver by the name that it gives its devices (sdsu facts, sections 4.1 and 4.2).

    Raises
    ------
    BadLink
        for a name that none of the drivers gives
    """
    name = device.name
    if re.match(r"(?i)(astropcie|arc6[67])", name):
        return DriverKind.PCIE
    if re.match(r"AstroPCI|Arc6[34]PCI", name):
        return DriverKind.PCI
    if name.startswith("astropci"):
        return DriverKind.PCI_OLD
    raise BadLink(
        f"{device} is no name that an ARC driver gives: say which it is, "
        f"device:{device}:pci, :pci-old or :pcie"
    )
