"""A client that stops reading delays nobody, and costs bounded memory or its connection [1, 4]."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import caproto
import pytest

Wait = Callable[..., Any]


def subscribe(client: Any, *names: str) -> list[int]:
    """Subscribe to channels, take their first values, and return the subscriptions."""
    made = []
    for name in names:
        channel = client.channel(name)
        request = channel.subscribe()
        client.send(request)
        client.receive(lambda c: isinstance(c, caproto.EventAddResponse))
        client.received.clear()
        made.append(request.subscriptionid)
    return made


def hammer(ioc: Any, name: str, first: int, many: int) -> None:
    for start in range(first, first + many, 1000):
        ioc.set(*((name, float(n)) for n in range(start, min(start + 1000, first + many))))


def test_others_keep_their_updates(raw: Any, pv: Any, ioc: Any, wait: Wait) -> None:
    stuck = raw(receive_buffer=4096)
    *crowd, last = subscribe(stuck, *["m10"] * 20)
    seen: list[float] = []
    done = threading.Event()

    def add(value: float, **rest: Any) -> None:
        seen.append(value)
        if value == 30_000.0:
            done.set()

    pv.watch("m10", add)
    wait(lambda: seen, "the first value")
    hammer(ioc, "m10", 1, 15_000)
    before = ioc.kilobytes
    hammer(ioc, "m10", 15_001, 15_000)
    assert done.wait(60.0), "the other client did not get the last value"
    assert seen[-1000:] == [float(n) for n in range(29_001, 30_001)]
    statistics = ioc.statistics
    assert statistics["coalesced"] > 10_000
    assert statistics["waiting_bytes"] < 3 << 20
    assert ioc.kilobytes - before < 4096
    # when it reads again it gets the newest value last
    stuck.read_on(lambda c: c.subscriptionid == last and c.data[0] == 30_000.0, crowd)


def test_a_stopped_libca_client_delays_nobody(pv: Any, ioc: Any, wait: Wait) -> None:
    script = textwrap.dedent(
        f"""
        import sys
        from nifsdc.client.subscription import Subscription
        subscription = Subscription({ioc.prefix + "m11"!r}, lambda **rest: None, 60)
        print("there", flush=True)
        sys.stdin.read()
        """
    )
    before = ioc.statistics["monitors"]
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", script]
    client = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    try:
        assert client.stdout is not None
        assert b"there" in client.stdout.readline()
        wait(lambda: ioc.statistics["monitors"] > before, "its monitor")
        os.kill(client.pid, signal.SIGSTOP)
        hammer(ioc, "m11", 1, 20_000)
        other = pv("m12")
        assert other.put(5.0, wait=True, timeout=60.0) == 1
        assert pv("m11").get(timeout=60.0) == 20_000.0
    finally:
        os.kill(client.pid, signal.SIGCONT)
        client.communicate(timeout=60)


def test_a_client_that_misses_marks_is_disconnected(raw: Any, ioc: Any, wait: Wait) -> None:
    before = ioc.statistics["clients"]
    stuck = raw(receive_buffer=4096)
    channel = stuck.channel("car.CLID")  # one of the fields of which every event must be seen
    for _ in range(100):
        stuck.send(channel.subscribe())
    wait(lambda: ioc.statistics["monitors"] >= 100, "its monitors")
    for start in range(0, 4000, 500):  # 400,000 events
        changes = [
            [("cad.OCID", n), ("car.IVAL", "BUSY"), ("car.IVAL", "IDLE")] for n in range(start, start + 500)
        ]
        ioc.set(*(pair for change in changes for pair in change))
        if ioc.statistics["clients"] == before:
            break
    wait(lambda: ioc.statistics["clients"] == before, "the client to be given up")


def test_replies_are_held_back_too(raw: Any, pv: Any, ioc: Any) -> None:
    pv("big").put([1.0] * 100_000, wait=True, timeout=60)
    greedy = raw(receive_buffer=4096)
    channel = greedy.channel("big")
    before = ioc.kilobytes
    request = b"".join(bytes(part) for part in greedy.circuit.send(channel.read()))
    greedy.socket.sendall(request * 300)  # 240 MB of replies, none of them read
    assert pv("m13").put(1.0, wait=True, timeout=60.0) == 1
    assert ioc.kilobytes - before < 20_000


def test_large_arrays_do_not_pile_up(raw: Any, ioc: Any, wait: Wait) -> None:
    stuck = [raw(receive_buffer=4096) for _ in range(3)]
    for client in stuck:
        channel = client.channel("big")
        client.send(channel.subscribe())
    wait(lambda: ioc.statistics["monitors"] >= 3, "the monitors")
    ioc.set(("big", [0.5] * 100_000))
    before = ioc.kilobytes
    for n in range(30):  # 24 MB for each of the three
        ioc.set(("big", [float(n)] * 100_000))
    assert ioc.kilobytes - before < 15_000


def test_silence_on_request(raw: Any, ioc: Any) -> None:
    client = raw()
    subscribe(client, "m14", "cad.ICID")
    client.send(caproto.EventsOffRequest())
    channel = client.channel("m15")  # requests are answered meanwhile
    ioc.set(("m14", 1.0), ("m14", 2.0), ("cad.ICID", 3))
    client.send(channel.read())
    client.receive(lambda c: isinstance(c, caproto.ReadNotifyResponse))
    assert not any(isinstance(c, caproto.EventAddResponse) for c in client.received)
    client.send(caproto.EventsOnRequest())
    client.receive(lambda c: isinstance(c, caproto.EventAddResponse) and c.data[0] == 3)
    events = [c.data[0] for c in client.received if isinstance(c, caproto.EventAddResponse)]
    assert events == [1.0, 2.0, 3]


@pytest.mark.parametrize("requests", [3000])
def test_a_flood_of_requests_leaves_others_their_turn(raw: Any, pv: Any, ioc: Any, requests: int) -> None:
    flood = raw()
    channel = flood.channel("m16")
    write = b"".join(bytes(part) for part in flood.circuit.send(channel.write((1.0,), notify=False)))
    flood.socket.sendall(write * requests)
    assert pv("m17").put(1.0, wait=True, timeout=60.0) == 1
    flood.send(channel.read())
    flood.receive(lambda c: isinstance(c, caproto.ReadNotifyResponse))


def test_the_handshake_of_a_stopped_client_is_kept_whole(raw: Any, ioc: Any, wait: Wait) -> None:
    """Scalars give way to newer values; MARK, VAL of CAD, APPLY and CAR, and CLID come each, in order."""
    promised: dict[str, list[int]] = {
        name: [] for name in ("cad.MARK", "cad.VAL", "apply.VAL", "car.VAL", "car.CLID")
    }
    stuck = raw(receive_buffer=4096)
    names = {}
    for name in [*promised, *(f"m{n}" for n in range(60, 80))]:
        channel = stuck.channel(name)
        request = channel.subscribe()
        stuck.send(request)
        stuck.receive(lambda c, i=request.subscriptionid: getattr(c, "subscriptionid", None) == i)
        names[request.subscriptionid] = name
    stuck.received.clear()
    before = ioc.statistics["coalesced"]
    expected: dict[str, list[int]] = {name: [] for name in promised}
    turn = 0
    while ioc.statistics["coalesced"] - before < 3_000 and turn < 400:
        turn += 1
        ioc.set(*((f"m{n}", float(turn * 100 + k)) for k in range(40) for n in range(60, 80)))
        ioc.set(("cad.OCID", turn), ("cad.MARK", turn % 2 + 1))
        ioc.set(("cad.VAL", turn), ("apply.VAL", turn), ("car.IVAL", "BUSY"), ("car.IVAL", "IDLE"))
        expected["car.CLID"] += [turn, turn]  # posted with BUSY and with IDLE
        expected["car.VAL"] += [2, 0]
    assert ioc.statistics["coalesced"] - before >= 3_000
    ioc.set(("apply.VAL", 1_000_000))
    crowd = {subscription for subscription, name in names.items() if name not in promised}
    scalars = stuck.read_on(lambda c: c.data[0] == 1_000_000, crowd)
    for event in stuck.received:
        promised[names[event.subscriptionid]].append(int(event.data[0]))
    assert promised["car.CLID"] == expected["car.CLID"]
    assert promised["car.VAL"] == expected["car.VAL"]
    assert [value for value in promised["cad.MARK"] if value] == [n % 2 + 1 for n in range(1, turn + 1)]
    assert [value for value in promised["cad.VAL"] if value > 0] == list(range(1, turn + 1))
    assert [value for value in promised["apply.VAL"] if value > 0] == [*range(1, turn + 1), 1_000_000]
    assert scalars < 800 * turn
