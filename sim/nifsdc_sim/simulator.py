"""The whole simulator: controller, interface card, detector and scene, with their two ports."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nifsdc.sdsu import programs
from nifsdc.sdsu.links.registers import Registers
from nifsdc.sdsu.words import Board
from nifsdc.service import Ending
from nifsdc_sim.agenda import Agenda
from nifsdc_sim.arrays import DETECTORS, detector_array
from nifsdc_sim.card import InterfaceCard
from nifsdc_sim.clock import NS, SimClock
from nifsdc_sim.control_port import BadRequest, ControlPort
from nifsdc_sim.electronics import Electronics
from nifsdc_sim.faults import AT_ONCE, Fault, FaultKind, Faults
from nifsdc_sim.faults import fault as described
from nifsdc_sim.ft_array import FrameTransferArray
from nifsdc_sim.physics import Physics
from nifsdc_sim.scene import NAMES
from nifsdc_sim.scene import described as described_scene
from nifsdc_sim.word_server import WordServer

MOST = 1e15
"""of any number that the control port takes"""
BUFFER_READS = 32
"""full reads that the image buffer holds; its memory is allotted only as pixels come"""
STREAM_PIXELS = 1 << 24
"""that the buffer for runs of frames holds at least: small frames come by the thousand"""
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Options:
    """How a simulator is set up."""

    port: int = 0
    """TCP port for words, 0 for any that is free"""
    control_port: int = 0
    buffer: Path | None = None
    """file for the image buffer; None for one in shared memory"""
    speed: float = 1.0
    """detector seconds per real second; infinite to jump from event to event"""
    seed: int | None = None
    """start of all random numbers, the scene's included; None for another each time"""
    generation: int = 3
    buffer_reads: int = BUFFER_READS
    detector: str = DETECTORS[0]
    """what the controller has in front of it, one of `DETECTORS`"""
    faults: tuple[Fault, ...] = ()
    """faults that wait from the start"""
    scene: str = NAMES[0]
    """what is in front of it: see `nifsdc_sim.scene.described`"""
    effects: tuple[str, ...] = ()
    """how the detector is: see `nifsdc_sim.ir_model.with_wishes` and `nifsdc_sim.ccd_model.with_wishes`"""


def buffer_path(pixels: int) -> Path:
    """Return a new name for an image buffer, in shared memory where it fits there."""
    folder = Path(tempfile.gettempdir())
    with contextlib.suppress(OSError):
        if os.access(SHARED_MEMORY, os.W_OK) and shutil.disk_usage(SHARED_MEMORY).free > 4 * pixels:
            folder = SHARED_MEMORY
    return folder / f"nifsdc-sim-{os.getpid()}-{secrets.token_hex(4)}.buffer"


class Simulator:
    """A context manager; inside it both ports answer.

    Parameters
    ----------
    options
        how it is set up
    ended
        set when it was told to quit
    """

    def __init__(self, options: Options, ended: Ending) -> None:
        self.seed = secrets.randbits(32) if options.seed is None else options.seed
        self._ended = ended
        self._options = options
        self.faults = Faults(self.seed)
        self.array = detector_array(
            options.detector,
            self.seed,
            described_scene(options.scene, self.seed),
            options.speed,
            options.effects,
        )
        pixels = self.array.full_pixels * options.buffer_reads
        if isinstance(self.array, FrameTransferArray):
            pixels = max(pixels, STREAM_PIXELS)
        self.buffer = options.buffer or buffer_path(pixels)
        self.buffer.unlink(missing_ok=True)
        registers = Registers.create(self.buffer, pixels, options.speed)
        self.clock = SimClock(registers)
        self.card = InterfaceCard(registers)
        self.electronics = Electronics(
            registers,
            Agenda(registers, self.clock),
            self.card,
            self.array,
            self.faults,
            self.seed,
            options.generation,
        )
        try:
            self.words = WordServer(options.port, self.electronics, self.clock, self.faults)
            self.control = ControlPort(
                options.control_port,
                {
                    "inject": self._add_fault,
                    "clear": self._clear_faults,
                    "status": lambda _: self.status(),
                    "log": self._log,
                    "quit": self._quit,
                    **Physics(self.array).handlers(),
                },
            )
        except OSError:
            self.buffer.unlink(missing_ok=True)
            raise

    def __enter__(self) -> Simulator:
        self.electronics.sequencer.open()
        self.words.open()
        self.control.open()
        for fault in self._options.faults:
            self.inject(fault)
        return self

    def __exit__(self, *exc: object) -> None:
        self.control.close()
        self.electronics.sequencer.close()
        self.words.close()
        self.buffer.unlink(missing_ok=True)

    def ready(self) -> dict[str, object]:
        """Return what a host must know to connect and to load the boards."""
        return {
            "port": self.words.port,
            "control_port": self.control.port,
            "buffer": str(self.buffer),
            "seed": self.seed,
            "detector": self._options.detector,
            "timing_program": str(programs.path(Board.TIMING, self.array.detectors)),
            "utility_program": str(programs.path(Board.UTILITY, self.array.detectors)),
        }

    def status(self) -> dict[str, Any]:
        """Return what everything does, for the control port."""
        electronics, progress = self.electronics, self.card.progress
        return {
            "clock": self.clock.now_ns() / NS,
            "seed": self.seed,
            "detector": self._options.detector,
            "speed": "fast" if math.isinf(self.clock.speed) else self.clock.speed,
            "phase": electronics.sequencer.phase.value,
            "clock_state": electronics.timing.clock_state,
            "idle": electronics.timing.idle,
            "powered": electronics.timing.powered,
            "shutter": electronics.utility.shutter.state.name.lower(),
            "exposure": electronics.utility.exposure.state.value,
            "timing_programme": electronics.timing.dsp.table is not None,
            "utility_programme": electronics.utility.dsp.table is not None,
            "temperature_mk": electronics.temperature_mk(),
            "block": progress.block,
            "pixels": progress.pixels,
            "commands": self.words.received,
            "overrun": self.card.overrun,
            "scene": self.array.scene.name,
            "effects": self.array.effects,
            "faults": [{**asdict(fault), "kind": fault.kind.value} for fault in self.faults.waiting()],
            "card": [{"clock": moment / NS, "command": text} for moment, text in tuple(self.card.log)],
        }

    def _log(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"commands": [asdict(exchange) for exchange in self.words.log(_number(request, "since", 0))]}

    def inject(self, fault: Fault) -> None:
        """Let a fault wait for its occasion; without one to wait for it happens now."""
        if fault.label is not None or fault.kind not in AT_ONCE:
            self.faults.add(fault)
        elif fault.kind is FaultKind.TEMPERATURE_RUNAWAY:
            self.electronics.run_away(fault.rate)
        elif fault.kind is FaultKind.LINK_DROP:
            self.words.drop()
        else:
            self.words.power_cycle(announce=fault.kind is FaultKind.SYR)

    def _add_fault(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            fault = described({key: value for key, value in request.items() if key != "command"})
        except ValueError as error:
            raise BadRequest(str(error)) from None
        self.inject(fault)
        return {}

    def _clear_faults(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self.faults.clear()
        self.electronics.run_away(0.0)
        return {}

    def _quit(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self._ended.set()
        return {}


def _number(request: Mapping[str, Any], name: str, default: float) -> Any:
    value = request.get(name, default)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= MOST:
        raise BadRequest(f"{name} is {value!r}, expected a number of 0 or more")
    return value
