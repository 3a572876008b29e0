"""A handful of the recorded scenarios through the real server and libca; all are played in memory too."""

from __future__ import annotations

import ctypes
import os
import select
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import oracle
from .checks import compare
from .player import MONITOR_MASK, UNMONITORED, Step, watched
from .test_traces import SCENARIOS, recorded, unstable

SERVE = Path(__file__).with_name("serve")
PLAYED = (
    "cad_s1_START",
    "cad_rej_s1_START",
    "cad_dir_types",
    "cad_longstr",
    "cad_ro_fields",
    "car_error",
    "gensub",
    "noinp",
    "sir_arr",
    "sir_dbl",
    "sir_lng_string",
    "tree_bogus_plain",
    "tree_rej_start",
    "tree_start_one",
)
TYPES = {"string": 0, "short": 1, "float": 2, "enum": 3, "char": 4, "long": 5, "double": 6}
FORMS = {
    "short": ctypes.c_short,
    "float": ctypes.c_float,
    "enum": ctypes.c_ushort,
    "long": ctypes.c_int,
    "double": ctypes.c_double,
}


@pytest.fixture
def prefix() -> Iterator[str]:
    """Prefix of a freshly started server."""
    name = f"t{uuid.uuid4().hex[:8]}:"
    server = subprocess.Popen(
        [str(SERVE)], env={**os.environ, "PREFIX": name}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        assert select.select([server.stdout], [], [], 30)[0], "the server did not start within 30 s"
        assert server.stdout.readline().startswith(b"READY")
        yield name
    finally:
        server.terminate()
        _, log = server.communicate(timeout=60)
    assert server.returncode == 0
    assert not log, log.decode()


class Client:
    """What the recorder's client did, on one circuit, where every reply comes after the events before it."""

    def __init__(self, prefix: str, scenario: dict[str, Any]) -> None:
        from epics import ca, dbr  # libca starts its threads when it is first used

        self._ca = ca
        self._prefix = prefix
        self._scenario = scenario
        self._channels: dict[str, Any] = {}
        self._labels: dict[str, tuple[str, ...]] = {}
        self._events: list[tuple[str, Any, int, int]] = []
        self._done = ctypes.CFUNCTYPE(None, dbr.event_handler_args)(self._put_done)
        self._completed = threading.Event()
        self._status = 0
        pvs = watched(scenario, oracle.load("topology.json"))
        written = {each for step in scenario["steps"] for each in ([step["put"]] if "put" in step else [])}
        written |= {put[0] for step in scenario["steps"] for put in step.get("puts", [])}
        self.watched = list(pvs)
        for pv in [*pvs, *sorted(written - set(pvs))]:
            self._channels[pv] = ca.create_channel(prefix + pv, auto_cb=False)
        for pv, channel in self._channels.items():
            assert ca.connect_channel(channel, timeout=60), f"{pv} did not connect"
            if ca.field_type(channel) == TYPES["enum"]:
                self._labels[pv] = ca.get_enum_strings(channel)
        self._subscriptions = [
            ca.create_subscription(self._channels[pv], use_time=True, mask=MONITOR_MASK, callback=self._event)
            for pv in pvs
            if pv.rpartition(".")[2] not in UNMONITORED
        ]
        self.initial = self.values()
        self._events.clear()

    def close(self) -> None:
        for _, _, subscription in self._subscriptions:
            self._ca.clear_subscription(subscription)
        for channel in self._channels.values():
            self._ca.clear_channel(channel)
        self._ca.clear_cache()

    def _event(self, pvname: str, value: Any, status: int, severity: int, **rest: Any) -> None:
        pv = pvname.removeprefix(self._prefix)
        self._events.append((pv, self._shown(pv, value), status, severity))

    def _shown(self, pv: str, value: Any) -> Any:
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, (tuple, list)):
            return list(value) if len(value) != 1 else value[0]
        if pv in self._labels:
            labels = self._labels[pv]
            return f"{labels[value] if value < len(labels) else '?'}({value})"
        return value

    def values(self) -> dict[str, Any]:
        """Present values of all watched channels."""
        got = {}
        for pv in self.watched:
            got[pv] = self._shown(pv, self._ca.get(self._channels[pv], count=0, timeout=60))
        return got

    def _put_done(self, args: Any) -> None:
        self._status = args.status
        self._completed.set()

    def play(self) -> Iterator[Step]:
        """All steps."""
        for given in self._scenario["steps"]:
            assert not set(given) & {"sleep", "aput"}, "scenarios that take time are played in memory"
            step = Step()
            if "put" in given:
                self._put(step, given["put"], given["v"], given["t"])
            for pv, value, kind in given.get("puts", []):
                code = self._write(pv, value, kind, wait=False)
                step.result.append("sent" if code == 1 else "client")
            self._ca.flush_io()
            step.values = self.values()
            step.events = self._events[:]
            self._events.clear()
            yield step

    def _put(self, step: Step, pv: str, value: Any, kind: str) -> None:
        self._completed.clear()
        if self._write(pv, value, kind, wait=True) != 1:
            step.result.append("client")
        else:
            self._ca.flush_io()
            assert self._completed.wait(60), f"a put to {pv} was not answered"
            step.result.append("ok" if self._status == 1 else "server")
        answer = pv.split(".")[0] + ".VAL"
        if answer in self.watched and answer != pv:
            step.at_done = self._shown(answer, self._ca.get(self._channels[answer], count=0, timeout=60))

    def _write(self, pv: str, value: Any, kind: str, *, wait: bool) -> int:
        count, data = 1, ctypes.create_string_buffer(0)
        if kind in FORMS:
            values = value if isinstance(value, list) else [value]
            count, data = len(values), (FORMS[kind] * len(values))(*values)
        else:
            text = str(value).encode() + b"\0"
            count = len(text) if kind == "char" else 1
            data = ctypes.create_string_buffer(text, max(40, len(text)))
        library, channel = self._ca.libca, self._ca._chid_to_int(self._channels[pv])
        where, elements = ctypes.c_void_p(channel), ctypes.c_ulong(count)
        if wait:
            code = library.ca_array_put_callback(TYPES[kind], elements, where, data, self._done, None)
        else:
            code = library.ca_array_put(TYPES[kind], elements, where, data)
        return int(code)


@pytest.mark.parametrize("name", PLAYED)
def test_scenario_through_channel_access(name: str, prefix: str) -> None:
    client = Client(prefix, SCENARIOS[name])
    try:
        steps = list(client.play())
    finally:
        client.close()
    checks = [
        check
        for check in compare(recorded()[name], client, steps)  # type: ignore[arg-type]
        if (name, check.category, check.key) not in unstable() and check.category != "key"
    ]
    different = [check for check in checks if not check.equal]
    assert checks
    assert not different, "\n".join(
        f"{check.category} {check.key}: C {check.wanted!r}, ours {check.got!r}" for check in different[:20]
    )
