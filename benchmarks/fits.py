"""A science frame on its way to the disk, against writing and forcing the same bytes to the same disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from astropy.io import fits

from nifsdc.data import disk
from nifsdc.data.client import DataClient
from nifsdc.data.fits_file import write
from nifsdc.data.fits_image import build
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.header import HEADER_KEYWORDS, cards
from nifsdc.data.ring import FrameRing
from nifsdc.data.spool import Spool
from rows import Rows, best

SECONDS = 8.0
MILLI = 1e3
NAMES = {
    "ring": "frame into the ring",
    "build": "FITS bytes built, in memory",
    "ours": "FITS file written, read back and linked",
    "astropy": "the same by astropy: no read-back, no link",
    "spooled": "frame into the spool and out",
    "stored": "frame to acknowledged file, by the data server",
}
"""what each way is called in the results"""
Action = Callable[[], object]
EXAMPLES = {"text": "2026-03-01", "int": 7, "float": 1.25, "bool": True}


def frame(number: int = 0) -> Frame:
    rng = np.random.default_rng(1)
    return Frame.build(
        "bench",
        FrameKind.SCIENCE,
        {
            "science": rng.normal(1000, 20, (2048, 2048)).astype(np.float32),
            "reference": rng.normal(1000, 20, (4, 1024, 32)).astype(np.float32),
        },
        night="20260301",
        number=number,
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
        FrameRing.create(folder / "ring", 2) as ring,
    ):

        def stored() -> None:
            Path(client.store(renumbered(plain, next(numbers)), 60).path).unlink()

        ways = {
            **local_ways(plain, content, folder, numbers),
            "stored": stored,
            "ring": lambda: ring.write(plain),
        }
        times = best(ways, SECONDS)

    against = "raw write + fsync"
    rows.add(f"raw write + fsync, {len(content) / 1e6:.1f} MB", times["raw"] * MILLI, "ms")
    for key, name in NAMES.items():
        rows.add(name, times[key] * MILLI, "ms", times[key] / times["raw"], against)


def main() -> int:
    rows = Rows(__doc__)
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        measure(rows, Path(folder))
    rows.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
