"""Properties of a CCD and its electronics."""

from __future__ import annotations

from dataclasses import dataclass

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
    parallel_ns: int = 20_000
    """time in which the image moves by a row"""
    skip_ns: int = 250
    """time in which a register moves by a pixel without a sample"""
    photon_noise: bool = True
    dark_current: float = 0.002
    """electron/s/pixel"""
    preflash: float = 500.0
    """light of the preflash lamps, electron/s/pixel"""
    full_well: float = 150_000.0
    """electron"""

    @classmethod
    def ideal(cls) -> CcdModel:
        """Return one that adds nothing: an electron is an ADU, and no number is random."""
        return cls(
            slow=Stage(100_000, 1.0, 0.0),
            fast=Stage(400_000, 1.0, 0.0),
            bias=(0.0,) * 4,
            photon_noise=False,
            dark_current=0.0,
            full_well=float("inf"),
        )

    def stage(self, speed: int) -> Stage:
        """Return what a code of the noticeboard selects."""
        return self.fast if speed == FAST else self.slow
