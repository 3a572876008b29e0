"""Spool and delivery: what is not acknowledged is kept, what is kept is delivered, once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nifsdc.data.client import DataClient
from nifsdc.data.delivery import Delivery
from nifsdc.data.errors import NotDelivered, SpoolError
from nifsdc.data.frame import Frame
from nifsdc.data.spool import Spool

NIGHT = "20260301"
Make = Callable[..., Frame]


@pytest.fixture(name="spool")
def _spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool" / "deep")


def same(one: Frame, other: Frame) -> bool:
    return one.header == other.header and all(
        np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items()
    )


def test_frames_survive_in_the_spool_in_their_order(spool: Spool, make_frame: Make) -> None:
    for number in (3, 1, 2):
        spool.put(make_frame(number))
    again = Spool(spool.folder)
    frames = [again.load(entry) for entry in again.pending()]
    assert [frame.header.number for frame in frames] == [3, 1, 2]
    assert all(same(frame, make_frame(frame.header.number)) for frame in frames)
    for entry in again.pending():
        again.remove(entry)
        again.remove(entry)
    assert spool.pending() == []


def test_the_same_frame_is_one_entry(spool: Spool, make_frame: Make) -> None:
    spool.put(make_frame(1))
    spool.put(make_frame(1))
    assert len(spool.pending()) == 1


def test_damaged_entries_are_set_aside_and_kept(spool: Spool, make_frame: Make) -> None:
    entries = [spool.put(make_frame(number)) for number in (1, 2, 3)]
    data = bytearray(entries[0].path.read_bytes())
    data[-5] ^= 1
    entries[0].path.write_bytes(data)
    entries[1].path.write_bytes(data[: len(data) // 2])
    for entry, text in ((entries[0], "wrong checksum"), (entries[1], "ends too early")):
        with pytest.raises(SpoolError, match=text):
            spool.load(entry)
    assert [entry.path for entry in spool.pending()] == [entries[2].path]
    assert len(spool.damaged()) == 2


def test_what_a_crash_left_half_written_is_no_entry(spool: Spool, process: Callable[..., Any]) -> None:
    dead = process("-c", "print('READY {}', flush=True)")
    dead.line("READY")
    dead.end()
    half = spool.folder / f"x-1.{dead.child.pid}.part"
    alive = spool.folder / f"x-2.{os.getppid()}.part"
    for part in (half, alive):
        part.write_bytes(b"half")
    again = Spool(spool.folder)
    assert again.pending() == []
    assert not half.exists()
    assert alive.exists(), "another process is writing it"


def test_a_spool_that_cannot_be_written(tmp_path: Path, make_frame: Make) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpoolError, match="give the IOC a folder"):
        Spool(tmp_path / "file")
    spool = Spool(tmp_path / "spool")
    spool.folder.rmdir()
    with pytest.raises(SpoolError, match="make space there"):
        spool.put(make_frame(1))


# --- delivery -------------------------------------------------------------------------------------------


@pytest.fixture(name="client")
def _client(
    tmp_path: Path, data_server: Callable[..., tuple[Any, int]]
) -> Iterator[tuple[DataClient, Any, int]]:
    server, port = data_server(tmp_path / "data")
    with DataClient("127.0.0.1", port) as client:
        assert client.wait_connected(60)
        yield client, server, port


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "data").glob(f"{NIGHT}/*"))


def test_what_is_stored_leaves_the_spool(
    tmp_path: Path, spool: Spool, make_frame: Make, client: tuple[DataClient, Any, int]
) -> None:
    delivery = Delivery(client[0], spool)
    stored = delivery.deliver(make_frame(1, label="a"), 60)
    assert stored.path == str(tmp_path / "data" / NIGHT / "a.fits")
    assert (delivery.counters.stored, delivery.spooled, delivery.counters.failed) == (1, 0, 0)


def test_what_the_server_does_not_take_waits_for_it(
    tmp_path: Path,
    spool: Spool,
    make_frame: Make,
    client: tuple[DataClient, Any, int],
    data_server: Callable[..., tuple[Any, int]],
    until: Callable[..., None],
) -> None:
    connection, server, port = client
    delivery = Delivery(connection, spool)
    server.kill()
    for number in (1, 2, 3):
        with pytest.raises(NotDelivered, match="kept in") as caught:
            delivery.deliver(make_frame(number, label=f"a{number}"), 5)
        assert caught.value.spooled
    assert (delivery.counters.stored, delivery.spooled, delivery.counters.failed) == (0, 3, 3)
    assert delivery.retry_pending(5) == []
    data_server(tmp_path / "data", port=port)
    until(lambda: connection.connected, "connection made again")
    assert len(delivery.retry_pending(60, most=1)) == 1
    sent = delivery.retry_pending(60)
    assert [frame.header.number for frame, _ in sent] == [2, 3]
    assert (delivery.counters.stored, delivery.spooled) == (3, 0)
    assert files(tmp_path) == ["a1.fits", "a2.fits", "a3.fits"]


def test_a_crash_between_storing_and_forgetting_makes_no_second_file(
    tmp_path: Path, spool: Spool, make_frame: Make, client: tuple[DataClient, Any, int]
) -> None:
    spool.put(make_frame(1, label="a"))
    client[0].store(make_frame(1, label="a"), 60)
    next_process = Delivery(client[0], Spool(spool.folder))
    [(_, stored)] = next_process.retry_pending(60)
    assert stored.duplicate
    assert next_process.spooled == 0
    assert files(tmp_path) == ["a.fits"]


def test_one_refused_frame_does_not_hold_up_the_others(
    tmp_path: Path, spool: Spool, make_frame: Make, client: tuple[DataClient, Any, int]
) -> None:
    for number, label in enumerate(("../a", "b")):
        spool.put(make_frame(number, label=label))
    delivery = Delivery(client[0], spool)
    assert [Path(stored.path).name for _, stored in delivery.retry_pending(60)] == ["b.fits"]
    assert (delivery.spooled, delivery.counters.failed) == (1, 1)


def test_a_damaged_entry_is_counted_and_passed_over(
    spool: Spool, make_frame: Make, client: tuple[DataClient, Any, int]
) -> None:
    spool.put(make_frame(1)).path.write_bytes(b"")
    spool.put(make_frame(2))
    delivery = Delivery(client[0], spool)
    assert len(delivery.retry_pending(60)) == 1
    assert (delivery.counters.damaged, delivery.spooled) == (1, 0)


def test_without_a_spool_the_server_is_still_asked(
    spool: Spool, make_frame: Make, client: tuple[DataClient, Any, int]
) -> None:
    delivery = Delivery(client[0], spool)
    spool.folder.rmdir()
    assert delivery.deliver(make_frame(1), 60).path.endswith("S0001.fits")
    client[1].kill()
    with pytest.raises(NotDelivered, match="make space there") as caught:
        delivery.deliver(make_frame(2), 5)
    assert not caught.value.spooled
    assert delivery.counters.lost == 1
