"""The whole system on ports of its own, for benchmarks that look at it as a client does.

To be imported before libca is: it reads the environment when it is loaded.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

END_SECONDS = 30


def free_port() -> int:
    """Return a port that is free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


os.environ.update(
    EPICS_CA_ADDR_LIST="127.0.0.1",
    EPICS_CA_AUTO_ADDR_LIST="NO",
    EPICS_CA_SERVER_PORT=(port := str(free_port())),
    EPICS_CAS_SERVER_PORT=port,
    EPICS_CAS_INTF_ADDR_LIST="127.0.0.1",
    EPICS_CA_REPEATER_PORT=str(free_port()),
)


@contextmanager
def running(*options: str) -> Iterator[tuple[str, int]]:
    """Run ``nifsdc up``; gives the prefix of its records and its process."""
    top = "".join(random.choices(string.ascii_lowercase, k=8)) + ":"
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "nifsdc", "up", "--top", top, "--data-dir", str(Path(folder)), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            if not process.stdout.readline().startswith("READY"):
                raise SystemExit("nifsdc up was not ready")
            yield top, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(END_SECONDS)
