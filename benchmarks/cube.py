"""Runs of frames on their way to the disk, beside writing the same bytes to the same disk.

Small frames (64 x 64) and full ones of two CCDs of 1024 x 512 with four outputs each. "Announced" is: on the
data server's disk, said by it. What a frame's way consists of is measured piece by piece, to tell what sets
the limit.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nifsdc.data import checksum, cube_file
from nifsdc.data.client import DataClient
from nifsdc.data.cube_file import CubeFile
from nifsdc.data.cube_layout import CcdExposure, CubeFrame, CubeLayout, CubeWindow
from nifsdc.data.cube_names import RunNames
from nifsdc.data.cube_run import CubeRun
from nifsdc.data.cube_sender import BATCH_BYTES
from nifsdc.data.names import labelled
from nifsdc.timing.service import TimeService
from rows import Rows, best

SETUPS = {
    "64 x 64": (CubeLayout((CubeWindow(64, 64),)), 20_000),
    "2 x 1024 x 512 x 4": (CubeLayout((CubeWindow(1024, 2048, 1), CubeWindow(1024, 2048, 2))), 60),
}
"""layout, and frames of a run"""
PACE = 1000
"""small frames a second that have to be kept up"""
PACED_SECONDS = 10
DEADLINE_S = 600.0
MEGA = 1e6
DISK = "to the disk (write, fdatasync)"


def frames(layout: CubeLayout) -> list[CubeFrame]:
    """A few frames to be taken again and again."""
    rng = np.random.default_rng(1)
    stamp = TimeService().now()
    return [
        CubeFrame(
            number,
            stamp,
            tuple(CcdExposure(stamp, 0.001) for _ in layout.ccds),
            [rng.normal(1000, 10, (each.rows, each.columns)).astype(np.uint16) for each in layout.windows],
        )
        for number in range(1, 5)
    ]


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """A data server as a process; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nifsdc.data.server", "--root", str(folder / "data"), "--port", "0",
         "--parent-pid", str(os.getpid()), "--log-level", "ERROR"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().split('"port": ')[1].split(",")[0])
    finally:
        process.terminate()
        process.communicate(timeout=60)


