"""The way between stream and image, against the design note's own words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nifsdc.camera.layout import Amplifier, Layout, LayoutError
from nifsdc.readout.unravel import Unraveller

many = settings(deadline=None, max_examples=60)

DETECTORS = Path(__file__).parents[2] / "db" / "detectors"


def stripes(rows: int, columns: int, channels: int, reference: int = 0, *, alternate: bool = False) -> Layout:
    """Side by side, all read upwards: the flown four-stripe device, or a device of 32 channels."""
    width = columns // channels
    amplifiers = []
    for number in range(channels):
        backwards = alternate and number % 2 == 1
        xo = (number + 1) * width - 1 if backwards else number * width
        amplifiers.append(Amplifier(xo, 0, width, rows, -1 if backwards else 1, 1, "row", reference))
    return Layout(f"{channels} stripes", rows, columns, tuple(amplifiers))


def small_quadrants(side: int, reference: int) -> Layout:
    end = 2 * side - 1
    return Layout(
        "quadrants",
        2 * side,
        2 * side,
        (
            Amplifier(0, 0, side, side, 1, 1, "row", reference),
            Amplifier(0, end, side, side, 1, -1, "column", reference),
            Amplifier(end, end, side, side, -1, -1, "row", reference),
            Amplifier(end, 0, side, side, -1, 1, "column", reference),
        ),
    )


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    across, up = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    width = draw(st.integers(1, 6))
    height = draw(st.one_of(st.just(width), st.integers(1, 6)))
    reference = draw(st.integers(0, 3))
    one_orientation = draw(st.sampled_from(["row", "column"]))
    amplifiers = []
    for column in range(across):
        for row in range(up):
            xdir, ydir = draw(st.sampled_from([-1, 1])), draw(st.sampled_from([-1, 1]))
            xo = column * width + (width - 1 if xdir < 0 else 0)
            yo = row * height + (height - 1 if ydir < 0 else 0)
            orientation = draw(st.sampled_from(["row", "column"])) if width == height else one_orientation
            amplifiers.append(Amplifier(xo, yo, width, height, xdir, ydir, orientation, reference))
    return Layout("drawn", up * height, across * width, tuple(draw(st.permutations(amplifiers))))


def by_the_note(stream: np.ndarray, layout: Layout) -> np.ndarray:
    """The pseudo-English algorithm of SDN 11.03 section 4.7, line by line."""
    image = np.full((layout.rows, layout.columns), -1, stream.dtype)
    interleaved = len(layout.amplifiers)
    for number, amplifier in enumerate(layout.amplifiers):
        by_rows = amplifier.orientation == "row"
        for line in range(amplifier.height if by_rows else amplifier.width):
            if by_rows:
                row = amplifier.yo + amplifier.ydir * line
            else:
                column = amplifier.xo + amplifier.xdir * line
            samples = (amplifier.width if by_rows else amplifier.height) + amplifier.reference
            index = line * samples * interleaved + number
            for pixel in range(samples - amplifier.reference):
                if by_rows:
                    column = amplifier.xo + amplifier.xdir * pixel
                else:
                    row = amplifier.yo + amplifier.ydir * pixel
                image[row, column] = stream[index]
                index += interleaved
    return image


@many
@given(layouts())
def test_unravel_does_what_the_note_says(layout: Layout) -> None:
    stream = np.arange(layout.pixels_per_read, dtype=np.int32)
    image, reference = layout.unraveller.unravel(stream)
    np.testing.assert_array_equal(image, by_the_note(stream, layout))
    # with the reference samples, every pixel of the stream is somewhere, once
    np.testing.assert_array_equal(np.sort(np.concatenate([image.ravel(), reference.ravel()])), stream)


@many
@given(layouts(), st.integers(0, 2**32 - 1))
def test_ravel_is_the_inverse(layout: Layout, seed: int) -> None:
    stream = np.random.default_rng(seed).integers(0, 65536, layout.pixels_per_read).astype(np.uint16)
    image, reference = layout.unraveller.unravel(stream)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(layout.unraveller.ravel(image, reference), stream)


@st.composite
def wide_layouts(draw: st.DrawFn) -> Layout:
    """Wide enough to be sorted by vectors, of sizes that those do not divide; any numbers of outputs."""
    across, up = draw(st.sampled_from([(2, 1), (2, 2), (4, 2), (4, 4), (8, 4), (3, 1), (1, 2), (1, 1)]))
    width = draw(st.integers(20, 90))
    square = draw(st.booleans())
    height = width if square else draw(st.integers(20, 90))
    one_orientation = draw(st.sampled_from(["row", "column"]))
    reference = draw(st.sampled_from([0, 5, 32, 50]))
    amplifiers = []
    for column in range(across):
        for row in range(up):
            xdir, ydir = draw(st.sampled_from([-1, 1])), draw(st.sampled_from([-1, 1]))
            xo = column * width + (width - 1 if xdir < 0 else 0)
            yo = row * height + (height - 1 if ydir < 0 else 0)
            orientation = draw(st.sampled_from(["row", "column"])) if square else one_orientation
            amplifiers.append(Amplifier(xo, yo, width, height, xdir, ydir, orientation, reference))
    return Layout("drawn", up * height, across * width, tuple(draw(st.permutations(amplifiers))))


def places(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Which element of the stream each pixel and reference sample is, by index arithmetic alone."""
    image = np.full((layout.rows, layout.columns), -1)
    references = []
    outputs = len(layout.amplifiers)
    for number, amplifier in enumerate(layout.amplifiers):
        x, y = np.meshgrid(np.arange(amplifier.width), np.arange(amplifier.height))
        line, sample = (y, x) if amplifier.orientation == "row" else (x, y)
        lines, samples = line.max() + 1, sample.max() + 1 + amplifier.reference
        index = (line * samples + sample) * outputs + number
        image[amplifier.yo + amplifier.ydir * y, amplifier.xo + amplifier.xdir * x] = index
        last = np.arange(samples - amplifier.reference, samples)
        references.append((np.arange(lines)[:, None] * samples + last) * outputs + number)
    return image, np.array(references)


