"""Broken and hostile sessions harm nobody else: mutated real sessions, half messages, cut datagrams."""

from __future__ import annotations

import os
import random
import socket
import struct
from typing import Any

from nifsdc.records.ca_wire import Command, message

NAMES = (
    "ao",
    "long",
    "text",
    "text$",
    "mbbo",
    "array",
    "cad.DIR",
    "cad.A",
    "car.IVAL",
    "apply.DIR",
    "ao.SCAN",
)
KINDS = (Command.READ_NOTIFY, Command.READ, Command.WRITE, Command.WRITE_NOTIFY, Command.EVENT_ADD)
SESSIONS = 150


def request(rnd: random.Random) -> bytes:
    """One request, well formed but for what it asks."""
    sid, dbr, count = rnd.randint(1, len(NAMES) + 2), rnd.randint(0, 40), rnd.choice([0, 1, 2, 5, 100_000])
    kind = rnd.choice(
        [Command.READ_NOTIFY, Command.READ, Command.WRITE, Command.WRITE_NOTIFY, Command.EVENT_ADD]
    )
    if kind in (Command.WRITE, Command.WRITE_NOTIFY):
        data = rnd.choice([b"1", b"START", b"nan", rnd.randbytes(40), b"\xff" * 200])
        return message(kind, dbr=rnd.randint(0, 7), count=rnd.choice([0, 1, 5]), p1=sid, payload=data)
    mask = struct.pack(">12xH2x", rnd.randint(0, 15)) if kind is Command.EVENT_ADD else b""
    return message(kind, dbr=dbr, count=min(count, 0xFFFE), p1=sid, p2=rnd.randint(0, 999), payload=mask)


def session(prefix: str, rnd: random.Random) -> bytes:
    """A client's whole life, some of its bytes changed."""
    parts = [message(Command.VERSION, count=13), message(Command.CLIENT_NAME, payload=b"fuzz\0")]
    parts += [
        message(Command.CREATE_CHAN, p1=n, p2=13, payload=(prefix + name).encode() + b"\0")
        for n, name in enumerate(NAMES)
    ]
    parts += [request(rnd) for _ in range(40)]
    parts += [message(rnd.choice([Command.ECHO, Command.EVENTS_OFF, Command.EVENTS_ON]))]
    data = bytearray(b"".join(parts))
    for _ in range(rnd.choice([0, 1, 3, 20])):
        data[rnd.randrange(len(data))] = rnd.randrange(256)
    return bytes(data[: rnd.randint(len(data) // 2, len(data))])


def test_mutated_sessions(ioc: Any, pv: Any, wait: Any) -> None:
    rnd = random.Random(20240611)
    good = pv("m20")
    search = ("127.0.0.1", int(os.environ["EPICS_CAS_SERVER_PORT"]))
    before = ioc.statistics
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for turn in range(SESSIONS):
            data = session(ioc.prefix, rnd)
            with socket.create_connection(("127.0.0.1", ioc.port)) as client:
                try:
                    client.sendall(data)
                    if turn % 2:
                        client.shutdown(socket.SHUT_WR)
                        while client.recv(1 << 16):
                            pass
                except OSError:  # the server has had enough of it
                    pass
            udp.sendto(data[: rnd.randint(1, 1400)], search)
            if turn % 10 == 0:
                assert good.put(float(turn), wait=True, timeout=60.0) == 1
    assert good.get(use_monitor=False) == float(SESSIONS - 10)
    wait(lambda: ioc.statistics["clients"] == before["clients"], "the server to forget the broken clients")
    assert ioc.statistics["monitors"] == before["monitors"]


def test_many_idle_connections(ioc: Any, pv: Any, wait: Any) -> None:
    good = pv("m21")
    before, memory = ioc.statistics["clients"], ioc.kilobytes
    idle = [socket.create_connection(("127.0.0.1", ioc.port)) for _ in range(200)]
    try:
        for half in idle[::2]:
            half.sendall(message(Command.CREATE_CHAN, p1=1, p2=13, payload=b"half a message")[:20])
        assert good.put(1.0, wait=True, timeout=60.0) == 1
        assert ioc.kilobytes - memory < 8192
    finally:
        for each in idle:
            each.close()
    wait(lambda: ioc.statistics["clients"] == before, "the server to forget the idle clients")
