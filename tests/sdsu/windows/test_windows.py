"""Window tables against the simulated CCD, which knows Annex A alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nifsdc.sdsu.windows import CcdGeometry, Corner, TableRow, Window, WindowError, WindowPlan, WindowTable
from nifsdc_sim.ccd import Ccd
from nifsdc_sim.ccd_clocking import Clocking
from nifsdc_sim.ccd_geometry import split
from nifsdc_sim.ccd_model import CcdModel
from nifsdc_sim.detector import Video
from nifsdc_sim.scene import Points

N = 10
SETS = 500
CORNERS = tuple(Corner)


class Bench:
    """A noise-free simulated CCD with a picture on it, and what its host knows of it."""

    def __init__(
        self, outputs: int, rows: int, columns: int, prescan: int, overscan: int, extra: int
    ) -> None:
        chip = split(
            "ccd", rows, columns, outputs, prescan=prescan, overscan=overscan, parallel_overscan=extra
        )
        self.ccd = Ccd(1, Points(()), CcdModel.ideal(), chip)
        self.light = (np.arange(rows * columns, dtype=np.uint32) * 2654435761 >> 7) % 600
        self.light = self.light.reshape(rows, columns).astype(np.uint32)
        channel_rows, channel_columns = chip.frame_shape
        self.geometry = CcdGeometry(
            channel_rows, channel_columns, CORNERS[:outputs], prescan, overscan, extra
        )

    @property
    def picture(self) -> NDArray[np.uint32]:
        """The unbinned full frame: the picture in its surroundings of empty pixels."""
        picture = np.zeros((self.geometry.height, self.geometry.width), dtype=np.uint32)
        seen = self.ccd.geometry.channel_rows, self.ccd.geometry.channel_columns
        for output, corner in enumerate(self.geometry.outputs):
            rows = slice(seen[0], None) if corner.top else slice(0, seen[0])
            columns = slice(seen[1], None) if corner.right else slice(0, seen[1])
            picture[self.geometry.light(output)] = self.light[rows, columns]
        return picture

    def read(self, clocking: Clocking) -> NDArray[np.uint16]:
        """Return the stream of a readout."""
        self.ccd.clear(0)
        self.ccd.put(self.light.astype(np.float32))
        return np.concatenate([chunk.pixels for chunk in self.ccd.read(clocking, 0, 0.0, Video.DATA)])


def clocking(plan: WindowPlan) -> Clocking:
    """Return what the host writes to the camera."""
    if plan.table is None:
        return Clocking(0, plan.xbin, plan.ybin)
    return Clocking(1, plan.xbin, plan.ybin, N, plan.table.words(N))


def binned(image: NDArray[np.uint32], xbin: int, ybin: int) -> NDArray[np.uint32]:
    """Add up pixels."""
    rows, columns = image.shape
    total: NDArray[np.uint32] = image.reshape(rows // ybin, ybin, columns // xbin, xbin).sum(axis=(1, 3))
    return total


BENCHES = {
    outputs: Bench(outputs, rows=48, columns=64, prescan=6, overscan=10, extra=4) for outputs in (1, 2, 4)
}


def _random_windows(random: np.random.Generator, geometry: CcdGeometry, xbin: int, ybin: int) -> list[Window]:
    windows = []
    for _ in range(random.integers(1, 6)):
        width, height = (
            int(factor * random.integers(1, 1 + size // factor))
            for factor, size in ((xbin, geometry.width), (ybin, geometry.height))
        )
        x, y = (
            int(random.integers(0, 1 + room)) for room in (geometry.width - width, geometry.height - height)
        )
        if random.random() < 0.6:
            # Windows that share pixels have to be in step.
            x, y = x // xbin * xbin, y // ybin * ybin
        windows.append(Window(x, y, width, height))
    return windows


@pytest.mark.parametrize("outputs", BENCHES)
def test_random_windows_are_slices_of_the_true_frame(outputs: int) -> None:
    bench = BENCHES[outputs]
    picture = bench.picture
    random = np.random.default_rng((outputs, 4))
    done = refused = 0
    while done < SETS:
        xbin, ybin = (int(factor) for factor in random.integers(1, 5, 2))
        windows = _random_windows(random, bench.geometry, xbin, ybin)
        try:
            plan = WindowPlan.build(windows, bench.geometry, xbin, ybin, N)
        except WindowError:
            refused += 1
            assert refused < 20 * SETS
            continue
        stream = bench.read(clocking(plan))
        assert len(stream) == plan.pixels
        for window, image in zip(windows, plan.images(stream), strict=True):
            true = picture[window.y : window.y + window.height, window.x : window.x + window.width]
            np.testing.assert_array_equal(image, binned(true, xbin, ybin), err_msg=f"{windows} {xbin} {ybin}")
        done += 1


@pytest.mark.parametrize("outputs", BENCHES)
@pytest.mark.parametrize("binning", [(1, 1), (2, 2), (3, 1), (5, 7)])
def test_a_full_frame_is_the_picture(outputs: int, binning: tuple[int, int]) -> None:
    bench, (xbin, ybin) = BENCHES[outputs], binning
    plan = WindowPlan.full(bench.geometry, xbin, ybin)
    (image,) = plan.images(bench.read(clocking(plan)))
    expected = np.zeros(plan.shapes[0], dtype=np.uint32)
    rows, columns = bench.geometry.rows // ybin, bench.geometry.columns // xbin
    for corner in bench.geometry.outputs:
        whole = bench.picture[:: -1 if corner.top else 1, :: -1 if corner.right else 1]
        target = expected[:: -1 if corner.top else 1, :: -1 if corner.right else 1]
        target[:rows, :columns] = binned(whole[: rows * ybin, : columns * xbin], xbin, ybin)
    np.testing.assert_array_equal(image, expected)
    assert plan.ghosts == 0


@pytest.mark.parametrize("outputs", [1, 2, 4])
def test_windows_at_edges_in_overscan_and_across_the_split_of_a_large_ccd(outputs: int) -> None:
    bench = Bench(outputs, rows=512, columns=1024, prescan=16, overscan=32, extra=8)
    height, width = bench.geometry.height, bench.geometry.width
    windows = [
        Window(0, 0, 40, 20),
        Window(width - 40, height - 20, 40, 20),
        Window(width // 2 - 60, height // 2 - 40, 120, 80),
        Window(width // 2 - 20, height // 2 - 200, 40, 400),
        Window(0, height // 2 - 10, width, 20),
    ]
    plan = WindowPlan.build(windows, bench.geometry, 2, 2, N)
    out = tuple(np.empty(shape, dtype=np.uint16) for shape in plan.shapes)
    images = plan.images(bench.read(clocking(plan)), out)
    for window, image, given_image in zip(windows, images, out, strict=True):
        assert image is given_image
        true = bench.picture[window.y : window.y + window.height, window.x : window.x + window.width]
        np.testing.assert_array_equal(image, binned(true, 2, 2))


def test_images_of_other_shapes_are_not_filled() -> None:
    plan = WindowPlan.full(ONE)
    with pytest.raises(ValueError, match="expected"):
        plan.images(np.zeros(8000, dtype=np.uint16), (np.empty((80, 100), dtype=np.uint16),))


def test_a_wrong_table_gives_a_wrong_picture() -> None:
    bench = BENCHES[1]
    plan = WindowPlan.build([Window(10, 8, 20, 16)], bench.geometry)
    assert plan.table is not None
    words = list(plan.table.words(N))
    words[0] += 1
    stream = bench.read(Clocking(1, 1, 1, N, tuple(words)))
    np.testing.assert_array_equal(plan.images(stream)[0], bench.picture[9:25, 10:30])


# --- tables by hand ---------------------------------------------------------------------------------------

ONE = CcdGeometry(rows=100, columns=80)
FOUR = CcdGeometry(rows=100, columns=80, outputs=CORNERS)


def test_the_table_of_one_window() -> None:
    plan = WindowPlan.build([Window(10, 20, 30, 40)], ONE, n=1)
    assert plan.table == WindowTable((TableRow(20, 40, ((10, 30),)),))
    assert plan.table.words(1) == (20, 40, 10, 30)
    assert plan.pixels == 1200
    assert plan.ghosts == 0


def test_binned_reads_and_unbinned_skips() -> None:
    plan = WindowPlan.build([Window(11, 21, 30, 40)], ONE, xbin=3, ybin=4, n=1)
    assert plan.table == WindowTable((TableRow(21, 10, ((11, 10),)),))


def test_overlapping_windows_are_split_into_fragments() -> None:
    plan = WindowPlan.build([Window(10, 10, 20, 20), Window(20, 20, 20, 20)], ONE)
    assert plan.table == WindowTable(
        (TableRow(10, 10, ((10, 20),)), TableRow(0, 10, ((10, 30),)), TableRow(0, 10, ((20, 20),)))
    )


def test_windows_side_by_side_share_rows() -> None:
    plan = WindowPlan.build([Window(10, 10, 20, 20), Window(50, 10, 10, 20)], ONE)
    assert plan.table == WindowTable((TableRow(10, 20, ((10, 20), (20, 10))),))


def test_a_window_on_one_of_four_outputs_makes_ghosts_on_three() -> None:
    plan = WindowPlan.build([Window(150, 190, 10, 10)], FOUR)
    assert plan.table == WindowTable((TableRow(0, 10, ((0, 10),)),))
    assert (plan.pixels, plan.ghosts) == (400, 300)


def test_a_window_on_the_middle_of_four_outputs_is_put_together() -> None:
    plan = WindowPlan.build([Window(70, 90, 20, 20)], FOUR)
    assert plan.table == WindowTable((TableRow(90, 10, ((70, 10),)),))
    assert (plan.pixels, plan.ghosts) == (400, 0)


@pytest.mark.parametrize(
    ("windows", "options", "said"),
    [
        ([], {}, "no window is given"),
        ([Window(0, 0, 81, 10)], {}, r"window 1 \(81x10\+0\+0\) is not within the 80 x 100"),
        ([Window(0, 0, 10, 0)], {}, "is not within"),
        ([Window(-1, 0, 10, 10)], {}, "is not within"),
        ([Window(0, 0, 13, 10)], {"xbin": 2}, "not whole pixels binned 2x1"),
        ([Window(0, 0, 10, 10)], {"xbin": 11}, "binning 11x1; expected factors of 1 to 10"),
        ([Window(0, 0, 10, 10), Window(5, 5, 10, 10)], {"xbin": 2}, "windows 1 and 2 .* 5 pixels apart"),
        ([Window(2 * i, 2 * i, 40, 40) for i in range(6)], {}, "n = 11 fragments, the camera's has 10"),
    ],
)
def test_windows_that_cannot_be_read_are_refused(
    windows: list[Window], options: dict[str, int], said: str
) -> None:
    with pytest.raises(WindowError, match=said):
        WindowPlan.build(windows, ONE, **options)


def test_a_stream_of_another_length_is_refused() -> None:
    plan = WindowPlan.full(ONE)
    with pytest.raises(ValueError, match="8000 pixels"):
        plan.images(np.zeros(7999, dtype=np.uint16))


# --- words ------------------------------------------------------------------------------------------------

COUNT = st.integers(0, 0xFFFFFF)
LENGTHS = st.integers(1, 12).map(lambda n: (n, n * (2 * n + 2)))
TABLES = LENGTHS.flatmap(
    lambda size: st.tuples(st.just(size[0]), st.lists(COUNT, min_size=size[1], max_size=size[1]))
)


@given(TABLES)
def test_words_come_back(table: tuple[int, list[int]]) -> None:
    n, words = table
    assert list(WindowTable.from_words(words, n).words(n)) == words


def test_the_table_is_as_long_as_its_rows() -> None:
    assert len(WindowTable().words(10)) == 220
    with pytest.raises(ValueError, match="202 words are no window table of n = 10; expected 220"):
        WindowTable.from_words([0] * 202, 10)


def test_counts_go_into_words() -> None:
    with pytest.raises(ValueError, match="count of 16777216"):
        WindowTable((TableRow(0x1000000, 0),)).words(1)
    with pytest.raises(ValueError, match="needs n = 2"):
        WindowTable((TableRow(0, 1, ((0, 1), (1, 1))),)).words(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 0, "columns": 10},
        {"rows": 10, "columns": 10, "prescan": 5, "overscan": 5},
        {"rows": 10, "columns": 10, "outputs": (Corner.BOTTOM_LEFT, Corner.BOTTOM_LEFT)},
        {"rows": 10, "columns": 10, "outputs": ()},
    ],
)
def test_what_is_no_ccd_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="output"):
        CcdGeometry(**wrong)
