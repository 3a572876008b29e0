"""`nifsdc fits`: what is wrong with a file is found, and what is right is left alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nifsdc.cli.main import main
from nifsdc.data.check import REQUIRED, CheckedFile, check_file
from nifsdc.data.fits_file import write
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.header import HEADER_KEYWORDS, cards

KINDS = {keyword.name: keyword.kind for keyword in HEADER_KEYWORDS}
EXAMPLES = {"text": "as it was", "int": 1, "float": 1.25, "bool": True}
PRIMARY = {name: EXAMPLES[KINDS[name]] for name in REQUIRED if name in KINDS and name != "FILENAME"}
SIDE = 40


def science(number: int = 0) -> np.ndarray:
    return np.random.default_rng(number).normal(1000, 30, (SIDE, SIDE)).astype(np.float32)


def product(folder: Path, name: str = "a", number: int = 0, **keywords: object) -> Path:
    """A product whose header says of its pixels what is so, but for the keywords that are given."""
    image = science(number)
    quality = np.zeros((SIDE, SIDE), np.uint8)
    quality[3, 4:7] = 2 | 4
    quality[5, 5] = 4
    image[5, 5] = np.nan
    right = np.delete(image.astype(np.float64).reshape(-1), 5 * SIDE + 5)
    values = {"DATAMIN": right.min(), "DATAMAX": right.max(), "DATAMEAN": right.mean(), "NSATUR": 3}
    stated = {"BUNIT": "adu", **values, **keywords}
    header = cards(PRIMARY) + cards(stated, extension="SCI")
    arrays = {"science": image, "quality": quality}
    frame = Frame.build(f"e{number}", FrameKind.SCIENCE, arrays, night="20260301", cards=header)
    return write(frame, folder, name)


def resaved(path: Path, change: Callable[[fits.HDUList], object]) -> CheckedFile:
    """The file after a change by somebody who mends the checksums."""
    with fits.open(path, memmap=False) as hdus:
        change(hdus)
        hdus.writeto(path, overwrite=True, checksum=True)
    return check_file(path)


def test_a_good_file_is_good_and_summed_up(tmp_path: Path) -> None:
    path = product(tmp_path)
    found = check_file(path)
    assert found.problems == ()
    assert (found.nbytes, found.exposure_id) == (path.stat().st_size, "as it was")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    (image,) = found.images
    pixels = science()
    pixels[5, 5] = np.nan
    assert (image.extension, image.shape, image.saturated) == ("SCI:1", (SIDE, SIDE), 3)
    assert (image.minimum, image.maximum) == (np.nanmin(pixels), np.nanmax(pixels))
    assert image.mean == pytest.approx(np.nanmean(pixels.astype(np.float64)), rel=1e-12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_bit_can_be_turned_over_unnoticed(tmp_path: Path, where: float, bit: int) -> None:
    path = tmp_path / "good.fits"
    if not path.exists():
        product(tmp_path, "good")
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    damaged = tmp_path / "damaged.fits"
    damaged.write_bytes(content)
    assert check_file(damaged).problems != ()


@pytest.mark.parametrize("length", [0, 100, 2880, 5760, -2880, -1])
def test_a_file_that_was_cut(tmp_path: Path, length: int) -> None:
    path = product(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:length])
    assert check_file(path).problems != ()
    path.write_bytes(content + bytes(2880))
    assert any("2880 bytes behind its end" in problem for problem in check_file(path).problems)


def test_no_file_at_all(tmp_path: Path) -> None:
    (problem,) = check_file(tmp_path / "no.fits").problems
    assert "No such file" in problem


def test_changed_data_and_changed_headers_are_told_apart(tmp_path: Path) -> None:
    path = product(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"EXPTIME =                 1.25", b"EXPTIME =                 9.25"))
    (problem,) = check_file(path).problems
    assert problem == "primary header: CHECKSUM is not that of header and data: one of them was changed"
    pixel = science()[0, 0:2].astype(">f4").tobytes()
    path.write_bytes(content.replace(pixel, pixel[4:] + pixel[:4]))
    assert check_file(path).problems == (), "a sum cannot tell words that changed places"
    path.write_bytes(content.replace(pixel, bytes(8)))
    problems = " ".join(check_file(path).problems)
    for expected in ("SCI:1: DATASUM", "SCI:1: CHECKSUM", "SCI:1: DATAMIN", "SCI:1: DATAMEAN"):
        assert expected in problems


def test_checksums_that_are_not_there(tmp_path: Path) -> None:
    path = product(tmp_path)
    with fits.open(path, memmap=False) as hdus:
        for hdu in hdus:
            del hdu.header["CHECKSUM"], hdu.header["DATASUM"]
        hdus.writeto(path, overwrite=True)
    assert len([problem for problem in check_file(path).problems if ": no " in problem]) == 2 * 3


@pytest.mark.parametrize("keyword", REQUIRED)
def test_a_keyword_that_is_missing(tmp_path: Path, keyword: str) -> None:
    found = resaved(product(tmp_path), lambda hdus: hdus[0].header.remove(keyword))
    assert found.problems == (f"primary header: no {keyword}",)


@pytest.mark.parametrize(
    ("extension", "keyword", "value", "problem"),
    [
        (0, "EXPTIME", "long", "primary header: EXPTIME is 'long'; expected float"),
        (0, "COADDS", 2.5, "primary header: COADDS is 2.5; expected int"),
        (0, "SIMULATE", 1, "primary header: SIMULATE is 1; expected bool"),
        (0, "NEXTEND", 4, "NEXTEND is 4; the file has 2 extensions"),
        ("SCI", "NSATUR", 4, "SCI:1: NSATUR is 4, 3 pixels are saturated"),
        ("SCI", "DATAMAX", 65535.0, "SCI:1: DATAMAX is 65535, the pixels' maximum"),
        ("SCI", "DATAMEAN", 1000.1, "SCI:1: DATAMEAN is 1000.1, the pixels' mean"),
    ],
)
def test_a_header_that_says_something_else(
    tmp_path: Path, extension: int | str, keyword: str, value: object, problem: str
) -> None:
    found = resaved(product(tmp_path), lambda hdus: hdus[extension].header.set(keyword, value))
    (only,) = found.problems
    assert only.startswith(problem)


def test_raw_counts_tell_themselves_what_is_saturated(tmp_path: Path) -> None:
    image = np.zeros((4, 6), np.uint16)
    image[1, 2:4] = 65535
    stated = {"BUNIT": "adu", "DATAMIN": 0, "DATAMAX": 65535, "DATAMEAN": 2 * 65535 / 24, "SATLEVEL": 65535}
    for count, good in ((2, True), (1, False)):
        header = cards(PRIMARY) + cards({**stated, "NSATUR": count}, extension="SCI")
        frame = Frame.build("e", FrameKind.SCIENCE, {"science": image}, night="20260301", cards=header)
        found = check_file(write(frame, tmp_path, f"raw{count}"))
        assert (found.problems == ()) is good
        assert found.images[0].saturated == 2


def test_the_command_tells_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = product(tmp_path, "good"), product(tmp_path, "bad", DATAMIN=-5.0)
    assert main(["fits", str(good)]) == 0
    assert capsys.readouterr().out.startswith(f"{good}: good; SCI:1 min ")
    assert main(["fits", "--json", str(good), str(bad)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], [file["path"] for file in told["files"]]) == (False, [str(good), str(bad)])
    (problem,) = told["problems"]
    assert problem["path"] == str(bad)
    assert problem["problem"].startswith("SCI:1: DATAMIN is -5, ")
    assert main(["fits", "--manifest", str(good)]) == 2
    assert main(["fits", str(tmp_path / "nowhere")]) == 1


def test_a_nights_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    night = tmp_path / "20260301"
    files = [product(night, name, number) for number, name in enumerate("abc")]
    assert main(["fits", "--manifest", str(night)]) == 0
    assert f"MANIFEST {night / 'MANIFEST.json'}" in capsys.readouterr().out
    manifest = json.loads((night / "MANIFEST.json").read_text())
    assert [entry["name"] for entry in manifest["files"]] == ["a.fits", "b.fits", "c.fits"]
    assert manifest["files"][1]["sha256"] == hashlib.sha256(files[1].read_bytes()).hexdigest()
    product(night, "d", 4)
    assert main(["fits", str(night)]) == 0, "a file that came later is no problem"
    assert main(["fits", "--manifest", str(night)]) == 0
    files[2].unlink()
    files[1].write_bytes(files[0].read_bytes())
    capsys.readouterr()
    assert main(["fits", "--manifest", str(night)]) == 1
    told = capsys.readouterr().out
    size = files[0].stat().st_size
    assert f"{files[1]}: is not the file of the manifest: {size} bytes, there {size}" in told
    assert f"{files[2]}: is missing; the manifest has it with {size} bytes" in told
    kept = json.loads((night / "MANIFEST.json").read_text())
    assert len(kept["files"]) == 4, "a manifest is not written over a problem"


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"version": 2, "files": []}', '{"version": 1, "files": [3]}']
)
def test_a_manifest_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    product(tmp_path)
    (tmp_path / "MANIFEST.json").write_text(text)
    assert main(["fits", str(tmp_path)]) == 1
    assert "MANIFEST.json" in capsys.readouterr().out


def test_a_folder_without_files(tmp_path: Path) -> None:
    assert main(["fits", str(tmp_path)]) == 1
