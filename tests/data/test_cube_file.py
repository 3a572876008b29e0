"""Files of frames: good FITS at every moment, as astropy and CFITSIO see it."""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from nifsdc.data import cube_file
from nifsdc.data.cube_file import CubeBusy, CubeError, CubeFile
from nifsdc.data.cube_layout import CubeFrame, CubeLayout, CubeWindow, FrameQuality
from nifsdc.data.cube_reader import CubeReader, times
from nifsdc.data.fits_image import BLOCK
from nifsdc.data.frame import Card, FrameError
from nifsdc.data.header import card
from nifsdc.data.names import labelled
from nifsdc.timing.utc_moment import Moment

from .cube_frames import LAYOUT, START, expected, frame, new_file, pixels

ROOM = 4 * BLOCK
"""so small that the file has to grow often"""


def check_open(path: Path, frames: int) -> None:
    """That two libraries which do not know of us open it without complaint, and find the frames."""
    numbers = range(1, frames + 1)
    with fits.open(path) as hdus:
        hdus.verify("exception")
        data = hdus["FRAMES"].data
        assert len(data) == frames
        if frames:
            np.testing.assert_array_equal(data["FRAME"], numbers)
            for window in (0, 1):
                found = data[f"IMAGE{window + 1}"]
                assert found.dtype == np.uint16
                np.testing.assert_array_equal(found, expected(numbers, window))
    with fitsio.FITS(str(path)) as hdus:
        assert len(hdus) == 2
        assert hdus["FRAMES"].get_nrows() == frames
        if frames:
            for window in (0, 1):
                np.testing.assert_array_equal(
                    hdus["FRAMES"][f"IMAGE{window + 1}"].read(), expected(numbers, window)
                )


def test_it_is_good_at_every_moment(tmp_path: Path) -> None:
    path = new_file(tmp_path)
    check_open(path, 0)
    with CubeFile(path, room=ROOM) as file:
        for number in range(1, 120):
            file.append(frame(number))
            if number % 7 == 0:
                check_open(path, file.frames)  # what is written and not counted is in nobody's way
            file.commit()
            if number % 10 == 0:
                check_open(path, number)
        file.finish()
    check_open(path, 119)


def test_what_is_closed_has_checksums_and_passes_fitsverify(tmp_path: Path) -> None:
    path = new_file(tmp_path)
    with CubeFile(path, room=ROOM) as file:
        for number in range(1, 51):
            file.append(frame(number))
        written = file.finish([card("DATE-END", "2026-03-02T00:00:01.000"), Card("GAIN", 2.0, "", "FRAMES")])
    assert path.stat().st_size == written.nbytes
    assert written.nbytes % BLOCK == 0
    with fits.open(path, checksum=True) as hdus:  # a wrong sum is a warning, which fails the test
        assert hdus[0].header["COMPLETE"] is True
        assert hdus[0].header["NFRAMES"] == 50
        assert hdus[0].header["DATE-END"] == "2026-03-02T00:00:01.000"
        assert hdus[0].header["FILENAME"] == "run.fits"
        assert hdus["FRAMES"].header["PCOUNT"] == 0
        assert hdus["FRAMES"].header["GAIN"] == 2.0
        assert written.checksum == f"datasum:{hdus['FRAMES'].header['DATASUM']}"
        for hdu in hdus:
            assert (hdu.verify_datasum(), hdu.verify_checksum()) == (1, 1)
    if shutil.which("fitsverify"):
        said = subprocess.run(["fitsverify", "-e", str(path)], capture_output=True, text=True, check=False)
        assert "0 error(s)" in said.stdout, said.stdout


