"""What the light curve of a blinking lamp tells of when frames were exposed, and for how long.

The lamp flashes once a period that is a little longer than the longest cycle, so that no exposure sees two
flashes, and mid-exposures fall evenly on its phases: on ``PHASES`` of them, each as often as any other. The
first harmonic of the folded curve then has the phase of the flash exactly where mid-exposure times are right;
the mean of the curve is the exposure time over the period; and what of a cycle is not exposed is dead.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nifsdc.timing.frame_transfer import Exposed, FrameTiming

PHASES = 211
"""a prime, so that every cycle visits all of them"""
FLASH = 0.05
"""length of a flash, in frame periods"""
TOLERANCE = 0.01
"""of the exposure time"""
NS = 1_000_000_000


@dataclass(frozen=True)
class Flashes:
    """A lamp that is on for a part of each period."""

    rate: float
    """light while it is on, counts/s"""
    period_ns: int
    on_ns: int
    first_ns: int
    """moment of a beginning"""

    @classmethod
    def for_cycles(cls, frame_period: float, most_skip: int) -> Flashes:
        """Return a lamp for frames of some period, of which one in ``most_skip + 1`` has data at least."""
        steps = math.floor(PHASES / (1.1 * (most_skip + 1)))
        on = FLASH * frame_period
        return cls(20_000 / on, round(frame_period * PHASES / steps * NS), round(on * NS), 123_456_789)

    def scene(self) -> dict[str, float]:
        """Return the simulator's scene."""
        return {
            "rate": self.rate,
            "period": self.period_ns / NS,
            "on": self.on_ns / NS,
            "first": self.first_ns / NS,
        }


@dataclass(frozen=True)
class Sample:
    """One CCD's part of one frame."""

    number: int
    stamp_ns: int
    counts: float


@dataclass(frozen=True)
class Errors:
    """By how much a timing model is wrong, in parts of the exposure time."""

    phase: float
    exposure: float
    dead: float

    @property
    def greatest(self) -> float:
        """The worst of them."""
        return max(abs(self.phase), abs(self.exposure), abs(self.dead))


def errors(
    samples: Sequence[Sample],
    timing: FrameTiming,
    flashes: Flashes,
    exposed: Callable[[int], Exposed | None] | None = None,
) -> Errors:
    """Hold a timing model against a light curve.

    Parameters
    ----------
    samples
        frames of a run, in order
    timing
        the model
    flashes
        what the frames saw
    exposed
        of the model, or one that is wrong on purpose
    """
    exposed = exposed or timing.exposed
    valid = [(sample, span) for sample in samples if (span := exposed(sample.number)) is not None]
    # The first exposure may be another one; after it, as many as there are phases.
    seen = valid[1 : 1 + PHASES]
    assert len(seen) == PHASES, "too few frames"
    span = seen[0][1]
    total, harmonic = 0.0, 0j
    for sample, each in seen:
        middle = sample.stamp_ns + round(each.middle * NS) - flashes.first_ns - flashes.on_ns // 2
        total += sample.counts
        harmonic += sample.counts * cmath.exp(2j * math.pi * (middle % flashes.period_ns) / flashes.period_ns)
    period = flashes.period_ns / NS
    phase = cmath.phase(harmonic) / (2 * math.pi) * period
    seconds = total / PHASES * period / (flashes.rate * flashes.on_ns / NS)
    cycle = (seen[-1][0].stamp_ns - seen[0][0].stamp_ns) / (PHASES - 1) / NS
    return Errors(phase / seconds, span.seconds / seconds - 1.0, (timing.dead - (cycle - seconds)) / seconds)


def frames_needed(skip: int, ndrift: int = 0) -> int:
    """Return the frames in which a CCD has enough exposures."""
    return max((PHASES + 1) * (skip + 1), PHASES + 1 + ndrift)
