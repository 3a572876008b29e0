"""The controller: its timing and utility boards, and what they do with the packets they get."""

from __future__ import annotations

from collections import deque

from nifsdc.sdsu.words import DON, ERR, SYR, Address, Board, Packet, Space, word
from nifsdc_sim.card import InterfaceCard
from nifsdc_sim.clock import SimClock
from nifsdc_sim.cryostat import (
    FLOW_ADU,
    POINT2_OFFSET_MK,
    POINT3_OFFSET_MK,
    PRESSURE_ADU,
    Cryostat,
)
from nifsdc_sim.detector import Detector, Video
from nifsdc_sim.dsp import Dsp, Errno, Refused
from nifsdc_sim.memory import DspMemory
from nifsdc_sim.program import Routine
from nifsdc_sim.sequencer import MS, RESET_NS, Phase, Sequence, Sequencer

HIGH_RATE = 204_027
"""pixels a second of one output at high speed: a full read of 1024 x 1056 takes 5.3 s"""
LOW_RATE = HIGH_RATE // 2
LOW, HIGH = 1, 2
BOOT_NS = 500 * MS
POWER_NS = 50 * MS
ABR = word("ABR")
SYSTEM_RESET = Packet(Board.TIMING, Board.HOST, (SYR,))
ID_CODE = Address(Space.Y, 0)


