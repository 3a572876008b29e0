"""Reads and coadds on their way to the disk: the Data task, a real server, and what goes wrong in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data.archive import Archive
from nifsdc.data.client import DataClient
from nifsdc.data.delivery import Delivery
from nifsdc.data.errors import DataError, LabelRefused
from nifsdc.data.frame import Frame, FrameHeader, FrameKind
from nifsdc.data.header import cards
from nifsdc.data.ring import FrameRing
from nifsdc.data.spool import Spool
from nifsdc.database import load
from nifsdc.tasks.data import DataTask, SingleReads
from nifsdc.tasks.messages import Imageless, NotStored, Report, Stored
from nifsdc.tasks.store_rate import StoreRate

from .test_fits import check_independently

NIGHT = "20260301"
SHAPE = (16, 24)
STEM = "T051500_0a1b2c3d"
Start = Callable[..., tuple[Any, int]]
Until = Callable[..., None]


def part(kind: FrameKind, number: int, exposure: str = "e1", stem: str = STEM) -> Frame:
    """A read or coadd whose pixels tell its number."""
    values = {"PRODUCT": kind.name, "EXPID": exposure, "COADDNO": 1, "NDRNO": number + 1}
    array = np.full(SHAPE, number, np.uint16 if kind is FrameKind.READ else np.float32)
    return Frame.build(
        exposure,
        kind,
        {kind.value: array, "reference": array[:4].reshape(4, 3, 8)},
        night=NIGHT,
        number=number,
        label=f"{stem}_c0001" + (f"r{number + 1:03d}" if kind is FrameKind.READ else ""),
        folder=f"raw/{stem}",
        cards=cards(values),
    )


def image(reads: int, coadds: int = 0, exposure: str = "e1") -> Frame:
    counted = {"NDRSAVED": reads, "NDRLOST": 0, "COASAVED": coadds, "COALOST": 0}
    return Frame.build(
        exposure,
        FrameKind.SCIENCE,
        {"science": np.zeros(SHAPE, np.float32)},
        night=NIGHT,
        label="image",
        reads=reads,
        coadds=coadds,
        cards=cards({"EXPID": exposure, "PRODUCT": "IMAGE", **counted}),
    )


@dataclass
class Rig:
    """A Data task with its rings and its spool."""

    folder: Path
    client: DataClient
    ring: FrameRing
    reads: FrameRing
    task: DataTask
    delivery: Delivery
    reports: list[Report] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)

    def files(self) -> list[str]:
        """Names below the folder of the data, of FITS files alone."""
        return sorted(str(path.relative_to(self.folder / NIGHT)) for path in self.folder.rglob("*.fits"))

    def beside(self) -> list[str]:
        return [name.removeprefix(f"raw/{STEM}/{STEM}_") for name in self.files() if name.startswith("raw/")]


@pytest.fixture(name="rig")
def _rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    with ExitStack() as stack:

        def make(port: int, slots: int = 8) -> Rig:
            client = stack.enter_context(DataClient("127.0.0.1", port))
            number = len(list(tmp_path.glob("*.ring")))
            ring = stack.enter_context(FrameRing.create(tmp_path / f"i{number}.ring", 8, 1 << 16))
            reads = stack.enter_context(FrameRing.create(tmp_path / f"r{number}.ring", slots, 1 << 16))
            delivery = Delivery(client, Spool(tmp_path / "spool"))
            reports: list[Report] = []
            shown: dict[str, Any] = {}

            def show(channel: str, value: Any) -> None:
                shown[channel.rpartition(":")[2]] = value

            status = load().status_dictionary("t:", show)
            singles = SingleReads(reads, 768, StoreRate())
            task = DataTask(ring, client, delivery, status, reports.append, singles)

            def end() -> None:
                task.end()
                if task.ident is not None:
                    task.join(60)

            stack.callback(end)
            return Rig(tmp_path / "data", client, ring, reads, task, delivery, reports, shown)

        yield make


def test_a_frame_header_keeps_what_it_says_of_reads_on_its_way() -> None:
    for frame in (part(FrameKind.READ, 3), image(7, 2)):
        assert FrameHeader.from_json(frame.header.to_json()) == frame.header


@pytest.mark.parametrize("folder", ["/etc", "../x", "raw/../../x", "raw//x", "a/b/c", ".hidden", "raw/"])
def test_folders_that_lead_elsewhere_are_refused(tmp_path: Path, folder: str) -> None:
    archive = Archive(tmp_path / "data", floor=0)
    frame = Frame.build(
        "e", FrameKind.READ, {"read": np.zeros(SHAPE, np.uint16)}, night=NIGHT, label="a", folder=folder
    )
    with pytest.raises(LabelRefused):
        archive.store(frame)
    archive.close()
    assert not list(tmp_path.rglob("a.fits"))


def test_reads_coadds_and_image_become_files(
    tmp_path: Path, data_server: Start, rig: Any, until: Until
) -> None:
    _, port = data_server(tmp_path / "data")
    one = rig(port)
    until(lambda: one.client.connected, "a connection")
    one.task.start()
    for number in range(3):
        one.reads.write(part(FrameKind.READ, number))
    one.ring.write(part(FrameKind.COADD, 0))
    one.ring.write(image(3, 1))
    until(lambda: one.reports, "a report")
    path = one.folder / NIGHT / "image.fits"
    assert one.reports == [Stored("e1", str(path), False, "")]
    assert one.beside() == ["c0001.fits", "c0001r001.fits", "c0001r002.fits", "c0001r003.fits"]
    header = fits.getheader(path)
    assert [header[name] for name in ("NDRSAVED", "NDRLOST", "COASAVED", "COALOST")] == [3, 0, 1, 0]
    for name in one.files():
        check_independently(one.folder / NIGHT / name)
    with fits.open(one.folder / NIGHT / f"raw/{STEM}/{STEM}_c0001r003.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "READ", "REF"]
        assert (hdus["READ"].data == 2).all()
    assert one.delivery.spooled == 0
    assert (one.shown["readsSaved"], one.shown["coaddsSaved"]) == (3, 1)
    assert "readsLost" not in one.shown


def test_reads_that_were_overwritten_in_the_ring_are_told_everywhere(
    tmp_path: Path, data_server: Start, rig: Any, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    _, port = data_server(tmp_path / "data")
    one = rig(port, slots=2)
    until(lambda: one.client.connected, "a connection")
    for number in range(5):
        one.reads.write(part(FrameKind.READ, number))
    one.ring.write(image(5))
    one.task.start()
    until(lambda: one.reports, "a report")
    (report,) = one.reports
    assert isinstance(report, Stored)
    assert report.problem == "stored, but 3 reads, 0 coadds lost"
    header = fits.getheader(report.path)
    assert (header["NDRSAVED"], header["NDRLOST"]) == (2, 3)
    assert one.beside() == ["c0001r004.fits", "c0001r005.fits"]
    assert (one.shown["readsSaved"], one.shown["readsLost"]) == (2, 3)
    until(lambda: one.shown["framesMissed"] == 3, "framesMissed")
    assert "3 reads and 0 coadds are lost" in caplog.text


def test_without_a_server_all_of_it_waits_in_the_spool_and_is_sent_once(
    tmp_path: Path, data_server: Start, rig: Any, until: Until
) -> None:
    server, port = data_server(tmp_path / "data")
    one = rig(port)
    until(lambda: one.client.connected, "a connection")
    one.task.start()
    one.reads.write(part(FrameKind.READ, 0))
    until(lambda: len(one.beside()) == 1, "the first read on disk")
    server.kill()
    until(lambda: not one.client.connected, "the loss of the server")
    for number in (1, 2):
        one.reads.write(part(FrameKind.READ, number))
    one.ring.write(image(3))
    until(lambda: one.reports, "a report")
    assert one.reports == [NotStored("e1", "not stored; kept in the spool")]
    assert one.delivery.spooled in (3, 4), "the first may have been on disk and not yet acknowledged"
    data_server(tmp_path / "data", port=port)
    until(lambda: one.delivery.spooled == 0 and len(one.reports) == 2, "the spool to be empty")
    assert one.beside() == ["c0001r001.fits", "c0001r002.fits", "c0001r003.fits"]
    header = fits.getheader(one.folder / NIGHT / "image.fits")
    assert (header["NDRSAVED"], header["NDRLOST"]) == (3, 0)


def test_what_the_next_process_finds_in_the_spool_is_sent(
    tmp_path: Path, data_server: Start, rig: Any, until: Until
) -> None:
    first = rig(1)
    for number in range(3):
        first.reads.write(part(FrameKind.READ, number))
    first.ring.write(part(FrameKind.COADD, 0))
    first.ring.write(image(3, 1))
    first.task.finish()
    assert first.delivery.spooled == 5
    _, port = data_server(tmp_path / "data")
    second = rig(port)
    until(lambda: second.client.connected, "a connection")
    second.task.start()
    until(lambda: second.delivery.spooled == 0, "the spool to be empty")
    assert len(second.beside()) == 4
    header = fits.getheader(second.folder / NIGHT / "image.fits")
    assert [header[name] for name in ("NDRSAVED", "NDRLOST", "COASAVED", "COALOST")] == [3, 0, 1, 0]
    assert "unclaimed" not in second.shown


def test_a_read_that_waits_at_the_end_is_sent_before_the_image_is_reported(
    tmp_path: Path, data_server: Start, rig: Any, until: Until
) -> None:
    server, port = data_server(tmp_path / "data")
    server.kill()
    one = rig(port)
    one.reads.write(part(FrameKind.READ, 0))
    one.task.handle(part(FrameKind.READ, 1))
    assert one.delivery.spooled == 1
    data_server(tmp_path / "data", port=port)
    until(lambda: one.client.connected, "a connection")
    one.task.handle(image(2))
    assert [type(report) for report in one.reports] == [Stored]
    assert one.reports[0].problem == ""
    assert one.beside() == ["c0001r001.fits", "c0001r002.fits"]


def test_what_was_given_up_is_removed_wherever_it_is(
    tmp_path: Path, data_server: Start, rig: Any, until: Until
) -> None:
    server, port = data_server(tmp_path / "data")
    one = rig(port)
    until(lambda: one.client.connected, "a connection")
    one.task.handle(part(FrameKind.READ, 0))
    assert one.beside() == ["c0001r001.fits"]
    server.kill()
    until(lambda: not one.client.connected, "the loss of the server")
    one.task.handle(part(FrameKind.READ, 1))
    assert one.delivery.spooled == 1
    one.reads.write(part(FrameKind.READ, 2))  # still on its way when the exposure is given up
    one.task.handle(Imageless("e1", discard=True))
    assert one.delivery.spooled == 0
    one.task.start()
    data_server(tmp_path / "data", port=port)
    until(lambda: not one.files(), "the files to be removed")
    until(lambda: not list((one.folder / NIGHT / "raw").iterdir()), "the folder to be removed")
    for number in range(2):
        one.reads.write(part(FrameKind.READ, number, "e2"))
    one.ring.write(image(2, exposure="e2"))
    until(lambda: one.reports, "a report")
    assert one.reports[0].problem == ""
    assert one.beside() == ["c0001r001.fits", "c0001r002.fits"]
    assert one.delivery.spooled == 0


def test_an_exposure_that_failed_keeps_its_reads_and_they_are_told_of(
    tmp_path: Path, data_server: Start, rig: Any, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    _, port = data_server(tmp_path / "data")
    one = rig(port)
    until(lambda: one.client.connected, "a connection")
    one.task.handle(part(FrameKind.READ, 0))
    one.reads.write(part(FrameKind.READ, 1))
    one.task.handle(Imageless("e1", discard=False))
    assert one.beside() == ["c0001r001.fits", "c0001r002.fits"]
    assert f"{NIGHT}/raw/{STEM}: 2 reads or coadds of an exposure without an image" in caplog.text
    assert one.shown["unclaimed"] == 1
    one.task.handle(Imageless("e2", discard=False))
    assert one.shown["unclaimed"] == 1


def test_an_image_out_of_the_ring_of_a_killed_process_is_counted_for_by_the_server(tmp_path: Path) -> None:
    archive = Archive(tmp_path, floor=0)
    for number in (0, 2):
        archive.store(part(FrameKind.READ, number))
    header = fits.getheader(archive.store(image(3, 1)).path)
    assert [header[name] for name in ("NDRSAVED", "NDRLOST", "COASAVED", "COALOST")] == [2, 1, 0, 1]
    archive.close()


def test_the_server_removes_nothing_of_an_exposure_that_has_an_image(tmp_path: Path) -> None:
    archive = Archive(tmp_path, floor=0)
    stored = [archive.store(frame) for frame in (part(FrameKind.READ, 0), image(1))]
    with pytest.raises(DataError, match="its reads and coadds stay"):
        archive.discard("e1")
    assert all(Path(one.path).exists() for one in stored)
    assert archive.unclaimed() == []
    archive.close()


def test_reads_without_an_image_are_told_of_until_they_are_gone(tmp_path: Path) -> None:
    archive = Archive(tmp_path, floor=0)
    for number in range(3):
        archive.store(part(FrameKind.READ, number))
    archive.store(image(0, exposure="e2"))
    archive.close()
    archive = Archive(tmp_path, floor=0)
    (found,) = archive.unclaimed()
    assert (found.exposure_id, found.folder, found.files) == ("e1", f"{NIGHT}/raw/{STEM}", 3)
    assert archive.discard("e1") == 3
    assert archive.discard("e1") == 0
    assert archive.unclaimed() == []
    assert not list((tmp_path / NIGHT / "raw").iterdir())
    archive.close()


def test_two_exposures_of_one_second_keep_apart(tmp_path: Path) -> None:
    """Even where time and the beginning of the identifier are the same: the second gets another name."""
    archive = Archive(tmp_path, floor=0)
    first = archive.store(part(FrameKind.READ, 0, "e1"))
    second = archive.store(part(FrameKind.READ, 0, "e2"))
    assert first.path != second.path
    assert archive.store(part(FrameKind.READ, 0, "e1")).duplicate
    archive.close()


def test_a_trial_leaves_nothing_and_gives_a_rate(
    tmp_path: Path, data_server: Start, rig: Any, until: Until
) -> None:
    _, port = data_server(tmp_path / "data")
    one = rig(port)
    until(lambda: one.client.connected, "a connection")
    assert one.task.store_refusal(1000) == "store rate not measured yet: wait"
    one.task.idle()
    assert one.task.store_refusal(1000) is None
    assert one.task.store_refusal() is None
    assert "no room: needs 1000000.0 GB, has " in str(one.task.store_refusal(10**15))
    assert one.shown["storeRate"] > 0
    assert one.files() == []
    assert one.delivery.spooled == 0
    one.task.finish()


def test_the_rate_is_that_of_late_with_room_to_spare() -> None:
    rate = StoreRate()
    assert (rate.known, rate.bytes_per_second, rate.seconds(100)) == (False, 0.0, 0.0)
    rate.note(1000, 100.0)
    for _ in range(8):
        rate.note(1000, 2.0)
    assert rate.bytes_per_second == 500.0
    assert rate.seconds(1000) == 1.5 * 2.0
