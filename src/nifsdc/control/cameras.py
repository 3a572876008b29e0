"""The cameras that a configuration can name, and how each is made (SDN 11.03 figure 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nifsdc.camera.accumulator import Noise
from nifsdc.camera.calibration import CalibrationFiles
from nifsdc.camera.ccd import SdsuCcdCamera
from nifsdc.camera.ccd_detector import CcdDetector
from nifsdc.camera.frame_transfer import FrameTransferCamera, FrameTransferDetector
from nifsdc.camera.layout import Layout
from nifsdc.camera.nifs import NifsCamera
from nifsdc.camera.sdsu import SdsuCamera, StartUp
from nifsdc.camera.slicer import Slicer, SlicerError
from nifsdc.config import ConfigError, IocConfig
from nifsdc.control.ccd import ccd_kind
from nifsdc.control.frame_transfer import FrameSetUp, frame_kind
from nifsdc.control.infrared import Sizes, infrared_kind
from nifsdc.control.kinds import CameraKind
from nifsdc.database.locate import share
from nifsdc.sdsu import programs
from nifsdc.sdsu.commands import Detectors
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.words import Board

StoreTime = Callable[[int], float]


@dataclass(frozen=True)
class Assembly:
    """What is needed to run one camera."""

    kind: CameraKind
    detector_type: str
    """name of the detector's layout"""
    build: Callable[[Controller], SdsuCamera[Any, Any]]
    """makes the camera on a controller"""
    views: tuple[int, int] | None = None
    """rows and columns of what it takes for display alone; None if it takes no views"""
    slicer: Slicer | None = None
    """what makes images of the sky of its views"""
    read_bytes: int = 0
    """of a single read that can be stored as it came; 0 if none can"""


def assemble(config: IocConfig, store_time: StoreTime = lambda nbytes: 0.0) -> Assembly:
    """Return what a configuration's camera is made of.

    Parameters
    ----------
    config
        the installation
    store_time
        returns the seconds to allow for the storing of so many bytes, as far as that is known by now

    Raises
    ------
    ConfigError
        when there is no camera of that name
    LayoutError
        when its detector cannot be read
    """
    maker = _CAMERAS.get(config.camera)
    if maker is None:
        raise ConfigError(f"camera {config.camera!r} is not known; expected {' or '.join(_CAMERAS)}")
    return maker(config, store_time)


def _nifs(config: IocConfig, store_time: StoreTime) -> Assembly:
    layout = Layout.load(_shared(config.detector))
    start_up = _start_up(config, Detectors.IR)
    noise = Noise(config.gain, config.read_noise)
    files = CalibrationFiles(*config.calibration.files)
    try:
        slicer = Slicer.load(_shared(config.ifu))
    except SlicerError as error:
        raise ConfigError(str(error)) from error
    if slicer.shape != layout.shape:
        raise ConfigError(f"ifu {config.ifu} is for {slicer.shape} pixels; the detector has {layout.shape}")
    sizes = Sizes(2 * layout.pixels_per_read, layout.rows * layout.columns)
    kind = infrared_kind(
        linearity=files.linearity is not None,
        reference=layout.reference_shape[2] > 0,
        slicer=slicer,
        sizes=sizes,
        store_time=store_time,
    )
    return Assembly(
        kind,
        layout.name,
        lambda controller: NifsCamera(layout, controller, start_up, noise, files),
        layout.shape,
        slicer,
        sizes.read,
    )


def _ccd(config: IocConfig, store_time: StoreTime) -> Assembly:
    detector = CcdDetector.load(_shared(config.detector))
    start_up = _start_up(config, Detectors.CCD)
    kind = ccd_kind(detector, config.controller.window_fragments)
    return Assembly(kind, detector.name, lambda controller: SdsuCcdCamera(detector, controller, start_up))


def _frame_transfer(config: IocConfig, store_time: StoreTime) -> Assembly:
    detector = FrameTransferDetector.load(_shared(config.detector))
    start_up = _start_up(config, Detectors.FRAME_TRANSFER)
    fragments = config.controller.window_fragments
    set_up = FrameSetUp(detector, fragments)

    def build(controller: Controller) -> FrameTransferCamera:
        return FrameTransferCamera(detector, controller, start_up, fragments, set_up.learn)

    return Assembly(frame_kind(set_up), detector.name, build)


def _start_up(config: IocConfig, detectors: Detectors) -> StartUp:
    settings = config.controller
    return StartUp(
        Path(settings.timing_program or programs.path(Board.TIMING, detectors)),
        Path(settings.utility_program or programs.path(Board.UTILITY, detectors)),
        settings.speed == "high",
        settings.temperature,
        settings.bias,
    )


def _shared(name: str) -> Path:
    """Return a file by its path, or by its name below ``db``."""
    path = Path(name)
    return path if path.is_file() else share("db") / name


_CAMERAS: Mapping[str, Callable[[IocConfig, StoreTime], Assembly]] = {
    "nifs": _nifs,
    "ccd": _ccd,
    "ft": _frame_transfer,
}
