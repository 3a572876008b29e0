"""Runs of frames from the one who takes them to the file, when processes are killed and networks fail."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from nifsdc.data import cube_sender
from nifsdc.data.client import DataClient
from nifsdc.data.cube_file import CubeBusy
from nifsdc.data.cube_layout import CubeLayout, CubeWindow
from nifsdc.data.cube_names import RunNames
from nifsdc.data.cube_reader import CubeReader
from nifsdc.data.cube_run import CubeRun
from nifsdc.data.cube_sender import Sender, deliver
from nifsdc.data.cube_spool import SpooledRun, spooled
from nifsdc.data.errors import NotDelivered, SpoolError, StoreFailed
from nifsdc.data.header import card

from .cube_frames import LAYOUT, expected, frame
from .cube_taker import NAMES as TAKEN

DEADLINE_S = 60.0
NAMES = RunNames("20260301T235959_test", "20260301", "run")
Start = Callable[..., tuple[Any, int]]
Until = Callable[..., None]


def check_closed(path: Path, frames: int) -> None:
    """That a file is complete, its sums right, and that each frame is there once, in order."""
    numbers = range(1, frames + 1)
    with fits.open(path, checksum=True) as hdus:
        assert hdus[0].header["COMPLETE"] is True
        assert hdus[0].header["NFRAMES"] == frames
        data = hdus["FRAMES"].data
        np.testing.assert_array_equal(data["FRAME"], numbers)
        for window in (0, 1):
            np.testing.assert_array_equal(data[f"IMAGE{window + 1}"], expected(numbers, window))


@pytest.fixture
def client(tmp_path: Path, data_server: Start) -> Iterator[DataClient]:
    _, port = data_server(tmp_path / "data")
    with DataClient("127.0.0.1", port) as made:
        assert made.wait_connected(DEADLINE_S)
        yield made


def test_a_run_becomes_a_file_that_can_be_followed(tmp_path: Path, client: DataClient, until: Until) -> None:
    run = CubeRun(tmp_path, client, NAMES, LAYOUT, [card("INSTRUME", "NIFS")])
    until(lambda: run.path, "a file on the server")
    assert run.path == str(tmp_path / "data" / "20260301" / "run.fits")
    followed: list[int] = []

    def follow() -> None:
        with CubeReader(Path(run.path)) as reader:
            for rows in reader.follow(DEADLINE_S):
                followed.extend(rows["FRAME"])

    follower = threading.Thread(target=follow)
    follower.start()
    for number in range(1, 301):
        run.add(frame(number))
    until(lambda: run.stored == 300, "all frames on the server's disk")
    with CubeReader(Path(run.path)) as reader:
        assert reader.frames == 300
    stored = run.finish([card("STOPPED", True)], DEADLINE_S)
    follower.join(DEADLINE_S)
    assert followed == list(range(1, 301))
    assert stored.path == run.path
    check_closed(Path(stored.path), 300)
    header = fits.getheader(stored.path)
    assert header["EXPID"] == NAMES.exposure_id
    assert (header["INSTRUME"], header["STOPPED"], header["FILENAME"]) == ("NIFS", True, "run.fits")
    assert spooled(tmp_path) == []
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_without_a_label_has_a_number(tmp_path: Path, client: DataClient) -> None:
    run = CubeRun(tmp_path, client, RunNames("id", "20260301"), LAYOUT)
    stored = run.finish([], DEADLINE_S)
    assert Path(stored.path).name == "N20260301S0001.fits"
    assert fits.getheader(stored.path)["DATALAB"] == "N20260301S0001"
    check_closed(Path(stored.path), 0)


def test_asking_twice_is_harmless(client: DataClient) -> None:
    row = LAYOUT.row_bytes
    rows = np.concatenate([LAYOUT.pack(frame(number)) for number in range(1, 6)])
    assert client.open_run(NAMES, LAYOUT, [], DEADLINE_S).frames == 0
    assert client.append_run(NAMES, 0, rows[: 3 * row], 3, DEADLINE_S) == 3
    assert client.append_run(NAMES, 0, rows[: 3 * row], 3, DEADLINE_S) == 3
    assert client.append_run(NAMES, 2, rows[2 * row :], 3, DEADLINE_S) == 5
    state = client.open_run(NAMES, LAYOUT, [], DEADLINE_S)
    assert (state.frames, state.complete) == (5, False)
    first = client.close_run(NAMES, 5, [], DEADLINE_S)
    again = client.close_run(NAMES, 5, [], DEADLINE_S)
    assert (first.duplicate, again.duplicate) == (False, True)
    assert (first.path, first.nbytes, first.checksum) == (again.path, again.nbytes, again.checksum)
    assert client.open_run(NAMES, LAYOUT, [], DEADLINE_S).complete
    check_closed(Path(first.path), 5)


def test_what_cannot_be_is_refused(client: DataClient) -> None:
    rows = LAYOUT.pack(frame(1))
    with pytest.raises(StoreFailed, match="no run 20260301T235959_test here") as refused:
        client.append_run(NAMES, 0, rows, 1, DEADLINE_S)
    assert refused.value.refused
    client.open_run(NAMES, LAYOUT, [], DEADLINE_S)
    with pytest.raises(StoreFailed, match="0 are there"):
        client.append_run(NAMES, 1, rows, 1, DEADLINE_S)
    with pytest.raises(StoreFailed, match="expected 2 rows"):
        client.append_run(NAMES, 0, rows, 2, DEADLINE_S)
    with pytest.raises(StoreFailed, match="has 0 frames, and not 3"):
        client.close_run(NAMES, 3, [], DEADLINE_S)
    with pytest.raises(StoreFailed, match="other windows"):
        client.open_run(NAMES, CubeLayout((CubeWindow(2, 2),)), [], DEADLINE_S)
    with pytest.raises(StoreFailed, match="another folder"):
        client.open_run(RunNames("other", "20260301", "../x"), LAYOUT, [], DEADLINE_S)
    assert client.append_run(NAMES, 0, rows, 1, DEADLINE_S) == 1


@pytest.mark.parametrize("kills", [3, pytest.param(25, marks=pytest.mark.soak)])
def test_the_server_is_killed_again_and_again(
    tmp_path: Path, data_server: Start, until: Until, kills: int
) -> None:
    """Whatever it had announced is there, and every frame is there once."""
    chance = random.Random(kills)
    root = tmp_path / "data"
    server, port = data_server(root)
    with DataClient("127.0.0.1", port) as client:
        run = CubeRun(tmp_path, client, NAMES, LAYOUT)
        number = 0
        for _ in range(kills):
            target = number + chance.randint(20, 200)
            announced = run.stored
            while number < target:
                number += 1
                run.add(frame(number))
            wanted = announced + chance.randint(0, number - announced)
            until(lambda wanted=wanted: run.stored >= wanted, "frames on the server")
            server.kill()
            with CubeReader(root / "20260301" / "run.fits") as reader:
                assert reader.frames >= run.stored
            server, _ = data_server(root, port=port)
        stored = run.finish([], DEADLINE_S)
    check_closed(Path(stored.path), number)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 40))])
def test_who_takes_frames_is_killed(
    tmp_path: Path, process: Callable[..., Any], client: DataClient, seed: int
) -> None:
    """What it had added is there, on the server or in the spool, which the next one sends."""
    chance = random.Random(seed)
    taker = process("-m", "tests.data.cube_taker", str(tmp_path), str(client.port))
    kill_at = chance.randint(50, 500)
    said = taker.line("TAKEN")
    while said["added"] < kill_at:
        said = taker.line("TAKEN")
    taker.kill()
    left = spooled(tmp_path)
    assert [run.names for run in left] == [TAKEN]
    stored = deliver(left[0], client, DEADLINE_S)
    frames = fits.getheader(stored.path)["NFRAMES"]
    assert frames >= said["added"] >= said["stored"]
    assert fits.getheader(stored.path)["STOPPED"] is True
    check_closed(Path(stored.path), frames)
    assert spooled(tmp_path) == []


def test_a_server_that_is_away_is_caught_up_with(tmp_path: Path, data_server: Start, until: Until) -> None:
    _, port = data_server(tmp_path / "elsewhere")
    server, port = data_server(tmp_path / "data")
    server.kill()
    with DataClient("127.0.0.1", port) as client:
        run = CubeRun(tmp_path, client, NAMES, LAYOUT)
        for number in range(1, 101):
            run.add(frame(number))
        until(lambda: "start the data server" in run.problem, "the problem to be told")
        assert run.stored == 0
        with pytest.raises(NotDelivered, match="0 of 100 frames") as caught:
            run.finish([card("OBJECT", "star")], 0.1)
        assert caught.value.spooled
        data_server(tmp_path / "data", port=port)
        assert client.wait_connected(DEADLINE_S)
        stored = deliver(spooled(tmp_path)[0], client, DEADLINE_S)
    check_closed(Path(stored.path), 100)
    assert fits.getheader(stored.path)["OBJECT"] == "star"


@pytest.mark.parametrize("place", [100, 3000, 20_000])
def test_a_connection_that_is_cut(
    tmp_path: Path, data_server: Start, wire: Callable[..., Any], until: Until, place: int
) -> None:
    _, port = data_server(tmp_path / "data")
    between = wire(port)
    between.cut_after = place
    with DataClient("127.0.0.1", between.port) as client:
        run = CubeRun(tmp_path, client, NAMES, LAYOUT)
        for number in range(1, 201):
            run.add(frame(number))
        until(lambda: between.connections > 1, "the cut to be noticed")
        between.cut_after = None
        stored = run.finish([], DEADLINE_S)
    check_closed(Path(stored.path), 200)


def test_the_disk_gets_back_what_the_server_has(
    tmp_path: Path, client: DataClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cube_sender, "GIVE_BACK_BYTES", 1 << 16)
    monkeypatch.setattr(cube_sender, "BATCH_BYTES", 1 << 14)
    spool, file = SpooledRun.begin(tmp_path, NAMES, LAYOUT, [])
    with file:
        for number in range(1, 2001):
            file.append(frame(number))
        file.commit()
        with pytest.raises(CubeBusy, match="another process"):
            deliver(spool, client, DEADLINE_S)
        before = spool.path.stat().st_blocks
        sender = Sender(spool, client)
        while sender.send(DEADLINE_S):
            pass
        assert (sender.stored, sender.waiting) == (2000, 0)
        assert spool.path.stat().st_blocks < before - (1 << 18) // 512
        sender.close()
    stored = deliver(spool, client, DEADLINE_S)
    check_closed(Path(stored.path), 2000)


def test_a_spool_that_is_none(tmp_path: Path, client: DataClient) -> None:
    run = CubeRun(tmp_path, client, NAMES, LAYOUT)
    with pytest.raises(SpoolError, match="there already"):
        CubeRun(tmp_path, client, NAMES, LAYOUT)
    run.finish([], DEADLINE_S)
    (tmp_path / "runs" / "odd.json").write_text("[]")
    assert spooled(tmp_path) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="make space"):
        CubeRun(tmp_path / "file", client, NAMES, LAYOUT)