def raw(folder: Path, row: bytes, count: int) -> float:
    """Write the same bytes, forced to disk as often; frames a second."""
    path = folder / "raw"
    batch = max(1, BATCH_BYTES // len(row))
    begun = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for number in range(1, count + 1):
            file.write(row)
            if number % batch == 0 or number == count:
                os.fdatasync(file.fileno())
    rate = count / (time.perf_counter() - begun)
    path.unlink()
    return rate


def written(folder: Path, layout: CubeLayout, given: list[CubeFrame], count: int) -> float:
    """Append to a file of frames, committed as often; frames a second."""
    path = cube_file.create(folder, labelled("written"), layout)
    batch = max(1, BATCH_BYTES // layout.row_bytes)
    begun = time.perf_counter()
    with CubeFile(path) as file:
        for number in range(1, count + 1):
            file.append(given[number % len(given)])
            if number % batch == 0 or number == count:
                file.commit()
        rate = count / (time.perf_counter() - begun)
    path.unlink()
    return rate


def announced(
    folder: Path, port: int, layout: CubeLayout, given: list[CubeFrame], count: int
) -> tuple[float, float]:
    """Take a run as fast as it goes; frames a second that are added, and that are announced."""
    with DataClient("127.0.0.1", port) as client:
        client.wait_connected(60)
        run = CubeRun(folder / "spool", client, RunNames(os.urandom(8).hex(), "20260301"), layout)
        begun = time.perf_counter()
        for number in range(count):
            run.add(given[number % len(given)])
        added = count / (time.perf_counter() - begun)
        while run.stored < count:
            time.sleep(0.001)
        rate = count / (time.perf_counter() - begun)
        Path(run.finish([], DEADLINE_S).path).unlink()
    return added, rate


def paced(folder: Path, port: int, layout: CubeLayout, given: list[CubeFrame]) -> tuple[float, float, int]:
    """Take frames at the pace; return how late one was, how long one waited, and how many are lost."""
    count = PACE * PACED_SECONDS
    due: list[float] = []
    longest_wait = 0.0
    with DataClient("127.0.0.1", port) as client:
        client.wait_connected(60)
        run = CubeRun(folder / "spool", client, RunNames(os.urandom(8).hex(), "20260301"), layout)
        over = threading.Event()

        def watch() -> None:
            nonlocal longest_wait
            while not over.is_set() or run.stored < count:
                stored = run.stored
                if stored < len(due):
                    longest_wait = max(longest_wait, time.perf_counter() - due[stored])
                time.sleep(0.002)

        watcher = threading.Thread(target=watch)
        watcher.start()
        begun, late = time.perf_counter(), 0.0
        for number in range(count):
            at = begun + number / PACE
            while (now := time.perf_counter()) < at:
                time.sleep(min(0.0005, at - now))
            late = max(late, now - at)
            run.add(given[number % len(given)])
            due.append(time.perf_counter())
        over.set()
        watcher.join(DEADLINE_S)
        stored = run.finish([], DEADLINE_S)
    reached = cube_frames(Path(stored.path))
    Path(stored.path).unlink()
    return late, longest_wait, count - reached


def cube_frames(path: Path) -> int:
    from astropy.io import fits

    with fits.open(path) as hdus:
        return len(hdus["FRAMES"].data)


def pieces(folder: Path, layout: CubeLayout, given: list[CubeFrame]) -> dict[str, float]:
    """Seconds that a megabyte of frames takes at each place of its way."""
    count = max(1, BATCH_BYTES // layout.row_bytes)
    rows = np.concatenate([layout.pack(given[number % len(given)]) for number in range(count)])
    near, far = socket.socketpair()
    sink = np.empty_like(rows)

    def send() -> None:
        thread = threading.Thread(target=near.sendall, args=(rows.data,))
        thread.start()
        view = sink.data
        while view:
            view = view[far.recv_into(view) :]
        thread.join()

    path = folder / "piece"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)

    def disk() -> None:
        os.pwrite(descriptor, rows.data, 0)
        os.fdatasync(descriptor)

    ways: dict[str, Callable[[], object]] = {
        "packed into rows": lambda: [layout.pack(given[n % len(given)]) for n in range(count)],
        "into the spool's cache, and read from it": lambda: (
            os.pwrite(descriptor, rows.data, 0), os.preadv(descriptor, [sink.data], 0)
        ),
        "CRC-32 at both ends": lambda: (zlib.crc32(rows), zlib.crc32(rows)),
        "over a socket": send,
        "DATASUM": lambda: checksum.sum_bytes(rows[: rows.size // 4 * 4]),
        DISK: disk,
    }  # fmt: skip
    times = best(ways, 2.0)
    os.close(descriptor)
    path.unlink()
    near.close()
    far.close()
    return {name: seconds / (rows.nbytes / MEGA) for name, seconds in times.items()}


def measure(rows: Rows, folder: Path) -> None:
    with server(folder) as port:
        for name, (layout, count) in SETUPS.items():
            given = frames(layout)
            row = layout.pack(given[0]).tobytes()
            plain = raw(folder, row, count)
            against = "raw write + fdatasync"
            rows.add(f"{name}: raw write + fdatasync", plain, "/s")
            rate = written(folder, layout, given, count)
            rows.add(f"{name}: appended to a file of frames", rate, "/s", rate / plain, against)
            added, rate = announced(folder, port, layout, given, count)
            rows.add(f"{name}: added to a run", added, "/s", added / plain, against)
            rows.add(f"{name}: announced by the server", rate, "/s", rate / plain, against)
            rows.add(f"{name}: announced by the server", rate * len(row) / MEGA, "MB/s")
            spent = pieces(folder, layout, given)
            for piece, seconds in spent.items():
                rows.add(f"{name}: {piece}", seconds * 1e3, "ms/MB")
            frame_s = 1 / rate
            disk_s, host_s = (seconds * len(row) / MEGA for seconds in (spent[DISK], sum(spent.values())))
            rows.add(f"{name}: of a frame's time, the disk", 100 * disk_s / frame_s, "%")
            rows.add(f"{name}: of it, all pieces together", 100 * host_s / frame_s, "%")
        layout = SETUPS["64 x 64"][0]
        late, waited, lost = paced(folder, port, layout, frames(layout))
        rows.add(f"64 x 64 at {PACE}/s: frames lost in {PACED_SECONDS} s", lost, "")
        rows.add(f"64 x 64 at {PACE}/s: latest frame", late * 1e3, "ms")
        rows.add(f"64 x 64 at {PACE}/s: longest wait for the disk", waited * 1e3, "ms")


def main() -> None:
    rows = Rows(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        measure(rows, Path(folder))
    rows.save()


if __name__ == "__main__":
    main()
