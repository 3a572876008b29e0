"""What the timing board does on its own after MRA or RDC: resets, reads and integrations at their times.

Times are planned in whole nanoseconds of the detector's clock and never measured, so a sequence is the same
however late the machine runs.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from nifsdc.sdsu.links.registers import Registers
from nifsdc_sim.card import InterfaceCard
from nifsdc_sim.clock import SimClock
from nifsdc_sim.detector import CHUNK_LINES, Detector, Video
from nifsdc_sim.faults import FaultKind, Faults
from nifsdc_sim.prefetch import Prefetch

MS = 1_000_000
RESET_NS = 10 * MS
"""time of one reset of the array"""
LEAST_EXPOSURE_MS = 1
AHEAD_CHUNKS = 8
LOOK_REAL_SECONDS = 0.002
"""how often a thing that nobody announces is looked at: the host's count of pixels taken, its wish to wait"""


class Phase(Enum):
    """What the sequencer is doing."""

    IDLE = "idle"
    RESETTING = "resetting"
    READING = "reading"
    INTEGRATING = "integrating"


@dataclass(frozen=True)
class Sequence:
    """A readout to be done."""

    label: str
    """the command that asked for it"""
    start_ns: int
    resets: int
    delay_ns: int
    """from the last reset to the first read"""
    blocks: int
    reads: int
    """in each block"""
    columns: int
    rows: int
    """of one read, as RDA is to announce them"""
    sample_ns: float
    """time from one sample of an output to its next"""
    video: Video


class _GivenUp(Exception):
    """The sequence was aborted."""


