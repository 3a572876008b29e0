"""Scratch files: kept aside, never overwritten, made runs without losing a byte of their images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.io import fits

from nifsdc.data.archive import Archive
from nifsdc.data.errors import LabelRefused
from nifsdc.data.frame import Frame
from nifsdc.data.header import cards
from nifsdc.data.scratch import NoScratchFile

NIGHT = "20260301"


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path, floor=0)
    yield archive
    archive.close()


@pytest.fixture(name="store")
def _store(archive: Archive, make_frame: Callable[..., Frame]) -> Callable[..., Path]:
    numbers = iter(range(100))

    def store(scratch: str = "glance") -> Path:
        number = next(numbers)
        frame = make_frame(number, exposure=f"exp-{number}")
        dated = (*frame.header.cards, *cards({"DATE-OBS": "2026-03-01T05:06:07.890"}))
        header = replace(frame.header, scratch=scratch, cards=dated)
        return Path(archive.store(Frame(header, frame.arrays)).path)

    return store


def test_scratch_files_are_no_runs(archive: Archive, store: Callable[..., Path]) -> None:
    assert store().relative_to(archive.root) == Path("scratch/glance.fits")
    assert store("") == archive.root / NIGHT / "N20260301S0001.fits"
    assert store("s3").name == "s3.fits"
    assert store("s3").name == "s3-1.fits"


def test_the_newest_of_a_name_becomes_a_run(archive: Archive, store: Callable[..., Path]) -> None:
    first, second = store("s3"), store("s3")
    data = second.read_bytes()
    run = Path(archive.promote("s3").path)
    assert run == archive.root / NIGHT / "N20260301S0001.fits"
    assert first.exists()
    assert not second.exists()
    with fits.open(run, checksum=True) as file:
        assert file[0].header["FILENAME"] == run.name
        assert file[0].header["DATALAB"] == run.stem
        length = len(fits.Header.tostring(file[0].header)) // 2880 * 2880
    assert run.read_bytes()[length:] == data[length:]
    assert Path(archive.promote("s3").path).name == "N20260301S0002.fits"
    with pytest.raises(NoScratchFile, match="s3"):
        archive.promote("s3")


def test_the_latest_glance_is_meant_when_no_name_is_given(
    archive: Archive, store: Callable[..., Path]
) -> None:
    older, newer = store(), store()
    archive.promote("")
    assert older.exists()
    assert not newer.exists()


def test_one_of_several_can_be_named(archive: Archive, store: Callable[..., Path]) -> None:
    older, newer = store("s3"), store("s3")
    archive.promote("s3.fits")
    assert not older.exists()
    assert newer.exists()


def test_a_run_that_a_crash_left_beside_its_scratch_file_is_found_again(
    archive: Archive, store: Callable[..., Path]
) -> None:
    scratch = store("s3")
    data = scratch.read_bytes()
    run = archive.promote("s3")
    scratch.write_bytes(data)  # as it stands when the machine stops between the two
    assert Path(archive.promote("s3").path) == Path(run.path)
    assert not scratch.exists()
    assert len(list((archive.root / NIGHT).iterdir())) == 1


@pytest.mark.parametrize("name", ["../N20260301S0001", "a/b", "none"])
def test_what_is_no_scratch_file(archive: Archive, store: Callable[..., Path], name: str) -> None:
    store("")
    with pytest.raises((NoScratchFile, LabelRefused)):
        archive.promote(name)
    assert (archive.root / NIGHT / "N20260301S0001.fits").exists()
