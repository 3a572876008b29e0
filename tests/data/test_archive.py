"""The folder of products: names, numbers, and the same frame never twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data.archive import Archive, ArchiveError
from nifsdc.data.delivery import Stored
from nifsdc.data.errors import LabelRefused
from nifsdc.data.fits_file import checksum_of
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.journal import Journal
from nifsdc.data.names import Template

NIGHT = "20260301"


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path, floor=0)
    yield archive
    archive.close()


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / NIGHT).iterdir())


def test_labels_and_running_numbers(archive: Archive, make_frame: Callable[..., Frame]) -> None:
    stored = [
        archive.store(make_frame(number, label=label))
        for number, label in enumerate(["", "dark", "", "dark"])
    ]
    assert [Path(one.path).name for one in stored] == [
        "N20260301S0001.fits",
        "dark.fits",
        "N20260301S0002.fits",
        "dark-1.fits",
    ]
    assert len(names(archive.root)) == 4
    for one in stored:
        path = Path(one.path)
        assert (path.stat().st_size, checksum_of(path)) == (one.nbytes, one.checksum)
    assert fits.getheader(stored[2].path)["DATALAB"] == "N20260301S0002"
    assert fits.getheader(stored[3].path)["DATALAB"] == "dark"
    assert fits.getheader(stored[3].path)["FILENAME"] == "dark-1.fits"


def reopened(archive: Archive) -> Archive:
    archive.close()
    return Archive(archive.root, floor=0)


def test_the_same_frame_is_found_again_even_by_the_next_process(
    tmp_path: Path, make_frame: Callable[..., Frame]
) -> None:
    archive = Archive(tmp_path, floor=0)
    first = archive.store(make_frame(1, label="a"))
    assert archive.store(make_frame(1, label="a")) == Stored(first.path, first.nbytes, first.checksum, True)
    archive = reopened(archive)
    assert archive.store(make_frame(1, label="a")).duplicate
    assert not archive.store(make_frame(2, label="a")).duplicate
    assert not archive.store(make_frame(1, label="a", exposure="another")).duplicate
    archive.close()
    assert names(tmp_path) == ["a-1.fits", "a-2.fits", "a.fits"]


def test_a_crash_between_name_and_journal_or_journal_and_name(
    tmp_path: Path, make_frame: Callable[..., Frame]
) -> None:
    """The journal speaks of a file before it has its name: either may be the last thing that happened."""
    archive = Archive(tmp_path, floor=0)
    stored = archive.store(make_frame(1, label="a"))
    Path(stored.path).unlink()  # as if the machine had stopped before the name was given
    archive = reopened(archive)
    again = archive.store(make_frame(1, label="a"))
    assert (again.duplicate, again.path) == (False, stored.path)
    Path(stored.path).write_text("somebody else took the name meanwhile")
    archive = reopened(archive)
    third = archive.store(make_frame(1, label="a"))
    assert (third.duplicate, Path(third.path).name) == (False, "a-1.fits")
    archive.close()


def test_a_torn_line_of_the_journal_spoils_nothing(tmp_path: Path, make_frame: Callable[..., Frame]) -> None:
    archive = Archive(tmp_path, floor=0)
    archive.store(make_frame(1, label="a"))
    archive.close()
    journal = tmp_path / ".nifsdc" / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'["exp-1/science/9","2026')
    archive = Archive(tmp_path, floor=0)
    archive.store(make_frame(2, label="a"))
    archive = reopened(archive)
    assert archive.store(make_frame(1, label="a")).duplicate
    assert archive.store(make_frame(2, label="a")).duplicate
    archive.close()


FILLED_UP = """
import resource, sys
from pathlib import Path
from nifsdc.data.journal import Journal, JournalEntry

path = Path(sys.argv[1])
journal = Journal(path)
journal.add(JournalEntry("first", "a.fits", 1, "crc32:0", "2026-03-01"))
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, limits[1]))
try:
    journal.add(JournalEntry("second", "b.fits", 1, "crc32:0", "2026-03-01"))
