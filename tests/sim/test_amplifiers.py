"""The order of pixels against the sequence printed in SDN 11.03 section 4.7."""

import numpy as np
import pytest

from nifsdc_sim.amplifiers import HAWAII2

N = 1024
# Corner of each quadrant in the full frame as (row, column): 1 bottom left, 2 top left, 3 top right, 4 bottom
# right, as figure 5 draws them.
CORNERS = {1: (0, 0), 2: (N, 0), 3: (N, N), 4: (0, N)}


def place(quadrant: int, x: int, y: int) -> tuple[int, int]:
    """Return row and column in the full frame of the document's q(x, y)."""
    row, column = CORNERS[quadrant]
    return row + y - 1, column + x - 1


def walk(line: int, pixel: int) -> list[tuple[int, int, int]]:
    """Return the document's quadrant, x and y of the four pixels sent at a step, counted from 1."""
    return [
        (1, pixel, line),
        (2, line, N + 1 - pixel),
        (3, N + 1 - pixel, N + 1 - line),
        (4, N + 1 - line, pixel),
    ]


def test_the_beginning_and_the_end_are_as_printed() -> None:
    rows, columns = HAWAII2.indices()
    # The end has q4(1,n-1) where the document misprints "q42,1": see the module.
    printed = {
        (0, 0): [(1, 1, 1), (2, 1, N), (3, N, N), (4, N, 1)],
        (0, 1): [(1, 2, 1), (2, 1, N - 1), (3, N - 1, N), (4, N, 2)],
        (N - 1, N - 2): [(1, N - 1, N), (2, N, 2), (3, 2, 1), (4, 1, N - 1)],
        (N - 1, N - 1): [(1, N, N), (2, N, 1), (3, 1, 1), (4, 1, N)],
    }
    for (line, pixel), quadrants in printed.items():
        found = list(zip(rows[line, pixel].tolist(), columns[line, pixel].tolist(), strict=True))
        assert found == [place(*each) for each in quadrants]


@pytest.mark.parametrize("line", [0, 1, 511, 1022, 1023])
def test_each_sample_of_a_line_is_the_pixel_it_ought_to_be(line: int) -> None:
    image = np.arange(2048 * 2048, dtype=np.float32).reshape(2048, 2048)
    stream = HAWAII2.to_stream(image, reference=-1.0)[line]
    at = 0
    for pixel in range(N):
        for quadrant, x, y in walk(line + 1, pixel + 1):
            row, column = place(quadrant, x, y)
            assert stream[at] == row * 2048 + column
            at += 1
    assert (stream[at:] == -1.0).all()
    assert len(stream) - at == 4 * 32


def test_every_pixel_is_sent_once() -> None:
    rows, columns = HAWAII2.indices()
    assert np.array_equal(np.sort((rows * 2048 + columns).ravel()), np.arange(2048 * 2048))
