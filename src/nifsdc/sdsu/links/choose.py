"""Which way leads to a controller, as people write it on a command line or in a configuration.

=================================  ===========================================================================
``sim:HOST:PORT:BUFFER``           a simulator process, as its READY line names port and buffer file
``tcp:HOST:PORT``                  ``nifsdc link-server`` on a host that has the interface card or simulator
``device:PATH``                    the driver of an ARC interface card on this host
``device:PATH:pci|pci-old|pcie``   the same, where the name of the device does not tell the driver
=================================  ===========================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.links.tcp import TcpLink

DEFAULT_HOST = "127.0.0.1"
FORMS = "sim:HOST:PORT:BUFFER, tcp:HOST:PORT or device:PATH[:pci|pci-old|pcie]"


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

    def __post_init__(self) -> None:
        if self.kind is LinkKind.DEVICE:
            if not self.device.is_absolute():
                raise BadLink(f"{str(self.device)!r} is no device: expected a path such as /dev/AstroPCI0")
            return
        if not self.host:
            raise BadLink(f"a {self.kind.value} link needs a host: expected {FORMS}")
        if not 1 <= self.port <= 0xFFFF:
            raise BadLink(f"{self.port} is no TCP port (1..65535): expected {FORMS}")
        if self.kind is LinkKind.SIM and self.buffer == Path():
            raise BadLink(f"a sim link needs the simulator's buffer file: expected {FORMS}")

    def __str__(self) -> str:
        if self.kind is LinkKind.DEVICE:
            return f"device:{self.device}:{self.driver.value}"
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


def parse_link(text: str) -> LinkSpec:
    """Read a link as people write it; raises `BadLink` with what was expected.

    A host that has colons of its own (IPv6) stands in brackets.
    """
    kind, _, rest = text.strip().partition(":")
    match kind:
        case "sim":
            host, port, file = _network(text, rest)
            if not file:
                raise BadLink(f"{text!r} has no buffer file: expected sim:HOST:PORT:BUFFER")
            return LinkSpec(LinkKind.SIM, host, port, buffer=Path(file))
        case "tcp":
            host, port, file = _network(text, rest)
            if file is not None:
                raise BadLink(f"{text!r} has something behind its port: expected tcp:HOST:PORT")
            return LinkSpec(LinkKind.TCP, host, port)
        case "device":
            return _device(text, rest)
    raise BadLink(f"{text!r} is no link: expected {FORMS}")


def _network(text: str, rest: str) -> tuple[str, int, str | None]:
    found = re.fullmatch(r"(\[[^\]]+\]|[^:\[\]]*):([^:]*)(?::(.*))?", rest)
    if found is None:
        raise BadLink(f"{text!r} has no host and port: expected {FORMS}")
    host, port, file = found.groups()
    if not (port.isascii() and port.isdecimal()):
        raise BadLink(f"{port!r} in {text!r} is no TCP port (1..65535)")
    return host.strip("[]") or DEFAULT_HOST, int(port), file


def _device(text: str, rest: str) -> LinkSpec:
    path, _, name = rest.partition(":")
    if not path.startswith("/"):
        raise BadLink(f"{text!r} names no device: expected a path such as device:/dev/AstroPCI0")
    if not name:
        return LinkSpec(LinkKind.DEVICE, device=Path(path), driver=driver_of(Path(path)))
    drivers = {kind.value: kind for kind in DriverKind}
    if name not in drivers:
        raise BadLink(f"{name!r} in {text!r} is no driver: expected {', '.join(drivers)}")
    return LinkSpec(LinkKind.DEVICE, device=Path(path), driver=drivers[name])


def open_link(spec: LinkSpec | str, *, connect: bool = True) -> Link:
    """Return the link that a specification names.

    Parameters
    ----------
    spec
        what to open, or its text
    connect
        whether to connect now; otherwise `Link.reopen` does, and only its name may be used before

    Raises
    ------
    BadLink
        when the text names no link
    LinkLost
        when it cannot be opened
    """
    found = parse_link(spec) if isinstance(spec, str) else spec
    if found.kind is LinkKind.SIM:
        return SimLink(found.host, found.port, found.buffer, connect=connect)
    if found.kind is LinkKind.TCP:
        return TcpLink(found.host, found.port, connect=connect)
    raise BadLink(f"{found}: only sim and tcp links can be opened yet")
