"""Charge moved by clocks: by hand, against pushing packets one by one, against the theory of trails."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nifsdc_sim.ccd_charge import ChargeArray, left_behind
from nifsdc_sim.ccd_clocking import Clock, Clocking, operations, samples
from nifsdc_sim.ccd_geometry import GEOMETRIES, CcdGeometry, split

SMALL = split("small", 4, 3, 1, prescan=1, overscan=2)
"""4 rows of 3 columns, one element before them"""
PICTURE = np.array([[1, 2, 3], [10, 20, 30], [100, 200, 300], [1000, 2000, 3000]], dtype=np.float32)


def loaded(geometry: CcdGeometry = SMALL, **properties: float) -> ChargeArray:
    array = ChargeArray(geometry, **properties)
    array.image[:] = geometry.to_channels(PICTURE)
    return array


def run(array: ChargeArray, clocking: Clocking) -> list[list[float]]:
    """Obey a readout and return what came out of each channel."""
    out: list[list[float]] = [[] for _ in array.geometry.channels]
    xbin, ybin = clocking.binning
    for operation, count in operations(clocking, array.geometry):
        match operation:
            case Clock.PARALLEL_SKIP:
                array.parallel_skip(count)
            case Clock.PARALLEL_READ:
                array.parallel_read(ybin)
            case Clock.SERIAL_SKIP:
                array.serial_skip(count)
            case Clock.SERIAL_READ:
                for channel, pixels in zip(out, array.serial_read(count, xbin), strict=True):
                    channel.extend(pixels.tolist())
    return out


# Worked by hand


def test_a_full_frame_is_prescan_columns_overscan_row_by_row() -> None:
    rows = [[0, 1, 2, 3, 0, 0], [0, 10, 20, 30, 0, 0], [0, 100, 200, 300, 0, 0], [0, 1000, 2000, 3000, 0, 0]]
    assert run(loaded(), Clocking()) == [[charge for row in rows for charge in row]]


def test_a_full_frame_is_binned() -> None:
    """Two rows to one; 6 pixels of a row make 3 binned ones, the first with the prescan element in it."""
    expected = [1 + 10, 2 + 3 + 20 + 30, 0, 100 + 1000, 200 + 300 + 2000 + 3000, 0]
    assert run(loaded(), Clocking(xbin=2, ybin=2)) == [expected]


def test_what_does_not_make_a_whole_binned_pixel_is_not_read() -> None:
    """4 rows hold one group of three, 6 pixels one of four."""
    array = loaded()
    assert run(array, Clocking(xbin=4, ybin=3)) == [[1 + 2 + 3 + 10 + 20 + 30 + 100 + 200 + 300]]
    array.put_down()
    assert array.image[:, 0, :].tolist() == [[1000, 2000, 3000], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert array.register.tolist() == [[0, 0, 0, 0]]


def test_a_table_skips_single_pixels_and_reads_binned_ones() -> None:
    """Skip a row; read a pair of rows: skip the prescan element and a column, read a pair of columns."""
    table = (1, 1, 2, 1)
    assert run(loaded(), Clocking(1, 2, 2, 1, table)) == [[20 + 30 + 200 + 300]]


def test_two_fragments_in_a_row_and_a_second_row_of_the_table() -> None:
    """n = 2: rows 1 and 2 give columns 0 and 2, row 3 gives columns 1 and 2."""
    table = (1, 2, 1, 1, 1, 1, 0, 1, 2, 2, 0, 0)
    assert run(loaded(), Clocking(1, rows=2, words=table)) == [[10, 30, 100, 300, 2000, 3000]]


def test_reading_past_the_ends_gives_nothing() -> None:
    table = (3, 2, 3, 4)
    assert run(loaded(), Clocking(1, rows=1, words=table)) == [[3000, 0, 0, 0, 0, 0, 0, 0]]


def test_words_that_are_missing_are_zeros() -> None:
    assert run(loaded(), Clocking(1, rows=2, words=(1, 1, 1))) == [[]]


def test_rows_that_are_not_read_stay_and_move_up() -> None:
    array = loaded()
    run(array, Clocking(1, rows=1, words=(1, 1, 1, 2)))
    array.put_down()
    assert array.image[:, 0, :].tolist() == [[100, 200, 300], [1000, 2000, 3000], [0, 0, 0], [0, 0, 0]]


def test_a_register_keeps_what_is_not_clocked_out_until_the_next_row() -> None:
    array = loaded()
    array.parallel_read(1)
    array.serial_read(2, 1)
    array.put_down()
    assert array.register.tolist() == [[2, 3, 0, 0]]
    assert array.serial_read(1, 1).tolist() == [[2]]
    array.parallel_read(1)
    assert array.serial_read(4, 1).tolist() == [[0, 10, 20, 30]]


def test_a_skipped_row_takes_what_is_in_the_register_with_it() -> None:
    array = loaded()
    array.parallel_read(1)
    array.parallel_skip(1)
    assert array.serial_read(4, 1).tolist() == [[0, 0, 0, 0]]
    array.parallel_read(1)
    assert array.serial_read(4, 1).tolist() == [[0, 100, 200, 300]]


def test_a_register_holds_no_more_than_its_well() -> None:
    array = loaded(well=2500.0)
    array.parallel_read(4)
    assert array.serial_read(4, 1).tolist() == [[0, 1111, 2222, 2500]]


def test_four_outputs_read_from_their_corners() -> None:
    geometry = split("quad", 4, 4, 4, prescan=1, overscan=0)
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    array = ChargeArray(geometry)
    array.image[:] = geometry.to_channels(image)
    assert run(array, Clocking()) == [
        [0, 0, 1, 0, 4, 5],
        [0, 3, 2, 0, 7, 6],
        [0, 12, 13, 0, 8, 9],
        [0, 15, 14, 0, 11, 10],
    ]


def test_two_outputs_share_a_row() -> None:
    geometry = split("pair", 2, 4, 2, prescan=0, overscan=1, parallel_overscan=1)
    array = ChargeArray(geometry)
    array.image[:] = geometry.to_channels(np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=np.float32))
    assert run(array, Clocking()) == [[1, 2, 0, 5, 6, 0, 0, 0, 0], [4, 3, 0, 8, 7, 0, 0, 0, 0]]


@pytest.mark.parametrize("outputs", [0, 3, 8])
def test_other_numbers_of_outputs_are_refused(outputs: int) -> None:
    with pytest.raises(ValueError, match="outputs: 1, 2 or 4"):
        split("odd", 4, 4, outputs)
    with pytest.raises(ValueError, match="cannot be read"):
        split("odd", 4, 3, 2)


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES.keys())
def test_each_pixel_leaves_through_one_output(geometry: CcdGeometry) -> None:
    image = np.arange(geometry.rows * geometry.columns, dtype=np.float32).reshape(geometry.rows, -1)
    charge = geometry.to_channels(image)
    assert charge.shape == (geometry.channel_rows, len(geometry.channels), geometry.channel_columns)
    assert np.array_equal(geometry.from_channels(charge), image)


# Against pushing packets one by one


def pushed(picture: NDArray[np.float32], geometry: CcdGeometry, clocking: Clocking) -> list[float]:
    """Read one channel with a list of rows and a list of pixels, one step of each clock after another."""
    image = [list(row) for row in picture]
    register: list[float] = []
    out = []
    n, words = clocking.rows, clocking.words
    for line in range(n):
        pskip, pread, *serial = words[line * (2 * n + 2) : (line + 1) * (2 * n + 2)]
        for _ in range(pskip):
            image[:1] = []
        for _ in range(pread):
            register = [0.0] * geometry.register
            for _ in range(clocking.ybin):
                row = image.pop(0) if image else [0.0] * geometry.channel_columns
                for column, charge in enumerate(row):
                    register[geometry.prescan + column] += charge
            for pair in range(n):
                for _ in range(serial[2 * pair]):
                    register[:1] = []
                for _ in range(serial[2 * pair + 1]):
                    out.append(sum(register[: clocking.xbin]))
                    register[: clocking.xbin] = []
    return out


@st.composite
def readouts(draw: st.DrawFn) -> Clocking:
    """Any table, sensible or not."""
    n = draw(st.integers(1, 4))
    word = st.integers(0, 6)
    words = draw(st.lists(word, min_size=n * (2 * n + 2), max_size=n * (2 * n + 2)))
    return Clocking(1, draw(st.integers(1, 4)), draw(st.integers(1, 4)), n, tuple(words))


def corners(picture: NDArray[np.float32], outputs: int) -> list[NDArray[np.float32]]:
    """Return what leaves by each output, turned so that the pixel next to the output comes first."""
    rows, columns = picture.shape
    left, right = picture[:, : columns // 2], picture[:, columns // 2 :][:, ::-1]
    match outputs:
        case 1:
            return [picture]
        case 2:
            return [left, right]
    return [left[: rows // 2], right[: rows // 2], left[rows // 2 :][::-1], right[rows // 2 :][::-1]]


@pytest.mark.parametrize("outputs", [1, 2, 4])
@given(readouts(), st.integers(0, 3), st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_any_table_gives_what_pushing_packets_gives(
    outputs: int, clocking: Clocking, prescan: int, rows: int, columns: int
) -> None:
    geometry = split("any", 2 * rows, 2 * columns, outputs, prescan=prescan)
    picture = np.arange(1.0, 4 * rows * columns + 1.0, dtype=np.float32).reshape(2 * rows, 2 * columns)
    array = ChargeArray(geometry)
    array.image[:] = geometry.to_channels(picture)
    out = run(array, clocking)
    assert out == [pushed(part, geometry, clocking) for part in corners(picture, outputs)]
    assert all(len(pixels) == samples(clocking, geometry) for pixels in out)


@given(st.sampled_from(list(GEOMETRIES.values())), st.integers(1, 10), st.integers(1, 10))
@settings(max_examples=60, deadline=None)
def test_a_full_frame_has_the_samples_it_announces(geometry: CcdGeometry, xbin: int, ybin: int) -> None:
    clocking = Clocking(xbin=xbin, ybin=ybin)
    sent = sum(count for clock, count in operations(clocking, geometry) if clock is Clock.SERIAL_READ)
    assert sent == samples(clocking, geometry)


@given(
    st.integers(0, 5), st.integers(1, 3), st.integers(0, 6), st.integers(1, 2), st.floats(1e-6, 0.05),
    st.floats(1e-6, 0.05),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_no_charge_is_lost_or_made(
    reads: int, ybin: int, pixels: int, xbin: int, parallel_cti: float, serial_cti: float
) -> None:
    """What came out, what was thrown away with each row, and what is left make what was there.

    But for charge that lags by more places than the register has: it is not followed.
    """
    array = loaded(parallel_cti=parallel_cti, serial_cti=serial_cti)
    out = 0.0
    for _ in range(reads):
        array.parallel_read(ybin)
        out += float(array.serial_read(pixels, xbin).sum())
        array.put_down()
        out += float(array.register.sum())
        array.register[:] = 0.0
    assert out + float(array.image.sum()) == pytest.approx(float(PICTURE.sum()), rel=1e-4)


def test_clearing_leaves_nothing() -> None:
    array = loaded()
    array.parallel_read(1)
    array.clear()
    assert not array.image.any()
    assert not array.register.any()
    assert not any(run(array, Clocking())[0])


# Charge-transfer efficiency


@given(st.integers(0, 400), st.floats(1e-7, 0.3))
@settings(max_examples=100, deadline=None)
def test_shares_left_behind_are_binomial(transfers: int, inefficiency: float) -> None:
    shares = left_behind(transfers, inefficiency)
    for behind, share in enumerate(shares):
        expected = math.comb(transfers, behind) * inefficiency**behind
        expected *= (1.0 - inefficiency) ** (transfers - behind)
        assert share == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert sum(shares) == pytest.approx(1.0, abs=1e-6)


def test_trails_are_those_of_moving_all_packets_at_every_transfer() -> None:
    """Each transfer leaves a share of every packet where it was, worked out on the whole array at once."""
    cti, rows, columns = 0.01, 12, 9
    geometry = split("trail", rows, columns, 1, prescan=2, overscan=6, parallel_overscan=4)
    picture = np.random.default_rng(3).uniform(0, 1000, (rows, columns)).astype(np.float32)
    array = ChargeArray(geometry, parallel_cti=cti, serial_cti=2 * cti)
    array.image[:] = geometry.to_channels(picture)
    (out,) = run(array, Clocking())
    image = picture.astype(float)
    expected = []
    for _ in range(geometry.frame_shape[0]):
        register = np.concatenate([np.zeros(2), image[0] * (1 - cti)])
        image = cti * image + (1 - cti) * np.vstack([image[1:], np.zeros(columns)])
        for _ in range(geometry.frame_shape[1]):
            expected.append(register[0] * (1 - 2 * cti))
            register = 2 * cti * register + (1 - 2 * cti) * np.append(register[1:], 0.0)
    assert out == pytest.approx(expected, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("cti", [1e-6, 1e-5, 1e-4])
def test_extended_pixel_edge_response(cti: float) -> None:
    """A flat field leaves N x CTI of its level in the first overscan pixel, N transfers after it began."""
    geometry = split("flat", 1000, 1000, 1, prescan=0, overscan=4, parallel_overscan=2)
    array = ChargeArray(geometry, serial_cti=cti)
    array.image[:] = 10_000.0
    array.parallel_read(1)
    row = array.serial_read(1004, 1)[0]
    assert row[1000] / row[999] == pytest.approx(1000 * cti, rel=0.11)  # N + 1 choose 2 of CTI^2 and less
    array = ChargeArray(geometry, parallel_cti=cti)
    array.image[:] = 10_000.0
    column = []
    for _ in range(1002):
        array.parallel_read(1)
        column.append(float(array.serial_read(1, 1)[0, 0]))
    assert column[1000] / column[999] == pytest.approx(1000 * cti, rel=0.11)
