"""The whole system for a test: `nifsdc up` as a process, and the real libca to talk to it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import epics
import pytest

from nifsdc.client.subscription import Subscription

from ..waiting import channel

START_SECONDS = 200.0
END_SECONDS = 60.0
ANSWER_SECONDS = 60.0
"""for a single get, put or connection; nothing is measured by it"""


class Monitor:
    """Every event of some channels, in order of arrival."""

    def __init__(self, system: System, names: tuple[str, ...]) -> None:
        self._events: list[tuple[str, Any]] = []
        self._changed = threading.Condition()
        self._subscriptions: list[Subscription] = []
        try:
            for name in names:
                self._subscriptions.append(Subscription(system.top + name, self._note(name), ANSWER_SECONDS))
            self.wait(lambda events: len({name for name, _ in events}) == len(names), ANSWER_SECONDS)
        except BaseException:
            self.close()
            raise
        self.clear()

    def _note(self, name: str) -> Callable[..., None]:
        def note(value: Any, **_: Any) -> None:
            with self._changed:
                self._events.append((name, value))
                self._changed.notify_all()

        return note

    @property
    def events(self) -> list[tuple[str, Any]]:
        with self._changed:
            return list(self._events)

    def of(self, name: str) -> list[Any]:
        return [value for source, value in self.events if source == name]

    def clear(self) -> None:
        with self._changed:
            self._events.clear()

    def wait(self, wanted: Callable[[list[tuple[str, Any]]], bool], seconds: float = 60.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self._events), seconds), self._events[-20:]

    def wait_for(self, name: str, value: Any, seconds: float = 60.0) -> None:
        self.wait(lambda events: (name, value) in events, seconds)

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()


class System:
    """A running `nifsdc up`."""

    def __init__(self, top: str, folder: Path, process: subprocess.Popen[str], control_port: int) -> None:
        self.top = top
        self.folder = folder
        self.process = process
        self._control_port = control_port
        self._channels: dict[str, Any] = {}
        self._monitored: set[str] = set()

    def channel(self, name: str) -> Any:
        if name not in self._channels:
            self._channels[name] = channel(self.top + name)
        found = self._channels[name]
        assert found.wait_for_connection(ANSWER_SECONDS), f"{name} does not answer"
        return found

    def get(self, name: str, *, text: bool = False) -> Any:
        value = self.channel(name).get(as_string=text, timeout=ANSWER_SECONDS)
        assert value is not None, f"{name} did not answer"
        return value

    def put(self, name: str, value: Any) -> None:
        done = self.channel(name).put(value, wait=True, timeout=ANSWER_SECONDS)
        assert done == 1, f"put of {value!r} to {name}"

    def start(self) -> int:
        """START the top apply; a positive client id, or a negative code when it was refused."""
        self.put("dc:nifsApply.DIR", "START")
        return int(self.get("dc:nifsApply.VAL"))

    def start_marked(self, command: str) -> int:
        """Mark one command and START."""
        self.put(f"dc:{command}.DIR", "MARK")
        return self.start()

    def message(self) -> str:
        return str(self.get("dc:nifsApply.MESS", text=True))

    def refused(self) -> str:
        """START, expect a refusal, return its reason, and clear what was marked."""
        assert self.start() < 0
        message = self.message()
        self.put("dc:nifsApply.DIR", "CLEAR")
        return message

    def monitor(self, *names: str) -> Monitor:
        self._monitored.update(names)
        return Monitor(self, names)

    def wait(self, name: str, value: Any, seconds: float = 60.0) -> None:
        wait_until(lambda: self.get(name) == value, seconds, f"{name} == {value}")

    def configure(self, **setpoints: Any) -> None:
        """Set and apply, and wait until the command was carried out."""
        for name, value in setpoints.items():
            self.put(f"dc:{name}", value)
        client_id = self.start()
        assert client_id > 0, self.message()
        wait_until(
            lambda: self.get("dc:applyC.CLID") == client_id and self.get("dc:applyC.VAL") == 0,
            ANSWER_SECONDS,
            "the configuration to be applied",
        )

    def command(self, name: str, seconds: float = 60.0) -> None:
        """Mark and start a command and wait until its own CAR is IDLE again."""
        car = f"dc:{name}C.VAL"
        with watching(self, car) as seen:
            self.put(f"dc:{name}.DIR", "MARK")
            assert self.start() > 0, self.message()
            seen.wait(lambda events: (car, 2) in events and events[-1][1] in (0, 3), seconds)
            assert seen.of(car)[-2:] == [2, 0], self.get(f"dc:{name}C.OMSS", text=True)

    def observe(self, label: str = "", seconds: float = 90.0) -> Path:
        """Observe and return the file."""
        with watching(self, "dc:observeC.VAL") as seen:
            self.put("dc:observe.A", label)
            assert self.start() > 0, self.message()
            seen.wait(lambda events: ("dc:observeC.VAL", 2) in events and events[-1][1] in (0, 3), seconds)
            assert seen.of("dc:observeC.VAL")[-2:] == [2, 0], self.get("dc:observeC.OMSS", text=True)
        return Path(self.get("sad:dc:lastPath", text=True))

    def simulator(self, **request: Any) -> Any:
        """Send one line to the simulator's control port and return its answer."""
        with socket.create_connection(("127.0.0.1", self._control_port), ANSWER_SECONDS) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("r") as lines:
                return json.loads(lines.readline())

    def child(self, module: str) -> int:
        """Return the process id of one of the parts."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(pid) for pid in children if module in Path(f"/proc/{pid}/cmdline").read_text())

    def close(self) -> None:
        for each in self._channels.values():
            each.disconnect()
        # libca keeps looking for them, the longer the less often, and so would the next system of this name.
        for name in self._monitored | set(self._channels):
            known = epics.ca.get_cache(self.top + name)
            if known is not None and known.chid is not None:
                epics.ca.clear_channel(known.chid)


@contextmanager
def watching(system: System, *names: str) -> Iterator[Monitor]:
    monitor = system.monitor(*names)
    try:
        yield monitor
    finally:
        monitor.close()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        epics.ca.poll(evt=0.02)  # also sends what libca has not sent yet


def random_top() -> str:
    return "".join(random.choices(string.ascii_lowercase, k=8)) + ":"


@contextmanager
def run_system(
    folder: Path, *options: str, config: str | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[System]:
    """Start `nifsdc up`, with these variables on top of the present ones, and end it again."""
    top = random_top()
    arguments = ["--top", top, "--data-dir", str(folder), "--seed", "7", *options]
    if config is not None:
        path = folder / "config.yaml"
        path.write_text(config)
        arguments += ["--config", str(path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "nifsdc", "up", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    try:
        ready = _ready_line(process)
        fields = dict(item.split("=", 1) for item in ready.split()[1:])
        system = System(top, folder, process, int(fields["control"]))
        try:
            yield system
        finally:
            system.close()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(END_SECONDS) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _ready_line(process: subprocess.Popen[str]) -> str:
    lines: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith("READY"):
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(START_SECONDS)
    assert lines, "not ready; said nothing"
    assert lines[-1].startswith("READY"), f"not ready; said {lines}"
    return lines[-1]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose simulator is as fast as it can be; one for all tests of a module."""
    with run_system(tmp_path_factory.mktemp("up"), "--speed", "fast") as running:
        yield running
