"""A science frame on its way to the disk, against writing and forcing the same bytes to the same disk.

The frame has 2048 x 2048 pixels of float32 with variance, quality and reference samples. An IOC spools it
before it sends it, so that the way of a frame is twice to the disk. Then frames are written into a ring at a
steady pace and taken out of it and stored, as the Data task does, at the highest pace at which none is
overwritten before it was taken.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from astropy.io import fits

from nifsdc.data import disk
from nifsdc.data.client import DataClient
from nifsdc.data.delivery import Delivery
from nifsdc.data.fits_file import write
from nifsdc.data.fits_image import build
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.header import HEADER_KEYWORDS, cards
from nifsdc.data.packing import Packing
from nifsdc.data.ring import FrameRing, Policy
from nifsdc.data.spool import Spool
from rows import Rows, best

SECONDS = 20.0
STEADY_SECONDS = 6.0
SLOTS = 16
"""of the ring: as many as single reads have"""
HEADROOM = 1.15
"""the first pace that is tried, and each further one, times the time that a frame takes alone"""
MOST_TRIES = 12
SIZES = ((2048, 2048), (512, 640))
"""rows and columns: NIFS, and a small fast camera"""
MILLI = 1e3
NAMES = {
    "ring": "frame into the ring",
    "build": "FITS bytes built, in memory",
    "ours": "FITS file written, read back and linked",
    "astropy": "the same by astropy: no read-back, no link",
    "spooled": "frame into the spool and out",
    "stored": "frame to acknowledged file, by the data server",
    "packed": "the same, compressed by GZIP_2",
    "delivered": "frame to acknowledged file, spooled meanwhile",
}
"""what each way is called in the results"""
Action = Callable[[], object]
EXAMPLES = {"text": "2026-03-01", "int": 7, "float": 1.25, "bool": True}


def frame(shape: tuple[int, int] = SIZES[0]) -> Frame:
    rng = np.random.default_rng(1)
    return Frame.build(
        "bench",
        FrameKind.SCIENCE,
        {
            "science": rng.normal(1000, 20, shape).astype(np.float32),
            "variance": rng.normal(400, 20, shape).astype(np.float32),
            "quality": (rng.random(shape) < 0.01).astype(np.uint8),
            "reference": rng.normal(1000, 20, (4, shape[0] // 2, 32)).astype(np.float32),
        },
        night="20260301",
        label="bench",
        cards=cards({keyword.name: EXAMPLES[keyword.kind] for keyword in HEADER_KEYWORDS}),
    )


def renumbered(plain: Frame, number: int) -> Frame:
    """The same pixels as another frame, which the server has not stored yet."""
    header = plain.header
    return Frame.build(
        f"bench-{number}",
        header.kind,
        plain.arrays,
        night=header.night,
        label=header.label,
        cards=header.cards,
    )


def local_ways(plain: Frame, content: bytes, folder: Path, numbers: Iterator[int]) -> dict[str, Action]:
    """What can be done with a frame without a server."""
    spool = Spool(folder / "spool")

    def raw() -> None:
        path = folder / f"raw-{next(numbers)}"
        disk.write_synced(path, [content])
        path.unlink()

    def by_astropy() -> None:
        path = folder / f"astropy-{next(numbers)}.fits"
        hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(array) for array in plain.arrays.values())]
        for card in plain.header.cards:
            hdus[1 if card.extension else 0].header[card.keyword] = (card.value, card.comment)
        with path.open("wb") as file:
            fits.HDUList(hdus).writeto(file, checksum=True)
            file.flush()
            os.fsync(file.fileno())
        path.unlink()

    return {
        "raw": raw,
        "build": lambda: build(plain),
        "ours": lambda: write(plain, folder, "ours").unlink(),
        "astropy": by_astropy,
        "spooled": lambda: spool.remove(spool.put(plain)),
    }


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
        process.communicate(timeout=30)


def measure(rows: Rows, folder: Path) -> None:
    plain = frame()
    content = b"".join(bytes(buffer) for buffer in build(plain))
    numbers = count()
    with (
        server(folder) as port,
        DataClient("127.0.0.1", port) as client,
        DataClient("127.0.0.1", port, packing=Packing.GZIP) as packer,
        FrameRing.create(folder / "ring", 2) as ring,
    ):
        delivery = Delivery(client, Spool(folder / "waiting"))

        def stored(by: DataClient = client) -> None:
            Path(by.store(renumbered(plain, next(numbers)), 60).path).unlink()

        ways = {
            **local_ways(plain, content, folder, numbers),
            "stored": stored,
            "packed": lambda: stored(packer),
            "delivered": lambda: Path(delivery.deliver(renumbered(plain, next(numbers)), 60).path).unlink(),
            "ring": lambda: ring.write(plain),
        }
        times = best(ways, SECONDS)
        paces = {shape: steady(frame(shape), delivery, folder, numbers) for shape in SIZES}

    against = "raw write + fsync"
    rows.add(f"raw write + fsync, {len(content) / 1e6:.1f} MB", times["raw"] * MILLI, "ms")
    for key, name in NAMES.items():
        rows.add(name, times[key] * MILLI, "ms", times[key] / times["raw"], against)
    for shape, pace in paces.items():
        rows.add(f"frames of {shape[0]} x {shape[1]} stored steadily, none lost", 1 / pace, "/s")


def steady(plain: Frame, delivery: Delivery, folder: Path, numbers: Iterator[int]) -> float:
    """Return the seconds from frame to frame at which none is lost between the ring and the disk."""
    times = best(
        {"": lambda: Path(delivery.deliver(renumbered(plain, next(numbers)), 60).path).unlink()}, 1.0
    )
    pace = times[""]
    for _ in range(MOST_TRIES):
        pace *= HEADROOM
        if not lost_at(pace, plain, delivery, folder, numbers):
            return pace
    raise SystemExit(f"frames of {plain.image.shape} are lost even at one each {pace:g} s")


def lost_at(pace: float, plain: Frame, delivery: Delivery, folder: Path, numbers: Iterator[int]) -> int:
    """Write frames into a ring at a pace while they are taken out and stored; return how many were lost."""
    count = max(3 * SLOTS, round(STEADY_SECONDS / pace))
    frames = [renumbered(plain, next(numbers)) for _ in range(count)]

    def write() -> None:
        begun = time.perf_counter()
        for number, each in enumerate(frames):
            time.sleep(max(0.0, begun + number * pace - time.perf_counter()))
            ring.write(each)

    with FrameRing.create(folder / "steady", SLOTS) as ring, ring.reader(Policy.ALL) as reader:
        writer = threading.Thread(target=write)
        writer.start()
        stored = 0
        while stored + reader.missed < count:
            taken = reader.next(60.0)
            if taken is not None:
                Path(delivery.deliver(taken, 60).path).unlink()
                stored += 1
        writer.join()
        return count - stored


def main() -> int:
    rows = Rows(__doc__)
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        measure(rows, Path(folder))
    rows.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
