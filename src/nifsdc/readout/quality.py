"""What is known of each pixel beside its value."""

from __future__ import annotations

from enum import IntFlag


class Quality(IntFlag):
    """Bits of a quality image (8 bits a pixel); 0 is a good pixel."""

    GOOD = 0
    BAD = 1
    """in the bad pixel file"""
    SATURATED = 2
    """saturated; what came before it was used where the method can"""
    COSMIC_RAY = 4
    """hit by a cosmic ray, and recovered"""
    LOST = 8
    """hit again; what came before the second hit was used"""
    NO_VALUE = 16
    """too few reads for a value: the pixel is NaN"""
    NONLINEAR = 32
    """beyond what the linearity correction is good for"""
