"""Where a readout is, from the interface's counts."""

import pytest

from nifsdc.sdsu.links.base import Progress
from nifsdc.sdsu.readout import Phase, Readout

READOUT = Readout("MRA", first_block=5, blocks=2, pixels=100)


@pytest.mark.parametrize(
    ("block", "pixels", "phase"),
    [
        (4, 100, Phase.STARTING),
        (5, 0, Phase.READING),
        (5, 99, Phase.READING),
        (5, 100, Phase.INTEGRATING),
        (6, 0, Phase.READING),
        (6, 99, Phase.READING),
        (6, 100, Phase.DONE),
        (7, 0, Phase.DONE),
    ],
)
def test_phases_of_a_multiple_read(block: int, pixels: int, phase: Phase) -> None:
    assert READOUT.phase(Progress(block, pixels)) is phase


def test_a_single_block_has_no_integration() -> None:
    readout = Readout("RDC", first_block=1, blocks=1, pixels=100)
    assert readout.phase(Progress(0, 0)) is Phase.STARTING
    assert readout.phase(Progress(1, 99)) is Phase.READING
    assert readout.phase(Progress(1, 100)) is Phase.DONE
