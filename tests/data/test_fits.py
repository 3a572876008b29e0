"""Files against astropy, and against cfitsio's fitsverify where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from nifsdc.data import checksum, fits_file
from nifsdc.data.errors import DataError, LabelRefused
from nifsdc.data.fits_file import write, write_new
from nifsdc.data.fits_image import build
from nifsdc.data.frame import Card, Frame, FrameError, FrameKind
from nifsdc.data.header import HEADER_KEYWORDS, cards, parameter_cards
from nifsdc.data.names import Template, clean_label, label_problem, labelled
from nifsdc.timing.utc import mjd, night, utc_stamp, utc_time

from .checkers import FITSVERIFY, check_independently

START = datetime(2026, 3, 1, 9, 8, 7, 654321, tzinfo=UTC)
EXAMPLES = {"text": "as it was", "int": 7, "float": 1.25, "bool": True}


def full_frame(dtype: str) -> Frame:
    rng = np.random.default_rng(11)
    science = rng.integers(0, 65536, (2048, 2048)).astype(dtype)
    reference = rng.integers(0, 65536, (4, 1024, 32)).astype(dtype)
    values = {keyword.name: EXAMPLES[keyword.kind] for keyword in HEADER_KEYWORDS}
    values |= {
        "DATE-OBS": utc_stamp(START),
        "DATE-END": utc_stamp(START + timedelta(seconds=9)),
        "MJD-OBS": mjd(START),
        "TIMESYS": "UTC",
        "DETTEMP": None,
    }
    parameters = {"obs_exposed": 20.0, "dataObs.A": "FITS", "path": "x" * 90}
    safe = {name.replace(".", " "): value for name, value in parameters.items()}
    return Frame.build(
        "e1",
        FrameKind.SCIENCE,
        {"science": science, "reference": reference},
        night=night(START),
        cards=cards(values) + parameter_cards(safe),
    )


def test_which_checker_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(
            "\nFITS files are checked by astropy and",
            FITSVERIFY or "NOTHING ELSE: fitsverify is not installed",
        )


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_a_product_is_what_was_asked_for(tmp_path: Path, dtype: str) -> None:
    frame = full_frame(dtype)
    path = write(frame, tmp_path / "20260301", "GN-2026A-Q-1-2-003")
    check_independently(path)
    with fits.open(path, memmap=False) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "REF"]
        assert hdus[0].header["NAXIS"] == 0
        assert hdus["SCI", 1].shape == (2048, 2048)
        assert hdus["REF"].shape == (4, 1024, 32)
        assert hdus["SCI"].data.dtype == np.dtype(dtype).newbyteorder(">" if dtype == "float32" else "=")
        np.testing.assert_array_equal(hdus["SCI"].data, frame.arrays["science"])
        np.testing.assert_array_equal(hdus["REF"].data, frame.arrays["reference"])
        assert hdus["SCI"].header["BITPIX"] == (-32 if dtype == "float32" else 16)
        for keyword in HEADER_KEYWORDS:
            header = hdus[keyword.extension or 0].header
            if keyword.name in ("DETTEMP", "FILENAME"):
                continue
            assert header.comments[keyword.name] == keyword.comment
        assert hdus[0].header["FILENAME"] == path.name == "GN-2026A-Q-1-2-003.fits"
        assert hdus[0].header["DATE-OBS"] == "2026-03-01T09:08:07.654"
        assert hdus[0].header["NIFSDC obs_exposed"] == 20.0
        assert hdus[0].header["NIFSDC path"] == "x" * 90
        assert "DETTEMP" not in hdus[0].header
        assert any("not known: DETTEMP" in line for line in hdus[0].header["COMMENT"])


def test_row_0_is_the_first_row_of_the_file(tmp_path: Path) -> None:
    science = np.zeros((3, 4), np.float32)
    science[0, 1] = 42.0
    path = write(Frame.build("e", FrameKind.SCIENCE, {"science": science}, night="20260301"), tmp_path, "a")
    # the bytes of the data unit, without any FITS reader: pixel (2, 1) of FITS is the second number
    data = path.read_bytes()[2 * 2880 :]
    assert np.frombuffer(data[:8], ">f4").tolist() == [0.0, 42.0]


def test_more_extensions_than_the_plain_product(tmp_path: Path) -> None:
    arrays = {
        "reference": np.zeros((2, 3, 1), np.uint16),
        "read:2": np.full((4, 6), 2, np.uint16),
        "quality": np.eye(5, 7, dtype=np.uint8),
        "read:1": np.full((4, 6), 1, np.uint16),
        "variance": np.full((5, 7), 0.5, np.float32),
        "coadd:1": np.full((5, 7), -3, np.int32),
        "science": np.full((5, 7), np.nan, np.float64),
    }
    path = write(Frame.build("e", FrameKind.SCIENCE, arrays, night="20260301"), tmp_path, "many")
    check_independently(path)
    with fits.open(path, memmap=False) as hdus:
        order = [(hdu.name, hdu.ver) for hdu in hdus[1:]]
        assert order == [
            ("SCI", 1),
            ("VAR", 1),
            ("DQ", 1),
            ("COADD", 1),
            ("READ", 1),
            ("READ", 2),
            ("REF", 1),
        ]
        for name, (extension, version) in {
            "read:2": ("READ", 2),
            "quality": ("DQ", 1),
            "coadd:1": ("COADD", 1),
        }.items():
            np.testing.assert_array_equal(hdus[extension, version].data, arrays[name])
        assert np.isnan(hdus["SCI"].data).all()


def test_an_unknown_array_and_a_bad_version_are_refused() -> None:
    for name in ("colour", "read:two"):
        frame = Frame.build("e", FrameKind.SCIENCE, {name: np.zeros((2, 2), np.uint8)}, night="20260301")
        with pytest.raises(FrameError, match="no extension"):
            build(frame)


def test_a_card_that_does_not_fit_costs_itself_and_not_the_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    awkward = [
        Card("HIERARCH NIFSDC " + "very long name " * 3, 1.2345678901234567e-100, "comment"),
        Card("GRATWAVE", 2.2, "c" * 90),
        Card("EXPTIME", 5.3, "first"),
        Card("EXPTIME", 6.3, "second"),
    ]
    frame = Frame.build(
        "e", FrameKind.SCIENCE, {"science": np.zeros((2, 2), np.uint16)}, night="20260301", cards=awkward
    )
    path = write(frame, tmp_path, "awkward")
    check_independently(path)
    header = fits.getheader(path)
    assert header["GRATWAVE"] == 2.2
    assert (header["EXPTIME"], header.comments["EXPTIME"]) == (6.3, "second")
    assert header.count("EXPTIME") == 1
    assert "left out of the header" in caplog.text


def test_cards_without_comments_get_those_of_the_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever makes cards by hand gets the same header as everybody else."""
    given = [
        Card("BUNIT", "ADU"),
        Card("MYOWN", 1),
        Card("EXPTIME", 5.3000000001),
        Card("COADDS", "two"),
        Card("INSTRUME", "NIFS", "my comment"),
    ]
    science = np.zeros((2, 2), np.float32)
    frame = Frame.build("e", FrameKind.SCIENCE, {"science": science}, night="20260301", cards=given)
    header = fits.getheader(write(frame, tmp_path, "a"))
    assert list(header)[5:10] == ["INSTRUME", "FILENAME", "EXPTIME", "COADDS", "MYOWN"]
    assert (header["EXPTIME"], header.comments["EXPTIME"][:3]) == (5.3, "[s]")
    assert header.comments["INSTRUME"] == "my comment"
    assert header["COADDS"] == "two"
    assert "COADDS is 'two'; expected int" in caplog.text
    assert fits.getheader(tmp_path / "a.fits", "SCI")["BUNIT"] == "ADU"


