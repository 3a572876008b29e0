"""Drivers of ARC interface cards at the system-call boundary, in front of a simulator process.

They answer the requests on record (sdsu facts, sections 4.1 and 4.2), with the numbers written out here once
more so that a wrong one in the link is found. What the timing board would send comes from the simulator.
"""

from __future__ import annotations

import abc
import errno
import os
import struct
import threading
import time
from pathlib import Path

from nifsdc.sdsu.links.base import Progress
from nifsdc.sdsu.links.sim import SimLink
from nifsdc_sim.process import SimulatorProcess

FULL_READ = 4 * 1024 * (1024 + 32)
READOUT = 5
TOUT, ROUT = 0x544F5554, 0x524F5554
SYR, RDC, GRB, MRA, ABR = 0x535952, 0x524443, 0x475242, 0x4D5241, 0x414252
FLAGS = {0x444F4E: 1, 0x455252: 3, SYR: 4}
FIRST_DESCRIPTOR = 1000
DRIVER_SECONDS = 8.0
"""how long the PCI driver waits for an answer"""


class FakeDriver(abc.ABC):
    """What both kinds have in common: one opener, the buffer, the pixel count, the readout.

    Parameters
    ----------
    simulator
        the controller behind the card
    node
        the path of the device; there is no other
    """

    def __init__(self, simulator: SimulatorProcess, node: Path) -> None:
        self.node = node
        self.calls: list[tuple[str, int]] = []
        """system calls in their order: name, and the request of an ioctl"""
        self.refuses: dict[int, int] = {}
        """requests that fail, and the errno they fail by"""
        self.opened = False
        self.driver_seconds = DRIVER_SECONDS
        self._next = FIRST_DESCRIPTOR
        self._descriptor: int | None = None
        self._lock = threading.RLock()
        self._link = SimLink(simulator.host, simulator.port, simulator.buffer, connect=False)
        self._simulator = simulator
        self._wanted = 0
        self._first = 0
        self._awaited = 0
        self._whole = 0
        self._seen = Progress(0, 0)

    # System calls

    def open(self, path: Path) -> int:
        self.calls.append(("open", 0))
        if path != self.node:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        if self._descriptor is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
        self._link.reopen()
        self._seen, self._awaited, self._whole = Progress(0, 0), 0, 0
        self._descriptor = self._next
        self._next += 1
        return self._descriptor

    def ioctl(self, descriptor: int, request: int, argument: bytearray) -> None:
        self._check(descriptor)
        self.calls.append(("ioctl", request))
        if request in self.refuses:
            raise OSError(self.refuses[request], os.strerror(self.refuses[request]))
        self.answer(request, argument)

    def mmap(self, descriptor: int, length: int) -> memoryview:
        self._check(descriptor)
        self.calls.append(("mmap", length))
        if length > self._link.buffer.nbytes:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self._link.buffer.data.cast("B")[:length]

    def close(self, descriptor: int) -> None:
        self._check(descriptor)
        self.calls.append(("close", 0))
        self._descriptor = None
        self._link.close()

    def consumed(self, block: int, pixels: int) -> None:
        """Let the simulator go on; a test cannot be fast enough for sure, as a card's host has to be."""
        self._link.consumed(block, pixels)

    # For the kinds of driver

    @abc.abstractmethod
    def answer(self, request: int, argument: bytearray) -> None:
        """Carry out a request."""

    @property
    def buffer_bytes(self) -> int:
        return int(self._link.buffer.nbytes)

    def counts(self) -> tuple[int, int, bool]:
        """Return whole frames, pixels and whether pixels are awaited."""
        with self._lock:
            block, pixels = self._link.progress()
            while self._seen.block < block:
                self._end_block(block)
            self._seen = Progress(block, pixels)
            begun = self._first <= block < self._first + self._awaited
            full = begun and pixels >= self._wanted
            reading = begun and not full
            return self._whole + full, pixels, reading

    def _end_block(self, present: int) -> None:
        """Count the block after which another began."""
        number = self._seen.block
        ended = self._link.ended()
        short = ended.block == number and ended.pixels < self._wanted
        if self._first <= number < self._first + self._awaited and not short:
            self._whole += 1
        self._seen = Progress(number + 1, 0)

    def note(self, words: tuple[int, ...]) -> None:
        """Remember how many blocks of how many pixels a command is going to bring."""
        with self._lock:
            label = words[1]
            blocks = {RDC: 1, GRB: 2, MRA: 2}.get(label)
            if label == ABR:
                self._give_up()
            elif blocks is not None:
                _, _, reading = self.counts()
                assert not reading
                self._whole += self._full_now()
                self._first = self._seen.block + 1
                self._awaited = blocks
                self._wanted = FULL_READ * (words[2] if label == MRA else 1)

    def _full_now(self) -> bool:
        number, pixels = self._seen
        full = self._first <= number < self._first + self._awaited and pixels >= self._wanted
        self._awaited = 0
        return full

    def _give_up(self) -> None:
        self.counts()
        self._whole += self._full_now()

    def _check(self, descriptor: int) -> None:
        if descriptor != self._descriptor:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class FakePci(FakeDriver):
    """The PCI driver; ``prefix`` is what stands before its codes."""

    def __init__(self, simulator: SimulatorProcess, node: Path, prefix: int) -> None:
        super().__init__(simulator, node)
        self.prefix = prefix
        self.hctr = 0xFFFF_FFFF
        self._flag = 0
        self._commanding = False
        self._heard: set[int] = set()

    def answer(self, request: int, argument: bytearray) -> None:
        code = request ^ self.prefix
        if code == 0x15 and len(argument) == 24:
            words = struct.unpack("=6i", argument)
            struct.pack_into("=I", argument, 0, self._command(words[: words[0] & 0xFF]))
        elif len(argument) == 4:
            (value,) = struct.unpack("=I", argument)
            argument[:] = struct.pack("=I", self._number(code, value))
        else:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))

    def _number(self, code: int, value: int) -> int:
        if code == 0x01:
            return self.hctr
        if code == 0x02:
            return self.counts()[1]
        if code == 0x04:
            return self._status() << 3 | 0x6
        if code == 0x06:
            return self.buffer_bytes
        if code == 0x07:
            return self.counts()[0]
        if code == 0x11:
            self.hctr = value
            return value
        if code == 0x12:
            return self._vector(value)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def _status(self) -> int:
        with self._lock:
            if not self._commanding and any(packet[1] == SYR for packet in self._link.unasked()):
                self._flag = FLAGS[SYR]
            return READOUT if self.counts()[2] else self._flag

    def _vector(self, vector: int) -> int:
        if not vector & 0x8000 and self._status() == READOUT:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if vector == 0x87:
            self._give_up()
            value = self._link.reset(DRIVER_SECONDS)[1]
            self._flag = FLAGS[value]
            return value
        if vector == 0x8079:
            self._link.send((0x000202, ABR))
            self._give_up()
            return 0x444F4E
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def _command(self, words: tuple[int, ...]) -> int:
        if self._status() == READOUT:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        assert self.hctr == 0x900 | 0xFFFF_FFFF & 0xCFF, "HCTR is not set for 24-bit words"
        self.note(words)
        with self._lock:
            self._commanding = True
        try:
            if words[1] == RDC:
                return self._wait_for_pixels(words)
            value = self._link.transact(words, self.driver_seconds)[1]
        except TimeoutError:
            self._flag = 0
            return TOUT
        finally:
            self._commanding = False
        self._flag = FLAGS.get(value, 2)
        return value

    def _wait_for_pixels(self, words: tuple[int, ...]) -> int:
        """Wait for an answer, as the driver does also where none comes, until pixels do."""
        self._link.send(words)
        end = time.monotonic() + self.driver_seconds
        while time.monotonic() < end:
            if self._link.progress().block >= self._first:
                return ROUT
            time.sleep(0.001)
        return TOUT


