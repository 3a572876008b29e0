"""How one installation of the IOC is set up: a YAML file, checked when it is read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

COMPRESSIONS = ("none", "gzip", "rice")
"""as `nifsdc.data.packing` knows them"""


class ConfigError(ValueError):
    """A configuration that cannot be used; the text names the file, the entry and what is expected."""


@dataclass(frozen=True)
class LinkConfig:
    """How the controller is reached."""

    kind: str = "sim"
    """``sim``: the simulator's socket and image buffer; ``tcp``: `nifsdc link-server` on another host;
    ``device``: the driver of an interface card in this one"""
    host: str = "127.0.0.1"
    port: int = 5064
    """TCP port of the simulator's word socket, or of the link server"""
    buffer: str = ""
    """path of the simulator's image buffer, as its READY line gives it"""
    device: str = ""
    """path of the driver's node; behind a colon its kind, where the name does not tell: pci, pci-old, pcie"""
    detector: str = "hawaii2"
    """what the simulator simulates when `nifsdc up` starts it: ``hawaii2``, ``ccd1``, ``ccd2``, ``ccd4``,
    ``ft2``, ``ft-small`` or ``ft-fast``"""

    def __str__(self) -> str:
        """Return it as `nifsdc.sdsu.links.choose.parse_link` reads it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        ways = {
            "sim": f"sim:{host}:{self.port}:{self.buffer}",
            "tcp": f"tcp:{host}:{self.port}",
            "device": f"device:{self.device}",
        }
        return ways.get(self.kind, self.kind)


@dataclass(frozen=True)
class ControllerConfig:
    """How the controller is started up (INS-DAS-18 Annex E)."""

    timing_program: str = ""
    """path of the timing board's ``.lod`` file; empty for the synthetic one that ships for the simulator"""
    utility_program: str = ""
    """path of the utility board's ``.lod`` file, as above"""
    speed: str = "high"
    """``high`` or ``low`` readout speed"""
    temperature: float = 77.0
    """demanded detector temperature, kelvin"""
    window_fragments: int = 10
    """fragments of windows that the timing program's table can describe: n of INS-DAS-18 Annex A"""
    bias: float = 3.0
    """source voltage of the bias P-FET that the timing program sets, volts: the reduction looks at it"""


@dataclass(frozen=True)
class CalibrationConfig:
    """What is known of an infrared array beforehand; read when the controller is started up."""

    bad_pixels: str = ""
    """path of a FITS image, not 0 where a pixel is bad; empty: none is known to be"""
    linearity: str = ""
    """path of a FITS file with the extensions COEFF and LIMIT (docs/readout.md); empty: none"""

    @property
    def files(self) -> tuple[Path | None, Path | None]:
        """The paths of bad pixels and linearity, None for none."""
        names = self.bad_pixels, self.linearity
        bad, linearity = (Path(name).expanduser() if name else None for name in names)
        return bad, linearity


@dataclass(frozen=True)
class DataConfig:
    """Where frames go."""

    server_host: str = "127.0.0.1"
    server_port: int = 7624
    spool: str = "~/.local/state/nifsdc/spool"
    """folder in which frames wait until the data server has acknowledged them"""
    sky: str = "~/.local/state/nifsdc/sky"
    """folder with the files that can be taken off images for display, or with folders of nights with them"""
    compression: str = "none"
    """how images are compressed in their files, without loss: one of `COMPRESSIONS`"""
    ring_slots: int = 4
    read_slots: int = 16
    """single reads that can wait for the disk: those of a set of FOWLER 16 (SDN 11.03 Table 2)"""


@dataclass(frozen=True)
class WcsConfig:
    """How the detector looks at the sky; pixels are those of the unbinned full frame, the first is 1."""

    arcsec: float = 0.0
    """arcseconds of a pixel; 0: not known, and headers have no coordinates on the sky"""
    mirrored: bool = False
    """whether east is to the right where north is up"""
    pixel_x: float = 1.0
    """column at which the telescope points"""
    pixel_y: float = 1.0
    """row likewise"""
    angle: float = 0.0
    """of the columns, degrees from north through east, when the telescope's position angle is 0"""


