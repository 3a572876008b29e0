"""Client and server: real sockets, real processes, and a wire that fails."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from tests.kills.places import filled, short_files, small_disk

from nifsdc.data.client import DataClient
from nifsdc.data.errors import StoreFailed
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.lifetime import parent_watch
from nifsdc.data.server import main
from nifsdc.data.transport import Connection
from nifsdc.data.wire import Message

NIGHT = "20260301"
Start = Callable[..., tuple[Any, int]]
Make = Callable[..., Frame]
Until = Callable[..., None]


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob(f"{NIGHT}/*"))


def test_a_frame_becomes_a_file(tmp_path: Path, data_server: Start, make_frame: Make) -> None:
    server, port = data_server(tmp_path)
    frame = make_frame(3, label="a")
    with DataClient("127.0.0.1", port) as client:
        assert client.wait_connected(60)
        assert client.problem == ""
        preflight = client.preflight(frame.header.nbytes, label="a", night=NIGHT)
        assert (preflight.ok, preflight.problem) == (True, "")
        assert preflight.free_bytes > 0
        stored = client.store(frame, 60)
        assert stored.path == str(tmp_path / NIGHT / "a.fits")
        assert client.store(frame, 60).duplicate
    with fits.open(stored.path, memmap=False) as hdus:
        np.testing.assert_array_equal(hdus["SCI"].data, frame.arrays["science"])
    assert server.end() == 0
    assert files(tmp_path) == ["a.fits"]


def test_several_cameras_at_once(tmp_path: Path, data_server: Start, make_frame: Make) -> None:
    _, port = data_server(tmp_path)
    paths: list[str] = []
    lock = threading.Lock()

    def camera(name: str) -> None:
        with DataClient("127.0.0.1", port, name=name) as client:
            for number in range(5):
                stored = client.store(make_frame(number, exposure=name), 60)
                with lock:
                    paths.append(stored.path)

    threads = [threading.Thread(target=camera, args=(f"camera-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(paths)) == 20
    assert files(tmp_path) == [f"N20260301S{number:04d}.fits" for number in range(1, 21)]


def test_connected_tells_the_truth(
    tmp_path: Path, data_server: Start, make_frame: Make, until: Until
) -> None:
    server, port = data_server(tmp_path)
    with DataClient("127.0.0.1", port) as client:
        until(lambda: client.connected, "connection")
        server.kill()
        until(lambda: not client.connected, "loss of the connection noticed")
        assert str(port) in client.problem
        assert not client.preflight(0).ok
        with pytest.raises(StoreFailed, match="start the data server"):
            client.store(make_frame(1), 5)
        data_server(tmp_path, port=port)
        until(lambda: client.connected, "connection made again in the background")
        assert client.store(make_frame(1, label="a"), 60).path.endswith("a.fits")


def test_a_server_that_comes_later(tmp_path: Path, data_server: Start, until: Until) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    with DataClient("127.0.0.1", port) as client:
        until(lambda: "cannot be reached" in client.problem, "problem told")
        data_server(tmp_path, port=port)
        until(lambda: client.connected, "connection")


@pytest.mark.parametrize("place", [10, 40, 700, 9000])
def test_a_connection_cut_in_the_middle_of_a_frame(
    tmp_path: Path, data_server: Start, make_frame: Make, wire: Callable[..., Any], place: int
) -> None:
    _, port = data_server(tmp_path)
    between = wire(port)
    with DataClient("127.0.0.1", between.port) as client:
        assert client.wait_connected(60)
        between.cut_after = place
        with pytest.raises(StoreFailed) as caught:
            client.store(make_frame(1, label="a"), 10)
        assert not caught.value.refused
        assert files(tmp_path) == []
        between.cut_after = None
        assert not client.store(make_frame(1, label="a"), 60).duplicate
    assert files(tmp_path) == ["a.fits"]


def test_a_damaged_frame_is_not_stored(
    tmp_path: Path, data_server: Start, make_frame: Make, wire: Callable[..., Any]
) -> None:
    _, port = data_server(tmp_path)
    between = wire(port)
    with DataClient("127.0.0.1", between.port) as client:
        assert client.wait_connected(60)
        between.damage_at = 9000
        with pytest.raises(StoreFailed, match="wrong checksum of science") as caught:
            client.store(make_frame(1, label="a"), 10)
        assert not caught.value.refused
        assert files(tmp_path) == []
        between.damage_at = None
        client.store(make_frame(1, label="a"), 60)
    assert files(tmp_path) == ["a.fits"]


def test_a_wire_that_passes_nothing_costs_the_deadline_and_no_more(
    tmp_path: Path, data_server: Start, make_frame: Make, wire: Callable[..., Any], until: Until
) -> None:
    _, port = data_server(tmp_path)
    between = wire(port)
    with DataClient("127.0.0.1", between.port) as client:
        assert client.wait_connected(60)
        between.blocked.set()
        with pytest.raises(StoreFailed, match="timed out"):
            client.store(make_frame(1, label="a"), 0.3)
        assert not client.connected
        between.blocked.clear()
        until(lambda: client.connected, "connection made again")
        client.store(make_frame(1, label="a"), 60)
    assert files(tmp_path) == ["a.fits"]


def test_an_answer_that_was_lost_leads_to_no_second_file(
    tmp_path: Path, data_server: Start, make_frame: Make, until: Until
) -> None:
    """The client goes away after sending; the server is restarted; the frame is sent again."""
    server, port = data_server(tmp_path)
    connection = Connection(socket.create_connection(("127.0.0.1", port)))
    connection.send(Message({"type": "store", "number": 1}, make_frame(1, label="a")), time.monotonic() + 60)
    connection.close()
    until(lambda: files(tmp_path) == ["a.fits"], "the file all the same")
    assert server.end() == 0
    data_server(tmp_path, port=port)
    with DataClient("127.0.0.1", port) as client:
        assert client.store(make_frame(1, label="a"), 60).duplicate
    assert files(tmp_path) == ["a.fits"]


def test_killed_at_any_moment_nothing_is_lost_or_twice(
    tmp_path: Path, data_server: Start, make_frame: Make, until: Until
) -> None:
    """Kill -9 at a moment of chance while a frame is stored, restart, send again."""
    rng = np.random.default_rng(5)
    port = 0
    for number in range(8):
        server, port = data_server(tmp_path, port=port)
        killer = threading.Timer(rng.uniform(0.0, 0.03), server.child.kill)
        with DataClient("127.0.0.1", port) as client:
            assert client.wait_connected(60)
            killer.start()
            acknowledged = True
            try:
                client.store(make_frame(number, side=512, label=f"a{number}"), 60)
            except StoreFailed:
                acknowledged = False
        killer.join()
        server.kill()
        if acknowledged:
            assert (tmp_path / NIGHT / f"a{number}.fits").exists()
    data_server(tmp_path, port=port)
    with DataClient("127.0.0.1", port) as client:
        for number in range(8):
            client.store(make_frame(number, side=512, label=f"a{number}"), 60)
    assert files(tmp_path) == [f"a{number}.fits" for number in range(8)]
    for number in range(8):
        with fits.open(tmp_path / NIGHT / f"a{number}.fits", checksum=True, memmap=False) as hdus:
            np.testing.assert_array_equal(hdus["SCI"].data, make_frame(number, side=512).arrays["science"])


def test_refusals_keep_the_connection(tmp_path: Path, data_server: Start, make_frame: Make) -> None:
    _, port = data_server(tmp_path)
    (tmp_path / NIGHT).write_text("in the way")
    with DataClient("127.0.0.1", port) as client:
        with pytest.raises(StoreFailed, match="mend the folder") as caught:
            client.store(make_frame(1, label="a"), 10)
        assert caught.value.refused
        preflight = client.preflight(0, label="a", night=NIGHT)
        assert not preflight.ok
        assert "mend the folder" in preflight.problem
        assert "data label" in client.preflight(0, label="../a", night="20260302").problem
        assert client.connected
        (tmp_path / NIGHT).unlink()
        client.store(make_frame(1, label="a"), 60)


def test_a_full_disk_is_told_in_time_and_survived(tmp_path: Path, make_frame: Make) -> None:
    """The largest file the server may write is made tiny: the kernel refuses as a full disk does."""
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "nifsdc.data.server",
            "--root",
            str(tmp_path),
            "--port",
            "0",
            "--floor-mib",
            "1",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().split('"port": ')[1].split(",")[0])
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        with DataClient("127.0.0.1", port) as client:
            with pytest.raises(StoreFailed, match="make space there") as caught:
                client.store(make_frame(1, side=512, label="a"), 10)
            assert caught.value.refused
            assert list((tmp_path / NIGHT).iterdir()) == []
            resource.prlimit(
                server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
            client.store(make_frame(1, side=512, label="a"), 60)
        assert files(tmp_path) == ["a.fits"]
    finally:
        server.terminate()
        server.communicate(timeout=60)


def test_a_disk_that_fills_up_in_the_middle_of_a_file_keeps_nothing_of_it(
    tmp_path: Path, data_server: Start, make_frame: Make
) -> None:
    """Room for the pixels, of which the server knows, and for no more than half of the headers."""
    root, frame = tmp_path / "data", make_frame(1, side=512, label="a")
    with small_disk(root, 8 << 20) as own_disk:
        server, port = data_server(root, "--floor-mib", "0")
        little = (
            filled(root, frame.header.nbytes + 8192)
            if own_disk
            else short_files(server.child.pid, frame.header.nbytes)
        )
        with DataClient("127.0.0.1", port) as client:
            client.store(make_frame(2, label="before"), 60)
            with little, pytest.raises(StoreFailed, match="takes no more data") as caught:
                client.store(frame, 60)
            assert caught.value.refused
            assert [path.name for path in (root / NIGHT).iterdir()] == ["before.fits"]
            client.store(frame, 60)
        assert files(root) == ["a.fits", "before.fits"]
        server.end()


def test_strangers_and_nonsense(tmp_path: Path, data_server: Start, make_frame: Make) -> None:
    _, port = data_server(tmp_path)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as stranger:
        stranger.sendall(b"GET / HTTP/1.0\r\nAccept: nothing at all\r\n\r\n")
        answer = b""
        while piece := stranger.recv(4096):
            answer += piece
        assert b"both sides must be nifsdc" in answer
    connection = Connection(socket.create_connection(("127.0.0.1", port)))
    for fields, text in [({"type": "dance"}, "not a message"), ({"type": "store"}, "no frame")]:
        connection.send(Message({**fields, "number": 4}), time.monotonic() + 60)
        reply = connection.receive(time.monotonic() + 60).fields
        assert (reply["type"], reply["number"]) == ("refused", 4)
        assert text in reply["reason"]
    connection.close()
    with DataClient("127.0.0.1", port) as client:
        client.store(make_frame(1, label="a"), 60)


def test_a_client_that_stops_in_the_middle_delays_nobody(
    tmp_path: Path, data_server: Start, make_frame: Make
) -> None:
    _, port = data_server(tmp_path)
    with socket.create_connection(("127.0.0.1", port)) as half, DataClient("127.0.0.1", port) as client:
        half.sendall(b"NIFSDC\x00\x01")
        client.store(make_frame(1, label="a"), 60)
    assert files(tmp_path) == ["a.fits"]


def test_the_end_of_the_parent_is_the_end(tmp_path: Path, process: Callable[..., Any], until: Until) -> None:
    code = """
