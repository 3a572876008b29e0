"""The ring: whole frames or none, and nobody in the writer's way."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ring import FrameRing, Policy, RingError, ring_path

SLOT = 1 << 20


def uniform(number: int, pixels: int = 10_000) -> Frame:
    """All pixels alike, so that a mixture of two frames shows."""
    arrays = {
        "science": np.full((pixels // 100, 100), number % 60000, np.uint16),
        "quality": np.zeros((3, 3), np.uint8),
    }
    return Frame.build(f"exp-{number}", FrameKind.READ, arrays, night="20260301", number=number)


@pytest.fixture(name="ring_file")
def _ring_file(tmp_path: Path) -> Path:
    return tmp_path / "frames.ring"


def test_frames_come_out_as_they_went_in(ring_file: Path, make_frame: Callable[..., Frame]) -> None:
    with FrameRing.create(ring_file, 4, SLOT) as ring, ring.reader() as reader:
        assert reader.next(0) is None
        for number in (1, 2):
            assert ring.write(make_frame(number)) == number
        for number in (1, 2):
            frame = reader.next(0)
            assert frame is not None
            assert frame.header == make_frame(number).header
            for name, array in make_frame(number).arrays.items():
                np.testing.assert_array_equal(frame.arrays[name], array)
        assert reader.next(0) is None
        assert reader.missed == 0


def test_a_frame_that_was_read_does_not_change_when_it_is_overwritten(ring_file: Path) -> None:
    with FrameRing.create(ring_file, 2, SLOT) as ring, ring.reader() as reader:
        ring.write(uniform(1))
        frame = reader.next(0)
        for number in range(2, 6):
            ring.write(uniform(number))
        assert frame is not None
        assert (frame.image == 1).all()


def test_a_slow_reader_misses_the_oldest_and_is_told_how_many(ring_file: Path) -> None:
    with FrameRing.create(ring_file, 4, SLOT) as ring, ring.reader(Policy.ALL) as reader:
        for number in range(1, 11):
            ring.write(uniform(number))
        numbers = []
        while (frame := reader.next(0)) is not None:
            numbers.append(frame.header.number)
        assert numbers == [7, 8, 9, 10]
        assert reader.missed == 6


def test_the_newest_wins_and_the_others_count_as_missed(ring_file: Path) -> None:
    with FrameRing.create(ring_file, 4, SLOT) as ring, ring.reader(Policy.NEWEST) as reader:
        for number in range(1, 11):
            ring.write(uniform(number))
        frame = reader.next(0)
        assert frame is not None
        assert (frame.header.number, reader.missed, reader.last) == (10, 9, 10)


def test_readers_have_places_of_their_own(ring_file: Path) -> None:
    with FrameRing.create(ring_file, 4, SLOT) as ring, ring.reader() as one:
        ring.write(uniform(1))
        with FrameRing.attach(ring_file, Policy.ALL) as late:
            ring.write(uniform(2))
            assert [frame.header.number for frame in iter(lambda: one.next(0), None)] == [1, 2]
            assert [frame.header.number for frame in iter(lambda: late.next(0), None)] == [2]
            late.rewind()
            assert [frame.header.number for frame in iter(lambda: late.next(0), None)] == [1, 2]


def test_waiting_ends_with_the_frame_or_with_the_ring(ring_file: Path) -> None:
    ring = FrameRing.create(ring_file, 2, SLOT)
    with ring.reader() as reader:
        found: list[Frame | None] = []
        thread = threading.Thread(target=lambda: found.extend([reader.next(20), reader.next(20)]))
        thread.start()
        ring.write(uniform(5))
        ring.close()
        thread.join(60)
        assert [frame and frame.header.number for frame in found] == [5, None]
        assert reader.closed
        assert reader.replaced
    assert not ring_file.exists()


def test_a_slot_that_is_being_written_is_not_read(ring_file: Path) -> None:
    """What a writer leaves that died in the middle of a frame: the lock is odd, the count not yet raised."""
    with FrameRing.create(ring_file, 2, SLOT) as ring, ring.reader() as reader:
        ring.write(uniform(1))
        ring.write(uniform(2))
        control, _, area = ring._mapping.slot(3)
        control[0] = 2 * 3 - 1
        area[:100] = 255
        del control, area
        numbers = [frame.header.number for frame in iter(lambda: reader.next(0), None)]
        assert numbers == [2]
        assert reader.missed == 1


def test_what_does_not_fit_is_refused(ring_file: Path) -> None:
    with FrameRing.create(ring_file, 2, 1000) as ring:
        with pytest.raises(RingError, match="make the ring larger"):
            ring.write(uniform(1))
        assert ring.written == 0
    with pytest.raises(RingError, match="at least 2"):
        FrameRing.create(ring_file, 1, 1000)
    with pytest.raises(RingError, match="cannot be made"):
        FrameRing.create(ring_file, 2, 1 << 55)
    assert list(ring_file.parent.iterdir()) == []


def test_two_writers_are_one_too_many_and_a_dead_one_is_none(
    ring_file: Path, process: Callable[..., object]
) -> None:
    with FrameRing.create(ring_file, 2, SLOT), pytest.raises(RingError, match="another process writes"):
        FrameRing.create(ring_file, 2, SLOT)
    code = f"""
