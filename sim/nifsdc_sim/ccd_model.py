"""Properties of a CCD and its electronics."""

from __future__ import annotations

from dataclasses import dataclass

from nifsdc_sim.effects import BOUNDLESS, Effect, with_effects

SLOW, FAST = 1, 2
"""the codes of the noticeboard for what LSP and HSP select"""


@dataclass(frozen=True)
class Stage:
    """What goes with a readout speed."""

    pixel_rate: int
    """samples of one output a second"""
    gain: float
    """electron/ADU"""
    read_noise: float
    """electron"""


@dataclass(frozen=True)
class CcdModel:
    """Properties of a CCD and its electronics; each effect is off where its amount is 0."""

    slow: Stage = Stage(100_000, 1.2, 3.0)
    """after LSP"""
    fast: Stage = Stage(400_000, 2.0, 5.5)
    """after HSP"""
    bias: tuple[float, ...] = (1500.0, 1620.0, 1550.0, 1580.0)
    """level of each channel, ADU"""
    bias_step: float = 3.0
    """how much higher a row begins, ADU; it is gone after some `BIAS_STEP_PIXELS`"""
    bias_columns: float = 0.5
    """scatter of the level from column to column, the same in each row, ADU"""
    bias_gradient: float = 2.0
    """rise of the level from the first row of the image area to its last, ADU"""
    bias_drift: float = 0.3
    """scatter of the level from readout to readout, ADU"""
    parallel_ns: int = 20_000
    """time in which the image moves by a row"""
    skip_ns: int = 250
    """time in which a register moves by a pixel without a sample"""
    photon_noise: bool = True
    read_noise: bool = True
    """whether the outputs have the noise of their speed"""
    dark_current: float = 0.002
    """electron/s/pixel"""
    hot_pixels: int = 50
    hottest: float = 20.0
    """dark current of a hot pixel at most, electron/s"""
    hot_columns: int = 2
    """defects that give each row that is clocked past them some charge"""
    hot_column: float = 30.0
    """mean of that charge, electron"""
    preflash: float = 500.0
    """light of the preflash lamps, electron/s/pixel"""
    cosmic_rays: float = 0.05
    """particles on the whole chip a second: 1.5 a minute on a square centimetre of 13.5 um pixels"""
    full_well: float = 150_000.0
    """electron"""
    blooming: bool = True
    """whether charge above the full well spills along its column; otherwise it is lost"""
    register_well: float = 300_000.0
    """of an element of a serial register, electron"""
    parallel_cti: float = 2e-6
    """share of a packet that each parallel transfer leaves behind"""
    serial_cti: float = 2e-6

    @classmethod
    def ideal(cls) -> CcdModel:
        """Return one that adds nothing: an electron is an ADU, and no number is random."""
        return cls(
            slow=Stage(100_000, 1.0, 0.0),
            fast=Stage(400_000, 1.0, 0.0),
            bias=(0.0, 0.0, 0.0, 0.0),
            bias_step=0.0,
            bias_columns=0.0,
            bias_gradient=0.0,
            bias_drift=0.0,
            photon_noise=False,
            dark_current=0.0,
            hot_pixels=0,
            hot_columns=0,
            cosmic_rays=0.0,
            full_well=BOUNDLESS,
            blooming=False,
            register_well=BOUNDLESS,
            parallel_cti=0.0,
            serial_cti=0.0,
        )

    def stage(self, speed: int) -> Stage:
        """Return what a code of the noticeboard selects."""
        return self.fast if speed == FAST else self.slow


BIAS_STEP_PIXELS = 20.0

EFFECTS = {
    effect.name: effect
    for effect in (
        Effect("bias-columns", "bias_columns", 2.0, "scatter of the bias from column to column, ADU"),
        Effect("bias-drift", "bias_drift", 2.0, "scatter of the bias from readout to readout, ADU"),
        Effect("bias-gradient", "bias_gradient", 10.0, "rise of the bias from first to last row, ADU"),
        Effect("bias-step", "bias_step", 20.0, "how much higher rows begin, ADU"),
        Effect(
            "blooming", "blooming", 1.0, "1: saturated pixels spill along their columns, 0: they do not", 1.0
        ),
        Effect("cosmic-rays", "cosmic_rays", 1.0, "particles on the whole chip a second", 100_000.0),
        Effect("dark-current", "dark_current", 0.1, "electron/s/pixel"),
        Effect("full-well", "full_well", 50_000.0, "electron"),
        Effect("hot-columns", "hot_columns", 10.0, "number of them", 100.0),
        Effect("hot-pixels", "hot_pixels", 1000.0, "number of them", 100_000.0),
        Effect("parallel-cti", "parallel_cti", 1e-4, "share of a packet left behind by a transfer", 0.1),
        Effect(
            "photon-noise", "photon_noise", 1.0, "1: counts are Poisson's, 0: they are the expected ones", 1.0
        ),
        Effect("preflash", "preflash", 500.0, "light of the lamps, electron/s/pixel"),
        Effect("read-noise", "read_noise", 1.0, "1: outputs are noisy, 0: they are not", 1.0),
        Effect("serial-cti", "serial_cti", 1e-4, "share of a packet left behind by a transfer", 0.1),
    )
}
"""what can be changed by name"""


def with_wishes(model: CcdModel, *wishes: str) -> CcdModel:
    """Return a model with effects switched on (`cosmic-rays`) or set (`cosmic-rays=0.2`, `hot-pixels=0`).

    `ideal`, as the first wish, begins with `CcdModel.ideal`, `usual` with the usual values. Raises ValueError
    for a wish that is none.
    """
    return with_effects(model, EFFECTS, wishes, {"ideal": CcdModel.ideal, "usual": CcdModel})
