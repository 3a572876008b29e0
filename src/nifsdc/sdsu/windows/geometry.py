"""How the outputs of a CCD share its picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Corner(Enum):
    """The corner of the picture towards which an output reads: (from the top, from the right)."""

    BOTTOM_LEFT = (False, False)
    BOTTOM_RIGHT = (False, True)
    TOP_LEFT = (True, False)
    TOP_RIGHT = (True, True)

    @property
    def top(self) -> bool:
        """Whether rows are clocked upwards."""
        return self.value[0]

    @property
    def right(self) -> bool:
        """Whether pixels are clocked to the right."""
        return self.value[1]


_SPLITS = {
    1: ((Corner.BOTTOM_LEFT,),),
    2: ((Corner.BOTTOM_LEFT, Corner.BOTTOM_RIGHT), (Corner.BOTTOM_LEFT, Corner.TOP_LEFT)),
    4: (tuple(Corner),),
}


@dataclass(frozen=True)
class CcdGeometry:
    """The picture of a CCD: one block per output, each read from its own corner.

    The picture is what an unbinned full frame shows, prescan and overscan included: of two blocks side by
    side the prescans are at its left and right edges and the overscans meet in the middle. INS-DAS-18 leaves
    the format to the host ("Discussion").

    Parameters
    ----------
    rows, columns
        unbinned pixels of one output in a full frame, prescan and overscan included
    outputs
        for each output, in the order in which their pixels rotate on the fibre, its corner
    prescan, overscan
        columns of each output before and after those that see light
    parallel_overscan
        rows of each output after those that see light
    """

    rows: int
    columns: int
    outputs: tuple[Corner, ...] = (Corner.BOTTOM_LEFT,)
    prescan: int = 0
    overscan: int = 0
    parallel_overscan: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no CCD."""
        if not any(
            set(self.outputs) == set(split) and len(self.outputs) == len(split)
            for split in _SPLITS.get(len(self.outputs), ())
        ):
            corners = ", ".join(corner.name for corner in self.outputs)
            raise ValueError(f"outputs at {corners} do not share a picture; expected 1, 2 or 4 corners of it")
        light = self.rows - self.parallel_overscan, self.columns - self.prescan - self.overscan
        if min(light) < 1 or min(self.prescan, self.overscan, self.parallel_overscan) < 0:
            raise ValueError(
                f"{self.rows} x {self.columns} pixels of an output with prescan {self.prescan}, overscan "
                f"{self.overscan} and {self.parallel_overscan} rows of it leave none that sees light"
            )

    @property
    def height(self) -> int:
        """Rows of the whole picture, unbinned."""
        return self.rows * len({corner.top for corner in self.outputs})

    @property
    def width(self) -> int:
        """Columns of the whole picture, unbinned."""
        return self.columns * len({corner.right for corner in self.outputs})

    def light(self, output: int) -> tuple[slice, slice]:
        """Return rows and columns of the picture in which an output's pixels see light, unbinned."""
        corner = self.outputs[output]
        return (
            _placed(0, self.rows - self.parallel_overscan, self.height if corner.top else None),
            _placed(self.prescan, self.columns - self.overscan, self.width if corner.right else None),
        )


def _placed(first: int, end: int, mirrored: int | None) -> slice:
    return slice(first, end) if mirrored is None else slice(mirrored - end, mirrored - first)
