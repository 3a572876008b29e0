"""What is done with files of frames besides taking them: checked, shown, made into cubes, ended, sent."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from nifsdc.cli.main import main
from nifsdc.data.client import DataClient
from nifsdc.data.cube_check import check_stored
from nifsdc.data.cube_file import CubeFile
from nifsdc.data.cube_names import RunNames
from nifsdc.data.cube_run import CubeRun
from nifsdc.data.header import card

from ..ports import free_port
from .cube_frames import LAYOUT, expected, frame, new_file

FRAMES = 300
"""more than are read at a time"""
Start = Callable[..., tuple[Any, int]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run of frames that was closed; three frames of it were lost."""
    made = new_file(tmp_path)
    with CubeFile(made) as file:
        for number in range(1, FRAMES + 4):
            if number not in (10, 11, 12):
                file.append(frame(number))
        file.finish([card("EXPID", "run-1")])
    return made


def test_a_good_run_is_good(path: Path) -> None:
    checked = check_stored(path)
    assert checked.problems == ()
    assert checked.exposure_id == "run-1"
    assert checked.nbytes == path.stat().st_size
    with fits.open(path) as hdus:
        for number, image in enumerate(checked.images, 1):
            pixels = hdus["FRAMES"].data[f"IMAGE{number}"]
            assert image.shape == pixels.shape
            assert (image.minimum, image.maximum) == (pixels.min(), pixels.max())
            assert image.mean == pytest.approx(pixels.mean(dtype=float))
    assert main(["fits", str(path)]) == 0
    assert main(["fits", "--manifest", str(path.parent)]) == 0
    assert main(["fits", str(path.parent)]) == 0


@pytest.mark.parametrize(
    ("unit", "part", "problem"),
    [
        (1, "datLoc", "the data was changed"),
        (0, "hdrLoc", "primary header: CHECKSUM"),
        (1, "hdrLoc", "FRAMES: CHECKSUM"),
    ],
)
def test_a_byte_that_was_changed_is_found(path: Path, unit: int, part: str, problem: str) -> None:
    with fits.open(path) as hdus:
        place = hdus[unit].fileinfo()[part] + 470  # in a comment, or in a pixel
    with path.open("r+b") as content:
        content.seek(place)
        byte = content.read(1)
        content.seek(place)
        content.write(bytes([byte[0] ^ 1]))
    assert any(problem in each for each in check_stored(path).problems)
    assert main(["fits", str(path)]) == 1


def test_what_is_wrong_with_a_run_is_told(tmp_path: Path, path: Path) -> None:
    cut = shutil.copy(path, tmp_path / "cut.fits")
    with Path(cut).open("r+b") as content:
        content.truncate(path.stat().st_size - 2880)
    assert any("the file was cut" in each for each in check_stored(Path(cut)).problems)
    growing = new_file(tmp_path, "growing")
    assert any("not closed" in each for each in check_stored(growing).problems)
    mixed = new_file(tmp_path, "mixed")
    with CubeFile(mixed) as file:
        for number in (5, 4):
            file.append(frame(number))
        file.finish([card("EXPID", "run-2")])
    assert set(check_stored(mixed).problems) == {"numbers of frames do not go up", "time stamps go back"}


def test_a_run_as_image_cubes(tmp_path: Path, path: Path) -> None:
    out = tmp_path / "cube.fits"
    assert main(["frames", str(path), "--cube", str(out)]) == 0
    numbers = [number for number in range(1, FRAMES + 4) if number not in (10, 11, 12)]
    with fits.open(out, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "SCI", "TIMES"]
        assert hdus[0].header["EXPID"] == "run-1"
        for window in (1, 2):
            wanted = np.concatenate([expected(range(n, n + 1), window - 1) for n in numbers])
            np.testing.assert_array_equal(hdus["SCI", window].data, wanted)
        assert hdus["SCI", 1].header["DETSEC"] == "[1:7,1:9]"
        for hdu in hdus:
            assert (hdu.verify_datasum(), hdu.verify_checksum()) == (1, 1)
    with fitsio.FITS(str(out)) as hdus:
        assert hdus["SCI", 2].get_dims() == [FRAMES, 4, 5]
        np.testing.assert_array_equal(hdus["TIMES"]["FRAME"].read(), numbers)
    times, rows = Table.read(out, hdu="TIMES"), Table.read(path, hdu="FRAMES")
    for name in times.colnames:
        np.testing.assert_array_equal(times[name], rows[name])
    if shutil.which("fitsverify"):
        said = subprocess.run(["fitsverify", str(out)], capture_output=True, text=True, check=False)
        assert "0 warning(s) and 0 error(s)" in said.stdout, said.stdout
    assert main(["frames", str(path), "--cube", str(out)]) == 1  # never over an existing file
    assert main(["frames", str(new_file(tmp_path, "none")), "--cube", str(tmp_path / "x.fits")]) == 1


def test_the_summary_of_a_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frames", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["frames"], said["lost"], said["complete"]) == (FRAMES, 3, True)
    assert said["with_data"] == {"1": FRAMES, "2": FRAMES // 3}
    assert said["rate_hz"] == pytest.approx(1 / 0.006)
    assert said["start"] == "2026-03-01T23:59:59.006000"
    assert said["end"] == "2026-03-02T00:00:00.818000"
    assert main(["frames", str(path)]) == 0
    text = capsys.readouterr().out
    assert "3 lost between them" in text
    assert "window 1: CCD 1, 9 rows of 7 [1:7,1:9]" in text


def test_a_run_is_followed_and_ended_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    growing = new_file(tmp_path)
    with CubeFile(growing) as file:
        file.append(frame(1))
        file.commit()
        assert main(["frames", str(growing), "--close"]) == 1
        assert "written by another process" in capsys.readouterr().err
        assert main(["frames", str(growing), "--follow", "--silence", "0.01"]) == 1
        assert "no frame came" in capsys.readouterr().err
        status: list[int] = []
        follower = threading.Thread(target=lambda: status.append(main(["frames", str(growing), "--follow"])))
        follower.start()
        file.append(frame(2))
        file.finish()
        follower.join(60)
    assert status == [0]
    assert "2 frames, complete" in capsys.readouterr().out
    left = new_file(tmp_path, "left")
    with CubeFile(left) as file:
        file.append(frame(1))
        file.commit()
    assert main(["frames", str(left), "--close"]) == 0
    assert fits.getheader(left)["STOPPED"] is True
    assert main(["frames", str(left), "--close"]) == 1
    assert main(["frames", str(tmp_path / "nothing.fits")]) == 1


def test_the_command_sends_what_waits_in_the_spool(
    tmp_path: Path, data_server: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    config = tmp_path / "ioc.yaml"
    data = {"server_port": port, "spool": str(tmp_path / "spool")}
    config.write_text(yaml.safe_dump({"top": f"runs{port}:", "data": data}))
    with DataClient("127.0.0.1", port) as nobody:
        run = CubeRun(tmp_path / "spool", nobody, RunNames("a", "20260301", "a"), LAYOUT)
        run.add(frame(1))
        assert main(["recover", str(config)]) == 1
        assert "written by another process" in capsys.readouterr().err
        run.add(frame(2))
        run.close()
    data_server(tmp_path / "data", port=port)
    assert main(["recover", str(config)]) == 0
    path = tmp_path / "data" / "20260301" / "a.fits"
    assert capsys.readouterr().out == f"STORED a {path}\n"
    assert check_stored(path).problems == ()
    assert fits.getheader(path)["NFRAMES"] == 2
    assert main(["recover", str(config)]) == 0
    assert capsys.readouterr().out == ""
