"""What a hostile or broken client can do to the port, bounded in count and time, and who suffers from it.

Every attack runs against the real server in a process of its own, on the loopback. Beside it a client watches
a record that counts ten times a second: it must see every number.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nifsdc.records.ca_wire import Command, MessageReader, message
from tests.records.conftest import Ioc, wait_for

SESSIONS = Path(__file__).parent / "sessions"
RECORDED_PREFIX = "fuzz:"
HELLO = message(Command.VERSION, count=13) + message(Command.CLIENT_NAME, payload=b"fuzz\0")
MONITOR = struct.pack(">12xH2x", 1)


@dataclass(frozen=True)
class Figures:
    """What an attack did."""

    name: str
    count: int
    """sessions, connections, datagrams, requests"""
    seconds: float
    growth: int
    """kB by which the server's memory was larger while it lasted (or just after)"""
    gap: float
    """longest time between two updates of the client beside it, seconds"""
    lost: int
    """updates that client missed"""


class Bystander:
    """A client that watches a record which counts ten times a second."""

    def __init__(self, ioc: Ioc) -> None:
        self.seen: list[tuple[float, int]] = []
        self._socket = socket.create_connection(("127.0.0.1", ioc.port))
        name = f"{ioc.prefix}ticks".encode() + b"\0"
        self._socket.sendall(HELLO + message(Command.CREATE_CHAN, p1=1, p2=13, payload=name))
        self._socket.sendall(message(Command.EVENT_ADD, dbr=6, count=1, p1=1, p2=1, payload=MONITOR))
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        reader = MessageReader()
        with contextlib.suppress(OSError):
            while data := self._socket.recv(1 << 16):
                reader.feed(data)
                while (reply := reader.next()) is not None:
                    if reply.command == Command.EVENT_ADD:
                        self.seen.append((time.monotonic(), int(struct.unpack(">d", reply.payload)[0])))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def judge(self) -> tuple[float, int]:
        """Longest gap in seconds and number of missed updates."""
        times, values = zip(*self.seen, strict=True)
        gaps = [b - a for a, b in itertools.pairwise(times)]
        return max(gaps, default=0.0), values[-1] - values[0] + 1 - len(values)


@contextmanager
def bystander(ioc: Ioc) -> Iterator[Bystander]:
    """Watch during an attack, from before it until after it."""
    watching = Bystander(ioc)
    try:
        wait_for(lambda: len(watching.seen) >= 3, "the client beside it to get updates")
        yield watching
        after = len(watching.seen)
        wait_for(lambda: len(watching.seen) >= after + 3, "the client beside it to get updates afterwards")
    finally:
        watching.close()


def connect(ioc: Ioc, receive_buffer: int = 0) -> socket.socket:
    """A connection that gives up after ten seconds."""
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(10.0)
    client.connect(("127.0.0.1", ioc.port))
    return client