from pathlib import Path; import os, signal
from nifsdc.data.ring import FrameRing
ring = FrameRing.create(Path({str(ring_file)!r}), 2, {SLOT})
print('READY {{}}', flush=True)
signal.pause()
"""
    writer = process("-c", code)
    writer.line("READY")
    old = FrameRing.attach(ring_file)
    writer.kill()
    assert ring_file.exists()
    with FrameRing.create(ring_file, 2, SLOT) as ring, old:
        assert old.replaced
        with FrameRing.attach(ring_file) as fresh:
            ring.write(uniform(1))
            assert fresh.next(0) is not None
            assert old.next(0) is None


def test_what_is_no_ring_is_not_read(ring_file: Path) -> None:
    with pytest.raises(RingError, match="no frame ring to read"):
        FrameRing.attach(ring_file)
    ring_file.write_bytes(b"x")
    with pytest.raises(RingError, match="1 bytes are no frame ring"):
        FrameRing.attach(ring_file)
    ring_file.write_bytes(bytes(8192))
    with pytest.raises(RingError, match="not a frame ring"):
        FrameRing.attach(ring_file)


def test_shared_memory_that_is_too_small_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The usual container has 64 MB of it; here its folder is one that takes nothing."""
    places = [Path("/proc") / "x.ring", tmp_path / "x.ring"]
    for module in ("ring", "ring_memory"):
        monkeypatch.setattr(f"nifsdc.data.{module}.ring_places", lambda name: places)
    with FrameRing.create("x", 2, SLOT) as ring, FrameRing.attach("x") as reader:
        ring.write(uniform(1))
        assert reader.next(0) is not None
        assert ring.path == tmp_path / "x.ring"
    assert "cannot be made" in caplog.text


def test_a_bare_name_lies_in_shared_memory() -> None:
    path = ring_path("nifsdc-test-name")
    assert path.name == "nifsdc-test-name.ring"
    assert path.parent.is_dir()
    assert ring_path("/a/b.ring") == Path("/a/b.ring")


READER = """
import sys, json
from nifsdc.data.ring import FrameRing, Policy
reader = FrameRing.attach({path!r}, Policy.{policy})
print('READY {{}}', flush=True)
whole = mixed = 0
while True:
    frame = reader.next(0.5)
    if frame is None:
        if reader.closed: break
    elif (frame.image == frame.header.number % 60000).all(): whole += 1
    else: mixed += 1
print('DONE ' + json.dumps(dict(whole=whole, mixed=mixed, missed=reader.missed)), flush=True)
"""


def test_readers_in_other_processes_never_see_half_a_frame(
    ring_file: Path, process: Callable[..., object]
) -> None:
    """A writer at full speed over two slots, against readers that are always late."""
    frames = [uniform(number, 200_000) for number in range(1, 41)]
    with FrameRing.create(ring_file, 2, SLOT) as ring:
        readers = [
            process("-c", READER.format(path=str(ring_file), policy=policy)) for policy in ("ALL", "NEWEST")
        ]
        for reader in readers:
            reader.line("READY")
        for number in range(1, 2001):
            ring.write(frames[number % 40])
        ring.close()
        for reader in readers:
            seen = reader.line("DONE")
            assert seen["mixed"] == 0
            assert seen["whole"] > 0
            assert seen["whole"] + seen["missed"] == 2000


def test_a_reader_that_is_stopped_or_dead_harms_nobody(
    ring_file: Path, process: Callable[..., object]
) -> None:
    with FrameRing.create(ring_file, 2, SLOT) as ring, ring.reader() as here:
        stopped, dead = (process("-c", READER.format(path=str(ring_file), policy="ALL")) for _ in range(2))
        for reader in (stopped, dead):
            reader.line("READY")
        os.kill(stopped.child.pid, signal.SIGSTOP)
        dead.kill()
        for number in range(1, 101):
            ring.write(uniform(number))
            frame = here.next(0)
            assert frame is not None
            assert frame.header.number == number
        os.kill(stopped.child.pid, signal.SIGCONT)
        ring.close()
        seen = stopped.line("DONE")
        assert (seen["mixed"], seen["whole"] + seen["missed"]) == (0, 100)
