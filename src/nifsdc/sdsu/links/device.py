"""The link through the driver of an interface card in this host.

Not tried on hardware: what the drivers are known to do is in the sdsu facts, section 4; what they leave
open, and what was chosen, is in ``docs/links.md``.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.errors import LinkLost
from nifsdc.sdsu.links.arc_pci import PciCard
from nifsdc.sdsu.links.arc_pcie import PcieCard
from nifsdc.sdsu.links.base import DetectorClock, Progress, RealClock
from nifsdc.sdsu.links.blocks import BlockCounter, Counts
from nifsdc.sdsu.links.spec import DriverKind
from nifsdc.sdsu.links.syscalls import Kernel, SystemCalls
from nifsdc.sdsu.words import SYR, Board, header, word

DEFAULT_BUFFER_BYTES = 4200 * 4200 * 2
"""what is mapped where the driver does not say how much there is (sdsu facts, section 2.3)"""
ABR = word("ABR")
OPENING = {
    errno.ENOENT: "there is no such device: is the driver loaded, and is this the host with the card?",
    errno.ENXIO: "the driver finds no card behind it",
    errno.ENODEV: "the driver finds no card behind it",
    errno.EACCES: "it may not be opened by this user",
    errno.EPERM: "it may not be opened by this user",
    errno.EBUSY: "another host program has it open, and a card has one: end that first",
}


class Card(Protocol):
    """One kind of card through its driver; every call raises OSError as the driver does."""

    @property
    def occupied(self) -> bool:
        """Whether a command is with the driver, so that the counts should not be asked for."""

    def prepare(self) -> None:
        """Bring an opened device into the state that commands need."""

    def buffer_bytes(self) -> int:
        """Return the size of the driver's buffer, 0 where it does not say."""

    def check_mapping(self, length: int) -> None:
        """Make sure that so much is mapped."""

    def command(self, words: Sequence[int], deadline_s: float) -> int:
        """Send a packet and return the word of the answer; raises TimeoutError, Busy."""

    def begin(self, words: Sequence[int]) -> None:
        """Send a packet that has no answer."""

    def abort(self) -> None:
        """Abort the readout."""

    def reset(self, deadline_s: float) -> int:
        """Reset the controller and return the word it announces itself with."""

    def stray(self) -> list[int]:
        """Return and forget the words that came without a question."""

    def counts(self) -> Counts:
        """Return what the card shows of pixels."""

    def close(self) -> None:
        """Let go of what it holds besides the device."""