@settings(deadline=None, max_examples=80)
@given(wide_layouts(), st.sampled_from(["u2", "u4", "f4", "i2", "i4", ">u2", "u1", "f8"]), st.data())
def test_every_type_and_way_puts_every_sample_in_its_place(
    layout: Layout, kind: str, data: st.DataObject
) -> None:
    sorter = layout.unraveller
    stream = np.random.default_rng(5).integers(0, 256, sorter.pixels_per_read * np.dtype(kind).itemsize)
    stream = stream.astype(np.uint8).view(kind)
    by_pixel, by_reference = places(layout)
    image, reference = sorter.unravel(stream)
    assert image.dtype == reference.dtype == stream.dtype
    assert image.ctypes.data % 64 == 0
    np.testing.assert_array_equal(image, stream[by_pixel])
    np.testing.assert_array_equal(reference, stream[by_reference])
    # in two parts, into a window of something larger that nothing else may be written to
    cut = data.draw(st.integers(0, sorter.lines))
    around = np.zeros((layout.rows + 2, layout.columns + 3), kind)
    window = around[1:-1, 1:-2]
    reference[:] = 0
    sorter.unravel_into(stream, window, reference, 0, cut)
    sorter.unravel_into(stream, window, reference, cut)
    np.testing.assert_array_equal(window, stream[by_pixel])
    np.testing.assert_array_equal(reference, stream[by_reference])
    window[:] = 0
    assert not around.any()


