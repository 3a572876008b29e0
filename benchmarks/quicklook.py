"""The quick look: images over PVAccess beside as many bytes over a raw loopback socket in the same run.

The images go the whole way: a frame written into the ring in shared memory, taken out of it by the quick
look's process, and received and looked at by p4p's client in this one. The raw socket has a process at its
other end, too, and nothing to do but send.
"""

from __future__ import annotations

import json
import math
import os
import queue
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from p4p import Value
from p4p.client.thread import Context

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ring import FrameRing
from rows import Rows

SIZES = ((2048, 2048), (512, 640))
"""rows and columns: NIFS, and a small fast camera"""
IMAGES = 40
ROUNDS = 3
WAIT_SECONDS = 60.0
FLOOD_SECONDS = 3.0
PAUSE_SECONDS = 0.01
"""between frames that nobody sees, as there is one where somebody does: caches are as cold"""
SENDER = """
import socket, sys
nbytes, images = int(sys.argv[1]), int(sys.argv[2])
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection = server.accept()[0]
image = bytes(nbytes)
while connection.recv(1):
    for _ in range(images):
        connection.sendall(image)
"""
ALONE = """
import sys
import numpy as np
from p4p import Value
from p4p.server import Server, StaticProvider
from p4p.server.thread import SharedPV
from nifsdc.quicklook.ndarray import NDARRAY, empty
pixels = np.random.default_rng(1).normal(1000, 30, int(sys.argv[1])).astype(np.float32)
image = Value(NDARRAY, {"value": ("floatValue", pixels)})
channel, provider = SharedPV(initial=empty()), StaticProvider()
provider.add("bench:alone", channel)
with Server(providers=[provider]) as server:
    print(server.conf()["EPICS_PVAS_SERVER_PORT"], flush=True)
    for line in sys.stdin:
        image.uniqueId = int(line)
        channel.post(image)
"""
HANGING = """
import os, signal, sys
from p4p.client.thread import Context
context = Context("pva")
context.monitor(sys.argv[1], lambda image: None)
context.get(sys.argv[1], timeout=60)
print("hanging", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""
MEGA, MILLI = 1e6, 1e3


class Stream:
    """A ring, the quick look's process on it, and a client of its images here."""

    def __init__(self, shape: tuple[int, int], folder: Path) -> None:
        self.image = np.random.default_rng(1).normal(1000, 30, shape).astype(np.float32)
        path = folder / f"{shape[0]}.ring"
        self._ring = FrameRing.create(path, 4, self.image.nbytes)
        self._frame = Frame.build("e", FrameKind.VIEW, {"science": self.image}, night="20260301")
        self.write_seconds = math.inf
        """shortest time that it took to write a frame: all that the readout does for displays"""
        for _ in range(IMAGES):
            time.sleep(PAUSE_SECONDS)
            before = time.perf_counter()
            self._ring.write(self._frame)
            self.write_seconds = min(self.write_seconds, time.perf_counter() - before)
        self.unseen_write_seconds = self.write_seconds
        """the same before anybody looks"""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nifsdc.quicklook", "--top", "bench:", "--images", f"{path}=run"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline().removeprefix("READY"))
        (self.channel,) = ready["channels"]
        os.environ["EPICS_PVA_NAME_SERVERS"] = f"127.0.0.1:{ready['port']}"
        self._context = Context("pva", nt=False)
        self._images: queue.SimpleQueue[Value] = queue.SimpleQueue()
        self._subscription: Any = self._context.monitor(self.channel, self._images.put)
        self.send(1)

    def send(self, images: int) -> float:
        """Send so many images, each when the one before it is here; returns the seconds that it took."""
        start = time.perf_counter()
        for _ in range(images):
            before = time.perf_counter()
            number = self._ring.write(self._frame)
            self.write_seconds = min(self.write_seconds, time.perf_counter() - before)
            while self._images.get(timeout=WAIT_SECONDS).uniqueId != number:
                pass
        return time.perf_counter() - start

    def flood(self, seconds: float) -> tuple[int, int]:
        """Write without waiting for anybody; returns the frames written and the images received."""
        written = received = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            last = self._ring.write(self._frame)
            written += 1
            while not self._images.empty():
                self._images.get()
                received += 1
        while self._images.get(timeout=WAIT_SECONDS).uniqueId != last:
            received += 1
        return written, received + 1

    def close(self) -> None:
        self._subscription.close()
        self._context.close()
        self._process.terminate()
        self._process.wait(WAIT_SECONDS)
        self._ring.close()


