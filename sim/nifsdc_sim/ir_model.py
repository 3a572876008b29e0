"""Properties of the infrared detector and its electronics, and the effects that are switched on by name."""

from __future__ import annotations

from dataclasses import dataclass

from nifsdc_sim.effects import BOUNDLESS, Effect, with_effects

LARGEST_NON_LINEARITY = 0.4
"""below one half, so that a pixel never shows less for more charge"""


@dataclass(frozen=True)
class DetectorModel:
    """Properties of the detector and its electronics; each effect is off where its amount is 0."""

    gain: float = 2.8
    """electron/ADU"""
    read_noise: float = 10.75
    """of one read, electron; two of them give a correlated double sample 15.2"""
    full_well: float = 134_400.0
    """electron; saturated pixels stay here"""
    ktc_noise: float = 30.0
    """scatter of a pixel from reset to reset, electron"""
    photon_noise: bool = True
    dark_current: float = 0.01
    """electron/s/pixel"""
    hot_pixels: int = 200
    hottest: float = 20.0
    """dark current of a hot pixel at most, electron/s"""
    dead_pixels: int = 0
    """pixels that see no light"""
    bias: tuple[int, ...] = (4000, 4250, 3900, 4100)
    """level of each amplifier without signal, ADU"""
    bias_drift: float = 0.0
    """scatter of each amplifier's level, ADU, which wanders slowly from read to read"""
    drift_memory: float = 0.9
    """correlation of the levels of one read and the next"""
    one_over_f: float = 0.0
    """scatter of each amplifier's 1/f noise within a read, ADU"""
    reset_anomaly: float = 0.0
    """how much lower the pixels are right after a reset, electron"""
    reset_anomaly_s: float = 3.0
    """time in which that falls to 1/e, s"""
    non_linearity: float = 0.0
    """share of the signal that is missing at the full well; in between it grows with the signal's square"""
    cosmic_rays: float = 0.0
    """particles on the whole array a second"""
    persistence: float = 0.0
    """share of a pixel's charge that traps keep over a reset"""
    persistence_s: float = 60.0
    """time in which traps let go all but 1/e of it, s"""

    @classmethod
    def ideal(cls) -> DetectorModel:
        """Return one that adds nothing: an electron is an ADU, and no number is random."""
        return cls(
            gain=1.0,
            read_noise=0.0,
            full_well=BOUNDLESS,
            ktc_noise=0.0,
            photon_noise=False,
            dark_current=0.0,
            hot_pixels=0,
            bias=(0, 0, 0, 0),
        )


EFFECTS = {
    effect.name: effect
    for effect in (
        Effect("bias-drift", "bias_drift", 5.0, "scatter of each amplifier's wandering level, ADU"),
        Effect("cosmic-rays", "cosmic_rays", 0.3, "particles on the whole array a second", 10_000.0),
        Effect("dark-current", "dark_current", 0.1, "electron/s/pixel"),
        Effect("dead-pixels", "dead_pixels", 1000.0, "number of them", 1_000_000.0),
        Effect("full-well", "full_well", 50_000.0, "electron"),
        Effect("hot-pixels", "hot_pixels", 2000.0, "number of them", 1_000_000.0),
        Effect(
            "non-linearity",
            "non_linearity",
            0.05,
            "share of the signal that is missing at the full well",
            LARGEST_NON_LINEARITY,
        ),
        Effect("one-over-f", "one_over_f", 3.0, "scatter of the 1/f noise within a read, ADU"),
        Effect("persistence", "persistence", 0.01, "share of the charge that is kept over a reset", 1.0),
        Effect(
            "photon-noise", "photon_noise", 1.0, "1: counts are Poisson's, 0: they are the expected ones", 1.0
        ),
        Effect("read-noise", "read_noise", 10.75, "of one read, electron"),
        Effect("reset-anomaly", "reset_anomaly", 60.0, "how much lower pixels are after a reset, electron"),
        Effect("reset-noise", "ktc_noise", 30.0, "scatter of a pixel from reset to reset, electron"),
    )
}
"""what can be changed by name"""


def with_wishes(model: DetectorModel, *wishes: str) -> DetectorModel:
    """Return a model with effects switched on (`cosmic-rays`) or set (`cosmic-rays=5`, `read-noise=0`).

    `ideal`, as the first wish, begins with `DetectorModel.ideal`, `usual` with the usual values. Raises
    ValueError for a wish that is none.
    """
    return with_effects(model, EFFECTS, wishes, {"ideal": DetectorModel.ideal, "usual": DetectorModel})
