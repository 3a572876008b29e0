"""A Channel Access repeater for as long as a client runs, where the host has none.

libca looks for one when it starts, and tries to launch EPICS' ``caRepeater``, which a machine without EPICS
does not have. A thread of this process then passes the servers' beacons on.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time

from caproto.sync.repeater import run

STANDARD_PORT = 5065
START_SECONDS = 2.0


def repeater_port() -> int:
    """Return the port that the environment gives repeaters."""
    return int(os.environ.get("EPICS_CA_REPEATER_PORT", STANDARD_PORT))


def is_there(port: int) -> bool:
    """Tell whether some repeater has the port."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return True
    return False


def ensure_repeater() -> None:
    """Start a repeater in a thread unless the host has one; returns once there is one."""
    port = repeater_port()
    if is_there(port):
        return
    logging.getLogger("caproto.repeater").setLevel(logging.WARNING)
    deadline = time.monotonic() + START_SECONDS
    thread: threading.Thread | None = None
    while time.monotonic() < deadline and not is_there(port):
        if thread is None or not thread.is_alive():
            # It ends when it finds the port taken, be it by a look of ours: then once more.
            thread = threading.Thread(target=run, name="caRepeater", daemon=True)
            thread.start()
        time.sleep(0.02)