class Alone:
    """p4p at both ends of the same way and nothing of ours: one image, posted again and again."""

    def __init__(self, pixels: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ALONE, str(pixels)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdout is not None
        where = {
            "EPICS_PVA_NAME_SERVERS": f"127.0.0.1:{int(self._process.stdout.readline())}",
            "EPICS_PVA_AUTO_ADDR_LIST": "NO",
        }
        self._context = Context("pva", nt=False, conf=where, useenv=False)
        self._images: queue.SimpleQueue[Value] = queue.SimpleQueue()
        self._subscription: Any = self._context.monitor("bench:alone", self._images.put)
        self._images.get(timeout=WAIT_SECONDS)
        self._number = 0

    def send(self, images: int) -> float:
        """Have so many images posted, each when the one before it is here; returns the seconds it took."""
        assert self._process.stdin is not None
        start = time.perf_counter()
        for _ in range(images):
            self._number += 1
            self._process.stdin.write(f"{self._number}\n")
            while self._images.get(timeout=WAIT_SECONDS).uniqueId != self._number:
                pass
        return time.perf_counter() - start

    def close(self) -> None:
        self._subscription.close()
        self._context.close()
        self._process.communicate(timeout=WAIT_SECONDS)


class Raw:
    """A socket with a process at its other end that sends as many bytes."""

    def __init__(self, nbytes: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SENDER, str(nbytes), str(IMAGES)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._image = bytearray(nbytes)

    def receive(self) -> float:
        """Receive the images; returns the seconds that it took."""
        start = time.perf_counter()
        self._socket.sendall(b"!")
        for _ in range(IMAGES):
            view = memoryview(self._image)
            while view:
                view = view[self._socket.recv_into(view) :]
        return time.perf_counter() - start

    def close(self) -> None:
        self._socket.close()
        self._process.wait(WAIT_SECONDS)


@contextmanager
def hanging_client(channel: str) -> Iterator[None]:
    """Have a client that has subscribed and takes nothing any more."""
    process = subprocess.Popen([sys.executable, "-c", HANGING, channel], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], WAIT_SECONDS)[0]:
        raise SystemExit("no client that hangs")
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait(WAIT_SECONDS)


def measure(rows: Rows, shape: tuple[int, int], folder: Path) -> None:
    stream = Stream(shape, folder)
    raw = Raw(stream.image.nbytes)
    alone_by_p4p = Alone(stream.image.size)
    size = f"{shape[0]} x {shape[1]}"
    ours, theirs, bare, hung = [], [], [], []
    for _ in range(ROUNDS):
        theirs.append(raw.receive())
        bare.append(alone_by_p4p.send(IMAGES))
        ours.append(stream.send(IMAGES))
    stream.write_seconds = math.inf
    with hanging_client(stream.channel):
        for _ in range(ROUNDS):
            hung.append(stream.send(IMAGES))
    total = stream.image.nbytes * IMAGES / MEGA
    plain = total / min(theirs)
    rows.add(f"raw loopback TCP, {size} float32", plain, "MB/s")
    for name, took in (
        (", p4p alone", min(bare)),
        ("", min(ours)),
        (", a client hanging", min(hung)),
    ):
        rate = total / took
        rows.add(f"images over PVAccess, {size}{name}", rate, "MB/s", rate / plain, "raw loopback TCP")
    whole = min(ours)
    rows.add(f"all of an image's way, {size}", whole / IMAGES * MILLI, "ms", whole / min(bare), "p4p alone")
    rows.add(f"images one by one, {size}", IMAGES / min(ours), "/s")
    alone, beside = stream.unseen_write_seconds, stream.write_seconds
    rows.add(f"frame into the ring, nobody looking, {size}", alone * MILLI, "ms")
    rows.add(
        f"frame into the ring, a client hanging, {size}",
        beside * MILLI,
        "ms",
        beside / alone,
        "nobody looking",
    )
    written, received = stream.flood(FLOOD_SECONDS)
    rows.add(f"frames written regardless, {size}", written / FLOOD_SECONDS, "/s")
    rows.add("of these received", received / FLOOD_SECONDS, "/s", received / written, "frames written")
    raw.close()
    alone_by_p4p.close()
    stream.close()


def main() -> None:
    """Run them."""
    os.environ |= {
        "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_PVAS_SERVER_PORT": "0",
        "EPICS_PVA_AUTO_ADDR_LIST": "NO",
        "EPICS_PVAS_AUTO_BEACON_ADDR_LIST": "NO",
    }
    rows = Rows(__doc__)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for shape in SIZES:
            measure(rows, shape, Path(folder))
    rows.save()


if __name__ == "__main__":
    main()
