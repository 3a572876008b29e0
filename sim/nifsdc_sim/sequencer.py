"""What the timing board does on its own after RDC, MRA, RDT or MRC: clears, reads, integrations, in time.

Times are planned in whole nanoseconds of the detector's clock and never measured, so a sequence is the same
however late the machine runs.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from nifsdc.sdsu.links.registers import PIXEL_BITS, Registers
from nifsdc_sim.agenda import LOOK_REAL_SECONDS, Agenda
from nifsdc_sim.arrays import DetectorArray
from nifsdc_sim.card import InterfaceCard
from nifsdc_sim.ccd_clocking import Clocking
from nifsdc_sim.chunk import Chunk
from nifsdc_sim.detector import Video
from nifsdc_sim.exposure import MS, CurrentExposure
from nifsdc_sim.faults import Faults
from nifsdc_sim.fibre import PixelFaults
from nifsdc_sim.prefetch import Prefetch

LEAST_EXPOSURE_MS = 1
AHEAD_CHUNKS = 8
AHEAD_FRAMES = 3
MOST_PIXELS = (1 << PIXEL_BITS) - 1
"""that the interface card counts in a block"""


class Phase(Enum):
    """What the sequencer is doing."""

    IDLE = "idle"
    RESETTING = "resetting"
    READING = "reading"
    INTEGRATING = "integrating"


class Integration(Enum):
    """When a sequence waits for the demanded exposure, and what its reads tell the noticeboard."""

    NONE = "none"
    """never (RDC)"""
    BETWEEN = "between"
    """between its two blocks; the current exposure is the time between their beginnings (MRA)"""
    BEFORE = "before"
    """before each block; the current exposure is the last of these waits (MRC)"""
    AT_TIME = "at time"
    """until the time since the command reaches the demand, which counts once each time that it is written;
    the current exposure is the time of the last block (RDT)"""


@dataclass(frozen=True)
class Sequence:
    """A readout to be done."""

    label: str
    """the command that asked for it"""
    start_ns: int
    resets: int
    delay_ns: int
    """from the last reset to the first read"""
    blocks: int | None
    """None until it is aborted"""
    reads: int
    """in each block"""
    integration: Integration
    columns: int
    rows: int
    """of one read, as RDA is to announce them"""
    clocking: Clocking
    """what the noticeboard said of windows and binning"""
    sample_ns: float
    """time from one sample of an output to its next"""
    video: Video
    stream: Iterator[Chunk] | None = None
    """frames of a run, sent one after another in place of resets and blocks of reads; ``reads`` is their
    number, or 0 if they go on until the run is aborted"""


class _GivenUp(Exception):
    """The sequence was aborted."""


class Sequencer:
    """Carries out one sequence at a time in a thread of its own, which also keeps the agenda.

    Parameters
    ----------
    demanded_ms
        returns the demanded exposure as it is in the utility board's memory at this moment
    """

    def __init__(
        self,
        registers: Registers,
        agenda: Agenda,
        card: InterfaceCard,
        array: DetectorArray,
        faults: Faults,
        current: CurrentExposure,
        demanded_ms: Callable[[], int],
    ) -> None:
        self._registers = registers
        self._agenda = agenda
        self._clock = agenda.clock
        self._card = card
        self._array = array
        self._faults = faults
        self._current = current
        self._demanded_ms = demanded_ms
        self.changed = agenda.changed
        """held while a command is obeyed; notified when anything changed"""
        self.host_present = False
        """whether anyone is there to take pixels"""
        self.phase = Phase.IDLE
        self._sequence: Sequence | None = None
        self._given_up = False
        self._ending = False
        self._unsent: int | None = None
        """pixels of the present block that are still to be sent; None before it"""
        self._wanted = True
        """whether the demand is one that counts"""
        self._integration_start = 0
        self._integration_end: int | None = None
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
            self._agenda.hold(sequence.start_ns)
            self._card.release()
            self._given_up = False
            self._unsent = None
            if sequence.integration is not Integration.NONE:
                self._current.zero()
            self._wanted = sequence.integration is not Integration.AT_TIME
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
        """Whether it was told to give up, or has sent a block's last pixel, and has not acted on that."""
        return (self._given_up or self._unsent == 0) and self._sequence is not None

    def stop(self) -> None:
        """Give up the sequence and wait until it has ended."""
        with self.changed:
            self.abort()
            self.changed.wait_for(lambda: self._sequence is None or self._ending)

    def demand_written(self) -> None:
        """Follow the demanded exposure during an integration; to be called when it was written."""
        with self.changed:
            if self.phase is Phase.INTEGRATING:
                self._wanted = True
                self._look_at_demand(self._clock.now_ns())
                self.changed.notify_all()

    # The thread

    def _run(self) -> None:
        while True:
            with self.changed:
                while self._sequence is None and not self._ending:
                    self._agenda.rest()
                if self._ending:
                    return
                sequence = self._sequence
            assert sequence is not None
            try:
                if sequence.stream is None:
                    self._perform(sequence)
                else:
                    self._send_run(sequence, sequence.stream)
            except _GivenUp:
                self._card.release()
            with self.changed:
                if sequence.integration is not Integration.NONE:
                    self._current.stop(self._clock.now_ns())
                self.phase = Phase.IDLE
                self._sequence = None
                self._agenda.free()
                self.changed.notify_all()

    def _perform(self, sequence: Sequence) -> None:
        moment = sequence.start_ns
        for _ in range(sequence.resets):
            moment += self._array.clear_ns
            self._until(moment)
            self._array.clear(moment)
        moment += sequence.delay_ns
        self._until(moment)
        block = 0
        while sequence.blocks is None or block < sequence.blocks:
            if block > 0 or sequence.integration is Integration.BEFORE:
                moment = self._integrate(sequence, moment)
            self._wait_for_host(0)
            with self.changed:
                self.phase = Phase.READING
                self._tell_exposure(sequence, block, moment)
                self._card.initialise_address(moment)
                self._card.expect(sequence.columns, sequence.rows * sequence.reads, moment)
            block += 1
            moment = self._read_block(sequence, moment)

    def _tell_exposure(self, sequence: Sequence, block: int, moment: int) -> None:
        """Put on the noticeboard what the beginning of a block says of the exposure."""
        match sequence.integration:
            case Integration.BETWEEN if block == 0:
                self._current.run(moment)
            case Integration.BETWEEN | Integration.BEFORE:
                self._current.stop(moment)
            case Integration.AT_TIME:
                self._current.store(moment - sequence.start_ns)

    def _integrate(self, sequence: Sequence, start: int) -> int:
        """Wait as long as demanded, by a tick of the millisecond timer; return when the wait ended."""
        with self.changed:
            self.phase = Phase.INTEGRATING
            self._unsent = None
            if sequence.integration is Integration.AT_TIME:
                self._integration_start = sequence.start_ns
            else:
                self._integration_start = start
            if sequence.integration is Integration.BEFORE:
                self._current.zero()
                self._current.run(start)
            self._look_at_demand(start)
            while True:
                self._agenda.until(lambda: self._integration_end, self._check)
                if self._integration_end is not None:
                    break
                self._agenda.rest()
            if sequence.integration is Integration.AT_TIME:
                self._wanted = False
            return self._integration_end

    def _look_at_demand(self, now: int) -> None:
        if not self._wanted:
            self._integration_end = None
            return
        start = self._integration_start
        tick = start + math.ceil((now - start) / MS) * MS
        self._integration_end = max(tick, start + max(LEAST_EXPOSURE_MS, self._demanded_ms()) * MS)
        self._agenda.hold(self._integration_end)

    def _read_block(self, sequence: Sequence, start: int) -> int:
        """Send the reads of a block and return when the last pixel was clocked."""
        pixels = sequence.reads * self._array.pixels(sequence.clocking)
        faults = PixelFaults.take(self._faults, sequence.label, pixels)
        self._unsent = pixels
        reads = self._array.read(sequence.clocking, start, sequence.sample_ns, sequence.video, sequence.reads)
        return self._send_all(reads, AHEAD_CHUNKS, start, faults)

    def _send_run(self, sequence: Sequence, frames: Iterator[Chunk]) -> None:
        """Send the frames of a run, as one block."""
        pixels = sequence.columns * sequence.rows * max(1, sequence.reads)
        faults = PixelFaults.take(self._faults, sequence.label, pixels)
        self._wait_for_host(0)
        with self.changed:
            self.phase = Phase.READING
            self._unsent = pixels if sequence.reads else None
            self._card.initialise_address(sequence.start_ns)
            rows = sequence.rows * sequence.reads or MOST_PIXELS // max(1, sequence.columns)
            self._card.expect(sequence.columns, rows, sequence.start_ns)
        self._send_all(frames, AHEAD_FRAMES, sequence.start_ns, faults)

    def _send_all(self, pixels: Iterable[Chunk], ahead: int, start: int, faults: PixelFaults) -> int:
        """Send chunks, made a few ahead of their time; return when the last pixel was clocked."""
        sent = 0
        moment = start
        complete = False
        try:
            with Prefetch(pixels, ahead) as chunks:
                for chunk in chunks:
                    self._send(chunk, moment, faults)
                    sent += 1
                    moment = chunk.end_ns
                    if faults.stalled:
                        self._stall()
                    if faults.ended:
                        break
                else:
                    complete = True
        finally:
            if not complete:
                self._array.stop_after(sent)
        return moment

    def _send(self, chunk: Chunk, begin: int, faults: PixelFaults) -> None:
        """Send a chunk when it has been clocked; after an abort the rows of it that have begun."""
        try:
            self._until(chunk.end_ns)
        except _GivenUp:
            clocked = (self._clock.now_ns() - begin) / max(1, chunk.end_ns - begin)
            rows = max(0, math.ceil(clocked * chunk.rows))
            self._card.take(faults.pass_on(chunk.pixels[: rows * (chunk.pixels.size // chunk.rows)]))
            raise
        pixels = faults.pass_on(chunk.pixels)
        self._wait_for_host(pixels.size)
        if self._unsent is not None:
            # Before the host can see them: what it says to its last pixel is obeyed, not refused.
            self._unsent -= chunk.pixels.size
        self._card.take(pixels)

    def _stall(self) -> None:
        """Send no more until the sequence is given up."""
        with self.changed:
            while True:
                self._check()
                self._agenda.rest()

    def _until(self, moment: int) -> None:
        """Wait for a moment of the detector's clock."""
        self._agenda.until(lambda: moment, self._check)

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

    def _check(self) -> None:
        if self._given_up:
            raise _GivenUp
