"""The timing board: it clocks the detector and sends its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from nifsdc.sdsu import frames
from nifsdc.sdsu.frames import FrameCommand
from nifsdc.sdsu.words import DON, Board, Space
from nifsdc_sim.agenda import Agenda
from nifsdc_sim.arrays import HIGH, LOW, DetectorArray, boot_programmes
from nifsdc_sim.ccd_clocking import Clocking
from nifsdc_sim.chunk import Chunk
from nifsdc_sim.detector import Video
from nifsdc_sim.dsp import Dsp, Errno, Later, Refused, Rule
from nifsdc_sim.exposure import MS
from nifsdc_sim.ft_array import FrameOrder, FrameTransferArray
from nifsdc_sim.memory import DspMemory
from nifsdc_sim.program import (
    BOOT_PROM,
    WINDOW_ROWS,
    WINDOW_TABLE_WORDS,
    Routine,
    timing_program,
)
from nifsdc_sim.sequencer import Integration, Phase, Sequence, Sequencer

INACTIVE, CLEARING, INTEGRATING, READING = range(4)
"""the clock states of the noticeboard"""
RESET_DELAY, RESETS, ROWS, COLUMNS, MODE, X_BINNING, Y_BINNING, WINDOWING = (
    0xFF - 8, 0xFF - 7, 0xFF - 6, 0xFF - 5, 0xFF - 4, 0xFF - 2, 0xFF - 1, 0xFF,
)  # fmt: skip
RUNS = {
    Routine.FRAMES_NO_CLEAR: FrameCommand.NO_CLEAR,
    Routine.FRAMES_CLEAR: FrameCommand.CLEAR,
    Routine.FRAMES_DRIFT: FrameCommand.DRIFT,
}


class TimingBoard:
    """The timing board with its processor; `idle` and the speed are what its clocks do between commands."""

    def __init__(self, agenda: Agenda, sequencer: Sequencer, array: DetectorArray, seed: int) -> None:
        self._clock = agenda.clock
        self._sequencer = sequencer
        self._array = array
        self.powered = False
        """whether the analogue circuits have power; the utility board switches it"""
        self.dsp = Dsp(
            Board.TIMING,
            DspMemory(seed),
            agenda,
            {
                Routine.CLEAR: Rule(self._clear),
                Routine.READ_OUT: Rule(self._read_out),
                Routine.ABORT: Rule(self._abort),
                Routine.LOW_SPEED: Rule(lambda _: self._set_speed(LOW)),
                Routine.HIGH_SPEED: Rule(lambda _: self._set_speed(HIGH)),
                Routine.IDLE: Rule(self._start_idle),
                Routine.STOP_IDLE: Rule(self._stop_idle),
                Routine.MULTIPLE_READ: Rule(lambda words: self._multiple_read("MRA", words[0]), (1,)),
                Routine.GRAB: Rule(lambda _: self._multiple_read("GRB", 1)),
                Routine.READ_AT_TIME: Rule(lambda words: self._read_at_time(words[0]), (1,)),
                Routine.MULTIPLE_CLEAR: Rule(lambda words: self._multiple_clear(words[0]), (1,)),
                **{
                    routine: Rule(partial(self._run_frames, command), (1,))
                    for routine, command in RUNS.items()
                },
            },
            {BOOT_PROM: timing_program(boot_programmes(array))},
        )
        self.dsp.add_boot_command("STP", lambda _: DON)
        self.dsp.before_read = self._update
        self.dsp.started = self._application_started
        self._power_up()

    def reset(self) -> None:
        """Lose the programme; the clocks are inactive and slow."""
        self.dsp.reset()
        self._power_up()

    def _power_up(self) -> None:
        self.idle = False
        self.powered = False
        self._speed = LOW
        self._array.set_speed(LOW)

    @property
    def clock_state(self) -> int:
        """0 inactive, 1 clearing, 2 integrating, 3 reading out."""
        if self.dsp.table is None:
            return INACTIVE
        if self._sequencer.phase is Phase.READING:
            return READING
        if self._sequencer.phase is Phase.RESETTING or self.dsp.busy:
            return CLEARING
        if self._sequencer.phase is Phase.INTEGRATING or not self.idle:
            return INTEGRATING
        return CLEARING

    def _application_started(self) -> None:
        """Begin as every programme of a timing board does: clearing, with an empty window table."""
        self.idle = True
        for offset in range(WINDOW_TABLE_WORDS):
            self.dsp.memory.put(Space.X, self.dsp.nbax(offset), 0)

    def _only_when_still(self) -> None:
        if self._sequencer.phase is not Phase.IDLE:
            raise Refused(Errno.BUSY)

    def _leave_clearing(self) -> None:
        """Idling clocks clear the detector all the time: the last clearing is now."""
        if self.idle:
            self._array.clear(self._clock.now_ns())

    def _clear(self, _: tuple[int, ...]) -> Later:
        self._only_when_still()

        def cleared(moment: int) -> Errno:
            self._array.clear(moment)
            return Errno.NONE

        return self.dsp.after(self._array.clear_ns, cleared)

    def _start_idle(self, _: tuple[int, ...]) -> int:
        self._only_when_still()
        self.idle = True
        return DON

    def _stop_idle(self, _: tuple[int, ...]) -> int:
        self._only_when_still()
        self._leave_clearing()
        self.idle = False
        return DON

    def _set_speed(self, speed: int) -> int:
        self._only_when_still()
        self._speed = speed
        self._array.set_speed(speed)
        return DON

    def _abort(self, _: tuple[int, ...]) -> None:
        self._sequencer.abort()

    def _read_out(self, _: tuple[int, ...]) -> None:
        self._only_when_still()
        self._start("RDC", Integration.NONE, blocks=1, reads=1)

    def _multiple_read(self, label: str, reads: int) -> int:
        self._only_when_still()
        _at_least_one(reads)
        resets, delay = self.dsp.setting(RESETS), self.dsp.setting(RESET_DELAY)
        self._start(label, Integration.BETWEEN, blocks=2, reads=reads, resets=resets, delay_ms=delay)
        return DON

    def _read_at_time(self, reads: int) -> int:
        self._only_when_still()
        _at_least_one(reads)
        self._start("RDT", Integration.AT_TIME, blocks=None, reads=reads)
        return DON

    def _multiple_clear(self, reads: int) -> int:
        self._only_when_still()
        _at_least_one(reads)
        self._start("MRC", Integration.BEFORE, blocks=reads, reads=1, resets=1)
        return DON

    def _run_frames(self, command: FrameCommand, words: tuple[int, ...]) -> int:
        self._only_when_still()
        (count,) = words
        array = self._array
        if not isinstance(array, FrameTransferArray):
            raise Refused(Errno.UNKNOWN_COMMAND)
        setting = self.dsp.setting
        order = FrameOrder(
            command,
            count,
            setting(frames.DELAY_MS) * MS + setting(frames.DELAY_US) * 1000,
            tuple(setting(frames.NSKIP + ccd) for ccd in range(array.geometry.ccds)),
            setting(frames.SHIFT_ROWS),
            (setting(frames.DUMP_ROWS), setting(frames.LATE_DUMP_ROWS)),
        )

        def stream(sequence: Sequence) -> Iterator[Chunk]:
            return array.frames(
                order, sequence.clocking, sequence.start_ns, sequence.sample_ns, sequence.video
            )

        self._start(command.value, Integration.NONE, blocks=1, reads=count, stream=stream)
        return DON

    def _start(
        self,
        label: str,
        integration: Integration,
        *,
        blocks: int | None,
        reads: int,
        resets: int = 0,
        delay_ms: int = 0,
        stream: Callable[[Sequence], Iterator[Chunk]] | None = None,
    ) -> None:
        self._leave_clearing()
        mode = self.dsp.setting(MODE)
        video = Video(mode) if mode in (1, 2) else Video.DATA if self.powered else Video.DEAD
        sequence = Sequence(
            label,
            self._clock.now_ns(),
            resets,
            delay_ms * MS,
            blocks,
            reads,
            integration,
            columns=self.dsp.setting(COLUMNS),
            rows=self.dsp.setting(ROWS),
            clocking=self._clocking(),
            sample_ns=1000 * MS / self._array.rate,
            video=video,
        )
        if stream is not None:
            sequence = replace(sequence, stream=stream(sequence))
        self._sequencer.start(sequence)

    def _clocking(self) -> Clocking:
        """Gather what the noticeboard says of windows and binning at this moment."""
        return Clocking(
            flag=self.dsp.setting(WINDOWING),
            xbin=self.dsp.setting(X_BINNING),
            ybin=self.dsp.setting(Y_BINNING),
            rows=WINDOW_ROWS,
            words=tuple(self.dsp.setting(offset) for offset in range(WINDOW_TABLE_WORDS)),
        )

    def _update(self) -> None:
        """Bring the telemetry up to date, when a programme runs."""
        if self.dsp.table is not None:
            self.dsp.post(
                {
                    0: self.dsp.errno,
                    1: WINDOW_ROWS,
                    4: self._speed,
                    5: self._array.rate,
                    6: self.clock_state,
                    **self._frame_clocks(),
                }
            )

    def _frame_clocks(self) -> dict[int, int]:
        """Return what the telemetry of a frame-transfer CCD has more."""
        array = self._array
        if not isinstance(array, FrameTransferArray):
            return {}
        return {
            frames.CCDS: array.geometry.ccds,
            frames.MASKED_ROWS: array.geometry.masked_rows,
            frames.TRANSFER_NS: array.model.transfer_ns,
            frames.ROW_NS: array.model.row_ns,
            frames.SKIP_NS: array.model.skip_ns,
            frames.WIPE_US: array.clear_ns // 1000,
        }


def _at_least_one(reads: int) -> None:
    if reads < 1:
        raise Refused(Errno.BAD_ARGUMENT)