@dataclass(frozen=True)
class IocConfig:
    """One IOC."""

    top: str = "nifs:"
    """prefix of every record"""
    name: str = "NIFS"
    observatory: str = "Gemini-North"
    telescope: str = "Gemini-North"
    camera: str = "nifs"
    """what kind of camera it is: ``nifs``, ``ccd`` for any CCD with a shutter, or ``ft`` for frame-transfer
    CCDs; ``db/<camera>`` has its records"""
    detector: str = "detectors/hawaii2-nifs.yaml"
    """detector layout: a path, or a name below ``db``"""
    ifu: str = "ifu.yaml"
    """geometry of the image slicer before it: a path, or a name below ``db``"""
    detector_id: str = "SIMULATED"
    gain: float = 2.8
    """electrons per ADU, for the header (icd/sdsu_facts.md section 6)"""
    read_noise: float = 10.75
    """electrons of one read, for the header: a correlated double sample has 15.2 (ibid.)"""
    header: str = ""
    """header template (docs/header-templates.md), beside the configuration unless it is a full path; empty:
    none"""
    access: str = ""
    """access rules file (docs/access-rules.md), beside the configuration unless it is a full path; empty:
    clients on the loopback write, all others only read"""
    put_log: bool = False
    """whether every write of a client is logged (logger ``nifsdc.putlog``)"""
    initialise: bool = True
    """whether the controller is started up without being asked"""
    link: LinkConfig = field(default_factory=LinkConfig)
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    data: DataConfig = field(default_factory=DataConfig)
    wcs: WcsConfig = field(default_factory=WcsConfig)

    @property
    def ring(self) -> str:
        """Name of the frame ring, by which displays find it."""
        return f"nifsdc-{self.top.strip(':') or 'dc'}"

    @property
    def read_ring(self) -> str:
        """Name of the ring of single reads that are to be stored."""
        return f"{self.ring}-reads"

    @property
    def view_ring(self) -> str:
        """Name of the ring of what is taken for display alone."""
        return f"{self.ring}-view"

    @classmethod
    def load(cls, path: Path) -> IocConfig:
        """Read a configuration file; files that it names and that lie beside it get their full paths.

        Raises
        ------
        ConfigError
            when it cannot be read, or an entry is unknown or of the wrong type
        """
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
        if not isinstance(tree, Mapping):
            raise ConfigError(
                f"{path}: expected entries such as 'top: \"nifs:\"', found {type(tree).__name__}"
            )
        config = _build(cls, tree, str(path))
        assert isinstance(config, cls)
        if config.gain <= 0 or config.read_noise < 0:
            raise ConfigError(
                f"{path}: gain {config.gain:g}, read_noise {config.read_noise:g}; expected electrons above 0"
            )
        if config.wcs.arcsec < 0:
            raise ConfigError(f"{path}: wcs: arcsec is {config.wcs.arcsec:g}; expected 0 or more")
        if config.data.compression not in COMPRESSIONS:
            raise ConfigError(
                f"{path}: data: compression is {config.data.compression!r}; "
                f"expected one of {', '.join(COMPRESSIONS)}"
            )

        def beside(name: str) -> str:
            return str((path.parent / name).resolve()) if name else ""

        return dataclasses.replace(config, access=beside(config.access), header=beside(config.header))

    def as_yaml(self) -> str:
        """Return the configuration as text that `load` reads back."""
        text = yaml.safe_dump(dataclasses.asdict(self), sort_keys=False)
        return str(text)


_SECTIONS: Mapping[str, type] = {
    "link": LinkConfig,
    "controller": ControllerConfig,
    "calibration": CalibrationConfig,
    "data": DataConfig,
    "wcs": WcsConfig,
}


def _build(kind: type, tree: Mapping[str, Any], where: str) -> object:
    known = {entry.name: entry for entry in dataclasses.fields(kind)}
    unknown = sorted(set(map(str, tree)) - set(known))
    if unknown:
        raise ConfigError(f"{where}: unknown entry {', '.join(unknown)}; known are {', '.join(known)}")
    values: dict[str, object] = {}
    for name, value in tree.items():
        if name in _SECTIONS:
            if not isinstance(value, Mapping):
                raise ConfigError(f"{where}: {name} must be a section with entries of its own")
            values[name] = _build(_SECTIONS[name], value, f"{where}: {name}")
        else:
            values[name] = _checked(name, value, str(known[name].type), where)
    return kind(**values)


def _checked(name: str, value: object, expected: str, where: str) -> object:
    kinds: Mapping[str, type | tuple[type, ...]] = {
        "str": str,
        "int": int,
        "float": (int, float),
        "bool": bool,
    }
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where}: {name} is {value!r}; expected a finite number")
    right = isinstance(value, kinds[expected]) and (expected == "bool" or not isinstance(value, bool))
    if not right:
        raise ConfigError(f"{where}: {name} is {value!r}; expected {expected}")
    return float(value) if expected == "float" and isinstance(value, (int, float)) else value
