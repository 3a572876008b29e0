"""The system calls that a driver is used by; the only boundary between the device link and a kernel."""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path
from typing import Protocol

Mapping = mmap.mmap | memoryview
"""mapped memory"""


class SystemCalls(Protocol):
    """What the link asks of the system. Every call raises `OSError` as the system does."""

    def open(self, path: Path) -> int:
        """Open a device for reading and writing, closed on exec; return its descriptor."""

    def ioctl(self, descriptor: int, request: int, argument: bytearray) -> None:
        """Carry out a driver's request; it reads and may change the argument."""

    def mmap(self, descriptor: int, length: int) -> Mapping:
        """Map so many bytes of the device's memory, shared and read-only."""

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""


class Kernel:
    """The calls of the system itself."""

    def open(self, path: Path) -> int:
        """Open a device for reading and writing, closed on exec; return its descriptor."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def ioctl(self, descriptor: int, request: int, argument: bytearray) -> None:
        """Carry out a driver's request; other threads run meanwhile."""
        fcntl.ioctl(descriptor, request, argument, True)

    def mmap(self, descriptor: int, length: int) -> Mapping:
        """Map so many bytes of the device's memory, shared and read-only."""
        return mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)
