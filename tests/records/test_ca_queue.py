"""What waits for a client that takes nothing is bounded, and what must be seen is never coalesced."""

from __future__ import annotations

import logging

import pytest

from nifsdc.records.ca_complaints import Complaints
from nifsdc.records.ca_queue import Bounds, EventQueue, Update

BOUNDS = Bounds(soft_updates=4, soft_bytes=1000, hard_updates=6, hard_bytes=2000)


class Monitor:
    def __init__(self, *, keep_all: bool = False) -> None:
        self.keep_all = keep_all
        self.waiting: Update | None = None
        self.alive = True


def values(queue: EventQueue) -> list[bytes]:
    return queue.take(1 << 20)[1::2]


def test_everything_is_kept_below_the_soft_bound() -> None:
    queue, monitor = EventQueue(BOUNDS), Monitor()
    assert all(queue.add(monitor, b"h", b"%d" % n) for n in range(4))
    assert values(queue) == [b"0", b"1", b"2", b"3"]
    assert (len(queue), queue.bytes, queue.coalesced) == (0, 0, 0)


def test_newest_wins_beyond_the_soft_bound() -> None:
    queue, monitor = EventQueue(BOUNDS), Monitor()
    assert all(queue.add(monitor, b"h", b"%d" % n) for n in range(100))
    assert values(queue) == [b"0", b"1", b"2", b"99"]
    assert queue.coalesced == 96
    assert queue.bytes == 0


def test_every_monitor_keeps_its_newest_value() -> None:
    queue = EventQueue(BOUNDS)
    monitors = [Monitor() for _ in range(10)]
    for round_ in range(5):
        for n, monitor in enumerate(monitors):
            assert queue.add(monitor, b"h", b"%d.%d" % (round_, n))
    assert values(queue) == [b"4.%d" % n for n in range(10)]


def test_bytes_count_too() -> None:
    queue, monitor = EventQueue(BOUNDS), Monitor()
    for n in range(50):
        queue.add(monitor, b"h", bytes([n]) * 600)
    assert len(queue) == 2
    assert values(queue)[-1] == bytes([49]) * 600


def test_what_must_be_seen_is_kept_up_to_the_hard_bound() -> None:
    queue, mark = EventQueue(BOUNDS), Monitor(keep_all=True)
    assert [queue.add(mark, b"h", b"%d" % n) for n in range(7)] == [True] * 6 + [False]
    assert values(queue) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert queue.add(mark, b"h", b"again")


def test_ended_monitors_are_dropped() -> None:
    queue, gone, there = EventQueue(BOUNDS), Monitor(), Monitor()
    queue.add(gone, b"h", b"x")
    queue.add(there, b"h", b"y")
    gone.alive = False
    assert values(queue) == [b"y"]


def test_take_leaves_the_rest() -> None:
    queue, monitor = EventQueue(Bounds()), Monitor()
    for n in range(10):
        queue.add(monitor, b"", b"%d" % n)
    assert queue.take(3)[1::2] == [b"0", b"1", b"2"]
    assert len(queue) == 7


def test_many_clients_share_the_memory() -> None:
    bounds = Bounds()
    assert bounds.shared_by(10) == bounds
    assert bounds.shared_by(1000).soft_bytes * 1000 <= 50 * bounds.soft_bytes + 1000 * (1 << 16)


def test_a_flood_of_complaints_is_summed_up(caplog: pytest.LogCaptureFixture) -> None:
    clock = [0.0]
    complain = Complaints(logging.getLogger("nifsdc.ca"), lambda: clock[0])
    for n in range(1000):
        complain("client %d disconnected", n)
    assert len(caplog.records) == 20
    clock[0] = 5.0
    complain("client %d disconnected", 1000)
    assert [record.getMessage() for record in caplog.records[20:]] == [
        "980 warnings like the next one were not written",
        "client 1000 disconnected",
    ]