class Sequencer:
    """Carries out one sequence at a time in a thread of its own.

    Parameters
    ----------
    demanded_ms
        returns the demanded exposure as it is in the utility board's memory at this moment
    """

    def __init__(
        self,
        registers: Registers,
        clock: SimClock,
        card: InterfaceCard,
        detector: Detector,
        faults: Faults,
        demanded_ms: Callable[[], int],
    ) -> None:
        self._registers = registers
        self._clock = clock
        self._card = card
        self._detector = detector
        self._faults = faults
        self._demanded_ms = demanded_ms
        self.changed = threading.Condition(threading.RLock())
        """held while a command is obeyed; notified when anything changed"""
        self.host_present = False
        """whether anyone is there to take pixels"""
        self.phase = Phase.IDLE
        self._sequence: Sequence | None = None
        self._given_up = False
        self._ending = False
        self._first_read_ns: int | None = None
        self._exposure_ns = 0
        self._demanded = 0
        self._integration_start = self._integration_end = 0
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Give up what is under way and end the thread."""
        with self.changed:
            self._ending = self._given_up = True
            self.changed.notify_all()
        self._thread.join()

    def start(self, sequence: Sequence) -> None:
        """Begin a sequence; none may be under way."""
        with self.changed:
            self._clock.hold_at(sequence.start_ns)
            self._card.release()
            self._given_up = False
            if sequence.blocks > 1:
                self._first_read_ns, self._exposure_ns = None, 0
            self.phase = Phase.RESETTING
            self._sequence = sequence
            self.changed.notify_all()

    def abort(self) -> None:
        """Give up the sequence at the end of the present row."""
        with self.changed:
            if self._sequence is not None:
                self._given_up = True
                self.changed.notify_all()

    @property
    def giving_up(self) -> bool:
        """Whether it was told to give up and has not ended yet."""
        return self._given_up and self._sequence is not None

    def stop(self) -> None:
        """Give up the sequence and wait until it has ended."""
        with self.changed:
            self.abort()
            self.changed.wait_for(lambda: self._sequence is None or self._ending)

    def current_exposure_ms(self, now_ns: int) -> int:
        """Return the time from the first read of the first block to that of the second, or so far, in ms."""
        with self.changed:
            if self._first_read_ns is not None and self._exposure_ns == 0 and self.phase is not Phase.IDLE:
                return max(0, now_ns - self._first_read_ns) // MS
            return round(self._exposure_ns / MS)

    # The thread

    def _run(self) -> None:
        while True:
            with self.changed:
                while self._sequence is None and not self._ending:
                    self._rest()
                if self._ending:
                    return
                sequence = self._sequence
            assert sequence is not None
            try:
                self._perform(sequence)
            except _GivenUp:
                self._card.release()
            with self.changed:
                if self._first_read_ns is not None and self._exposure_ns == 0:
                    self._exposure_ns = self._clock.now_ns() - self._first_read_ns
                self.phase = Phase.IDLE
                self._sequence = None
                self._clock.let_go()
                self.changed.notify_all()

    def _perform(self, sequence: Sequence) -> None:
        moment = sequence.start_ns
        for _ in range(sequence.resets):
            moment += RESET_NS
            self._until(moment)
            self._detector.reset(moment)
        moment += sequence.delay_ns
        self._until(moment)
        for block in range(sequence.blocks):
            if block > 0:
                moment = self._integrate(moment)
            self._wait_for_host(0)
            with self.changed:
                self.phase = Phase.READING
                self._begin_block(sequence, block, moment)
            moment = self._read_block(sequence, moment)

    def _begin_block(self, sequence: Sequence, block: int, moment: int) -> None:
        self._card.initialise_address(moment)
        rows, columns = sequence.rows * sequence.reads, sequence.columns
        self._card.expect(columns, rows, moment)
        if sequence.blocks > 1 and block == 0:
            self._first_read_ns = moment
        elif self._first_read_ns is not None and block == sequence.blocks - 1 and block > 0:
            self._exposure_ns = moment - self._first_read_ns

    def _integrate(self, start: int) -> int:
        """Wait as long as demanded, by a tick of the millisecond timer; return when the wait ended."""
        with self.changed:
            self.phase = Phase.INTEGRATING
            self._integration_start = start
            self._look_at_demand(start)
            self._clock.jump(self._integration_end)
            while self._clock.now_ns() < self._integration_end:
                self._clock.wait(self._integration_end, self.changed)
                self._check()
            return self._integration_end

    def look_at_demand(self) -> None:
        """Follow the demanded exposure during an integration; to be called after it may have changed."""
        with self.changed:
            if self.phase is Phase.INTEGRATING and self._demanded_ms() != self._demanded:
                self._look_at_demand(self._clock.now_ns())
                self.changed.notify_all()

    def _look_at_demand(self, now: int) -> None:
        self._demanded = self._demanded_ms()
        start = self._integration_start
        tick = start + math.ceil((now - start) / MS) * MS
        self._integration_end = max(tick, start + max(LEAST_EXPOSURE_MS, self._demanded) * MS)
        self._clock.hold_at(self._integration_end)

    def _read_block(self, sequence: Sequence, start: int) -> int:
        """Send the reads of a block and return when the last pixel was clocked."""
        line_ns = sequence.sample_ns * self._detector.layout.samples
        stop = self._faults.take(FaultKind.PIXELS_STOP, sequence.label)
        short = self._faults.take(FaultKind.SHORT_FRAME, sequence.label)
        lines = sequence.reads * self._detector.layout.lines
        stop_line = math.inf if stop is None else round(stop.fraction * lines)
        short_line = math.inf if short is None else round(short.fraction * lines)
        line = 0
        with Prefetch(self._reads(sequence, start), AHEAD_CHUNKS) as chunks:
            for group in self._groups(chunks):
                count = len(group)
                try:
                    self._until(start + round((line + count) * line_ns))
                except _GivenUp:
                    begun = (self._clock.now_ns() - start) / line_ns - line
                    self._card.take(group[: max(0, math.ceil(begun))].ravel())
                    raise
                self._wait_for_host(group.size)
                self._card.take(group.ravel())
                line += count
                if line >= stop_line:
                    self._stall()
                if line >= short_line:
                    break
        return start + round(line * line_ns)

    def _reads(self, sequence: Sequence, start: int) -> Iterator[NDArray[np.uint16]]:
        layout = self._detector.layout
        for number in range(sequence.reads):
            begin = start + round(number * layout.lines * layout.samples * sequence.sample_ns)
            yield from self._detector.read(begin, sequence.sample_ns, sequence.video)

    def _groups(self, chunks: Prefetch[NDArray[np.uint16]]) -> Iterator[NDArray[np.uint16]]:
        """Yield lines that are sent together: one at real time, more the faster the clock."""
        size = 1
        while size < CHUNK_LINES and size < self._clock.speed:
            size *= 2
        for chunk in chunks:
            for first in range(0, CHUNK_LINES, size):
                yield chunk[first : first + size]

    def _stall(self) -> None:
        """Send no more until the sequence is given up."""
        with self.changed:
            self._clock.let_go()
            while True:
                self._rest()
                self._check()

    def _until(self, moment: int) -> None:
        """Wait for a moment of the detector's clock."""
        self._clock.hold_at(moment)
        with self.changed:
            self._check()
            while self._clock.now_ns() < moment:
                self._clock.jump(moment)
                self._clock.wait(moment, self.changed)
                self._check()

    def _wait_for_host(self, pixels: int) -> None:
        """Wait until the host has made room for so many pixels; for none, until it has taken all.

        At real time nothing waits, as the hardware does not.
        """
        if not self._clock.stretches or self._has_room(pixels):
            return
        self._registers.host_awaited = True
        try:
            with self.changed:
                while self.host_present and not self._has_room(pixels):
                    self.changed.wait(LOOK_REAL_SECONDS)
                    self._check()
        finally:
            self._registers.host_awaited = False

    def _has_room(self, pixels: int) -> bool:
        return self._card.untaken() == 0 if pixels == 0 else self._card.room() >= pixels

    def _rest(self) -> None:
        """Wait for a change; meanwhile a jumping clock goes where the host waits for it to be."""
        if not self._clock.jumps:
            self.changed.wait()
        else:
            self._clock.jump(round(self._registers.host_wait * 1000 * MS))
            self.changed.wait(LOOK_REAL_SECONDS)

    def _check(self) -> None:
        if self._given_up:
            raise _GivenUp
