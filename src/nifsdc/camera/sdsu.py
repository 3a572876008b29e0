"""A camera behind an SDSU controller, whatever its detector (SDN 11.03 section 4.6, class SDSU)."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nifsdc.camera.camera import Camera, P, R, Step
from nifsdc.sdsu.controller import Controller, StartupReport, StartupSettings
from nifsdc.sdsu.errors import ControllerError
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.lod import LodError, LodFile, parse
from nifsdc.sdsu.memory import InCharge
from nifsdc.sdsu.pixels import Cancelled, PixelStream

Scalar = int | float | str

PIXEL_VALUES = 1 << 16
START_SECONDS = 1.0
"""detector seconds that the controller may take from a command to the first pixel beyond what is planned"""


class ProgramMissing(ControllerError):
    """A DSP program cannot be loaded because its file is not there or not one."""


@dataclass(frozen=True)
class StartUp:
    """How the controller is started up (INS-DAS-18 Annex E)."""

    timing_program: Path
    utility_program: Path
    high_speed: bool
    temperature: float
    """demanded detector temperature, kelvin"""
    bias: float
    """source voltage of the bias P-FET that the timing program sets, volts"""


class SdsuCamera(Camera[R, P]):
    """Start-up, telemetry and the common commands of a controller.

    Parameters
    ----------
    controller
        the controller; this camera is its only user
    start_up
        what it is started up with
    """

    def __init__(self, controller: Controller, start_up: StartUp) -> None:
        self.controller = controller
        self.settings = start_up
        self._report: StartupReport | None = None
        self._pixel_rate = 0

    @property
    def link(self) -> Link:
        """The way to the interface card."""
        return self.controller.link

    def now(self) -> float:
        """Return the detector clock, seconds."""
        return self.link.clock.now()

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """Outputs whose pixels come in rotation."""

    @property
    @abc.abstractmethod
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of a full read as the timing board is told."""

    @property
    def pixels_per_read(self) -> int:
        """Pixels of one full read, reference samples included."""
        rows, columns = self.frame_shape
        return rows * columns

    @property
    def read_time(self) -> float:
        """Detector seconds of one full read, by the rate of each output that the controller states."""
        if not self._pixel_rate:
            return 0.0
        return self.pixels_per_read / (self._pixel_rate * self.outputs)

    # --- start and end ------------------------------------------------------------------------------------

    def start_up(self, step: Step) -> None:
        """Open the link if need be and start the controller up; raises ControllerError."""
        settings = StartupSettings(
            timing=_program(self.settings.timing_program),
            utility=_program(self.settings.utility_program),
            temperature_mk=round(self.settings.temperature * 1000),
            high_speed=self.settings.high_speed,
        )
        self._report = None
        self.link.reopen()
        self._report = self.controller.startup(settings, lambda text, done, total: step(text))
        self.controller.timing_board.ultradas_flag.write(InCharge.PCI)
        self._pixel_rate = self.controller.timing_board.pixel_rate.read()
        self._set_frame()

    def _set_frame(self) -> None:
        board = self.controller.timing_board
        board.windowing.write(0)
        rows, columns = self.frame_shape
        board.columns.write(columns)
        board.rows.write(rows)

    def close(self) -> None:
        """Close the link."""
        self.link.close()

    def shut_down(self) -> None:
        """Stop the clocks, take the analogue power away, and leave the controller to other software."""
        self.controller.stop_idle()
        self.controller.power_off()
        self.controller.timing_board.ultradas_flag.write(InCharge.OTHER)

    # --- while it runs ------------------------------------------------------------------------------------

    def check(self) -> None:
        """Make sure that the controller still has the programs it was given; raises ControllerError."""
        self.controller.check_configuration()

    def abort(self) -> None:
        """Send the one command that is heard while pixels flow."""
        self.controller.abort()

    def idle(self) -> None:
        """Let the clocks clear the array."""
        self.controller.idle()

    @property
    def engineering(self) -> Mapping[str, Callable[[Mapping[str, Scalar]], None]]:
        """Commands of this camera alone, by the name of their record; they take all parameters by name."""
        return {}

    def identity(self) -> Mapping[str, Scalar]:
        """Return what is known since the start-up, by status record: what the controller said of itself."""
        report = self._report
        if report is None:
            return {}
        return {
            "timingDSP": self.settings.timing_program.name,
            "intfDSP": self.link.name,
            "DSPVer": f"generation {report.generation}, id {report.id_code}",
        }

    def telemetry(self) -> Mapping[str, float]:
        """Read temperatures and pressure, by status record; never while pixels flow."""
        board = self.controller.utility_board
        return {
            "detTemp": board.temperature1_mk.read() / 1000.0,
            "temp2": board.temperature2_mk.read() / 1000.0,
            "temp3": board.temperature3_mk.read() / 1000.0,
            "pressure": board.pressure_adu.read(),
            "clockState": self.controller.timing_board.clock_state.read(),
        }

    def read_test_pattern(self, cancel: threading.Event) -> bool:
        """Read one frame of test data and tell whether each pixel is one above the last."""
        self.controller.stop_idle()
        block = self.link.progress().block + 1
        self.controller.read_out()
        pixels = PixelStream(self.link, block, self.pixels_per_read, cancel)
        pixels.wait_for_start(START_SECONDS)
        last: int | None = None
        steady = True
        try:
            for chunk in pixels.chunks():
                before = int(chunk.pixels[0]) - 1 if last is None else last
                steps = np.diff(chunk.pixels, prepend=np.uint16(before % PIXEL_VALUES))
                steady = steady and bool((steps == 1).all())
                last = int(chunk.pixels[-1])
        except Cancelled:
            self.controller.abort()
            raise
        finally:
            self.controller.idle()
        return steady


def _program(path: Path) -> LodFile:
    try:
        return parse(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError, LodError) as error:
        raise ProgramMissing(f"{path.name}: {error}") from error
