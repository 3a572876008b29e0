"""A link that writes down every word that goes through it (see `nifsdc.sdsu.trace_file`)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.errors import LinkLost
from nifsdc.sdsu.links.base import DetectorClock, Link, Progress
from nifsdc.sdsu.trace_file import FIRST_LINE, Event, What


class TracedLink:
    """A link on top of another one; it does what that one does.

    Only a link that is being traced writes anything: until `start` and after `stop` words pass as they are.
    Each line is written when it happens, so that a trace is whole up to the moment of a crash.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        """the one below"""
        self._lock = threading.Lock()
        self._sink: TextIO | None = None
        self._began = 0.0
        self._pixels = Progress(0, 0)

    def start(self, sink: TextIO) -> None:
        """Write what happens from now on; the file stays open and the caller's."""
        with self._lock:
            moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            sink.write(f"{FIRST_LINE}\n# {self.link.name}, {moment}\n")
            self._sink, self._began, self._pixels = sink, time.monotonic(), Progress(0, 0)

    def stop(self) -> None:
        """Write no more, after the last count of pixels."""
        self._note_pixels()
        with self._lock:
            self._sink = None

    @property
    def tracing(self) -> bool:
        """Whether it writes."""
        return self._sink is not None

    @property
    def name(self) -> str:
        """What it leads to, for messages."""
        return self.link.name

    @property
    def clock(self) -> DetectorClock:
        """The detector's clock."""
        return self.link.clock

    @property
    def buffer(self) -> NDArray[np.uint16]:
        """The interface card's image buffer."""
        return self.link.buffer

    def transact(self, words: Sequence[int], deadline_s: float) -> tuple[int, ...]:
        """Send a packet, return its answer; see `Link.transact`."""
        self._note_pixels()
        self._note(What.ASK, words)
        return self._answer(lambda: self.link.transact(words, deadline_s))

    def reset(self, deadline_s: float) -> tuple[int, ...]:
        """Reset the controller; see `Link.reset`."""
        self._note_pixels()
        self._note(What.RESET)
        return self._answer(lambda: self.link.reset(deadline_s))

    def send(self, words: Sequence[int]) -> None:
        """Send a packet that has no answer."""
        self._note_pixels()
        self._note(What.TELL, words)
        with self._noting_loss():
            self.link.send(words)

    def unasked(self) -> tuple[tuple[int, ...], ...]:
        """Return and forget the packets that came without having been asked for."""
        with self._noting_loss():
            packets = self.link.unasked()
        for packet in packets:
            self._note(What.UNASKED, packet)
        return packets

    def progress(self) -> Progress:
        """Return the count of blocks and of pixels in the present one."""
        return self.link.progress()

    def ended(self) -> Progress:
        """Return the block before the present one and its pixels."""
        return self.link.ended()

    def consumed(self, block: int, pixels: int) -> None:
        """Say that pixels of a block have been taken from the buffer."""
        self.link.consumed(block, pixels)

    def reopen(self) -> None:
        """Connect again."""
        self._note(What.REOPEN)
        with self._noting_loss():
            self.link.reopen()
        self._pixels = Progress(0, 0)

    def close(self) -> None:
        """Stop tracing and let go of the connection."""
        self.stop()
        self.link.close()

    def _answer(self, ask: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
        try:
            with self._noting_loss():
                answer = ask()
        except TimeoutError:
            self._note(What.SILENCE)
            raise
        self._note(What.ANSWER, answer)
        return answer

    @contextlib.contextmanager
    def _noting_loss(self) -> Iterator[None]:
        try:
            yield
        except LinkLost:
            self._note(What.LOST)
            raise

    def _note_pixels(self) -> None:
        """Note what has come since the last look, so that a replay waits for as much before it goes on."""
        if self._sink is None:
            return
        with contextlib.suppress(LinkLost):
            progress = self.link.progress()
            if progress != self._pixels:
                self._pixels = progress
                self._note(What.PIXELS, progress)

    def _note(self, what: What, numbers: Sequence[int] = ()) -> None:
        with self._lock:
            if self._sink is not None:
                self._sink.write(f"{Event(time.monotonic() - self._began, what, tuple(numbers))}\n")
                self._sink.flush()
