"""Large arrays: whole and in order at every client, in pieces between others' events, no copy per client."""

from __future__ import annotations

from typing import Any

import caproto
import numpy as np
import pytest

from nifsdc.records.ca_large import PIECE, LargePayload
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.types import EventMask

IMAGE = 1 << 22


@pytest.mark.parametrize("size", [1, 100, PIECE // 4, PIECE // 4 + 1, 100_001])
@pytest.mark.parametrize("head", [b"", b"head" * 3])
@pytest.mark.parametrize("more", [0, 5])
def test_the_pieces_are_the_payload(size: int, head: bytes, more: int) -> None:
    values = np.arange(size, dtype=np.float32)
    payload = LargePayload(head, values, np.dtype(">f4"), size + more)
    expected = head + values.astype(">f4").tobytes() + bytes(4 * more)
    expected += bytes(-len(expected) % 8)
    assert b"".join(payload.piece(n) for n in range(payload.pieces)) == expected
    assert len(payload) == len(expected)


def test_pieces_are_shared_and_then_forgotten() -> None:
    payload = LargePayload(b"", np.zeros(200_000, np.int16), np.dtype(">i2"), 200_000)
    payload.share(3)
    first = payload.piece(0)
    assert payload.piece(0) is first
    assert payload.piece(0) is first
    assert not payload._pieces


def wave(**fields: str) -> tuple[Database, list[tuple[str, int]]]:
    made = Database([RecordDef("waveform", "t:w", {"FTVL": "SHORT", "NELM": "6", **fields})])
    made.init()
    seen: list[tuple[str, int]] = []
    made.subscribe(lambda event: seen.append((event.field.name, int(event.mask))))
    return made, seen


def test_waveform_takes_what_is_put_and_counts_it() -> None:
    made, seen = wave()
    value, count = made.find("t:w"), made.find("t:w.NORD")
    assert value is not None
    assert count is not None
    assert (value.count, len(value.value), count.value) == (6, 0, 0)  # type: ignore[arg-type]
    made.put(value, (1, 2, 70_000))
    assert list(value.value) == [1, 2, 4464]  # type: ignore[arg-type]  # 70,000 as a C short
    assert count.value == 3
    made.put(value, np.arange(9.0))
    assert list(value.value) == [0, 1, 2, 3, 4, 5]  # type: ignore[arg-type]
    made.put(value, 7)
    assert list(value.value) == [7]  # type: ignore[arg-type]
    posted = [name for name, _ in seen if name not in ("SEVR", "STAT", "ACKS")]
    assert posted == ["NORD", "VAL"] * 3


def test_waveform_posts_on_change_when_asked_to() -> None:
    made, seen = wave(MPST="On Change", APST="Always")
    for values in ((1, 2), (1, 2), (1, 3)):
        made.set("t:w", values)
    alarm = int(EventMask.ALARM)  # the first value ends the alarm of a record without one
    masks = [mask & ~alarm for name, mask in seen if name == "VAL"]
    assert masks == [
        int(EventMask.VALUE | EventMask.LOG),
        int(EventMask.LOG),
        int(EventMask.VALUE | EventMask.LOG),
    ]


def test_waveform_keeps_a_read_only_array_as_it_is_and_copies_others() -> None:
    made = Database([RecordDef("waveform", "t:w", {"FTVL": "FLOAT", "NELM": "100"})])
    made.init()
    theirs = np.ones(100, np.float32)
    made.set("t:w", theirs)
    theirs[:] = 2
    field = made.find("t:w")
    assert field is not None
    assert set(field.value) == {1.0}  # type: ignore[arg-type]
    theirs.flags.writeable = False
    made.set("t:w", theirs)
    assert np.shares_memory(field.value, theirs)  # type: ignore[arg-type]


def test_links_read_and_write_a_waveform() -> None:
    made = Database(
        [
            RecordDef("waveform", "t:w", {"FTVL": "SHORT", "NELM": "6"}),
            RecordDef("waveform", "t:copy", {"FTVL": "DOUBLE", "NELM": "6", "INP": "t:w CP"}),
            RecordDef("ai", "t:first", {"INP": "t:w CP"}),
            RecordDef("ao", "t:out", {"OUT": "t:w PP"}),
        ]
    )
    made.init()
    copy, first, source = made.find("t:copy"), made.find("t:first"), made.find("t:w")
    assert copy is not None
    assert first is not None
    assert source is not None
    made.set("t:w", (4, 5, 6))
    assert list(copy.value) == [4.0, 5.0, 6.0]  # type: ignore[arg-type]
    assert (first.value, source.text) == (4.0, "4")
    made.set("t:out", 9)
    assert list(copy.value) == [9.0]  # type: ignore[arg-type]


def test_waveform_through_libca(pv: Any) -> None:
    channel = pv("wave")
    assert (channel.type.removeprefix("time_"), channel.nelm) == ("short", 10)
    channel.put([1, -2, 3], wait=True)
    assert list(channel.get(use_monitor=False)) == [1, -2, 3]
    assert list(channel.get(use_monitor=False, as_numpy=True, count=2)) == [1, -2]
    assert channel.get_ctrlvars()["units"] == "ADU"
    assert pv("wave.NORD").get() == 3


def test_a_whole_image_arrives(pv: Any, ioc: Any) -> None:
    channel = pv("image")
    values = np.arange(IMAGE, dtype=np.float32)
    channel.put(values, wait=True, timeout=60)
    assert np.array_equal(channel.get(use_monitor=False, timeout=60), values)


def test_every_client_gets_every_element(raw: Any, ioc: Any) -> None:
    clients = [raw(), raw()]
    ioc.ask(image=1.0)
    for client in clients:
        channel = client.channel("image")
        client.send(channel.subscribe(data_type=caproto.ChannelType.FLOAT))
    ioc.ask(image=2.0)
    for client in clients:
        event = client.receive(
            lambda c: isinstance(c, caproto.EventAddResponse) and len(c.data) == IMAGE and c.data[0] == 2.0
        )
        assert set(np.unique(event.data)) == {2.0}


def test_others_events_go_between_the_pieces(raw: Any, pv: Any, ioc: Any) -> None:
    """With an image on its way to a client that takes its time, others' puts are answered in the meantime."""
    slow = raw(receive_buffer=1 << 16)
    channel = slow.channel("image")
    other = pv("m50")
    ioc.ask(image=3.0)
    slow.send(channel.subscribe(data_type=caproto.ChannelType.FLOAT))
    got, turns = 0, 20
    for n in range(turns):
        while got < 2 * IMAGE * (n + 1) // turns:  # a bit more each time, half of it in the end
            got += len(slow.socket.recv(1 << 16))
        assert other.put(float(n), wait=True, timeout=60.0) == 1
    assert got < 3 * IMAGE
    while got < 4 * IMAGE:
        got += len(slow.socket.recv(1 << 16))


def test_stopped_clients_of_images_cost_bounded_memory(raw: Any, ioc: Any) -> None:
    before = ioc.kilobytes
    stopped = []
    for n in range(4):  # each stops at an image of its own
        client = raw(receive_buffer=4096)
        channel = client.channel("image")
        client.send(channel.subscribe(data_type=caproto.ChannelType.FLOAT))
        ioc.ask(image=float(n))
        stopped.append(client)
    for n in range(30):
        ioc.ask(image=float(n))
    # the record's own, one that waits for all, and one per client on its way, with what the allocator keeps
    assert ioc.kilobytes - before < (4 + 4) * 16 * 1024
