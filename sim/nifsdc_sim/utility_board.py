"""The utility board: power, shutter and exposures, preflash lamps, temperatures."""

from __future__ import annotations

from collections.abc import Callable

from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.words import DON, Address, Board, Space
from nifsdc_sim.agenda import Agenda
from nifsdc_sim.arrays import DetectorArray, boot_programmes
from nifsdc_sim.clock import NS
from nifsdc_sim.cryostat import CCD_CRYOSTAT, IR_CRYOSTAT, Cryostat
from nifsdc_sim.dsp import Dsp, Errno, Later, Refused, Rule
from nifsdc_sim.exposure import MS, CurrentExposure, Exposure
from nifsdc_sim.faults import FaultKind, Faults
from nifsdc_sim.memory import DspMemory
from nifsdc_sim.program import BOOT_PROM, Routine, utility_program
from nifsdc_sim.shutter import Shutter

POWER_NS = 50 * MS
ID_CODE = Address(Space.Y, 0)
DEMANDED_EXPOSURE, DEMANDED_TEMPERATURE, DEMANDED_PREFLASH = range(3)


class UtilityBoard:
    """The utility board with its processor.

    Parameters
    ----------
    switch
        told when the analogue power is switched on or off
    demand_written
        told when the host has written the demanded exposure
    current
        the current exposure of its noticeboard, which the timing board's reads write too
    generation, id_code
        what the controller and the dongle on the cryostat say
    """

    def __init__(
        self,
        agenda: Agenda,
        array: DetectorArray,
        faults: Faults,
        current: CurrentExposure,
        switch: Callable[[bool], None],
        demand_written: Callable[[], None],
        seed: int,
        generation: int,
        id_code: int,
    ) -> None:
        self._clock = agenda.clock
        self._array = array
        self._faults = faults
        self._current = current
        self._switch = switch
        self._demand_written = demand_written
        self._generation = generation
        self._id_code = id_code
        self._powered = False
        self._preflash_ms = 0
        self.cryostat = Cryostat(
            seed, IR_CRYOSTAT if array.detectors is Detectors.IR else CCD_CRYOSTAT, self._demand
        )
        self.shutter = Shutter(agenda, array, faults)
        self.exposure = Exposure(agenda, self.shutter, current, self.demanded_ms)
        exposure = self.exposure
        self.dsp = Dsp(
            Board.UTILITY,
            DspMemory(seed + 1),
            agenda,
            {
                Routine.POWER_ON: Rule(self._power_on),
                Routine.POWER_OFF: Rule(self._power_off),
                Routine.GENERATION: Rule(self._tell_generation),
                Routine.BEGIN_EXPOSURE: Rule(lambda _: exposure.begin()),
                Routine.PAUSE_EXPOSURE: Rule(lambda _: exposure.pause() or DON),
                Routine.RESUME_EXPOSURE: Rule(lambda _: exposure.resume() or DON),
                Routine.DETECT_END: Rule(lambda _: exposure.detect_end() or DON),
                Routine.OPEN_SHUTTER: Rule(lambda _: self._move_shutter(True)),
                Routine.CLOSE_SHUTTER: Rule(lambda _: self._move_shutter(False)),
                Routine.PREFLASH: Rule(self._preflash, (0, 1)),
            },
            {BOOT_PROM: utility_program(boot_programmes(array))},
        )
        self.dsp.add_boot_command("GEN", self._tell_generation)
        self.dsp.before_read = self._update
        self.dsp.written = self._written
        self.dsp.started = self.look
        self._sample_id()

    def reset(self) -> None:
        """Lose the programme, the power and the exposure; the shutter closes."""
        self.dsp.reset()
        self.exposure.reset()
        self.shutter.reset()
        self._set_power(False)
        self._preflash_ms = 0
        self._sample_id()

    def demanded_ms(self) -> int:
        """Return the demanded exposure in memory."""
        return self.dsp.setting(DEMANDED_EXPOSURE)

    def _written(self, address: Address) -> None:
        """Look at what the host may have changed."""
        if address == Address(Space.X, self.dsp.nbax(DEMANDED_EXPOSURE)):
            self._demand_written()
        self.look()

    def look(self) -> None:
        """Follow the demands in memory."""
        self.exposure.look_at_demand()
        self.cryostat.look(self._clock.now_ns() / NS)

    def temperature_mk(self) -> int:
        """Return the detector's temperature at this moment, millikelvin."""
        return self.cryostat.temperature_mk(self._clock.now_ns() / NS)

    def _demand(self) -> int | None:
        """Return the demanded temperature, None while no programme controls it."""
        return self.dsp.setting(DEMANDED_TEMPERATURE) if self.dsp.table is not None else None

    def _sample_id(self) -> None:
        """Read the dongle once, as happens in the boot sequence."""
        memory = self.dsp.memory
        memory[ID_CODE] = self._id_code | memory[ID_CODE] & 0xFFFF00

    def _set_power(self, on: bool) -> None:
        self._powered = on
        self._switch(on)
        self.cryostat.power(on, self._clock.now_ns() / NS)

    def _power_on(self, _: tuple[int, ...]) -> Later:
        fails = self._faults.take(FaultKind.POWER_FAILURE, "PON") is not None

        def up(_: int) -> Errno:
            self._set_power(not fails)
            return Errno.POWER if fails else Errno.NONE

        return self.dsp.after(POWER_NS, up)

    def _power_off(self, _: tuple[int, ...]) -> Later:
        self._set_power(False)
        return self.dsp.after(POWER_NS)

    def _move_shutter(self, opening: bool) -> Later:
        if self.exposure.under_way:
            raise Refused(Errno.BUSY)
        return self.shutter.move(opening, "OSH" if opening else "CSH")

    def _preflash(self, words: tuple[int, ...]) -> Later:
        """Light the lamps for the argument's time, or the noticeboard's: the ICD has it both ways."""
        milliseconds = words[0] if words else self.dsp.setting(DEMANDED_PREFLASH)
        self._preflash_ms = milliseconds
        start = self._clock.now_ns()
        lit = self._faults.take(FaultKind.LAMP_DEAD, "PFL") is None

        def dark(_: int) -> Errno:
            if lit:
                self._array.flash(start, milliseconds * MS)
            return Errno.NONE

        return self.dsp.after(milliseconds * MS, dark)

    def _tell_generation(self, _: tuple[int, ...]) -> int:
        if self._generation < 3:
            raise Refused(Errno.UNKNOWN_COMMAND)
        return self._generation

    def _update(self) -> None:
        """Bring the telemetry up to date, when a programme runs."""
        if self.dsp.table is None:
            return
        now = self._clock.now_ns()
        readings = self.cryostat.readings(now / NS)
        self.dsp.post(
            {
                0: self._current.ms(now),
                1: readings.temperature1_mk,
                2: self._preflash_ms,
                3: self.shutter.state,
                4: self.dsp.errno,
                5: readings.temperature2_mk,
                6: readings.temperature3_mk,
                7: readings.pressure_adu,
                8: readings.flow_adu,
                9: readings.peltier,
            }
        )