def test_more_cards_at_the_end_than_there_is_room_for(tmp_path: Path) -> None:
    """An observation's fit all; of a flood of them those that fit are there, and the file is closed."""
    path = new_file(tmp_path)
    with CubeFile(path) as file:
        file.append(frame(1))
        file.finish(
            [Card(f"HIERARCH NIFSDC parameter {number}", number, "parameter") for number in range(400)]
        )
    header = fits.getheader(path)
    assert header["NIFSDC parameter 299"] == 299
    assert "NIFSDC parameter 399" not in header
    assert header["COMPLETE"] is True
    check_open(path, 1)


def add(file: CubeFile, numbers: range) -> None:
    for number in numbers:
        file.append(frame(number))
        file.commit()


def test_a_full_disk_keeps_what_there_is(tmp_path: Path) -> None:
    """A limit on the size of files stands for the end of the disk."""
    path = new_file(tmp_path)
    with CubeFile(path, room=ROOM) as file:
        room = path.stat().st_size + 3 * ROOM + 5000
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                add(file, range(1, 10_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        there = file.frames
        assert room - path.stat().st_size < BLOCK  # to the last block of the disk
        check_open(path, there)
        file.append(frame(there + 1))  # there is room again
        file.finish()
    check_open(path, there + 1)


def test_opened_again_it_goes_on(tmp_path: Path) -> None:
    path = new_file(tmp_path)
    with CubeFile(path, room=ROOM) as file:
        for number in range(1, 30):
            file.append(frame(number))
        file.commit()
        file.append(frame(999))  # written and not counted: forgotten
    with CubeFile(path, room=ROOM) as file:
        assert file.frames == file.written == 29
        assert file.layout == LAYOUT
        for number in range(30, 60):
            file.append(frame(number))
        file.finish()
    check_open(path, 59)
    with fits.open(path, checksum=True) as hdus:
        assert hdus["FRAMES"].verify_datasum() == 1


@pytest.mark.parametrize("damage", ["longer", "cut in the gap", "cut in a frame", "not a block"])
def test_what_a_crash_may_leave_is_mended(tmp_path: Path, damage: str) -> None:
    path = new_file(tmp_path)
    with CubeFile(path, room=20 * BLOCK) as file:
        for number in range(1, 11):
            file.append(frame(number))
        file.commit()
        row = file.layout.row_bytes
    with fits.open(path) as hdus:
        start = hdus["FRAMES"].fileinfo()["datLoc"]
    with path.open("r+b") as content:
        match damage:
            case "longer":
                content.truncate(start + 30 * BLOCK)
            case "cut in the gap":
                content.truncate(start + 2 * BLOCK)
            case "cut in a frame":
                content.truncate(start + 9 * row + 5)
            case "not a block":
                content.truncate(start + 20 * BLOCK + 17)
    with CubeFile(path, room=ROOM):
        pass
    check_open(path, 9 if damage == "cut in a frame" else 10)


def test_only_one_writes(tmp_path: Path) -> None:
    path = new_file(tmp_path)
    with CubeFile(path), pytest.raises(CubeBusy, match="another process"):
        CubeFile(path)
    with CubeFile(path) as file:
        file.finish()
    with pytest.raises(CubeError, match="has ended"):
        CubeFile(path)


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    assert [new_file(tmp_path).name for _ in range(3)] == ["run.fits", "run-1.fits", "run-2.fits"]


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.fits"
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(path)
    with pytest.raises(CubeError, match="no file of frames"):
        CubeFile(path)
    path.write_bytes(b"short")
    with pytest.raises(CubeError, match="ends in a header"):
        CubeReader(path)


def test_times_and_quality_of_each_ccd(tmp_path: Path) -> None:
    """Mid-exposures by equation 1 with E = 2, R = 3, F = 1 ms: CCD 1 NSKIP = 0, CCD 2 NSKIP = 2."""
    path = new_file(tmp_path)
    with CubeFile(path) as file:
        for number in range(1, 8):
            file.append(frame(number))
        file.finish()
    table = Table.read(path, hdu="FRAMES")
    assert list(table["QUALITY1"]) == [0] * 7
    assert list(table["QUALITY2"]) == [1, 1, 0, 1, 1, 0, 1]
    np.testing.assert_allclose(table["EXPTIME1"], [0.002] + [0.005] * 6, atol=1e-12)
    np.testing.assert_allclose(table["EXPTIME2"], [0, 0, 0.014, 0, 0, 0.017, 0], atol=1e-12)
    with CubeReader(path) as reader:
        rows = reader.rows()
        stamps = times(rows)
        start = Time("2026-03-01T23:59:59", scale="utc")
        np.testing.assert_allclose((stamps - start).to_value("s"), 0.006 * np.arange(1, 8), atol=1e-9)
        np.testing.assert_allclose(
            (times(rows, "MID", 1) - stamps).to_value("s"), [0.001] + [-0.0005] * 6, atol=1e-9
        )
        data = rows[rows["QUALITY2"] == 0]
        np.testing.assert_allclose(
            (times(data, "MID", 2) - times(data)).to_value("s"), [-0.005, -0.0065], atol=1e-9
        )
        assert np.isnan(rows["MID_FRAC2"][rows["QUALITY2"] == FrameQuality.NODATA]).all()


def test_numbers_of_lost_frames_are_left_out(tmp_path: Path) -> None:
    """A frame that was lost moves neither the times nor the NSKIP phase of those after it."""
    path = new_file(tmp_path)
    with CubeFile(path) as file:
        for number in (1, 2, 3, 5, 6, 9, 10, 12):
            file.append(frame(number))
        file.finish()
    with CubeReader(path) as reader:
        rows = reader.rows()
    assert list(rows["FRAME"][rows["QUALITY2"] == 0]) == [3, 6, 9, 12]
    stamped = (times(rows) - START.time).to_value("s")
    np.testing.assert_allclose(stamped, 0.006 * rows["FRAME"].astype(float), atol=1e-9)


def test_days_and_leap_seconds_in_the_table(tmp_path: Path) -> None:
    """A run over the leap second at the end of 2016, a frame every 6 ms."""
    start = Moment.from_posix(1_483_228_799_000_000_000)
    path = new_file(tmp_path)
    with CubeFile(path) as file:
        for number in range(0, 400, 50):
            file.append(frame(number + 1, start))
        file.finish()
    with CubeReader(path) as reader:
        rows = reader.rows()
    seconds = (times(rows) - Time("2016-12-31T23:59:59", scale="utc")).to_value("s")
    np.testing.assert_allclose(seconds, 0.006 * rows["FRAME"], atol=1e-9)
    assert list(rows["MJD_INT"]) == [57753] * 7 + [57754]


def test_a_frame_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = new_file(tmp_path)
    good = frame(1)
    with CubeFile(path) as file:
        with pytest.raises(FrameError, match="expected 2 and 2"):
            file.append(CubeFrame(1, good.stamp, good.ccds[:1], good.images))
        with pytest.raises(FrameError, match=r"expected uint16 \(9, 7\)"):
            file.append(CubeFrame(1, good.stamp, good.ccds, [pixels(1, 1), pixels(1, 1)]))
        with pytest.raises(FrameError, match="expected 2 rows"):
            file.append_rows(b"12345", 2)
        assert file.written == 0
    with pytest.raises(FrameError, match="without a window"):
        CubeLayout(())
    with pytest.raises(FrameError, match="counted from 1"):
        CubeWindow(0, 5)


def test_a_run_of_many_windows(tmp_path: Path) -> None:
    layout = CubeLayout(tuple(CubeWindow(2, 2, 1 + number % 5) for number in range(60)))
    path = cube_file.create(tmp_path, labelled("many"), layout)
    with CubeReader(path) as reader:
        assert reader.layout == layout
        assert layout.ccds == (1, 2, 3, 4, 5)
    with fits.open(path) as hdus:
        assert len(hdus["FRAMES"].columns) == 4 + 4 * 5 + 60