class Electronics:
    """Both boards of a controller.

    `receive` is for one thread at a time.

    Parameters
    ----------
    seed
        decides what memories hold after a reset
    generation
        3, or 2 for one that does not know GEN
    id_code
        the camera's identity, 8 bits
    """

    def __init__(
        self,
        clock: SimClock,
        card: InterfaceCard,
        detector: Detector,
        seed: int,
        generation: int = 3,
        id_code: int = 0x4E,
    ) -> None:
        self._clock = clock
        self._card = card
        self._detector = detector
        self._generation = generation
        self._id_code = id_code
        self._busy_ns = 0
        self.obeyed_ns = 0
        """moment at which the last packet was obeyed"""
        self._kept: deque[tuple[Packet, bool]] = deque()
        self.cryostat = Cryostat(seed)
        self.timing = Dsp(
            Board.TIMING,
            DspMemory(seed),
            {
                Routine.CLEAR: (0, self._clear),
                Routine.READ_OUT: (0, self._read_out),
                Routine.ABORT: (0, self._abort),
                Routine.LOW_SPEED: (0, lambda _: self._set_speed(LOW)),
                Routine.HIGH_SPEED: (0, lambda _: self._set_speed(HIGH)),
                Routine.IDLE: (0, self._start_idle),
                Routine.STOP_IDLE: (0, self._stop_idle),
                Routine.MULTIPLE_READ: (1, lambda words: self._multiple_read(words[0])),
                Routine.GRAB: (0, lambda _: self._multiple_read(1)),
            },
        )
        self.utility = Dsp(
            Board.UTILITY,
            DspMemory(seed + 1),
            {
                Routine.POWER_ON: (0, lambda _: self._set_power(True)),
                Routine.POWER_OFF: (0, lambda _: self._set_power(False)),
                Routine.GENERATION: (0, self._tell_generation),
            },
        )
        self.timing.add_boot_command("STP", 0, lambda _: DON)
        self.utility.add_boot_command("GEN", 0, self._tell_generation)
        self.timing.before_read = self._update_timing
        self.utility.before_read = self._update_utility
        self.timing.started = self._application_started
        self._boot_state()

    def attach(self, sequencer: Sequencer) -> None:
        """Give it the sequencer that carries out its readouts."""
        self._sequencer = sequencer

    @property
    def reading(self) -> bool:
        """Whether pixels flow, so that nothing can be answered."""
        return self._sequencer.phase is Phase.READING

    @property
    def _occupied(self) -> bool:
        """Whether no packet can be obeyed before pixels or an abort have come to their end."""
        return self.reading or self._sequencer.giving_up

    def demanded_ms(self) -> int:
        """Return the demanded exposure in the utility board's memory."""
        return self.utility.memory[Address(Space.X, self.utility.nbax(0))]

    def reset(self) -> Packet:
        """Reset both boards; return what the timing board then announces, after its time."""
        self.power_cycle()
        self._pass(BOOT_NS)
        return SYSTEM_RESET

    def power_cycle(self) -> None:
        """Lose all programmes and power, as a reset or a power failure does."""
        self._sequencer.stop()
        with self._sequencer.changed:
            self._boot_state()
            self.timing.reset()
            self.utility.reset()
            self.utility.memory[ID_CODE] = self._id_code | self.utility.memory[ID_CODE] & 0xFFFF00

    def receive(self, packet: Packet) -> Packet | None:
        """Obey a packet and return the answer when it is due, None where there is none.

        While pixels flow nothing but ABR is obeyed: other packets are kept, and `due` returns their answers.
        So are those that follow an abort, until it has taken effect.
        """
        with self._sequencer.changed:
            if packet.destination not in (Board.TIMING, Board.UTILITY):
                return packet
            if self._occupied and packet.words[0] != ABR:
                self._kept.append((packet, self._sequencer.giving_up))
                return None
            self._busy_ns = 0
            dsp = self._dsp(packet)
            with self._clock.standing_still() as self.obeyed_ns:
                answer = dsp.obey(packet.words)
                self._sequencer.look_at_demand()
        if self._busy_ns:
            self._pass(self._busy_ns)
        return None if answer is None else Packet(packet.destination, packet.source, (answer,))

    @property
    def keeps_packets(self) -> bool:
        """Whether packets wait for the end of the pixels."""
        return bool(self._kept)

    def due(self) -> list[Packet]:
        """Return the answers to packets that came while pixels flowed, once they do not any more.

        What came after an abort is obeyed; what came during a readout is refused.
        """
        answers = []
        while self._kept and not self._occupied:
            packet, after_abort = self._kept.popleft()
            answer = self.receive(packet) if after_abort else self._refuse(packet)
            if answer is not None:
                answers.append(answer)
        return answers

    def _refuse(self, packet: Packet) -> Packet:
        dsp = self._dsp(packet)
        dsp.errno = Errno.BUSY
        return Packet(dsp.board, packet.source, (ERR,))

    def _dsp(self, packet: Packet) -> Dsp:
        return self.timing if packet.destination is Board.TIMING else self.utility

    @property
    def clock_state(self) -> int:
        """0 inactive, 1 clearing, 2 integrating, 3 reading out."""
        if self.timing.table is None:
            return 0
        if self._sequencer.phase is Phase.READING:
            return 3
        if self._sequencer.phase is Phase.RESETTING:
            return 1
        if self._sequencer.phase is Phase.INTEGRATING or not self.idle:
            return 2
        return 1

    # Details

    def _boot_state(self) -> None:
        self._kept.clear()
        self.idle = False
        self.powered = False
        self._speed = LOW
        self.utility.memory[ID_CODE] = self._id_code

    def _application_started(self) -> None:
        """Begin as every programme of a timing board does: clearing."""
        self.idle = True

    def _pass(self, duration_ns: int) -> None:
        """Let an operation take its time; beside a sequence it takes none."""
        with self._sequencer.changed:
            end = self._clock.now_ns() + duration_ns
            while self._sequencer.phase is Phase.IDLE and self._clock.now_ns() < end:
                self._clock.jump(end)
                self._clock.wait(end, self._sequencer.changed)

    def _only_when_still(self) -> None:
        if self._sequencer.phase is not Phase.IDLE:
            raise Refused(Errno.BUSY)

    def _leave_clearing(self) -> None:
        """Idling clocks clear the array all the time: the last clearing is now."""
        if self.idle:
            self._detector.reset(self._clock.now_ns())

    def _clear(self, _: tuple[int, ...]) -> int:
        self._only_when_still()
        self._detector.reset(self._clock.now_ns() + RESET_NS)
        self._busy_ns = RESET_NS
        return DON

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
        return DON

    def _abort(self, _: tuple[int, ...]) -> None:
        self._sequencer.abort()

    def _read_out(self, _: tuple[int, ...]) -> None:
        self._only_when_still()
        self._leave_clearing()
        self._start("RDC", blocks=1, reads=1, resets=0, delay_ms=0)

    def _multiple_read(self, reads: int) -> int:
        self._only_when_still()
        if reads < 1:
            raise Refused(Errno.BAD_ARGUMENT)
        self._leave_clearing()
        self._start("MRA", 2, reads, self._setting(0xFF - 7), self._setting(0xFF - 8))
        return DON

    def _start(self, label: str, blocks: int, reads: int, resets: int, delay_ms: int) -> None:
        mode = self._setting(0xFF - 4)
        video = Video(mode) if mode in (1, 2) else Video.DATA if self.powered else Video.DEAD
        self._sequencer.start(
            Sequence(
                label,
                self._clock.now_ns(),
                resets,
                delay_ms * MS,
                blocks,
                reads,
                columns=self._setting(0xFF - 5),
                rows=self._setting(0xFF - 6),
                sample_ns=1000 * MS / self._rate,
                video=video,
            )
        )

    def _setting(self, offset: int) -> int:
        return self.timing.memory[Address(Space.X, self.timing.nbax(offset))]

    @property
    def _rate(self) -> int:
        return HIGH_RATE if self._speed == HIGH else LOW_RATE

    def _set_power(self, on: bool) -> int:
        self.powered = on
        self._busy_ns = POWER_NS
        return DON

    def _tell_generation(self, _: tuple[int, ...]) -> int:
        if self._generation < 3:
            raise Refused(Errno.UNKNOWN_COMMAND)
        return self._generation

    def _update_timing(self) -> None:
        """Bring the timing board's telemetry up to date, when a programme runs."""
        if self.timing.table is not None:
            self._post(
                self.timing, {0: self.timing.errno, 4: self._speed, 5: self._rate, 6: self.clock_state}
            )

    def _update_utility(self) -> None:
        if self.utility.table is None:
            return
        now = self._clock.now_ns()
        temperature = self.temperature_mk()
        self._post(
            self.utility,
            {
                0: self._sequencer.current_exposure_ms(now) & 0xFFFFFF,
                1: temperature,
                4: self.utility.errno,
                5: max(0, temperature + POINT2_OFFSET_MK),
                6: temperature + POINT3_OFFSET_MK,
                7: PRESSURE_ADU,
                8: FLOW_ADU,
                9: 0,
            },
        )

    def temperature_mk(self) -> int:
        """Return the detector's temperature at this moment, millikelvin."""
        demanded = None
        if self.utility.table is not None:
            demanded = self.utility.memory[Address(Space.X, self.utility.nbax(1))]
        return self.cryostat.temperature_mk(self._clock.now_ns() / (1000 * MS), demanded)

    @staticmethod
    def _post(dsp: Dsp, values: dict[int, int]) -> None:
        for offset, value in values.items():
            dsp.memory[Address(Space.Y, dsp.nbay(offset))] = value
