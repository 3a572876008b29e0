"""Ports that stay free until a server of ours takes them."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""of the ports that Linux gives to sockets that ask for none in particular"""
FIRST_GIVEN = 32768
"""the first of them where nothing else is known"""
LEAST = 10_000
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
"""which of the processes that run the tests this is, and of how many: each has ports of its own"""
_given: set[int] = set()
"""ports that somebody relies on, whether a server has them just now or not"""


def free_port() -> int:
    """Return a port that is free for TCP and UDP, and that no socket is given that asks for any port.

    A server may take it much later, and again after it ended. Each client has sockets that ask for any port:
    one that was given this meanwhile would keep every search from the server.
    """
    first = int(RANGE.read_text().split()[0]) if RANGE.exists() else FIRST_GIVEN
    while True:
        port = random.randrange(LEAST, first if first > 2 * LEAST else FIRST_GIVEN)
        if port % WORKERS != WORKER:
            continue
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
