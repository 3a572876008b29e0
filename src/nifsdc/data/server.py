"""The data server: a process that turns frames into files (SDN 11.03 section 4.9).

One thread for each connection. A frame is acknowledged when its file is complete and on disk, not before.
Run as ``python -m nifsdc.data.server --root FOLDER``; it prints ``READY {"port": ...}`` when it listens.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from nifsdc import logs, service
from nifsdc.data.archive import STANDARD_FLOOR, Archive, ArchiveError
from nifsdc.data.cube_layout import CubeLayout, CubeWindow
from nifsdc.data.cube_names import RunNames
from nifsdc.data.cube_store import CubeStore
from nifsdc.data.delivery import Stored
from nifsdc.data.errors import DataError, WireError
from nifsdc.data.frame import Card
from nifsdc.data.lifetime import parent_watch
from nifsdc.data.names import STANDARD_TEMPLATE, Template
from nifsdc.data.packing import Packing
from nifsdc.data.transport import Connection
from nifsdc.data.wire import Message

LOG = logging.getLogger("nifsdc.dataserver")

LOOK_SECONDS = 0.1
"""how soon the end is noticed"""
MESSAGE_SECONDS = 60.0
"""for one message to arrive or leave, however slow the network"""
SILENCE_SECONDS = 60.0
"""without a word (clients say something every second) after which a connection is given up"""
END_SECONDS = 10.0
MOST_CONNECTIONS = 64

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Holdings:
    """What the server keeps."""

    archive: Archive
    runs: CubeStore


class DataServer:
    """Listens, and stores what comes, until `stop`.

    Parameters
    ----------
    archive
        where files go
    host, port
        where to listen; port 0 takes a free one
    """

    def __init__(self, archive: Archive, host: str, port: int) -> None:
        self._held = Holdings(archive, CubeStore(archive))
        self._listener = socket.create_server((host, port))
        self._listener.settimeout(LOOK_SECONDS)
        self.port = int(self._listener.getsockname()[1])
        self._stop = threading.Event()
        self._threads: set[threading.Thread] = set()

    def stop(self) -> None:
        """End `serve` soon; a frame that is being written is written and acknowledged first."""
        self._stop.set()

    def serve(self, keep_on: Callable[[], bool] = lambda: True) -> None:
        """Serve until `stop` is called or ``keep_on`` says no."""
        try:
            while not self._stop.is_set() and keep_on():
                self._threads = {thread for thread in self._threads if thread.is_alive()}
                try:
                    endpoint, address = self._listener.accept()
                except TimeoutError:
                    continue
                if len(self._threads) >= MOST_CONNECTIONS:
                    LOG.warning("%s is turned away: %d connections are enough", address, MOST_CONNECTIONS)
                    endpoint.close()
                    continue
                thread = threading.Thread(
                    target=self._converse, args=(endpoint, address[0]), name="DataServer", daemon=True
                )
                self._threads.add(thread)
                thread.start()
        finally:
            self._stop.set()
            self._listener.close()
            deadline = time.monotonic() + END_SECONDS
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            self._held.runs.end()

    def _converse(self, endpoint: socket.socket, peer: str) -> None:
        connection = Connection(endpoint)
        heard = time.monotonic()
        try:
            while not self._stop.is_set() and time.monotonic() - heard < SILENCE_SECONDS:
                if not connection.wait(LOOK_SECONDS):
                    continue
                message = connection.receive(time.monotonic() + MESSAGE_SECONDS)
                answer = self._answer(message)
                connection.send(
                    Message({**answer, "number": message.fields.get("number")}),
                    time.monotonic() + MESSAGE_SECONDS,
                )
                heard = time.monotonic()
        except WireError as error:
            LOG.warning("%s: %s", peer, error)
            self._complain(connection, error)
        except OSError as error:
            LOG.info("%s: %s", peer, error)
        finally:
            connection.close()

    @staticmethod
    def _complain(connection: Connection, error: WireError) -> None:
        """Say why the connection ends; ``number`` is unknown, as the message was."""
        try:
            connection.send(
                Message({"type": "refused", "reason": str(error), "number": None}), time.monotonic() + 1.0
            )
            connection.finish(1.0)
        except OSError as second:
            LOG.info("nor could it be told: %s", second)

    def _answer(self, message: Message) -> Fields:
        kind = message.fields["type"]
        answerer = _ANSWERS.get(kind)
        if answerer is None:
            return _refusal(f"{kind!r} is not a message of this server; known are {', '.join(_ANSWERS)}")
        try:
            return answerer(self._held, message)
        except DataError as error:
            LOG.error("%s", error)
            return _refusal(str(error))


def _refusal(reason: str) -> Fields:
    return {"type": "refused", "reason": reason}


def _hello(held: Holdings, message: Message) -> Fields:
    LOG.info("%s is connected", message.fields.get("name", "a client"))
    return {"type": "hello", "root": str(held.archive.root)}


def _ping(held: Holdings, message: Message) -> Fields:
    return {"type": "pong"}


def _preflight(held: Holdings, message: Message) -> Fields:
    fields = message.fields
    try:
        problem = held.archive.problem(
            int(fields.get("nbytes", 0)), str(fields.get("label", "")), str(fields.get("night", ""))
        )
        free, spare = held.archive.free_bytes(), held.archive.spare_bytes()
    except (OSError, TypeError, ValueError) as error:
        return {"type": "preflight", "ok": False, "problem": str(error), "free_bytes": 0, "spare_bytes": 0}
    return {
        "type": "preflight",
        "ok": not problem,
        "problem": problem,
        "free_bytes": free,
        "spare_bytes": spare,
    }


def _store(held: Holdings, message: Message) -> Fields:
    if message.frame is None:
        return _refusal("there is no frame to store in this message")
    return _told(held.archive.store(message.frame, _packing(message)))


def _trial(held: Holdings, message: Message) -> Fields:
    if message.frame is None:
        return _refusal("there is no frame to try in this message")
    held.archive.trial(message.frame, _packing(message))
    return {"type": "tried"}


def _packing(message: Message) -> Packing:
    """Return how images are to be packed; raises DataError when nobody knows the way."""
    try:
        return Packing.named(str(message.fields.get("packing", Packing.NONE.value)))
    except ValueError as error:
        raise DataError(str(error)) from error


def _unclaimed(held: Holdings, message: Message) -> Fields:
    found = held.archive.unclaimed()
    return {"type": "unclaimed", "exposures": [[one.exposure_id, one.folder, one.files] for one in found]}


def _discard(held: Holdings, message: Message) -> Fields:
    exposure_id = message.fields.get("exposure_id")
    if not isinstance(exposure_id, str) or not exposure_id:
        return _refusal("there is no exposure_id in this message: whose reads are to be discarded?")
    return {"type": "discarded", "files": held.archive.discard(exposure_id)}


def _promote(held: Holdings, message: Message) -> Fields:
    return _told(held.archive.promote(str(message.fields.get("name", ""))))


def _told(stored: Stored) -> Fields:
    return {
        "type": "stored",
        "path": stored.path,
        "nbytes": stored.nbytes,
        "checksum": stored.checksum,
        "duplicate": stored.duplicate,
    }


def _run_open(held: Holdings, message: Message) -> Fields:
    fields = message.fields
    try:
        windows = tuple(
            CubeWindow(int(rows), int(columns), int(ccd), str(detsec))
            for rows, columns, ccd, detsec in fields["windows"]
        )
        cards = tuple(Card(*each) for each in fields["cards"])
        state = held.runs.open(
            RunNames(str(fields["exposure_id"]), str(fields["night"]), str(fields["label"])),
            CubeLayout(windows),
            cards,
        )
    except (KeyError, TypeError, ValueError) as error:
        return _refusal(f"no run can be opened by this message: {error!r}")
    return {"type": "run", "path": state.path, "frames": state.frames, "complete": state.complete}


def _run_frames(held: Holdings, message: Message) -> Fields:
    frame = message.frame
    if frame is None or "rows" not in frame.arrays:
        return _refusal("there are no frames of a run in this message")
    rows, count = frame.arrays["rows"], int(message.fields.get("count", 0))
    return {
        "type": "run",
        "frames": held.runs.append(
            frame.header.exposure_id, frame.header.number, rows.reshape(-1).view(np.uint8).data, count
        ),
    }


def _run_close(held: Holdings, message: Message) -> Fields:
    fields = message.fields
    try:
        cards = tuple(Card(*each) for each in fields["cards"])
        exposure_id, frames = str(fields["exposure_id"]), int(fields["frames"])
    except (KeyError, TypeError, ValueError) as error:
        return _refusal(f"no run can be closed by this message: {error!r}")
    return _told(held.runs.close(exposure_id, frames, cards))


_ANSWERS: Mapping[str, Callable[[Holdings, Message], Fields]] = {
    "hello": _hello,
    "ping": _ping,
    "preflight": _preflight,
    "store": _store,
    "promote": _promote,
    "trial": _trial,
    "unclaimed": _unclaimed,
    "discard": _discard,
    "run-open": _run_open,
    "run-frames": _run_frames,
    "run-close": _run_close,
}


def parser() -> argparse.ArgumentParser:
    """Return the command line of the data server."""
    made = argparse.ArgumentParser(
        prog="nifsdc data-server",
        description="Store frames as FITS files, for any number of cameras.",
        epilog="example: nifsdc data-server --host 0.0.0.0 --port 7624 --root /data",
    )
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    made.add_argument("--port", type=int, default=7624, help="0 for a free one (default: %(default)s)")
    made.add_argument(
        "--root", type=Path, required=True, help="folder for the data, a folder for each night in it"
    )
    made.add_argument(
        "--template", default=STANDARD_TEMPLATE, help="names without a label (default: %(default)s)"
    )
    made.add_argument(
        "--floor-mib",
        type=int,
        default=STANDARD_FLOOR >> 20,
        help="free space to be left (default: %(default)s)",
    )
    made.add_argument("--parent-pid", type=int, default=0, help="end when this process is gone")
    logs.add_options(made, file=True)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after that, 1 when the folder or the port cannot be used."""
    arguments = parser().parse_args(argv)
    logs.start(arguments.log_level, arguments.log_file)
    wanted = parent_watch(arguments.parent_pid)
    try:
        archive = Archive(arguments.root, Template(arguments.template), arguments.floor_mib << 20)
        server = DataServer(archive, arguments.host, arguments.port)
    except (ArchiveError, ValueError, OSError) as error:
        print(f"nifsdc data-server: {error}", file=sys.stderr)
        return 1

    def end(number: int, frame: FrameType | None) -> None:
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    LOG.info("serving %s at port %d", archive.root, server.port)
    print("READY " + json.dumps({"port": server.port, "root": str(archive.root)}), flush=True)
    service.notify(service.READY)
    server.serve(keep_on=wanted)
    archive.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
