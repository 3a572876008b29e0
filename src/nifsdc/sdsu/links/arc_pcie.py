"""ARC-66 and ARC-67 interface cards: registers through the PCIe driver (sdsu facts, section 4.2).

What the facts leave open, and what was chosen, is in ``docs/links.md``.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from enum import IntEnum, IntFlag

from nifsdc.sdsu.errors import Busy, UnexpectedReply
from nifsdc.sdsu.links.arc_pci import PREFIX
from nifsdc.sdsu.links.blocks import Counts
from nifsdc.sdsu.links.syscalls import SystemCalls
from nifsdc.sdsu.words import PREAMBLE, SYR, WORD_MASK, Board, header, word

DEVICE_BAR = 2
COMMAND_MARK = PREAMBLE << 24
"""the preamble, which the host writes before each word"""
CLEAR_ALL = 0x7F
ABORT_SECONDS = 1.0
"""how long a readout may take to end once it is aborted"""
SPIN_SECONDS = 0.001
"""how long an answer is looked for without a pause: most come in less"""
POLL_SECONDS = 0.0005
MOST_TRIES = 100
CONTROLLER_RESET = 0x0B
ABORT = (header(Board.HOST, Board.TIMING, 2), word("ABR"))


class Request(IntEnum):
    """The driver's requests that are used here."""

    READ_BAR = 0x01
    WRITE_BAR = 0x02
    BUFFER_PROP = 0x0A


class Register(IntEnum):
    """Offsets in the device's registers (BAR 2); words of a packet follow each other from its header on."""

    COMMAND_HEADER = 0x00
    SPECIAL_COMMAND = 0x1C
    STATUS = 0x60
    COMMAND_REPLY = 0x64
    PIXEL_COUNT = 0x70
    FRAME_COUNT = 0x74


class Status(IntFlag):
    """Bits of the status register."""

    SENT = 0x01
    REPLIED = 0x02
    READOUT = 0x04
    CONTROLLER_RESET = 0x08
    HEADER_ERROR = 0x10
    READ_TIMEOUT = 0x20


class PcieCard:
    """One card through its driver.

    Parameters
    ----------
    system, descriptor
        the open device
    """

    occupied = False
    """no request of this driver waits for the controller"""

    def __init__(self, system: SystemCalls, descriptor: int) -> None:
        self._system = system
        self._descriptor = descriptor
        self._reply_known = self._reset_known = True
        """whether the reply and the reset that the status shows are known; it is cleared before the next
        command and not at once, because a readout may have begun that it shows too"""

    def prepare(self) -> None:
        """Forget what was there before."""
        self._clear()

    def buffer_bytes(self) -> int:
        """Return the size of what is mapped of the driver's buffer; 0 before anything is."""
        argument = bytearray(struct.pack("@LL", 0, 0))
        self._system.ioctl(self._descriptor, PREFIX | Request.BUFFER_PROP, argument)
        _, size = struct.unpack("@LL", argument)
        return int(size)

    def check_mapping(self, length: int) -> None:
        """Make sure that the mapping is as long as asked for; raises OSError."""
        size = self.buffer_bytes()
        if size < length:
            raise OSError(f"{length} bytes of the image buffer were asked for, {size} are mapped")

    def command(self, words: Sequence[int], deadline_s: float) -> int:
        """Send a packet and return the word of the answer; raises TimeoutError, Busy, UnexpectedReply."""
        self.begin(words)
        return self._reply(deadline_s)

    def begin(self, words: Sequence[int]) -> None:
        """Send a packet that has no answer."""
        if self._status() & Status.READOUT:
            raise Busy("the card is reading out and takes nothing but an abort or a reset")
        self._clear()
        self._send(words)

    def abort(self) -> None:
        """Send the abort, which goes past the check that other commands have to pass."""
        self._send(ABORT)

    def reset(self, deadline_s: float) -> int:
        """Reset the controller, after an abort where it reads out; return how it announces itself."""
        end = time.monotonic() + deadline_s
        if self._status() & Status.READOUT:
            self.abort()
            until = min(end, time.monotonic() + ABORT_SECONDS)
            while self._status() & Status.READOUT and time.monotonic() < until:
                time.sleep(POLL_SECONDS)
        self._clear()
        self._write(Register.SPECIAL_COMMAND, CONTROLLER_RESET)
        return self._reply(end - time.monotonic())

    def stray(self) -> list[int]:
        """Return and forget what came without a question."""
        status = self._status()
        found = []
        if status & Status.CONTROLLER_RESET and not self._reset_known:
            self._reset_known = True
            found.append(SYR)
        elif status & Status.REPLIED and not self._reply_known:
            self._reply_known = True
            found.append(self._read(Register.COMMAND_REPLY) & WORD_MASK)
        return found

    def counts(self) -> Counts:
        """Return what the card shows; the frame count is the same before and after the rest."""
        frames = self._read(Register.FRAME_COUNT)
        for _ in range(MOST_TRIES):
            reading = bool(self._status() & Status.READOUT)
            pixels = self._read(Register.PIXEL_COUNT)
            before, frames = frames, self._read(Register.FRAME_COUNT)
            if frames == before:
                break
        return Counts(frames, pixels, reading)

    def close(self) -> None:
        """Nothing is to be let go."""

    # Details

    def _clear(self) -> None:
        self._write(Register.STATUS, CLEAR_ALL)
        self._reply_known = self._reset_known = False

    def _send(self, words: Sequence[int]) -> None:
        for place, value in enumerate(words):
            self._write(Register.COMMAND_HEADER + 4 * place, COMMAND_MARK | value)

    def _reply(self, seconds: float) -> int:
        start = time.monotonic()
        while True:
            status = self._status()
            if status & Status.HEADER_ERROR:
                raise UnexpectedReply("the card says that the answer's header is wrong: init")
            if status & Status.CONTROLLER_RESET:
                self._reset_known = True
                return SYR
            if status & Status.REPLIED:
                self._reply_known = True
                return self._read(Register.COMMAND_REPLY) & WORD_MASK
            waited = time.monotonic() - start
            if waited >= seconds:
                raise TimeoutError(f"no answer within {seconds:g} s; the card's status is {status:#x}")
            if waited > SPIN_SECONDS:
                time.sleep(POLL_SECONDS)

    def _status(self) -> int:
        return self._read(Register.STATUS)

    def _read(self, offset: int) -> int:
        argument = bytearray(struct.pack("=II", DEVICE_BAR, offset))
        self._system.ioctl(self._descriptor, PREFIX | Request.READ_BAR, argument)
        return int(struct.unpack_from("=I", argument)[0])

    def _write(self, offset: int, value: int) -> None:
        argument = bytearray(struct.pack("=III", DEVICE_BAR, offset, value))
        self._system.ioctl(self._descriptor, PREFIX | Request.WRITE_BAR, argument)
