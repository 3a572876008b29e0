"""``nifsdc softioc`` as a process, and libca channels to it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nifsdc.cli.process import Part
from nifsdc.client.subscription import Subscription

from ..waiting import channel

READY_SECONDS = 60.0
WAIT_SECONDS = 60.0


def wait_for(condition: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Poll ``condition`` until it holds; fail with ``what`` when it does not within the deadline."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.005)
    return result


class SoftIoc(Part):
    """One server; ``ready`` is what its READY line says."""

    def __init__(self, log: Path, *arguments: str | Path, **environment: str) -> None:
        super().__init__("softioc", ["nifsdc", "softioc", *map(str, arguments)], log, environment)
        try:
            self.ready = self.wait_ready(READY_SECONDS)
        except BaseException:
            self.stop()
            raise

    @property
    def text(self) -> str:
        """What it logged."""
        return self.log.read_text()


class Clients:
    """libca channels of one test, closed at its end; events of those asked for are kept in ``events``."""

    def __init__(self) -> None:
        import epics  # libca starts its threads when it is first used, not when tests are collected

        self._epics = epics
        self._made: dict[str, Any] = {}
        self._subscriptions: list[Subscription] = []
        self.events: list[tuple[str, Any]] = []

    def __call__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = channel(name)
        return self._made[name]

    def get(self, name: str, *, as_string: bool = False) -> Any:
        return self(name).get(as_string=as_string, use_monitor=False, timeout=WAIT_SECONDS)

    def put(self, name: str, value: Any) -> None:
        assert self(name).put(value, wait=True, timeout=WAIT_SECONDS) == 1, name

    def watch(self, name: str) -> None:
        """Keep the events of a channel, enumerations as their labels."""
        watched = self(name)
        labels = watched.enum_strs if watched.type.endswith("enum") else None

        def add(value: Any, **_: Any) -> None:
            self.events.append((name, labels[value] if labels else value))

        seen = len(self.events)
        self._subscriptions.append(Subscription(name, add, WAIT_SECONDS))
        wait_for(lambda: len(self.events) > seen, f"first event of {name}")

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
        for each in self._made.values():
            each.disconnect()
        self._epics.ca.clear_cache()


@pytest.fixture
def pv() -> Iterator[Clients]:
    """Channels by name."""
    clients = Clients()
    yield clients
    clients.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SoftIoc]]:
    """Start servers, which all end with the test and must have said nothing of a traceback."""
    started: list[SoftIoc] = []

    def begin(*arguments: str | Path, **environment: str) -> SoftIoc:
        started.append(SoftIoc(tmp_path / f"log{len(started)}", *arguments, **environment))
        return started[-1]

    yield begin
    for server in started:
        server.stop()
    assert [server.text for server in started if "Traceback" in server.text] == []


@pytest.fixture
def wait() -> Callable[..., Any]:
    """``wait_for`` for tests, which cannot import it from here."""
    return wait_for


@pytest.fixture
def port() -> int:
    """The port libca in this process looks at."""
    return int(os.environ["EPICS_CAS_SERVER_PORT"])
