"""The quick look: the newest frame of the ring as a picture, by a process that is in nobody's way.

Run as ``python -m nifsdc.data.quicklook --ring RING --out quicklook.png``, both again for each further
ring. It copies the newest frame out of a ring when it has drawn the one before; what came in between is
counted, not drawn.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from nifsdc.data.frame import Frame, FrameError
from nifsdc.data.lifetime import parent_watch
from nifsdc.data.picture import MOST_PIXELS, write_png
from nifsdc.data.ring import FrameRing, Policy, Reader, RingError

LOG = logging.getLogger("nifsdc.quicklook")

LOOK_SECONDS = 0.25


class QuickLook:
    """Draws the newest frame of a ring, again and again; waits for a ring that is not there yet.

    Parameters
    ----------
    ring
        name or path of the ring
    out
        the picture
    most
        pixels of its longer side
    """

    def __init__(self, ring: str | Path, out: Path, most: int = MOST_PIXELS) -> None:
        self._ring = ring
        self._out = out
        self._most = most
        self._reader: Reader | None = None
        self._skipped_before = 0
        self.drawn = 0
        """frames drawn"""

    @property
    def skipped(self) -> int:
        """Frames passed over because a newer one was there."""
        return self._skipped_before + (self._reader.missed if self._reader else 0)

    def step(self, timeout: float) -> bool:
        """Draw the next frame if one comes in this time (seconds), and tell whether one did."""
        reader = self._attached()
        if reader is None:
            threading.Event().wait(timeout)
            return False
        try:
            frame = reader.next(timeout)
        except RingError as error:
            LOG.warning("%s", error)
            return False
        if frame is None:
            if reader.replaced:
                self.detach()
            return False
        try:
            self._draw(frame, reader.last)
        except (FrameError, OSError) as error:
            LOG.warning("frame %s is not drawn: %s", frame.header.key, error)
            return False
        self.drawn += 1
        return True

    def _draw(self, frame: Frame, sequence: int) -> None:
        header = frame.header
        text = {
            "Title": header.label or header.exposure_id,
            "Kind": header.kind.value,
            "Frame": str(sequence),
            "Skipped": str(self.skipped),
        }
        write_png(frame.image, self._out, most=self._most, text=text)

    def _attached(self) -> Reader | None:
        if self._reader is None:
            try:
                self._reader = FrameRing.attach(self._ring, Policy.NEWEST)
                self._reader.rewind(1)
            except RingError as error:
                LOG.debug("%s", error)
        return self._reader

    def detach(self) -> None:
        """Let go of the ring; the next `step` looks for it again."""
        if self._reader is not None:
            self._skipped_before += self._reader.missed
            self._reader.close()
            self._reader = None


def main(argv: Sequence[str] | None = None) -> int:
    """Draw until SIGTERM, SIGINT or the end of the parent; prints READY, and at the end what was done."""
    parser = argparse.ArgumentParser(prog="python -m nifsdc.data.quicklook", description=__doc__)
    parser.add_argument("--ring", required=True, action="append", help="name or path of the frame ring")
    parser.add_argument("--out", type=Path, required=True, action="append", help="the picture (PNG)")
    parser.add_argument("--size", type=int, default=MOST_PIXELS, help="pixels of its longer side")
    parser.add_argument("--parent-pid", type=int, default=0, help="end when this process is gone")
    arguments = parser.parse_args(argv)
    if len(arguments.ring) != len(arguments.out):
        parser.error(f"{len(arguments.ring)} --ring and {len(arguments.out)} --out: give one for each other")
    logging.basicConfig(level="INFO", format="%(asctime)s %(name)s %(levelname)s %(message)s")
    ending = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    wanted = parent_watch(arguments.parent_pid)
    looks = [
        QuickLook(ring, out, arguments.size) for ring, out in zip(arguments.ring, arguments.out, strict=True)
    ]
    print("READY " + json.dumps({"out": [str(out) for out in arguments.out]}), flush=True)
    while not ending.is_set() and wanted():
        for look in looks:
            look.step(LOOK_SECONDS / len(looks))
    for look in looks:
        look.detach()
    counts = {"drawn": sum(look.drawn for look in looks), "skipped": sum(look.skipped for look in looks)}
    print("ENDED " + json.dumps(counts), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