def test_a_part_of_the_lines_leaves_the_others_alone() -> None:
    layout = small_quadrants(200, 32)
    stream = np.arange(1, layout.pixels_per_read + 1, dtype=np.float32)
    by_pixel, by_reference = places(layout)
    line = by_pixel // (232 * 4)
    for first, last in ((0, 200), (0, 33), (31, 190), (167, 200), (5, 20), (9, 9)):
        image, reference = np.zeros(layout.shape, np.float32), np.zeros(layout.reference_shape, np.float32)
        layout.unraveller.unravel_into(stream, image, reference, first, last)
        expected = np.where((line >= first) & (line < last), stream[by_pixel], 0)
        np.testing.assert_array_equal(image, expected)
        assert np.all(reference[:, first:last] == stream[by_reference][:, first:last])
        assert np.count_nonzero(reference) == 4 * 32 * (last - first)


def test_samples_that_lie_anywhere_and_other_types_are_converted() -> None:
    layout = small_quadrants(40, 0)
    stream = np.arange(layout.pixels_per_read, dtype=np.int32)
    expected = stream[places(layout)[0]]
    image, reference = np.zeros(layout.shape, np.float32), np.zeros(layout.reference_shape, np.float32)
    layout.unraveller.unravel_into(stream, image, reference)
    np.testing.assert_array_equal(image, expected.astype(np.float32))
    scattered = np.repeat(stream, 2)[::2]
    unaligned = np.frombuffer(b"x" + stream.tobytes(), np.uint8)[1:].view(np.int32)
    for other in (scattered, unaligned):
        np.testing.assert_array_equal(layout.unraveller.unravel(other)[0], expected)
    skipping = np.zeros((layout.rows, 2 * layout.columns), np.int32)[:, ::2]
    layout.unraveller.unravel_into(stream, skipping, reference)
    np.testing.assert_array_equal(skipping, expected)


@pytest.mark.parametrize(
    "layout",
    [
        small_quadrants(40, 3),
        stripes(64, 64, 4),
        stripes(64, 64, 4, alternate=True),
        stripes(32, 128, 32, reference=2),
    ],
    ids=["four rotated quadrants", "flown: four stripes", "alternating stripes", "32 channels"],
)
def test_known_devices(layout: Layout) -> None:
    stream = np.random.default_rng(7).integers(0, 65536, layout.pixels_per_read).astype(np.float32)
    image, reference = layout.unraveller.unravel(stream)
    np.testing.assert_array_equal(image, by_the_note(stream, layout))
    np.testing.assert_array_equal(layout.unraveller.ravel(image, reference), stream)


def test_reference_samples_follow_the_pixels_of_their_line() -> None:
    layout = small_quadrants(4, 2)
    stream = np.arange(layout.pixels_per_read)
    _, reference = layout.unraveller.unravel(stream)
    assert reference.shape == (4, 4, 2)
    # line 0 of the third output: after 4 pixels of each of 4 outputs
    assert reference[2, 0].tolist() == [4 * 4 + 2, 5 * 4 + 2]


@many
@given(st.data())
def test_lines_can_be_sorted_as_they_arrive(data: st.DataObject) -> None:
    layout = small_quadrants(6, 1)
    stream = np.arange(layout.pixels_per_read)
    cuts = sorted(data.draw(st.lists(st.integers(0, layout.pixels_per_read), max_size=5)))
    image, reference = np.full(layout.shape, -1), np.full(layout.reference_shape, -1)
    done = 0
    for arrived in [*cuts, layout.pixels_per_read]:
        complete = layout.unraveller.lines_complete(arrived)
        layout.unraveller.unravel_into(stream, image, reference, done, complete)
        done = complete
    expected_image, expected_reference = layout.unraveller.unravel(stream)
    np.testing.assert_array_equal(image, expected_image)
    np.testing.assert_array_equal(reference, expected_reference)


# --- the detector of the note ---------------------------------------------------------------------------

