"""The Data task: what it says of the data server to whoever wants to observe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nifsdc.data.client import DataClient
from nifsdc.data.delivery import Delivery
from nifsdc.data.ring import FrameRing
from nifsdc.data.spool import Spool
from nifsdc.database import load
from nifsdc.tasks.data import DataTask


def test_a_server_that_is_back_is_refused_for_no_reason_of_the_past(
    tmp_path: Path, data_server: Callable[..., tuple[Any, int]], until: Callable[..., None]
) -> None:
    """The client connects again by itself, at any moment between two questions of the task."""
    server, port = data_server(tmp_path / "data")
    status = load().status_dictionary("t:", lambda channel, value: None)
    with (
        FrameRing.create(tmp_path / "r.ring", 2, 1 << 16) as ring,
        DataClient("127.0.0.1", port) as client,
    ):
        until(lambda: client.connected, "a connection")
        delivery = Delivery(client, Spool(tmp_path / "spool"))
        task = DataTask(ring, client, delivery, status, lambda report: None)
        server.kill()
        until(lambda: not client.connected, "loss of the connection noticed")
        task.idle()
        assert task.store_refusal() == "data server not connected"
        data_server(tmp_path / "data", port=port)
        until(lambda: client.connected, "connection made again")
        assert task.store_refusal() is None
        task.finish()
