"""Frame-transfer CCDs as data, and the properties of their electronics."""

from __future__ import annotations

from dataclasses import dataclass

from nifsdc_sim.ccd_geometry import CcdGeometry, split
from nifsdc_sim.ccd_model import FAST, Stage
from nifsdc_sim.effects import BOUNDLESS, Effect, with_effects


@dataclass(frozen=True)
class FtGeometry:
    """CCDs of one kind that are clocked together, each with an imaging area and a masked one."""

    name: str
    ccd: CcdGeometry
    """imaging area, outputs and what surrounds the rows of one of them"""
    masked_rows: int
    """rows of the masked area between the imaging area and the serial register, for each output"""
    ccds: int = 1

    def __post_init__(self) -> None:
        """Refuse a masked area that does not hold a frame."""
        if self.masked_rows < self.ccd.channel_rows:
            raise ValueError(
                f"{self.masked_rows} masked rows, expected at least the {self.ccd.channel_rows} of an image"
            )

    @property
    def channels(self) -> int:
        """Outputs of all CCDs together."""
        return self.ccds * len(self.ccd.channels)


FT2 = FtGeometry("ft2", split("ft2", 1024, 2048, 4, prescan=0, overscan=0), masked_rows=520, ccds=2)
"""two CCDs with four outputs of 1024 x 512 pixels each"""
FT_SMALL = FtGeometry("ft-small", split("ft-small", 64, 64, 2, prescan=0, overscan=0), masked_rows=64, ccds=2)
"""two CCDs with two outputs of 32 x 64 pixels each, for tests"""
FT_FAST = FtGeometry("ft-fast", split("ft-fast", 64, 64, 2, prescan=0, overscan=0), masked_rows=64)
"""one CCD of these: a thousand frames a second"""
FT_GEOMETRIES = {geometry.name: geometry for geometry in (FT2, FT_SMALL, FT_FAST)}


SLOW_STAGE, FAST_STAGE = Stage(2_500_000, 1.2, 3.5), Stage(10_000_000, 1.2, 5.5)
IDEAL_SLOW, IDEAL_FAST = Stage(2_500_000, 1.0, 0.0), Stage(10_000_000, 1.0, 0.0)


@dataclass(frozen=True)
class FtModel:
    """Properties of the electronics, and the clocks' times."""

    slow: Stage = SLOW_STAGE
    """after LSP"""
    fast: Stage = FAST_STAGE
    """after HSP"""
    bias: float = 1200.0
    """level of the first channel, ADU"""
    bias_spread: float = 25.0
    """by which each channel lies above the one before it, ADU"""
    transfer_ns: int = 4_000
    """time of a row of a frame transfer, a line shift or a line dump"""
    row_ns: int = 2_000
    """time in which a row gets into the serial register to be read"""
    skip_ns: int = 25
    """time of a pixel that is not sampled"""
    photon_noise: bool = True
    read_noise: bool = True
    """whether the outputs have the noise of their speed"""
    dark_current: float = 0.01
    """electron/s/pixel of the imaging area"""
    full_well: float = 100_000.0
    """electron; what is more is lost"""

    @classmethod
    def ideal(cls) -> FtModel:
        """Return one that adds nothing: an electron is an ADU, and no number is random."""
        return cls(
            slow=IDEAL_SLOW,
            fast=IDEAL_FAST,
            bias=0.0,
            bias_spread=0.0,
            photon_noise=False,
            dark_current=0.0,
            full_well=BOUNDLESS,
        )

    def stage(self, speed: int) -> Stage:
        """Return what a code of the noticeboard selects."""
        return self.fast if speed == FAST else self.slow


FT_EFFECTS = {
    effect.name: effect
    for effect in (
        Effect("dark-current", "dark_current", 0.1, "electron/s/pixel"),
        Effect("full-well", "full_well", 50_000.0, "electron"),
        Effect(
            "photon-noise", "photon_noise", 1.0, "1: counts are Poisson's, 0: they are the expected ones", 1.0
        ),
        Effect("read-noise", "read_noise", 1.0, "1: outputs are noisy, 0: they are not", 1.0),
    )
}
"""what can be changed by name"""


def with_wishes(model: FtModel, *wishes: str) -> FtModel:
    """Return a model with effects switched on or set, as `ccd_model.with_wishes`; raises ValueError."""
    return with_effects(model, FT_EFFECTS, wishes, {"ideal": FtModel.ideal, "usual": FtModel})