class FakePcie(FakeDriver):
    """The PCIe driver."""

    PREFIX = 0x41524300

    def __init__(self, simulator: SimulatorProcess, node: Path) -> None:
        super().__init__(simulator, node)
        self._registers = dict.fromkeys(range(0, 0x80, 4), 0)
        self._status = 0
        self._mapped = 0

    def mmap(self, descriptor: int, length: int) -> memoryview:
        mapped = super().mmap(descriptor, length)
        self._mapped = length
        return mapped

    def answer(self, request: int, argument: bytearray) -> None:
        code = request ^ self.PREFIX
        if code == 0x0A and len(argument) == struct.calcsize("@LL"):
            argument[:] = struct.pack("@LL", 0x1000_0000, self._mapped)
        elif code == 0x01 and len(argument) == 8:
            bar, offset = struct.unpack("=II", argument)
            struct.pack_into("=I", argument, 0, self._read(bar, offset))
        elif code == 0x02 and len(argument) == 12:
            self._write(*struct.unpack("=III", argument))
        else:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def _read(self, bar: int, offset: int) -> int:
        if bar != 2 or offset not in self._registers:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        with self._lock:
            frames, pixels, reading = self.counts()
            self._listen()
            special = {0x60: self._status | (0x4 if reading else 0), 0x70: pixels, 0x74: frames}
            return special.get(offset, self._registers[offset])

    def _listen(self) -> None:
        for header, value, *_ in self._link.unasked():
            self._registers[0x64] = value
            self._status = self._status & ~0x3 | (0x8 if value == SYR else 0x2)
            if header not in (0x020002, 0x030002):
                self._status |= 0x10

    def _write(self, bar: int, offset: int, value: int) -> None:
        if bar != 2 or offset not in self._registers:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        with self._lock:
            if offset == 0x60:
                assert value == 0x7F
                self._status = 0
            elif offset == 0x1C:
                assert value == 0x0B
                self._give_up()
                self._link.reset(DRIVER_SECONDS)
                self._status = 0x8
            else:
                assert value >> 24 == 0xAC, f"{value:#x} has no preamble"
                self._registers[offset] = value & 0xFFFFFF
                self._send_when_whole(offset)

    def _send_when_whole(self, offset: int) -> None:
        count = self._registers[0x00] & 0xFF
        if offset != 4 * (count - 1):
            return
        words = tuple(self._registers[place] for place in range(0, 4 * count, 4))
        self.note(words)
        self._status |= 0x1
        self._link.send(words)