# --- checksums ------------------------------------------------------------------------------------------

many = settings(deadline=None, max_examples=100)


@many
@given(st.integers(0, 2**32 - 1))
def test_checksum_characters_against_astropy(total: int) -> None:
    hdu = fits.PrimaryHDU()
    assert checksum.encode(total) == hdu._char_encode(0xFFFFFFFF - total)


@many
@given(st.binary(max_size=400).map(lambda data: data[: len(data) // 4 * 4]))
def test_sums_against_astropy(data: bytes) -> None:
    expected = fits.PrimaryHDU()._compute_checksum(np.frombuffer(data, np.uint8)) if data else 0
    assert checksum.sum_bytes(data) == expected
    assert checksum.sum_words(np.frombuffer(data, ">u4").astype(np.uint32)) == expected


@many
@given(
    st.sampled_from(["uint8", "uint16", "int16", "int32", "float32", "float64"]),
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
)
def test_every_kind_of_array_verifies(dtype: str, shape: list[int]) -> None:
    array = (np.random.default_rng(1).random(shape) * 200).astype(dtype)
    frame = Frame.build("e", FrameKind.SCIENCE, {"science": array}, night="20260301")
    content = b"".join(bytes(buffer) for buffer in build(frame))
    assert len(content) % 2880 == 0
    with fits.HDUList.fromstring(content) as hdus:
        hdus.verify("exception")
        assert all(hdu.verify_checksum() == 1 and hdu.verify_datasum() == 1 for hdu in hdus)
        if array.size:
            np.testing.assert_array_equal(hdus[1].data, array)


# --- names and places -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("GN-2026A-Q-1-2-003", "GN-2026A-Q-1-2-003"),
        (" dark 60s ", "dark_60s"),
        ("a.fits", "a"),
        ("m31*?;|$(x)", "m31______x_"),
        ("étoile", "_toile"),
    ],
)
def test_labels_become_names(label: str, name: str) -> None:
    assert clean_label(label) == name


@pytest.mark.parametrize(
    "label",
    ["../x", "/etc/passwd", "..", ".", "a/b", "a\\b", "-rf", "", "  ", ".x", "a\0b", "x" * 101, "..."],
)
def test_labels_that_would_leave_the_folder_are_refused(label: str) -> None:
    with pytest.raises(LabelRefused, match="data label"):
        clean_label(label)


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("", None),
        ("  ", None),
        ("GN-2026A-Q-1-2-003", None),
        ("a/b", "dataLabel 'a/b': no / or \\ in it"),
        ("../../etc/passwd", "dataLabel '../../et..': no / or \\ in it"),
        ("..", "dataLabel '..': start A-Z or 0-9"),
        ("x" * 101, "dataLabel: 101 long, at most 100"),
    ],
)
def test_a_label_is_refused_in_the_words_a_record_holds(label: str, problem: str | None) -> None:
    assert label_problem(label) == problem
    assert len(problem or "") <= 39


