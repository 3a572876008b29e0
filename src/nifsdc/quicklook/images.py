"""Images over PVAccess: a channel for each quick-look stream.

PVAccess queues what a client has not taken yet, and clients may ask for long queues. A client that hangs
holds up nobody, but its queue grows; `ImageServer.relieve` bounds that.
"""

from __future__ import annotations

import ctypes
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from p4p.server import Server, StaticProvider
from p4p.server.thread import SharedPV

from nifsdc.data.frame import Frame
from nifsdc.quicklook.follow import Seen
from nifsdc.quicklook.ndarray import empty, image_value

LOG = logging.getLogger("nifsdc.quicklook")

MOST_STREAMS = 16
"""streams that have a channel; the one unused for longest gives way to a new one"""
STANDARD_MOST_BYTES = 1 << 30
"""of images that clients have not taken"""


class ServerFailed(RuntimeError):
    """The PVAccess server cannot be started; the text says why."""


def channel_name(top: str, stream: str) -> str:
    """Return the channel of a stream: ``nifs:dc:nifsRunQL:Image``; what no name can hold becomes ``_``."""
    return f"{top}dc:{re.sub(r'[^A-Za-z0-9_.+-]', '_', stream)}:Image"


def streams_of(frame: Frame, standard: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield stream and array of each image of a frame.

    Parameters
    ----------
    frame
        what is to be shown
    standard
        names for what the frame does not name: its image, then each of its arrays with a stream of its own
    """
    header = frame.header
    names = [*standard, *[""] * len(header.streams)]
    image = next(name for name, array in frame.arrays.items() if array is frame.image)
    for (array, stream), other in zip(((image, header.stream), *header.streams), names, strict=False):
        if stream or other:
            yield stream or other, array


class ImageServer:
    """A PVAccess server with a channel for each stream; takes its ports from the usual EPICS environment.

    Parameters
    ----------
    top
        prefix of the channels
    streams
        those that have a channel from the beginning; others get one with their first image
    most_bytes
        memory that images waiting for clients may take

    Raises
    ------
    ServerFailed
        when the server cannot be started
    """

    def __init__(self, top: str, streams: Iterable[str], most_bytes: int = STANDARD_MOST_BYTES) -> None:
        self._top = top
        self._provider = StaticProvider()
        self._channels: dict[str, SharedPV] = {}
        self._lock = threading.Lock()
        self._most_bytes = most_bytes
        for stream in streams:
            self._channel(channel_name(top, stream))
        self._standard = frozenset(self._channels)
        try:
            self._server = Server(providers=[self._provider])
        except Exception as error:  # p4p raises what C++ threw, of any class
            raise ServerFailed(f"no PVAccess server: {error}: see EPICS_PVAS_INTF_ADDR_LIST") from error
        self._allowed = own_bytes() + most_bytes

    @property
    def port(self) -> int:
        """Its TCP port."""
        return int(self._server.conf()["EPICS_PVAS_SERVER_PORT"])

    @property
    def channels(self) -> list[str]:
        """Names of the channels there are."""
        with self._lock:
            return list(self._channels)

    def show(self, seen: Seen, standard: Sequence[str]) -> None:
        """Give a frame's images to whoever monitors their streams; never waits for them."""
        for stream, array in streams_of(seen.frame, standard):
            value = image_value(seen, array, stream)
            with self._lock:
                self._channel(channel_name(self._top, stream)).post(value)

    def _channel(self, name: str) -> SharedPV:
        channel = self._channels.pop(name, None)
        if channel is None:
            self._make_room()
            channel = SharedPV(initial=empty())
            self._provider.add(name, channel)
            LOG.info("channel %s", name)
        self._channels[name] = channel  # the one used last stands last
        return channel

    def _make_room(self) -> None:
        if len(self._channels) < MOST_STREAMS:
            return
        oldest = next(name for name in self._channels if name not in self._standard)
        self._provider.remove(oldest)
        self._channels.pop(oldest).close(destroy=True)
        LOG.info("channel %s gives way to another", oldest)

    def relieve(self) -> bool:
        """Disconnect all clients if the images that wait for them take too much memory; tell whether so.

        Those that are alive connect again by themselves and get the newest image.
        """
        held = own_bytes()
        if held <= self._allowed:
            return False
        configuration = self._server.conf()
        self._server.stop()
        _give_back()
        self._server = Server(providers=[self._provider], conf=configuration, useenv=False)
        left = own_bytes()
        self._allowed = left + self._most_bytes
        LOG.warning(
            "%d MiB of images were waiting for clients that do not take them: all were disconnected",
            (held - left) >> 20,
        )
        return True

    def close(self) -> None:
        """End the server."""
        self._server.stop()
        with self._lock:
            for channel in self._channels.values():
                channel.close()


def own_bytes() -> int:
    """Return the memory that this process shares with no other, bytes; 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def _give_back() -> None:
    """Return freed memory to the system, which the C library would keep for later."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
