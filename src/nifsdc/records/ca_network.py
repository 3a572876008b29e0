"""Ports and interfaces of the server, as the EPICS environment asks for them."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct
import sys
from collections.abc import Sequence

import caproto

PORT_TRIES = 20
OPEN_FILES = 4096
"""file descriptors wanted for the process"""
RESERVED_FILES = 96
"""those of them that clients do not get"""
_SIOCGIFADDR = 0x8915
_SIOCGIFBRDADDR = 0x8919
"""Linux: address and broadcast address of a network interface"""


def environment_port() -> int:
    """Port of the server: EPICS_CAS_SERVER_PORT, else EPICS_CA_SERVER_PORT, else 5064.

    Raises:
        ValueError: EPICS_CAS_SERVER_PORT is no port number.
    """
    text = os.environ.get("EPICS_CAS_SERVER_PORT", "").strip()
    if not text:
        return int(caproto.get_environment_variables()["EPICS_CA_SERVER_PORT"])
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"EPICS_CAS_SERVER_PORT is {text!r}; expected a port number from 1 to 65535")
    return int(text)


def environment_interfaces() -> list[str]:
    """Addresses to listen at: EPICS_CAS_INTF_ADDR_LIST, else all."""
    return sorted(caproto.get_server_address_list())


def environment_beacons() -> list[tuple[str, int]]:
    """Addresses beacons go to: EPICS_CAS_BEACON_ADDR_LIST, EPICS_CAS_AUTO_BEACON_ADDR_LIST."""
    return [(str(host), int(port)) for host, port in caproto.get_beacon_address_list()]


def beacon_period() -> float:
    """Seconds between beacons: EPICS_CAS_BEACON_PERIOD, else 15."""
    return float(caproto.get_environment_variables()["EPICS_CAS_BEACON_PERIOD"])


def ignored_addresses() -> frozenset[str]:
    """Addresses whose searches are not answered: EPICS_CAS_IGNORE_ADDR_LIST."""
    return frozenset(str(caproto.get_environment_variables()["EPICS_CAS_IGNORE_ADDR_LIST"]).split())


def room_for_clients() -> int:
    """Return how many clients there are file descriptors for; raises the soft limit if need be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max(16, min(OPEN_FILES, soft if soft != resource.RLIM_INFINITY else OPEN_FILES) - RESERVED_FILES)


def bind_tcp(interfaces: Sequence[str], wanted: int) -> list[socket.socket]:
    """Bind a socket at each interface, all with one port: ``wanted`` if free, else what the system chooses.

    Raises:
        OSError: no port is free at all of them, or an interface does not exist.
    """
    tries = [wanted] + [0] * PORT_TRIES
    for attempt, port in enumerate(tries):
        bound: list[socket.socket] = []
        try:
            for interface in interfaces:
                sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                bound.append(sock)
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((interface, port))
                sock.listen(128)
                port = sock.getsockname()[1]
        except OSError:
            for sock in bound:
                sock.close()
            if attempt == len(tries) - 1:
                raise
        else:
            return bound
    raise OSError("no port")  # not reached: the last failure is raised above


def bind_udp(address: str, port: int) -> socket.socket:
    """Bind a socket for name searches; several servers of a host share the port.

    Raises:
        OSError: the port is taken by a program that does not share it, or the address does not exist.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def broadcast_address(interface: str) -> str | None:
    """Broadcast address of the network of an interface's address; None when it has none or it is not known.

    A socket bound to one address does not hear the broadcasts by which clients search, so that the server has
    to listen at both (as ``rsrv`` of EPICS base does). Known on Linux only.
    """
    address = socket.gethostbyname(interface)
    if not sys.platform.startswith("linux") or address == "0.0.0.0" or address.startswith("127."):
        return None
    import fcntl  # does not exist everywhere

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):  # an interface without an address
                own = socket.inet_ntoa(fcntl.ioctl(sock, _SIOCGIFADDR, request)[20:24])
                if own == address:
                    found = socket.inet_ntoa(fcntl.ioctl(sock, _SIOCGIFBRDADDR, request)[20:24])
                    return None if found in ("0.0.0.0", address) else found
    return None