import subprocess, sys, os, signal
server = subprocess.Popen([sys.executable, '-m', 'nifsdc.data.server', '--root', sys.argv[1], '--port', '0',
                           '--parent-pid', str(os.getpid())], stdout=subprocess.PIPE, text=True)
server.stdout.readline()
print('READY {"pid": %d}' % server.pid, flush=True)
signal.pause()
"""
    parent = process("-c", code, str(tmp_path))
    server = int(parent.line("READY")["pid"])
    parent.kill()

    def gone() -> bool:
        try:
            return Path(f"/proc/{server}/stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True

    until(gone, "the server's end")


def test_a_parent_that_ended_before_we_looked_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, but still there as a number
    assert not parent_watch(child.pid)()
    child.wait()
    assert not parent_watch(child.pid)()
    assert parent_watch(0)()
    assert parent_watch(os.getppid())()
    assert parent_watch(1)()


def test_sigterm_ends_after_the_frame_that_is_being_stored(
    tmp_path: Path, data_server: Start, make_frame: Make
) -> None:
    server, port = data_server(tmp_path)
    frame = make_frame(1, side=1024, label="a")
    with DataClient("127.0.0.1", port) as client:
        assert client.wait_connected(60)
        asked = threading.Timer(0.005, os.kill, (server.child.pid, signal.SIGTERM))
        asked.start()
        try:
            client.store(frame, 60)
            stored = True
        except StoreFailed:
            stored = False
        asked.join()
        server.child.communicate(timeout=60)
    assert server.child.returncode == 0
    assert files(tmp_path) == (["a.fits"] if stored else [])


def test_what_cannot_be_served_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert main(["--root", str(tmp_path / "file")]) == 1
    assert main(["--root", str(tmp_path), "--template", "fixed"]) == 1
    errors = capsys.readouterr().err
    assert "cannot be used for data" in errors
    assert "has no number" in errors


def test_closing_leaves_no_thread(tmp_path: Path, data_server: Start) -> None:
    _, port = data_server(tmp_path)
    before = set(threading.enumerate())
    client = DataClient("127.0.0.1", port).start()
    assert client.wait_connected(60)
    client.close()
    DataClient("127.0.0.1", port).close()
    assert set(threading.enumerate()) <= before


def test_larger_frames_of_every_kind(tmp_path: Path, data_server: Start) -> None:
    _, port = data_server(tmp_path)
    arrays = {
        "science": np.arange(2048 * 2048, dtype=np.float32).reshape(2048, 2048),
        "reference": np.zeros((4, 1024, 32), np.uint16),
    }
    with DataClient("127.0.0.1", port) as client:
        stored = client.store(Frame.build("big", FrameKind.SCIENCE, arrays, night=NIGHT, label="big"), 30)
    with fits.open(stored.path, checksum=True, memmap=False) as hdus:
        np.testing.assert_array_equal(hdus["SCI"].data, arrays["science"])
        assert hdus["REF"].data.dtype == np.uint16