N = 1024
QUADRANT_CORNERS = {1: (0, 0), 2: (0, N), 3: (N, N), 4: (N, 0)}
"""(column, row) of each quadrant's bottom-left corner, from figure 5: counted clockwise from bottom left"""
FIRST = [(1, 1, 1), (2, 1, N), (3, N, N), (4, N, 1), (1, 2, 1), (2, 1, N - 1), (3, N - 1, N), (4, N, 2)]
LAST = [
    (1, N - 1, N),
    (2, N, 2),
    (3, 2, 1),
    (4, 1, N - 1),  # the note prints q4 2,1 here: docs/errata.md
    (1, N, N),
    (2, N, 1),
    (3, 1, 1),
    (4, 1, N),
]


def test_hawaii2_pixels_arrive_in_the_order_of_the_note() -> None:
    layout = Layout.load(DETECTORS / "hawaii2-nifs.yaml")
    assert layout.pixels_per_read == 4_325_376
    assert layout.shape == (2048, 2048)
    assert layout.reference_shape == (4, 1024, 32)
    stream = np.arange(layout.pixels_per_read, dtype=np.int32)
    image, _ = layout.unraveller.unravel(stream)

    def arrival(quadrant: int, i: int, j: int) -> int:
        left, bottom = QUADRANT_CORNERS[quadrant]
        return int(image[bottom + j - 1, left + i - 1])

    assert [arrival(*place) for place in FIRST] == list(range(8))
    end_of_pixels = layout.pixels_per_read - 32 * 4
    assert [arrival(*place) for place in LAST] == list(range(end_of_pixels - 8, end_of_pixels))


# --- what is refused ------------------------------------------------------------------------------------

GOOD = {"xo": 0, "yo": 0, "width": 4, "height": 4, "xdir": 1, "ydir": 1, "orientation": "row"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"xdir": 0}, "directions are"),
        ({"orientation": "diagonal"}, "orientation is row or column"),
        ({"width": 5}, "not within"),
        ({"xo": 3, "width": 4, "xdir": 1}, "not within"),
        ({"width": 3}, "read by no amplifier"),
        ({"colour": 1}, r"unknown \['colour'\]"),
    ],
)
def test_bad_layouts_are_refused_with_the_reason(change: dict[str, object], text: str) -> None:
    with pytest.raises(LayoutError, match=text):
        Layout.load({"name": "bad", "rows": 4, "columns": 4, "amplifiers": [{**GOOD, **change}]})


def test_overlap_is_refused() -> None:
    with pytest.raises(LayoutError, match="amplifier 2 reads pixels that an earlier one reads"):
        Layout.load({"name": "bad", "rows": 4, "columns": 4, "amplifiers": [GOOD, GOOD]})


def test_outputs_that_cannot_rotate_are_refused() -> None:
    narrow = {**GOOD, "xo": 4, "width": 2}
    with pytest.raises(LayoutError, match="must agree"):
        Layout.load({"name": "bad", "rows": 4, "columns": 6, "amplifiers": [GOOD, narrow]})


def test_missing_entries_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="columns missing"):
        Layout.load({"name": "bad", "rows": 4, "amplifiers": []})
    with pytest.raises(LayoutError, match=r"none\.yaml: cannot be read"):
        Layout.load(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="at least one output"):
        Unraveller(4, 4, [])


def test_a_stream_of_the_wrong_length_is_refused() -> None:
    layout = small_quadrants(4, 0)
    with pytest.raises(ValueError, match="64 pixels in this layout"):
        layout.unraveller.unravel(np.zeros(65, np.uint16))
    with pytest.raises(ValueError, match="expected"):
        layout.unraveller.ravel(np.zeros((8, 9)), np.zeros((4, 4, 0)))


def test_arrays_of_the_wrong_shape_and_lines_there_are_not_are_refused() -> None:
    sorter = small_quadrants(4, 0).unraveller
    stream, image, reference = np.zeros(64), np.zeros((8, 8)), np.zeros((4, 4, 0))
    with pytest.raises(ValueError, match="expected"):
        sorter.unravel_into(stream, np.zeros((8, 7)), reference)
    for first, last in ((-1, 2), (3, 2), (0, 5)):
        with pytest.raises(ValueError, match="within 0 to 4"):
            sorter.unravel_into(stream, image, reference, first, last)
