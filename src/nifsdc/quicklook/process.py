"""The quick look: the newest frames of the rings as images over PVAccess and as pictures.

A process that is in nobody's way: it reads rings, which never wait for it, and what comes in between two
frames that it shows is counted, not shown.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nifsdc import logs, service
from nifsdc.data.lifetime import parent_watch
from nifsdc.data.picture import MOST_PIXELS, write_png
from nifsdc.quicklook.follow import Follower, Seen
from nifsdc.quicklook.images import STANDARD_MOST_BYTES, ImageServer, ServerFailed

LOG = logging.getLogger("nifsdc.quicklook")

LOOK_SECONDS = 0.25
END_SECONDS = 10.0
DRAW_SECONDS = 0.25
"""from the end of one picture to the beginning of the next: images come first"""


def draw(seen: Seen, out: Path, most: int = MOST_PIXELS) -> None:
    """Draw a frame as a PNG.

    Parameters
    ----------
    seen
        the frame
    out
        the picture
    most
        pixels of its longer side

    Raises
    ------
    FrameError, OSError
        when it has no image, or the picture cannot be written
    """
    header = seen.frame.header
    text = {
        "Title": header.label or header.exposure_id,
        "Kind": header.kind.value,
        "Frame": str(seen.sequence),
        "Skipped": str(seen.skipped),
    }
    write_png(seen.frame.image, out, most=most, text=text)


class Looking:
    """A follower in a thread of its own."""

    def __init__(self, follower: Follower, pause: float, name: str) -> None:
        self.follower = follower
        self._pause = pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            if self._step(LOOK_SECONDS) and self._pause:
                self._ending.wait(self._pause)
        self._step(0.0)  # what came last is shown
        self.follower.detach()

    def _step(self, seconds: float) -> bool:
        try:
            return self.follower.step(seconds)
        except Exception:
            LOG.exception("a frame is left out")
            return False

    def end(self) -> None:
        """End it; what is shown just now is finished."""
        self._ending.set()
        self._thread.join(END_SECONDS)


def parser(program: str = "python -m nifsdc.quicklook") -> argparse.ArgumentParser:
    """Return the command line of the process."""
    made = argparse.ArgumentParser(prog=program, description=__doc__)
    made.add_argument("--top", default="nifs:", help="prefix of the channels (default: %(default)s)")
    made.add_argument(
        "--images",
        type=_pair,
        action="append",
        default=[],
        metavar="RING=STREAM[,STREAM]",
        help="serve a ring's frames over PVAccess: the stream of frames that name none, then that of further "
        "images in a frame",
    )
    made.add_argument(
        "--picture",
        type=_pair,
        action="append",
        default=[],
        metavar="RING=FILE",
        help="draw a ring's newest frame as a PNG",
    )
    made.add_argument("--size", type=int, default=MOST_PIXELS, help="pixels of a picture's longer side")
    made.add_argument(
        "--most-mib",
        type=int,
        default=STANDARD_MOST_BYTES >> 20,
        help="memory for images that clients have not taken (default: %(default)s)",
    )
    made.add_argument("--parent-pid", type=int, default=0, help="end when this process is gone")
    logs.add_options(made, file=True)
    return made


def _pair(text: str) -> tuple[str, str]:
    ring, equals, value = text.rpartition("=")
    if not equals or not ring or not value:
        raise argparse.ArgumentTypeError(f"{text!r}: expected RING=..., such as nifsdc-nifs=nifsRunQL")
    return ring, value


def main(argv: Sequence[str] | None = None) -> int:
    """Show frames until SIGTERM, SIGINT or the end of the parent: 0; 1 when the server cannot be started.

    Prints READY with channels and port, and at the end ENDED with what was shown.
    """
    arguments = parser().parse_args(argv)
    if not arguments.images and not arguments.picture:
        parser().error("nothing to show: give --images or --picture")
    logs.start(arguments.log_level, arguments.log_file)
    ending = service.Ending()
    wanted = parent_watch(arguments.parent_pid)
    rings = [(ring, names.split(",")) for ring, names in arguments.images]
    server: ImageServer | None = None
    if rings:
        standard = [name for _, names in rings for name in names]
        try:
            server = ImageServer(arguments.top, standard, arguments.most_mib << 20)
        except ServerFailed as error:
            print(f"nifsdc quicklook: {error}", file=sys.stderr)
            return 1
    images, pictures = _start(server, rings, arguments)
    ready = {"channels": server.channels, "port": server.port} if server else {}
    print("READY " + json.dumps({**ready, "pictures": [out for _, out in arguments.picture]}), flush=True)
    service.notify(service.READY)
    while not ending.wait(LOOK_SECONDS) and wanted():
        if server is not None:
            server.relieve()
    for look in (*images, *pictures):
        look.end()
    if server is not None:
        server.close()
    print("ENDED " + json.dumps({**_counts("", images), **_counts("pictures ", pictures)}), flush=True)
    return 0


def _start(
    server: ImageServer | None, rings: list[tuple[str, list[str]]], arguments: argparse.Namespace
) -> tuple[list[Looking], list[Looking]]:
    images = [
        Looking(Follower(ring, partial(server.show, standard=names)), 0.0, f"images of {ring}")
        for ring, names in rings
        if server is not None
    ]
    pictures = [
        Looking(
            Follower(ring, partial(draw, out=Path(out), most=arguments.size)),
            DRAW_SECONDS,
            f"picture of {ring}",
        )
        for ring, out in arguments.picture
    ]
    return images, pictures


def _counts(prefix: str, looks: list[Looking]) -> dict[str, int]:
    return {
        f"{prefix}shown": sum(look.follower.shown for look in looks),
        f"{prefix}skipped": sum(look.follower.skipped for look in looks),
    }
