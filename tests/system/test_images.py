"""Images of a whole system over PVAccess, for a client in another process that knows nothing of it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from nifsdc.data.check import check_file
from nifsdc.data.frame import FrameKind
from nifsdc.data.ring import FrameRing, Policy

from .conftest import System, random_top, run_system

CLIENT = Path(__file__).parents[1] / "data" / "pva_client.py"
WAIT_S = 120.0
END_S = 30.0


class Told:
    """A process of ours and the lines that it prints."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as lines:
            for line in lines:
                self._lines.put(line)

    def next(self, word: str) -> dict[str, Any]:
        while True:
            line = self._lines.get(timeout=WAIT_S)
            if line.startswith(word):
                return dict(json.loads(line.removeprefix(word)))

    def close(self) -> None:
        self._child.terminate()
        self._child.wait(END_S)
        self._thread.join(END_S)


class Images:
    """The images of a stream as they come."""

    def __init__(self, channel: str, out: Path, port: int) -> None:
        self._out = out
        self._client = Told(str(CLIENT), channel, str(out), EPICS_PVA_NAME_SERVERS=f"127.0.0.1:{port}")
        self.next("")

    def next(self, kind: str) -> tuple[dict[str, Any], np.ndarray]:
        """The next image of a kind; the empty kind is that of a stream before its first image."""
        while True:
            told = self._client.next("IMAGE")
            if told["attributes"].get("FrameKind", "") == kind:
                return told, np.load(self._out)

    def close(self) -> None:
        self._client.close()


@contextmanager
def quick_look(top: str, folder: Path) -> Iterator[dict[str, Images]]:
    """Run `nifsdc quicklook` alone, with a client of each of its streams."""
    look = Told("-m", "nifsdc", "quicklook", "--top", top)
    opened: list[Images] = []
    try:
        ready = look.next("READY")
        streams = ("nifsRunQL", "nifsViewQL", "nifsCmpQL")
        assert ready["channels"] == [f"{top}dc:{stream}:Image" for stream in streams]
        for stream, channel in zip(streams, ready["channels"], strict=True):
            opened.append(Images(channel, folder / f"{stream}.npy", ready["port"]))
        yield dict(zip(streams, opened, strict=True))
    finally:
        for each in opened:
            each.close()
        look.close()


@contextmanager
def system_of(top: str, folder: Path) -> Iterator[System]:
    with run_system(folder, "--speed", "fast", "--top", top) as system:
        system.top = top
        yield system


def test_clients_see_runs_and_views_as_they_are_and_outlive_an_ioc(tmp_path: Path) -> None:
    top = random_top()
    with quick_look(top, tmp_path) as images:
        for life in ("first", "second"):
            with system_of(top, tmp_path / life) as system:
                runs_are_shown_as_they_are_stored(system, images["nifsRunQL"], life)
                views_are_shown_with_their_sky(system, images)


def runs_are_shown_as_they_are_stored(system: System, runs: Images, label: str) -> None:
    system.configure(obs_readMode="DCS", obs_exposed=12.0)
    path = system.observe(label)
    assert check_file(path).problems == ()
    told, pixels = runs.next("science")
    with fits.open(path) as hdus:
        assert np.array_equal(pixels, hdus["SCI"].data)
        header = hdus[0].header + hdus["SCI"].header
    attributes = told["attributes"]
    for keyword in ("EXPTIME", "DATE-OBS", "DATALAB", "READMODE", "BUNIT", "DATAMAX", "NSATUR"):
        assert attributes[keyword] == header[keyword], keyword
    assert (attributes["DataLabel"], attributes["Stream"]) == (label, "nifsRunQL")


def views_are_shown_with_their_sky(system: System, images: dict[str, Images]) -> None:
    system.configure(view_readMode="DCS", view_exposed=12.0, view_doCmpIm="Yes")
    with FrameRing.attach(f"nifsdc-{system.top.strip(':')}-view", Policy.ALL) as ring:
        system.command("view")
        frame = ring.next(0.0)
    assert frame is not None
    assert frame.header.kind is FrameKind.VIEW
    for stream, array in (("nifsViewQL", "science"), ("nifsCmpQL", "compressed")):
        told, pixels = images[stream].next("view")
        assert np.array_equal(pixels, frame.arrays[array])
        assert (told["attributes"]["ArrayName"], told["attributes"]["EXPRQ"]) == (array, 12.0)
