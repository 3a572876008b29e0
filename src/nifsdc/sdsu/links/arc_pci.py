"""ARC-63 and ARC-64 interface cards: the PCI driver's requests (sdsu facts, section 4.1).

What the facts leave open, and what was chosen, is in ``docs/links.md``.
"""

from __future__ import annotations

import errno
import struct
import time
from collections.abc import Sequence
from enum import IntEnum

from nifsdc.sdsu.errors import Busy
from nifsdc.sdsu.links.blocks import Counts
from nifsdc.sdsu.links.patience import Patient
from nifsdc.sdsu.links.syscalls import SystemCalls
from nifsdc.sdsu.words import DON, ERR, SYR, BadWords

PREFIX = 0x41524300
"""'ARC' in the upper bytes of a request, in the newer driver"""
COMMAND_WORDS = 6
SEND_SECONDS = 1.0
"""how long a command without answer may keep its sender"""
ABORT_SECONDS = 1.0
"""how long a readout may take to end once it is aborted"""
POLL_SECONDS = 0.01
TIMEOUT = 0x544F5554
"""TOUT, as the driver answers when nothing came"""
READING_OUT = 0x524F5554
"""ROUT, as it answers when pixels came instead"""
HCTR_KEPT = 0xCFF
HCTR_MODE = 0x900
"""32-bit commands to 24-bit words, and back"""
MOST_TRIES = 100


class Request(IntEnum):
    """The driver's requests that are used here."""

    GET_HCTR = 0x01
    GET_PROGRESS = 0x02
    GET_HSTR = 0x04
    GET_DMA_SIZE = 0x06
    GET_FRAMES_READ = 0x07
    SET_HCTR = 0x11
    SET_HCVR = 0x12
    COMMAND = 0x15


class Vector(IntEnum):
    """Commands of the card itself; those with bit 0x8000 are heard during a readout."""

    RESET_CONTROLLER = 0x87
    ABORT_READOUT = 0x8079


class Flag(IntEnum):
    """What became of a command: bits 3 to 5 of HSTR."""

    TIMEOUT = 0
    DONE = 1
    READ_REPLY = 2
    ERROR = 3
    SYSTEM_RESET = 4
    READOUT = 5
    BUSY = 6


LABELS = {Flag.DONE: DON, Flag.ERROR: ERR, Flag.SYSTEM_RESET: SYR}


