"""`nifsdc quicklook ds9`: images reach SAMP clients, by another implementation's hub."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.header import cards
from nifsdc.data.ring import FrameRing

PEER = Path(__file__).with_name("samp_peer.py")
CHANNEL = "t:dc:nifsViewQL:Image"
WAIT_S = 120
DS9, GENERAL = "ds9.set", "image.load.fits"


def image(number: int) -> np.ndarray:
    return np.random.default_rng(number).normal(100, 5, (12, 20)).astype(np.float32)


def frame(number: int) -> Frame:
    header = cards({"EXPTIME": 12.5, "SIMULATE": True, "COADDS": 2}) + cards(
        {"BUNIT": "adu"}, extension="SCI"
    )
    arrays = {"science": image(number)}
    return Frame.build("e", FrameKind.VIEW, arrays, night="20260301", label="Mine", cards=header)


@pytest.fixture
def ring(tmp_path: Path, serve: Callable[..., Any]) -> Iterator[FrameRing]:
    """A ring whose images are served."""
    with FrameRing.create(tmp_path / "r.ring", 2, 1 << 20) as made:
        serve(made.path)
        yield made


@pytest.fixture
def hub(tmp_path: Path, process: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Starts a hub with clients for types of messages, and has our command find it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def start(*wanted: str) -> Any:
        peer = process(str(PEER), str(tmp_path), *wanted)
        monkeypatch.setenv("SAMP_HUB", str(peer.line("READY")["hub"]))
        return peer

    return start


def ds9(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `nifsdc quicklook ds9` for the channel of the views."""
    command = [sys.executable, "-m", "nifsdc", "quicklook", "ds9", "--top", "t:", "--stream", "nifsViewQL"]
    return subprocess.run(
        [*command, "--timeout", "60", *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False
    )


def settled(ring: FrameRing, number: int) -> None:
    """Write a frame and wait until its channel has it."""
    ring.write(frame(number))
    program = (
        "from p4p.client.thread import Context\n"
        "context = Context('pva')\n"
        f"while context.get({CHANNEL!r}, timeout=60).raw.uniqueId < {ring.written}: pass"
    )
    subprocess.run([sys.executable, "-c", program], timeout=WAIT_S, check=True)


def test_clients_are_given_the_image_as_a_file(ring: FrameRing, hub: Callable[..., Any]) -> None:
    viewers = hub(GENERAL, DS9, "table.load.votable")
    settled(ring, 1)
    done = ds9()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"SHOWN {CHANNEL} 1 in viewer 1, viewer 0\n"
    told = {message["type"]: message for message in (viewers.line("MESSAGE"), viewers.line("MESSAGE"))}
    assert told[GENERAL]["name"] == "nifsViewQL Mine view 1"
    assert told[DS9]["cmd"].startswith("file {/"), "into the frame that is there"
    assert told[DS9]["sender"] == "nifsdc"
    for message in told.values():
        with fits.open(message["file"], checksum=True) as hdus:
            assert np.array_equal(hdus["SCI"].data, image(1))
            header = hdus[0].header
            assert (header["EXPTIME"], header["SIMULATE"], header["COADDS"]) == (12.5, True, 2)
            assert hdus["SCI"].header["BUNIT"] == "adu"


def test_one_client_can_be_meant(ring: FrameRing, hub: Callable[..., Any]) -> None:
    hub(GENERAL, GENERAL)
    settled(ring, 1)
    assert ds9("--client", "Viewer 1").stdout == f"SHOWN {CHANNEL} 1 in viewer 1\n"
    done = ds9("--client", "Aladin")
    assert done.returncode == 1
    assert "no SAMP client Aladin is there" in done.stderr


def test_followed_until_interrupted(
    ring: FrameRing, hub: Callable[..., Any], process: Callable[..., Any]
) -> None:
    viewers = hub(GENERAL)
    settled(ring, 1)
    following = process(
        *("-m", "nifsdc", "quicklook", "ds9", "--channel", CHANNEL, "--follow", "--timeout", "60")
    )
    for number in (1, 2, 3):
        message = viewers.line("MESSAGE")
        assert np.array_equal(fits.getdata(message["file"], "SCI"), image(number))
        if number < 3:
            ring.write(frame(number + 1))
    following.child.send_signal(signal.SIGINT)
    assert following.child.wait(WAIT_S) == 0


def test_what_is_missing_is_said(
    tmp_path: Path, ring: FrameRing, hub: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub()
    done = ds9()
    assert (done.returncode, done.stderr) == (1, f"nifsdc quicklook: {CHANNEL}: there is no image yet\n")
    settled(ring, 1)
    done = ds9()
    assert done.returncode == 1
    assert "no SAMP client that shows images is there" in done.stderr
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'nowhere').as_uri()}")
    done = ds9()
    assert done.returncode == 1
    assert "no SAMP hub runs" in done.stderr
    done = ds9("--channel", "t:dc:nothing:Image", "--timeout", "1")
    assert done.returncode == 3
    assert "t:dc:nothing:Image does not answer within 1 s" in done.stderr


def test_a_client_that_cannot_show_it(ring: FrameRing, hub: Callable[..., Any]) -> None:
    hub(f"{GENERAL}=out of paper", GENERAL)
    settled(ring, 1)
    done = ds9()
    assert (done.returncode, done.stdout) == (0, f"SHOWN {CHANNEL} 1 in viewer 1\n")
    assert "viewer 0 does not show it: out of paper" in done.stderr