def mutated(rnd: random.Random) -> bytes:
    """A recorded session, some of it changed: bytes, lengths, order, repetition, an end in the middle."""
    data = bytes(rnd.choice(sorted(SESSIONS.glob("*.bin"))).read_bytes())
    parts = split(data)
    for _ in range(rnd.choice([0, 1, 3])):
        kind, at = rnd.randrange(4), rnd.randrange(len(parts))
        if kind == 0:
            parts.insert(at, rnd.choice(parts))
        elif kind == 1:
            parts[at] = parts[at] * rnd.choice([2, 50])
        elif kind == 2:
            del parts[at]
        else:
            parts[at] = parts[at][:2] + rnd.randbytes(2) + parts[at][4:]
        parts = parts or [b"\0" * 16]
    changed = bytearray(b"".join(parts))
    for _ in range(rnd.choice([0, 0, 1, 5, 40])):
        changed[rnd.randrange(len(changed))] = rnd.randrange(256)
    return bytes(changed[: rnd.randint(len(changed) // 4, len(changed))])


def split(data: bytes) -> list[bytes]:
    """Messages of a recorded session, whole."""
    parts, start = [], 0
    while start + 16 <= len(data):
        end = start + 16 + int.from_bytes(data[start + 2 : start + 4], "big")
        parts.append(data[start:end])
        start = end
    return parts


# --- attacks: each returns how much it did, and keeps to its share of time


def mutated_sessions(ioc: Ioc, rnd: random.Random, count: int, until: float, held: ExitStack) -> int:
    """Recorded sessions of libca and caproto, mutated; every second one waits for the answers."""
    for done in range(count):
        if time.monotonic() > until:
            return done
        with connect(ioc) as client, contextlib.suppress(OSError):
            client.sendall(mutated(rnd))
            if done % 2:
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 16):
                    pass
    return count


def half_open(ioc: Ioc, rnd: random.Random, count: int, until: float, held: ExitStack) -> int:
    """Connections that stop in the middle of a session and stay."""
    for done in range(count):
        if time.monotonic() > until:
            return done
        client = held.enter_context(connect(ioc, 4096))
        with contextlib.suppress(OSError):
            client.sendall(mutated(rnd)[: rnd.randint(1, 600)])
    return count


def connections(ioc: Ioc, rnd: random.Random, count: int, until: float, held: ExitStack) -> int:
    """Clients, each with a channel and a monitor that it reads once."""
    name = f"{ioc.prefix}m".encode()
    for done in range(count):
        if time.monotonic() > until:
            return done
        client = held.enter_context(connect(ioc))
        channel = name + str(done % 300).encode() + b"\0"
        client.sendall(HELLO + message(Command.CREATE_CHAN, p1=1, p2=13, payload=channel))
        client.sendall(message(Command.EVENT_ADD, dbr=20, count=1, p1=1, p2=1, payload=MONITOR))
        if not client.recv(4096):
            raise AssertionError("the server closed a good connection")
    return count


def udp_flood(ioc: Ioc, rnd: random.Random, count: int, until: float, held: ExitStack) -> int:
    """Datagrams of forty searches each, for names there are not, and some of rubbish."""
    target = ("127.0.0.1", int(os.environ["EPICS_CAS_SERVER_PORT"]))
    udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    head = message(Command.VERSION, count=13)
    for done in range(count):
        if time.monotonic() > until:
            return done
        names = [f"{ioc.prefix}{rnd.randrange(10**9)}.VAL\0".encode() for _ in range(40)]
        data = head + b"".join(
            message(Command.SEARCH, dbr=10, count=13, p1=1, p2=1, payload=n) for n in names
        )
        udp.sendto(data if done % 10 else rnd.randbytes(rnd.randint(1, 1400)), target)
    return count


def tcp_flood(ioc: Ioc, rnd: random.Random, count: int, until: float, held: ExitStack) -> int:
    """Searches on one circuit that wants every answer and reads none."""
    client = held.enter_context(connect(ioc, 4096))
    client.settimeout(0.2)
    client.sendall(HELLO)
    done = 0
    with contextlib.suppress(TimeoutError):
        while done < count and time.monotonic() < until:
            names = [f"{ioc.prefix}{rnd.randrange(10**9)}.VAL\0".encode() for _ in range(100)]
            client.sendall(
                b"".join(message(Command.SEARCH, dbr=10, count=13, p1=1, p2=1, payload=n) for n in names)
            )
            done += 100
    return done


def stopped_readers(ioc: Ioc, rnd: random.Random, count: int, until: float, held: ExitStack) -> int:
    """Clients that monitor the 16 MB image and a hundred scalars, and read nothing."""
    for done in range(count):
        if time.monotonic() > until:
            return done
        client = held.enter_context(connect(ioc, 4096))
        names = ["image", *(f"m{n}" for n in range(100))]
        data = HELLO
        for number, name in enumerate(names, 1):
            channel = f"{ioc.prefix}{name}".encode() + b"\0"
            data += message(Command.CREATE_CHAN, p1=number, p2=13, payload=channel)
            data += message(Command.EVENT_ADD, dbr=16, count=0, p1=number, p2=number, payload=MONITOR)
        client.sendall(data)
        ioc.ask(image=float(done))
        ioc.set(*((f"m{n}", float(done * 1000 + k)) for k in range(10) for n in range(100)))
    return count


Attack = Callable[[Ioc, random.Random, int, float, ExitStack], int]
ATTACKS: dict[str, tuple[Attack, int, int]] = {
    "mutated sessions": (mutated_sessions, 1_500, 60_000),
    "half-open sessions": (half_open, 200, 1_000),
    "connections": (connections, 1_000, 1_000),
    "search datagrams": (udp_flood, 5_000, 500_000),
    "searches on a circuit": (tcp_flood, 20_000, 5_000_000),
    "stopped readers": (stopped_readers, 10, 300),
}
"""by name: the attack, its count in the quick run, and in the long one"""


def enough_files() -> AbstractContextManager[object]:
    """Room for a thousand sockets in this process, as it was before at the end."""
    stack = ExitStack()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2500, hard), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    return stack


def attack(ioc: Ioc, name: str, count: int, seconds: float, seed: int = 1) -> Figures:
    """Carry out one attack with a client beside it.

    Args:
        ioc: the server.
        name: of ATTACKS.
        count: how much of it at most.
        seconds: how long at most.
        seed: of the random choices.
    """
    before = ioc.statistics
    memory = ioc.kilobytes
    with enough_files(), bystander(ioc) as watching:
        began = time.monotonic()
        with ExitStack() as held:
            done = ATTACKS[name][0](ioc, random.Random(seed), count, began + seconds, held)
            took = time.monotonic() - began
            growth = ioc.kilobytes - memory
        wait_for(
            lambda: ioc.statistics["clients"] == before["clients"] + 1,
            "the server to forget the attackers",
            60.0,
        )
    wait_for(lambda: ioc.statistics["monitors"] == before["monitors"], "their monitors to end")
    gap, lost = watching.judge()
    return Figures(name, done, took, growth, gap, lost)