class PciCard:
    """One card through its driver.

    Parameters
    ----------
    system, descriptor
        the open device
    prefixed
        whether the driver is the newer one, whose requests have `PREFIX`
    """

    def __init__(self, system: SystemCalls, descriptor: int, *, prefixed: bool) -> None:
        self._system = system
        self._descriptor = descriptor
        self._prefix = PREFIX if prefixed else 0
        self._commands = Patient("card commands")
        self._aborts = Patient("card aborts")
        self._late: list[int] = []
        self._reset_told = False
        """whether the reset that the flags show is known; they are cleared by the next command only"""

    def prepare(self) -> None:
        """Set how words travel between the bus and the card's 24-bit memory."""
        self._number(Request.SET_HCTR, self._number(Request.GET_HCTR) & HCTR_KEPT | HCTR_MODE)

    def buffer_bytes(self) -> int:
        """Return the size of the driver's buffer, 0 where it does not say."""
        try:
            return self._number(Request.GET_DMA_SIZE)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return 0
            raise

    def check_mapping(self, length: int) -> None:
        """Make sure that the mapping is as long as asked for; this driver refuses another at once."""

    @property
    def occupied(self) -> bool:
        """Whether a command is with the driver, so that the counts should not be asked for."""
        return self._commands.occupied

    def command(self, words: Sequence[int], deadline_s: float) -> int:
        """Send a packet and return the word of the answer; raises TimeoutError, Busy."""
        end = time.monotonic() + deadline_s
        argument = _command_argument(words)
        reply = self._commands.call(lambda: self._send(argument), deadline_s, self._keep_late)
        return self._wait_longer(end) if reply == TIMEOUT else _answer(reply)

    def begin(self, words: Sequence[int]) -> None:
        """Send a packet that has no answer; the driver waits until pixels come all the same."""
        argument = _command_argument(words)
        try:
            self._commands.call(lambda: self._send(argument), SEND_SECONDS)
        except TimeoutError:
            return

    def abort(self) -> None:
        """Abort the readout: the card tells the controller, and expects no more pixels."""
        try:
            self._aborts.call(lambda: self._number(Request.SET_HCVR, Vector.ABORT_READOUT), SEND_SECONDS)
        except TimeoutError:
            return

    def reset(self, deadline_s: float) -> int:
        """Reset the controller and return the word it announces itself with."""
        end = time.monotonic() + deadline_s
        if self._flag() is Flag.READOUT:
            self.abort()
            while self._flag() is Flag.READOUT and time.monotonic() < min(
                end, ABORT_SECONDS + end - deadline_s
            ):
                time.sleep(POLL_SECONDS)
        reply = self._commands.call(
            lambda: self._number(Request.SET_HCVR, Vector.RESET_CONTROLLER), end - time.monotonic()
        )
        self._reset_told = True
        return self._wait_longer(end) if reply == TIMEOUT else _answer(reply)

    def stray(self) -> list[int]:
        """Return and forget what came without a question."""
        found, self._late = self._late, []
        if not self._reset_told and not self.occupied and self._flag() is Flag.SYSTEM_RESET:
            self._reset_told = True
            found.append(SYR)
        return found

    def counts(self) -> Counts:
        """Return what the card shows; the frame count is the same before and after the rest."""
        frames = self._number(Request.GET_FRAMES_READ)
        for _ in range(MOST_TRIES):
            reading = self._flag() is Flag.READOUT
            pixels = self._number(Request.GET_PROGRESS)
            before, frames = frames, self._number(Request.GET_FRAMES_READ)
            if frames == before:
                break
        return Counts(frames, pixels, reading)

    def close(self) -> None:
        """Let its threads end."""
        self._commands.close()
        self._aborts.close()

    # Details

    def _send(self, argument: bytearray) -> int:
        self._reset_told = False
        try:
            self._system.ioctl(self._descriptor, self._prefix | Request.COMMAND, argument)
        except OSError as error:
            if error.errno == errno.EIO and self._flag() is Flag.READOUT:
                raise Busy("the card is reading out and takes nothing but an abort or a reset") from error
            raise
        return int(struct.unpack_from("=I", argument)[0])

    def _wait_longer(self, end: float) -> int:
        """Go on waiting for an answer that the driver has given up."""
        while time.monotonic() < end:
            flag = self._flag()
            if flag in LABELS:
                self._reset_told = True
                return LABELS[flag]
            if flag is Flag.READOUT:
                return _answer(READING_OUT)
            time.sleep(POLL_SECONDS)
        raise TimeoutError("the controller has not answered; the driver has given up too")

    def _keep_late(self, reply: int) -> None:
        if reply not in (TIMEOUT, READING_OUT):
            self._late.append(reply)

    def _flag(self) -> Flag:
        return Flag(min((self._number(Request.GET_HSTR) & 0x38) >> 3, Flag.BUSY))

    def _number(self, request: Request, value: int = 0) -> int:
        argument = bytearray(struct.pack("=I", value))
        self._system.ioctl(self._descriptor, self._prefix | request, argument)
        return int(struct.unpack("=I", argument)[0])


def _command_argument(words: Sequence[int]) -> bytearray:
    if len(words) > COMMAND_WORDS:
        raise BadWords(f"the PCI driver takes packets of up to {COMMAND_WORDS} words, not {len(words)}")
    return bytearray(struct.pack("=6i", *words, *[0] * (COMMAND_WORDS - len(words))))


def _answer(reply: int) -> int:
    if reply == TIMEOUT:
        raise TimeoutError("the driver has waited in vain for an answer")
    if reply == READING_OUT:
        raise Busy("pixels came instead of an answer: the card is reading out")
    return reply