class DeviceLink:
    """A card in this host.

    Parameters
    ----------
    path
        the driver's node
    driver
        which driver it is
    connect
        whether to open it now; otherwise `reopen` does, and `name` alone may be used before
    buffer_bytes
        how much of the driver's buffer to map; 0 for all that it says it has
    system
        the system calls
    """

    def __init__(
        self,
        path: Path,
        driver: DriverKind,
        *,
        connect: bool = True,
        buffer_bytes: int = 0,
        system: SystemCalls | None = None,
    ) -> None:
        self._path = path
        self._driver = driver
        self._wanted_bytes = buffer_bytes
        self._system = Kernel() if system is None else system
        self._clock = RealClock()
        self._descriptor: int | None = None
        self._lost = "never opened"
        self._counting = threading.Lock()
        self._commanding = False
        self._asked = Board.TIMING
        if connect:
            self.reopen()

    @property
    def name(self) -> str:
        """What it leads to, for messages."""
        kind = "PCIe" if self._driver is DriverKind.PCIE else "PCI"
        return f"ARC {kind} card at {self._path}"

    @property
    def clock(self) -> DetectorClock:
        """Real time."""
        return self._clock

    @property
    def buffer(self) -> NDArray[np.uint16]:
        """The card's image buffer, shape (pixels,), read-only.

        As long as anything refers to it the system keeps the device open, also after `close`.
        """
        self._check()
        return self._buffer

    def reopen(self) -> None:
        """Open the device again; blocks count from 0 again."""
        self.close()
        try:
            self._descriptor = self._open()
        except OSError as error:
            text = OPENING.get(error.errno or 0, os.strerror(error.errno or 0))
            raise LinkLost(f"{self.name}: {text} ({error})") from error
        try:
            pcie = self._driver is DriverKind.PCIE
            prefixed = self._driver is DriverKind.PCI
            self._card: Card = (
                PcieCard(self._system, self._descriptor)
                if pcie
                else PciCard(self._system, self._descriptor, prefixed=prefixed)
            )
            self._card.prepare()
            self._buffer = self._map(self._descriptor)
            self._counter = BlockCounter(self._card.counts(), self._buffer.size)
        except OSError as error:
            raise self._give_up(f"it cannot be set up: {error}") from error

    def _open(self) -> int:
        try:
            return self._system.open(self._path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            # An array of ours that nobody needs any more may still hold the old mapping.
            gc.collect()
            return self._system.open(self._path)

    def _map(self, descriptor: int) -> NDArray[np.uint16]:
        length = self._wanted_bytes or self._card.buffer_bytes() or DEFAULT_BUFFER_BYTES
        mapped = self._system.mmap(descriptor, length)
        self._card.check_mapping(length)
        buffer = np.frombuffer(mapped, dtype=np.uint16)
        buffer.flags.writeable = False
        return buffer

    def close(self) -> None:
        """Close the device; every later call raises `LinkLost` until `reopen`."""
        if self._descriptor is not None:
            self._give_up("closed")

    def transact(self, words: Sequence[int], deadline_s: float) -> tuple[int, ...]:
        """Send a packet's words, return the answer's; TimeoutError after ``deadline_s`` real seconds.

        Raises
        ------
        Busy
            at once when the card reads out
        """
        board = Board(words[0] >> 8 & 3)
        with self._using(), self._command_under_way():
            self._asked = board
            value = self._card.command(words, deadline_s)
        return _packet(board, value)

    def send(self, words: Sequence[int]) -> None:
        """Send a packet that has no answer; ABR goes past everything else."""
        with self._using():
            if words[1] == ABR:
                self._card.abort()
                return
            with self._command_under_way():
                self._card.begin(words)

    def reset(self, deadline_s: float) -> tuple[int, ...]:
        """Reset the controller and return the words of SYR."""
        with self._using():
            with self._command_under_way():
                value = self._card.reset(deadline_s)
            with self._counting:
                self._counter.rest(self._card.counts())
        return _packet(Board.TIMING, value)

    def unasked(self) -> tuple[tuple[int, ...], ...]:
        """Return and forget the packets that have come without a question."""
        with self._using():
            found = self._card.stray()
        return tuple(_packet(Board.TIMING if value == SYR else self._asked, value) for value in found)

    def progress(self) -> Progress:
        """Return blocks since the device was opened and pixels in the present one."""
        with self._using(), self._counting:
            if not (self._commanding or self._card.occupied):
                self._counter.update(self._card.counts())
            return self._counter.progress

    def ended(self) -> Progress:
        """Return the block before the present one and the pixels that it ended with.

        Where the card has said that a block came whole, but its last count was not seen, that is the size of
        the buffer.
        """
        self._check()
        with self._counting:
            return self._counter.ended

    def consumed(self, block: int, pixels: int) -> None:
        """Do nothing: hardware waits for nobody."""
        self._check()

    # Details

    @contextlib.contextmanager
    def _command_under_way(self) -> Iterator[None]:
        """Look at the counts before a command, and let nobody look during it.

        The PCI card puts counts and answers into one queue, so that one could be taken for the other.
        """
        with self._counting:
            if not self._card.occupied:
                self._counter.rest(self._card.counts())
            self._commanding = True
        try:
            yield
        finally:
            self._commanding = False

    def _check(self) -> None:
        if self._descriptor is None:
            raise LinkLost(f"the link to the {self.name} is down ({self._lost}): init opens it again")

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        self._check()
        try:
            yield
        except TimeoutError:
            raise
        except OSError as error:
            raise self._give_up(str(error)) from error

    def _give_up(self, reason: str) -> LinkLost:
        descriptor, self._descriptor, self._lost = self._descriptor, None, reason
        if descriptor is not None:
            self._card.close()
            self._buffer = np.zeros(0, dtype=np.uint16)
            with contextlib.suppress(OSError):
                self._system.close(descriptor)
        return LinkLost(f"the link to the {self.name} broke ({reason}): init opens it again")


def _packet(board: Board, value: int) -> tuple[int, ...]:
    return (header(board, Board.HOST, 2), value)
