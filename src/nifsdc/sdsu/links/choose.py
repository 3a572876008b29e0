"""Which way leads to a controller, as people write it on a command line or in a configuration.

=================================  ===========================================================================
``sim:HOST:PORT:BUFFER``           a simulator process, as its READY line names port and buffer file
``tcp:HOST:PORT``                  ``nifsdc link-server`` on a host that has the interface card or simulator
``device:PATH``                    the driver of an ARC interface card on this host
``device:PATH:pci|pci-old|pcie``   the same, where the name of the device does not tell the driver
``device:PATH:DRIVER:BYTES``       the same, and how much of the driver's image buffer to map
=================================  ===========================================================================
"""

from __future__ import annotations

import re
from pathlib import Path

from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.links.device import DeviceLink
from nifsdc.sdsu.links.sim import SimLink
from nifsdc.sdsu.links.spec import DEFAULT_HOST, FORMS, BadLink, DriverKind, LinkKind, LinkSpec, driver_of
from nifsdc.sdsu.links.tcp import TcpLink

__all__ = ["FORMS", "BadLink", "DriverKind", "LinkKind", "LinkSpec", "driver_of", "open_link", "parse_link"]


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
    path, *more = rest.split(":")
    if not path.startswith("/"):
        raise BadLink(f"{text!r} names no device: expected a path such as device:/dev/AstroPCI0")
    drivers = {kind.value: kind for kind in DriverKind}
    driver, size = (*more, "", "")[:2] if len(more) <= 2 else ("", ":")
    if driver and driver not in drivers:
        raise BadLink(f"{driver!r} in {text!r} is no driver: expected {', '.join(drivers)}")
    if size and not (size.isascii() and size.isdecimal()):
        raise BadLink(f"{text!r} does not end with a number of bytes: expected {FORMS}")
    return LinkSpec(
        LinkKind.DEVICE,
        device=Path(path),
        driver=drivers[driver] if driver else driver_of(Path(path)),
        buffer_bytes=int(size or 0),
    )


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
    return DeviceLink(found.device, found.driver, connect=connect, buffer_bytes=found.buffer_bytes)
