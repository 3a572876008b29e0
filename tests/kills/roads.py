"""The way from the IOC to the data server, and what can befall it."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum

from ..wire import Wire


class Fault(Enum):
    """What can happen to a disk or a network while an observation is taken."""

    FLOOR = "disk below its floor"
    FULL = "disk full in the middle of a file"
    UNWRITABLE = "folder unwritable"
    SPOOL = "spool unwritable"
    CUT = "connection cut"
    SILENT = "connection silent"
    SLOW = "connection slowed"


NETWORK = (Fault.CUT, Fault.SILENT, Fault.SLOW)
SLOW_RATE = 6e6
"""bytes a second: a frame of 17 MB takes three seconds"""
SHAPE = ("rate", f"{int(8 * SLOW_RATE)}bit", "burst", "64kb", "latency", "400ms")
"""the same, as tc has it"""


class Road:
    """The loopback, which never fails.

    Parameters
    ----------
    port
        of the data server
    """

    host = "127.0.0.1"
    faults: tuple[Fault, ...] = ()
    """what can happen to it"""

    def __init__(self, port: int) -> None:
        self.port = self.server_port = port

    def server(self) -> tuple[str, ...]:
        """Return module and arguments that make a data server listen at its end."""
        return ("nifsdc.data.server", "--host", self.host, "--port", str(self.server_port))

    def suffer(self, fault: Fault) -> AbstractContextManager[None]:
        """Have something happen to it, for as long as the context lasts."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave nothing behind."""


class Wired(Road):
    """A relay between the two, in this process."""

    faults = (Fault.CUT, Fault.SILENT, Fault.SLOW)

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._wire = Wire(port)
        self.port = self._wire.port

    @contextmanager
    def suffer(self, fault: Fault) -> Iterator[None]:
        """Both are told that the other has gone, or nothing passes and nobody is told, or little passes."""
        match fault:
            case Fault.CUT:
                self._wire.cut.set()
            case Fault.SILENT:
                self._wire.blocked.set()
            case _:
                self._wire.rate = SLOW_RATE
        try:
            yield
        finally:
            self._wire.cut.clear()
            self._wire.blocked.clear()
            self._wire.rate = None

    def close(self) -> None:
        self._wire.close()


class Namespace(Road):
    """A cable between two networks of the kernel, the data server in one of its own; for root alone."""

    faults = (Fault.SILENT, Fault.SLOW)

    def __init__(self, port: int) -> None:
        super().__init__(port)
        number = random.randrange(1 << 14)
        self._name = f"nifsdc{number}"
        self._near, far = f"nn{number}", f"nf{number}"
        # 100.64.0.0/10 is nobody's: between a carrier and its customers.
        near_host, self.host = (f"100.{64 + (number >> 8)}.{number & 255}.{last}" for last in (1, 2))
        run("ip", "netns", "add", self._name)
        try:
            run("ip", "link", "add", self._near, "type", "veth", "peer", "name", far, "netns", self._name)
            run("ip", "addr", "add", f"{near_host}/30", "dev", self._near)
            run("ip", "link", "set", self._near, "up")
            run("ip", "-n", self._name, "addr", "add", f"{self.host}/30", "dev", far)
            run("ip", "-n", self._name, "link", "set", far, "up")
        except BaseException:
            self.close()
            raise

    def server(self) -> tuple[str, ...]:
        return ("tests.kills.inside", self._name, *super().server())

    @contextmanager
    def suffer(self, fault: Fault) -> Iterator[None]:
        """The cable is pulled out, or the kernel lets little pass."""
        link = ("ip", "link", "set", self._near)
        shape = ("tc", "qdisc", "{}", "dev", self._near, "root")
        if fault is Fault.SILENT:
            run(*link, "down")
        else:
            run(*(word.format("add") for word in shape), "tbf", *SHAPE)
        try:
            yield
        finally:
            if fault is Fault.SILENT:
                run(*link, "up")
            else:
                run(*(word.format("del") for word in shape))

    def close(self) -> None:
        run("ip", "netns", "del", self._name)


def run(*command: str) -> None:
    """Run a command of the system; raises OSError when it cannot do what is asked."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: status {done.returncode}: {done.stderr.strip()}")


def namespaces_here() -> bool:
    """Whether this process may make networks of its own."""
    try:
        Namespace(0).close()
    except OSError:
        return False
    return True
