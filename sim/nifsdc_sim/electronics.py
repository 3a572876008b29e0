"""The controller: its timing and utility boards, and what they do with the packets they get."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from nifsdc.sdsu.links.registers import Registers
from nifsdc.sdsu.words import ERR, SYR, Board, Packet, word
from nifsdc_sim.agenda import Agenda, Appointment
from nifsdc_sim.arrays import DetectorArray
from nifsdc_sim.card import InterfaceCard
from nifsdc_sim.clock import NS
from nifsdc_sim.dsp import Dsp, Errno
from nifsdc_sim.exposure import MS, CurrentExposure
from nifsdc_sim.faults import Faults
from nifsdc_sim.sequencer import Phase, Sequencer
from nifsdc_sim.timing_board import TimingBoard
from nifsdc_sim.utility_board import UtilityBoard

BOOT_NS = 500 * MS
"""time from a reset to its SYR"""
ABR = word("ABR")
SYSTEM_RESET = Packet(Board.TIMING, Board.HOST, (SYR,))
ID_CODE = 0x4E
"""what the dongle says unless told otherwise"""
MOST_KEPT = 10_000
"""packets that wait; what comes beyond them is lost"""


@dataclass(frozen=True)
class Order:
    """A packet to be obeyed."""

    packet: Packet
    begun: Callable[[int], None]
    """called with the moment, ns, at which it is obeyed or refused"""
    answered: Callable[[Packet], None]
    """called with the answer when it is due, by any thread; never where there is none"""


class Electronics:
    """Both boards of a controller, with the sequencer that the timing board's waveforms come from.

    `receive`, `due` and `reset` are for one thread; `power_cycle` is for any but the sequencer's own.

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
        registers: Registers,
        agenda: Agenda,
        card: InterfaceCard,
        array: DetectorArray,
        faults: Faults,
        seed: int,
        generation: int = 3,
        id_code: int = ID_CODE,
    ) -> None:
        self._agenda = agenda
        self._kept: deque[tuple[Order, bool]] = deque()
        self._booting: Appointment | None = None
        current = CurrentExposure()
        self.sequencer = Sequencer(
            registers, agenda, card, array, faults, current, lambda: self.utility.demanded_ms()
        )
        self.timing = TimingBoard(agenda, self.sequencer, array, seed)
        self.utility = UtilityBoard(
            agenda,
            array,
            faults,
            current,
            self._switch,
            self.sequencer.demand_written,
            seed,
            generation=generation,
            id_code=id_code,
        )

    def reset(self, announced: Callable[[Packet], None]) -> None:
        """Reset both boards; tell what the timing board then announces, after its time."""
        self.power_cycle()
        with self._agenda.changed:

            def booted(_: int) -> None:
                self._booting = None
                announced(SYSTEM_RESET)

            self._booting = self._agenda.at(self._agenda.clock.now_ns() + BOOT_NS, booted)

    def power_cycle(self) -> None:
        """Lose all programmes, power and packets, as a reset or a power failure does."""
        self.sequencer.stop()
        with self._agenda.changed:
            self._agenda.cancel(self._booting)
            self._booting = None
            self._kept.clear()
            self.timing.reset()
            self.utility.reset()

    def receive(self, order: Order) -> None:
        """Obey a packet, or keep it until it can be.

        While pixels flow nothing but ABR is obeyed: other packets are kept, and refused when the pixels have
        ended. What follows an abort is kept until that has taken effect and then obeyed, as is what comes
        while its board obeys another command or boots.
        """
        with self._agenda.changed:
            abort = order.packet.words[0] == ABR and self.sequencer.phase is not Phase.IDLE
            if abort or (not self._kept and self._can_obey(order.packet)):
                self._obey(order)
            elif len(self._kept) < MOST_KEPT:
                self._kept.append((order, self._reading and not self.sequencer.giving_up))

    def temperature_mk(self) -> int:
        """Return the detector's temperature at this moment, millikelvin."""
        with self._agenda.changed:
            return self.utility.temperature_mk()

    def run_away(self, rate: float) -> None:
        """Let the cryostat warm up by so many millikelvin a second from now on; 0 ends it."""
        with self._agenda.changed:
            self.utility.cryostat.run_away(rate, self._agenda.clock.now_ns() / NS)

    @property
    def keeps_packets(self) -> bool:
        """Whether packets wait."""
        return bool(self._kept)

    def due(self) -> None:
        """Obey or refuse the packets that wait, as far as they can be."""
        with self._agenda.changed:
            while self._kept and self._can_obey(self._kept[0][0].packet):
                order, refused = self._kept.popleft()
                if refused:
                    self._refuse(order)
                else:
                    self._obey(order)

    def _can_obey(self, packet: Packet) -> bool:
        if self._booting is not None or self._reading or self.sequencer.giving_up:
            return False
        dsp = self._dsp(packet.destination)
        return dsp is None or not dsp.busy

    def _obey(self, order: Order) -> None:
        packet = order.packet
        with self._agenda.clock.standing_still() as moment:
            order.begun(moment)
            dsp = self._dsp(packet.destination)
            if dsp is None:  # not for the controller: it goes back out on the fibre
                order.answered(packet)
                return

            def tell(answer: int | None) -> None:
                if answer is not None:
                    order.answered(Packet(packet.destination, packet.source, (answer,)))

            dsp.obey(packet.words, tell)

    def _refuse(self, order: Order) -> None:
        order.begun(self._agenda.clock.now_ns())
        packet = order.packet
        dsp = self._dsp(packet.destination)
        if dsp is None:
            order.answered(packet)
            return
        dsp.errno = Errno.BUSY
        order.answered(Packet(packet.destination, packet.source, (ERR,)))

    @property
    def _reading(self) -> bool:
        """Whether pixels flow, so that nothing can be answered."""
        return self.sequencer.phase is Phase.READING

    def _dsp(self, board: Board) -> Dsp | None:
        match board:
            case Board.TIMING:
                return self.timing.dsp
            case Board.UTILITY:
                return self.utility.dsp
        return None

    def _switch(self, on: bool) -> None:
        self.timing.powered = on
