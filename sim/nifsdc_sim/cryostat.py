"""The cryostat: temperatures that follow the demand within the power of heater and cooler, pressure and flow.

A telemetry word depends on the seed and the detector's time alone, whoever looks at it and how often.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STEP_S = 1.0
"""step in which temperatures are worked out; noise changes from step to step"""
SCATTER_MK = 0.5
REGULATION_S = 120.0
"""time constant with which the control approaches the demand"""
PELTIER_OFF_MK = 500.0
"""a Peltier cooler is off where the detector is colder than the demand by this"""
HIGHEST_MK = 400_000.0
MAX_WORD = 0xFFFFFF


@dataclass(frozen=True)
class Cooling:
    """What keeps a detector cold."""

    start_mk: float
    cold_mk: float
    """where it would end without the heater"""
    cooling_s: float
    """time constant with which it cools towards there"""
    heater_mk_s: float
    """how fast the heater alone can warm it, millikelvin a second"""
    point2_mk: float
    """second monitoring point, against the detector: nearer to the cold head"""
    point3_mk: float
    """third monitoring point, against the detector: nearer to the outside"""
    pressure_adu: float
    """at the start temperature"""
    flow_adu: float
    """of the coolant"""
    peltier: bool
    """whether a Peltier cooler does it, which has the analogue power"""


IR_CRYOSTAT = Cooling(77_000.0, 40_000.0, 300.0, 300.0, -5_000.0, 12_000.0, 812.0, 455.0, peltier=False)
"""a closed-cycle cooler"""
CCD_CRYOSTAT = Cooling(170_000.0, 120_000.0, 600.0, 150.0, -25_000.0, 30_000.0, 640.0, 380.0, peltier=True)
"""a Peltier cooler on a liquid circuit; without it everything warms up to the room's 290 K, slowly"""
ROOM_MK = 290_000.0
WARMING_S = 20_000.0


@dataclass(frozen=True)
class Readings:
    """What the noticeboard shows."""

    temperature1_mk: int
    temperature2_mk: int
    temperature3_mk: int
    pressure_adu: int
    flow_adu: int
    peltier: int
    """1 while the Peltier cooler is on"""


class Cryostat:
    """A cryostat with its temperature control.

    Parameters
    ----------
    demand
        returns the demanded temperature in millikelvin, None while nothing controls it
    """

    def __init__(self, seed: int, cooling: Cooling, demand: Callable[[], int | None]) -> None:
        self._seed = seed
        self._cooling = cooling
        self._current_demand = demand
        self._demand: int | None = None
        self._temperature = cooling.start_mk
        self._moment = 0.0
        self._runaway = 0.0
        self._powered = False

    def run_away(self, rate: float, seconds: float) -> None:
        """From a time on warm up by so many millikelvin a second; 0 brings the control back."""
        self._pass(seconds)
        self._runaway = rate

    def power(self, on: bool, seconds: float) -> None:
        """Have the analogue power from a time on, or not."""
        self._pass(seconds)
        self._powered = on

    def look(self, seconds: float) -> None:
        """Follow the demand from a time on, when it has changed."""
        if self._current_demand() != self._demand:
            self._pass(seconds)
            self._demand = self._current_demand()

    @property
    def _peltier(self) -> bool:
        return (
            self._cooling.peltier
            and self._powered
            and self._demand is not None
            and self._temperature > self._demand - PELTIER_OFF_MK
        )

    def temperature_mk(self, seconds: float) -> int:
        """Return the detector's temperature at a time."""
        return self.readings(seconds).temperature1_mk

    def readings(self, seconds: float) -> Readings:
        """Return all telemetry at a time, which may not be before any that was asked for."""
        self._pass(math.floor(seconds / STEP_S) * STEP_S)
        temperature, _ = self._step(self._temperature, seconds - self._moment)
        random = np.random.Generator(np.random.PCG64((self._seed, 5, int(seconds / STEP_S))))
        noise = random.standard_normal(5)
        cooling = self._cooling

        def millikelvin(offset: float, scatter: float) -> int:
            return min(MAX_WORD, max(0, round(temperature + offset + scatter * SCATTER_MK)))

        return Readings(
            millikelvin(0.0, noise[0]),
            millikelvin(cooling.point2_mk, noise[1]),
            millikelvin(cooling.point3_mk, noise[2]),
            pressure_adu=round(cooling.pressure_adu * temperature / cooling.start_mk + noise[3]),
            flow_adu=round(cooling.flow_adu + 2.0 * noise[4]),
            peltier=int(self._peltier),
        )

    def _pass(self, seconds: float) -> None:
        """Let the temperature be that of a time."""
        while self._moment < seconds:
            step_end = (math.floor(self._moment / STEP_S) + 1) * STEP_S
            duration = min(step_end, seconds) - self._moment
            self._temperature, settled = self._step(self._temperature, duration)
            self._moment = seconds if settled else min(step_end, seconds)

    def _step(self, temperature: float, duration: float) -> tuple[float, bool]:
        """Return the temperature after a time of at most a step, and whether it would never change again."""
        if self._runaway != 0.0:
            after = temperature + self._runaway * duration
        elif self._demand is None or (self._cooling.peltier and not self._powered):
            if not self._cooling.peltier:
                return temperature, True
            after = ROOM_MK + (temperature - ROOM_MK) * math.exp(-duration / WARMING_S)
        else:
            passive = (self._cooling.cold_mk - temperature) / self._cooling.cooling_s
            wanted = (self._demand - temperature) * -math.expm1(-duration / REGULATION_S)
            after = temperature + min(
                max(wanted, passive * duration), (passive + self._cooling.heater_mk_s) * duration
            )
        after = min(after, HIGHEST_MK)
        return after, after == temperature