except OSError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
journal.add(JournalEntry("third", "c.fits", 1, "crc32:0", "2026-03-01"))
"""


def test_a_line_for_which_there_was_no_room_spoils_not_the_next(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    told = subprocess.run(
        [sys.executable, "-c", FILLED_UP, str(path)], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert "the journal took 10 of" in told
    journal = Journal(path)
    assert [entry.key for entry in journal.entries()] == ["first", "third"]
    journal.close()


def test_running_numbers_are_never_used_again(tmp_path: Path, make_frame: Callable[..., Frame]) -> None:
    archive = Archive(tmp_path, floor=0)
    stored = [archive.store(make_frame(number)) for number in range(3)]
    Path(stored[2].path).unlink()  # taken away by somebody
    archive = reopened(archive)
    assert Path(archive.store(make_frame(3)).path).name == "N20260301S0004.fits"
    archive.close()
    (tmp_path / ".nifsdc" / "numbers.json").write_text("{")  # and without the memory the folder tells
    archive = Archive(tmp_path, floor=0)
    assert Path(archive.store(make_frame(4)).path).name == "N20260301S0005.fits"
    assert json.loads((tmp_path / ".nifsdc" / "numbers.json").read_text()) == {NIGHT: 5}
    archive.close()


def test_nights_have_folders_and_numbers_of_their_own(tmp_path: Path) -> None:
    archive = Archive(tmp_path, Template("{night}-{number}"), floor=0)
    for night in ("20260301", "20260302"):
        frame = Frame.build(
            "e" + night, FrameKind.SCIENCE, {"science": np.zeros((2, 2), np.uint16)}, night=night
        )
        stored = archive.store(frame)
        assert stored.path == str(tmp_path / night / f"{night}-1.fits")
    archive.close()


def test_what_a_crash_left_is_removed_and_nothing_else(
    tmp_path: Path, make_frame: Callable[..., Frame]
) -> None:
    archive = Archive(tmp_path, floor=0)
    archive.store(make_frame(1, label="a"))
    folder = tmp_path / NIGHT
    for name in (".0123.part", "notes.part", ".hidden"):
        (folder / name).write_text("x")
    reopened(archive).close()
    assert names(tmp_path) == [".hidden", "a.fits", "notes.part"]


@pytest.mark.parametrize("label", ["../../etc/cron.d/x", "..", "a/b"])
def test_labels_cannot_leave_the_folder(
    archive: Archive, make_frame: Callable[..., Frame], label: str
) -> None:
    with pytest.raises(LabelRefused, match="data label"):
        archive.store(make_frame(1, label=label))
    assert "data label" in archive.problem(0, label, NIGHT)


def test_nor_can_nights(archive: Archive) -> None:
    frame = Frame.build("e", FrameKind.SCIENCE, {"science": np.zeros((2, 2), np.uint16)}, night="../../x")
    with pytest.raises(LabelRefused, match="not a date"):
        archive.store(frame)


def test_one_process_at_a_time(archive: Archive) -> None:
    with pytest.raises(ArchiveError, match="another data server"):
        Archive(archive.root)


def test_a_root_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArchiveError, match="cannot be used"):
        Archive(tmp_path / "file")


def test_the_floor_is_kept(tmp_path: Path, make_frame: Callable[..., Frame]) -> None:
    archive = Archive(tmp_path, floor=1 << 60)
    assert "must stay free" in archive.problem(1 << 20, "a", NIGHT)
    with pytest.raises(ArchiveError, match="move or delete files"):
        archive.store(make_frame(1, label="a"))
    assert names(tmp_path) == []
    archive.close()


def test_a_folder_that_cannot_be_written_is_told_before_and_after(
    archive: Archive, make_frame: Callable[..., Frame]
) -> None:
    (archive.root / NIGHT).write_text("a file where the night's folder should be")
    assert "mend the folder" in archive.problem(0, "a", NIGHT)
    with pytest.raises(ArchiveError, match="mend the folder"):
        archive.store(make_frame(1, label="a"))
    (archive.root / NIGHT).unlink()
    assert archive.problem(0, "a", NIGHT) == ""
    assert archive.store(make_frame(1, label="a")).path.endswith("/a.fits")


def test_a_frame_that_makes_no_file_is_refused(archive: Archive) -> None:
    frame = Frame.build("e", FrameKind.SCIENCE, {"colour": np.zeros((2, 2), np.uint16)}, night=NIGHT)
    with pytest.raises(ArchiveError, match="makes no FITS file"):
        archive.store(frame)
    assert names(archive.root) == []


def test_nothing_is_open_after_closing(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    Archive(tmp_path).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