@many
@given(st.text(max_size=120))
def test_no_label_names_another_place(label: str) -> None:
    try:
        name = next(labelled(label))
    except LabelRefused:
        return
    assert (Path("/data") / name).resolve().parent == Path("/data")
    assert not name.startswith(".")


def test_templates() -> None:
    template = Template()
    assert template.name("20260301", 7) == "N20260301S0007.fits"
    names = [
        "N20260301S0012.fits",
        "N20260301S0009-1.fits",
        "N20260302S0099.fits",
        ".N20260301S0500.fits",
        "x",
    ]
    assert template.highest("20260301", iter(names)) == 12
    assert Template("nifs{number}").highest("20260301", iter(["nifs31.fits"])) == 31
    for bad in ("fixed", "{night}", "../{number}", "{number", "{colour}{number}"):
        with pytest.raises(ValueError, match="name template"):
            Template(bad)


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path, make_frame: Callable[..., Frame]) -> None:
    (tmp_path / "a.fits").write_text("somebody's")
    (tmp_path / "a-1.fits").symlink_to("nowhere")
    paths = [write(make_frame(number), tmp_path, "a") for number in (1, 2)]
    assert [path.name for path in paths] == ["a-2.fits", "a-3.fits"]
    assert (tmp_path / "a.fits").read_text() == "somebody's"
    assert fits.getheader(paths[1])["FILENAME"] == "a-3.fits"
    assert len(list(tmp_path.iterdir())) == 4


def test_a_name_taken_at_the_last_moment_is_left_alone(tmp_path: Path) -> None:
    """Somebody else makes the file after it was found to be free."""

    def intrude(written: fits_file.Written) -> None:
        if written.path.name == "a.fits":
            written.path.write_text("somebody's")

    written = write_new(tmp_path, labelled("a"), lambda name: [name.encode()], intrude)
    assert written.path.name == "a-1.fits"
    assert written.path.read_text() == "a-1.fits"
    assert (tmp_path / "a.fits").read_text() == "somebody's"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_disk_that_returns_something_else_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abcdef")
    fits_file.compare(path, [b"abc", b"def"])
    for wrong in ([b"abc", b"dxf"], [b"abcdefg"], [b"abcde"]):
        with pytest.raises(DataError, match="disk"):
            fits_file.compare(path, wrong)


def test_a_failed_write_leaves_nothing(tmp_path: Path, make_frame: Callable[..., Frame]) -> None:
    (tmp_path / "folder").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="folder"):
        write(make_frame(1), tmp_path / "folder", "a")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


# --- time -----------------------------------------------------------------------------------------------


def test_utc_against_astropy() -> None:
    hawaii = START.astimezone(timezone(timedelta(hours=-10)))
    assert utc_stamp(hawaii) == Time(START).isot == "2026-03-01T09:08:07.654"
    assert utc_time(hawaii) == "09:08:07.654"
    assert night(hawaii) == "20260301"
    assert mjd(START) == pytest.approx(Time(START, scale="utc").mjd, abs=1e-9)
    with pytest.raises(ValueError, match="time zone"):
        utc_stamp(datetime(2026, 3, 1))
