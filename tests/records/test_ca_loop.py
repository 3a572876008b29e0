"""The server and its loop: work from other threads, timers, ports, beacons."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from nifsdc.records.ca_access import Peer
from nifsdc.records.ca_acf import Access
from nifsdc.records.ca_network import bind_tcp, broadcast_address
from nifsdc.records.ca_search import Beacons
from nifsdc.records.ca_server import CaServer
from nifsdc.records.ca_service import Limits, Write
from nifsdc.records.ca_wire import Command, Eca, MessageReader, message
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.fields import Field

LOOPBACK = ["127.0.0.1"]


def database() -> Database:
    made = Database(
        [
            RecordDef("longout", "t:n"),
            RecordDef("calc", "t:ticks", {"SCAN": ".1 second", "INPA": "t:ticks.VAL NPP NMS", "CALC": "A+1"}),
        ]
    )
    made.init()
    return made


def server(records: Database | None = None, **options: object) -> CaServer:
    return CaServer(records or database(), interfaces=LOOPBACK, port=0, beacons=(), **options)  # type: ignore[arg-type]


@asynccontextmanager
async def running(served: CaServer) -> AsyncIterator[CaServer]:
    ready = asyncio.Event()
    task = asyncio.create_task(served.run(ready=lambda port: ready.set()))
    try:
        await asyncio.wait_for(ready.wait(), 60)
        yield served
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited 60 s for {what}"
        await asyncio.sleep(0.005)


def test_calls_from_threads_run_on_the_loop_in_order() -> None:
    done: list[tuple[int, int]] = []
    threads_seen = set[int]()

    async def play() -> None:
        async with running(server()) as served:

            def work(number: int) -> None:
                for n in range(500):
                    served.call(
                        lambda n=n: (done.append((number, n)), threads_seen.add(threading.get_ident()))
                    )

            threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            await until(lambda: len(done) == 2000, "the calls")
            for thread in threads:
                thread.join()

    asyncio.run(play())
    assert threads_seen == {threading.get_ident()}
    for number in range(4):
        assert [n for who, n in done if who == number] == list(range(500))


def test_calls_before_the_start_are_kept_and_those_after_the_end_do_no_harm() -> None:
    done: list[str] = []
    served = server()
    served.call(lambda: done.append("before"))

    async def play() -> None:
        async with running(served):
            await until(lambda: done, "the early call")

    asyncio.run(play())
    served.call(lambda: done.append("after"))
    assert done == ["before"]


def test_a_failing_call_is_logged_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []  # [12]

    async def play() -> None:
        async with running(server()) as served:
            served.call(lambda: 1 // 0)  # type: ignore[arg-type,return-value]
            served.call(lambda: done.append(1))
            await until(lambda: done, "the next call")

    asyncio.run(play())
    assert "ZeroDivisionError" in caplog.text


def test_the_loop_drives_the_timers_of_the_database() -> None:
    records = database()

    async def play() -> None:
        async with running(server(records)):
            ticks = records.find("t:ticks")
            assert ticks is not None
            await until(lambda: float(ticks.value) >= 3, "three periodic scans")  # type: ignore[arg-type]

    asyncio.run(play())


def test_a_failing_subroutine_does_not_end_the_server(caplog: pytest.LogCaptureFixture) -> None:
    def broken(record: object) -> int:
        raise RuntimeError("a bug in a subroutine")

    defs = [RecordDef("cad", "t:cad", {"SNAM": "broken"}), RecordDef("longout", "t:n")]
    records = Database(defs, {"broken": broken})
    records.init()
    done: list[int] = []

    async def play() -> None:
        async with running(server(records)) as served:
            served.call(lambda: records.set("t:cad.DIR", "MARK"))
            served.call(lambda: done.append(1))
            await until(lambda: done, "the next call")

    asyncio.run(play())


def test_a_taken_port_is_replaced_and_searches_tell_the_new_one(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]

        async def play() -> int:
            async with running(CaServer(database(), interfaces=LOOPBACK, port=taken, beacons=())) as served:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                    udp.setblocking(False)
                    name = b"t:n\0\0\0\0\0"
                    search = b"\0\x06\0\x08\0\x05\0\x0d" + (7).to_bytes(4, "big") * 2 + name
                    loop = asyncio.get_running_loop()
                    await loop.sock_sendto(
                        udp, bytes(4) + b"\0\0\0\x0d" + bytes(8) + search, ("127.0.0.1", taken)
                    )
                    reply = await asyncio.wait_for(loop.sock_recv(udp, 1024), 60)
                assert reply[16:18] == b"\0\x06"
                assert int.from_bytes(reply[20:22], "big") == served.port
                return served.port

        assert asyncio.run(play()) != taken
    assert f"port {taken} is taken" in caplog.text


def test_a_search_port_that_cannot_be_had_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        taken = other.getsockname()[1]

        async def play() -> None:
            async with running(CaServer(database(), interfaces=LOOPBACK, port=taken, beacons=())):
                pass

        asyncio.run(play())
    assert f"name searches cannot be received at 127.0.0.1:{taken}" in caplog.text
    assert "EPICS_CA_NAME_SERVERS" in caplog.text


def test_an_interface_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(OSError, match="assign"):
        bind_tcp(["192.0.2.1"], 0)


def test_broadcasts_are_heard_at_real_interfaces_only() -> None:
    assert broadcast_address("127.0.0.1") is None
    assert broadcast_address("0.0.0.0") is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # sends nothing: tells the address of the host's interface, if any
        except OSError:
            return
        address = sock.getsockname()[0]
    broadcast = broadcast_address(address)
    assert broadcast is None or broadcast.split(".")[0] == address.split(".")[0]


def test_beacons_are_sent_and_a_failing_address_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:  # [13]
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(60)
        unreachable = ("127.0.0.1", 0)  # port 0 cannot be sent to
        beacons = Beacons([unreachable, udp.getsockname()], "127.0.0.1", 5064)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                beacons.send()
        received = [udp.recv(64) for _ in range(3)]
        beacons.close()
    assert [int.from_bytes(beacon[8:12], "big") for beacon in received] == [0, 1, 2]
    assert all(beacon[:2] == b"\0\x0d" and int.from_bytes(beacon[6:8], "big") == 5064 for beacon in received)
    assert caplog.text.count("beacons cannot be sent") == 1


def test_beacons_slow_down_as_those_of_a_c_server() -> None:
    """``rsrv_online_notify_task``: 20 ms after the first, then twice as long each time, at last 15 s."""
    waits: list[float] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(60)
        beacons = Beacons([udp.getsockname()], "127.0.0.1", 5064, 15.0)
        planned: list[Callable[[], None]] = []

        def call_later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
            waits.append(seconds)
            planned.append(call)
            return asyncio.TimerHandle(0.0, call, (), asyncio.get_running_loop())

        async def play() -> None:
            beacons.start(call_later)
            for _ in range(13):
                planned.pop()()

        asyncio.run(play())
        numbers = [int.from_bytes(udp.recv(64)[8:12], "big") for _ in range(14)]
        beacons.close()
    assert waits == [min(15.0, 0.02 * 2**n) for n in range(14)]
    assert numbers == list(range(14))


def test_searches_make_nothing() -> None:
    records = database()
    channels = server(records).channels
    record = records.records["t:n"]
    before = set(record.handles)
    for name, known in (
        ("t:n", True),
        ("t:n.HIHI", True),
        ("t:n.EGU$", True),
        ("t:n.HIHI$", False),
        ("t:n.NONE", False),
        ("none", False),
        ("", False),
    ):
        assert channels.exists(name) is known
        assert (channels.find(name) is not None) is known or not known
    assert channels.exists("t:n.LOLO")
    assert "LOLO" not in record.handles
    assert before <= set(record.handles)


def test_nothing_waits_for_an_acknowledgement() -> None:
    """Nagle's algorithm is off: with it a CAR's BUSY right behind another event comes 40 ms late."""

    async def play() -> None:
        async with running(server()) as served:
            _, writer = await asyncio.open_connection("127.0.0.1", served.port)
            await until(lambda: served.statistics.clients == 1, "the client")
            (circuit,) = served._circuits
            assert circuit._transport is not None
            accepted = circuit._transport.get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()

    asyncio.run(play())


def test_one_client_cannot_open_channels_without_end() -> None:
    async def play() -> list[int]:
        limits = Limits(channels=3, monitors=2)
        async with running(server(limits=limits)) as served:
            stream, writer = await asyncio.open_connection("127.0.0.1", served.port)
            for cid in range(5):
                writer.write(message(Command.CREATE_CHAN, p1=cid, p2=13, payload=b"t:n\0"))
            for identifier in range(4):
                mask = bytes(12) + b"\0\1\0\0"
                writer.write(message(Command.EVENT_ADD, dbr=5, count=1, p1=1, p2=identifier, payload=mask))
            writer.write(message(Command.ECHO))
            reader = MessageReader()
            seen: list[int] = []
            while Command.ECHO not in seen:
                reader.feed(await asyncio.wait_for(stream.read(4096), 60))
                while (reply := reader.next()) is not None:
                    seen.append(reply.command)
            writer.close()
            assert served.statistics.monitors == 2
            return seen

    seen = asyncio.run(play())
    assert seen.count(Command.CREATE_CHAN) == 3
    assert seen.count(Command.CREATE_CH_FAIL) == 2
    assert seen.count(Command.ERROR) == 2


def test_when_there_are_too_many_clients_idle_ones_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nifsdc.records.ca_server.room_for_clients", lambda: 3)

    async def play() -> None:
        async with running(server()) as served:
            busy, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(message(Command.CREATE_CHAN, p1=1, p2=13, payload=b"t:n\0"))
            await until(lambda: served.statistics.channels == 1, "the channel")
            others = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(6)]
            assert all([await asyncio.wait_for(stream.read(64), 60) for stream, _ in others])
            await until(lambda: served.statistics.clients == 3, "the oldest idle clients to go")
            assert served.statistics.channels == 1
            writer.write(message(Command.ECHO))
            await asyncio.wait_for(busy.readexactly(16 + 16 + 16 + 16), 60)
            for _, each in [*others, (busy, writer)]:
                each.close()

    asyncio.run(play())


def test_the_port_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPICS_CAS_SERVER_PORT", "none")

    async def play() -> None:
        await CaServer(database(), interfaces=LOOPBACK, beacons=()).run()

    with pytest.raises(ValueError, match="EPICS_CAS_SERVER_PORT is 'none'"):
        asyncio.run(play())


def test_access_rule_and_put_log() -> None:
    writes: list[Write] = []

    def operator_writes(peer: Peer, field: Field) -> Access:
        return Access.WRITE if peer.user == "operator" else Access.READ

    async def play(user: str) -> int:
        """Status of a write by ``user``."""
        async with running(server(access=operator_writes, put_log=writes.append)) as served:
            stream, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(message(Command.CLIENT_NAME, payload=user.encode() + b"\0"))
            writer.write(message(Command.CREATE_CHAN, p1=7, p2=13, payload=b"t:n\0"))
            writer.write(
                message(Command.WRITE_NOTIFY, dbr=5, count=1, p1=1, p2=9, payload=bytes(3) + b"\x2a")
            )
            reader = MessageReader()
            while True:
                reader.feed(await asyncio.wait_for(stream.read(4096), 60))
                while (reply := reader.next()) is not None:
                    if reply.command == Command.WRITE_NOTIFY:
                        writer.close()
                        return reply.p1

    assert asyncio.run(play("visitor")) == Eca.NOWTACCESS
    assert writes.pop().refused.startswith("t:n.VAL is read-only for visitor@127.0.0.1")
    assert asyncio.run(play("operator")) == Eca.NORMAL
    (write,) = writes
    assert (write.peer.user, write.peer.address, write.field.pvname) == ("operator", "127.0.0.1", "t:n.VAL")
    assert (write.before, write.value, write.refused) == (0, 42, "")
