"""Runs that a process left in the spool reach the data server."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nifsdc.data.client import DataClient
from nifsdc.data.cube_names import RunNames
from nifsdc.data.cube_run import CubeRun
from nifsdc.data.cube_spool import spooled
from nifsdc.tasks.leftover_runs import LeftoverRuns
from nifsdc.tasks.messages import Report, Stored

from ..ports import free_port
from .cube_frames import LAYOUT, frame
from .test_cube_run import check_closed

DEADLINE_S = 60.0
NAMES = RunNames("left", "20260301", "left")
Start = Callable[..., tuple[Any, int]]


def test_a_run_left_in_the_spool_is_stored_and_one_that_is_taken_is_let_alone(
    tmp_path: Path, data_server: Start
) -> None:
    with DataClient("127.0.0.1", free_port()) as nobody:
        run = CubeRun(tmp_path, nobody, NAMES, LAYOUT)
        for number in range(1, 31):
            run.add(frame(number))
        run.close()
    _, port = data_server(tmp_path / "data")
    reports: queue.Queue[Report] = queue.Queue()
    with DataClient("127.0.0.1", port) as client:
        assert client.wait_connected(DEADLINE_S)
        taken = CubeRun(tmp_path, client, RunNames("taken", "20260301", "taken"), LAYOUT)
        taken.add(frame(1))
        leftover = LeftoverRuns(tmp_path, client, reports.put)
        leftover.leave("taken")
        leftover.start()
        told = reports.get(timeout=DEADLINE_S)
        taken.add(frame(2))
        second = taken.finish([], DEADLINE_S)
        leftover.end()
    assert isinstance(told, Stored)
    assert told.exposure_id == "left"
    check_closed(Path(told.path), 30)
    check_closed(Path(second.path), 2)
    assert spooled(tmp_path) == []
