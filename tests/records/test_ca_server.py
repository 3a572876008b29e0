"""The server as the real libca sees it. Numbers in brackets: row of the list of caproto's traps."""

from __future__ import annotations

import math
import os
import struct
import time
from collections.abc import Callable
from typing import Any

import caproto
import pytest

Wait = Callable[..., Any]


class Seen:
    """The events of a monitor, in the order they came."""

    def __init__(self, pv: Any, name: str) -> None:
        self.values: list[Any] = []
        pv.watch(name, self._add)

    def _add(self, value: Any, **rest: Any) -> None:
        self.values.append(value)


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("ao", "double", 1),
        ("ao.VAL", "double", 1),
        ("alias", "double", 1),
        ("alias.EGU", "string", 1),
        ("long", "long", 1),
        ("text", "string", 1),
        ("bo", "enum", 1),
        ("mbbo", "enum", 1),
        ("array", "double", 5),
        ("string", "string", 1),
        ("char", "char", 1),
        ("uchar", "char", 1),
        ("short", "short", 1),
        ("ushort", "long", 1),
        ("ulong", "double", 1),
        ("float", "float", 1),
        ("enum", "enum", 1),
        ("cad.DIR", "enum", 1),
        ("cad.MARK", "short", 1),
        ("cad.VAL", "long", 1),
        ("cad.A", "string", 1),
        ("cad.ICID", "long", 1),
        ("apply.CLID", "long", 1),
        ("apply.TOUT", "float", 1),
        ("apply.OUTA", "string", 1),
        ("car.VAL", "enum", 1),
        ("ao.RTYP", "string", 1),
        ("ao.NAME", "string", 1),
        ("ao.DESC", "string", 1),
        ("ao.STAT", "enum", 1),
        ("ao.SEVR", "enum", 1),
        ("ao.SCAN", "enum", 1),
        ("ao.PROC", "char", 1),
        ("text$", "char", 40),
        ("text.VAL$", "char", 40),
        ("text.DESC$", "char", 41),
    ],
)
def test_native_type_and_count(pv: Any, name: str, kind: str, count: int) -> None:
    channel = pv(name)  # [8, 17]
    assert channel.type.removeprefix("time_") == kind
    assert channel.nelm == count


def test_common_fields_are_filled(pv: Any, ioc: Any) -> None:
    assert pv("ao.RTYP").get() == "ao"  # [8]
    assert pv("alias.NAME").get() == ioc.prefix + "ao"
    assert pv("ao.EGU").get() == "K"
    assert pv("ao.STAT").get(as_string=True) == "NO_ALARM"


def test_enum_labels(pv: Any) -> None:
    assert pv("mbbo").enum_strs == ("zero", "one", "two")  # [17]
    assert pv("bo").enum_strs == ("Off", "On")
    assert pv("cad.DIR").enum_strs == ("MARK", "CLEAR", "PRESET", "START", "STOP")
    assert pv("car.VAL").enum_strs == ("IDLE", "PAUSED", "BUSY", "ERROR")


def test_units_precision_limits(pv: Any) -> None:
    channel = pv("ao")
    info = channel.get_ctrlvars()
    assert (info["units"], info["precision"]) == ("K", 3)
    assert (info["upper_disp_limit"], info["lower_disp_limit"]) == (10.0, -10.0)
    assert (info["upper_ctrl_limit"], info["lower_ctrl_limit"]) == (9.0, -9.0)
    assert (info["upper_alarm_limit"], info["upper_warning_limit"]) == (8.0, 7.0)
    assert math.isnan(info["lower_alarm_limit"])  # no severity is set for it
    assert channel.get(as_string=True) == "1.500"


@pytest.mark.parametrize("name", ["nothing", "ao.NOTHING", "ao$", "ao.VAL$", "array$", ""])
def test_names_that_do_not_exist(pv: Any, name: str) -> None:
    assert not pv.exists(name)


def test_read_only_fields_refuse_writes(pv: Any) -> None:
    for name in ("cad.VAL", "car.VAL", "car.CLID", "ao.STAT", "cad.SNAM"):
        channel = pv(name)
        assert not channel.write_access
        assert channel.read_access
    assert pv("cad.MARK").write_access


def test_write_to_a_read_only_field_is_refused_by_the_server_too(raw: Any) -> None:
    client = raw()  # libca would not even send it
    channel = client.channel("cad.VAL")
    client.send(channel.write((5,), notify=True))
    reply = client.receive(lambda c: isinstance(c, caproto.WriteNotifyResponse))
    assert reply.status == caproto.CAStatus.ECA_NOWTACCESS.value
    client.send(channel.write((5,), notify=False))
    refusal = client.receive(lambda c: isinstance(c, caproto.ErrorResponse))
    assert b"read-only" in bytes(refusal.error_message)


@pytest.mark.parametrize("value", [7, 65535])
def test_menu_index_out_of_range_is_refused(pv: Any, raw: Any, value: int) -> None:
    directive = pv("cad.DIR")  # [3, 10]
    directive.put("CLEAR", wait=True)
    client = raw()
    channel = client.channel("cad.DIR")
    client.send(channel.write((value,), notify=True))
    reply = client.receive(lambda c: isinstance(c, caproto.WriteNotifyResponse))
    assert reply.status == caproto.CAStatus.ECA_PUTFAIL.value
    assert directive.get(as_string=True) == "CLEAR"
    assert pv("cad.SEVR").get() == 0  # a refused put leaves no alarm


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("ao", caproto.ChannelType.STRING, b"twelve"),
        ("car.IVAL", caproto.ChannelType.STRING, b"BUSI"),
        ("ao", caproto.ChannelType.TIME_DOUBLE, b""),
    ],
)
def test_unusable_value_changes_nothing(pv: Any, raw: Any, name: str, kind: Any, value: bytes) -> None:
    before = pv(name).get()
    client = raw()
    channel = client.channel(name)
    head = [19, 40, int(kind), 1, channel.sid, 77]  # by hand: caproto would not write a TIME type
    client.socket.sendall(struct.pack(">HHHHII", *head) + value.ljust(40, b"\0"))
    client.circuit._ioids[77] = channel
    reply = client.receive(lambda c: isinstance(c, caproto.WriteNotifyResponse))
    assert reply.status == caproto.CAStatus.ECA_PUTFAIL.value
    assert pv(name).get() == before


def test_label_or_index_text(pv: Any) -> None:
    channel = pv("mbbo")
    for text, index in (("two", 2), ("zero", 0), ("1", 1)):
        assert channel.put(text if not text.isdigit() else int(text), wait=True) == 1
        assert channel.get() == index


def test_arrays(pv: Any) -> None:
    channel = pv("array")
    channel.put([1.0, 2.0, 3.0], wait=True)
    assert list(channel.get(use_monitor=False)[:3]) == [1.0, 2.0, 3.0]
    assert list(channel.get(use_monitor=False, count=2)) == [1.0, 2.0]
    big = pv("big")
    values = [float(n) for n in range(100_000)]
    big.put(values, wait=True, timeout=60)
    assert list(big.get(use_monitor=False)) == values


def test_long_strings(pv: Any) -> None:
    text, whole = pv("text"), pv("text$")  # [9]
    whole.put("thirty-nine bytes are what fits in here", wait=True)
    assert text.get(use_monitor=False) == "thirty-nine bytes are what fits in here"
    assert whole.get(as_string=True, use_monitor=False) == text.get()
    assert pv("text.DESC$").get(as_string=True) == "x" * 40
    assert pv("text.DESC").get() == "x" * 39
    text.put("", wait=True)
    assert text.get(use_monitor=False) == ""


def test_time_stamps_and_alarms(pv: Any) -> None:
    channel = pv("ao", form="time")
    before = time.time()
    channel.put(7.5, wait=True)
    channel.get(use_monitor=False)
    assert before - 1 <= channel.timestamp <= time.time() + 1
    info = channel.get_timevars()
    assert (info["status"], info["severity"]) == (4, 1)  # HIGH, MINOR
    channel.put(1.5, wait=True)
    assert channel.get_timevars()["severity"] == 0
    assert pv("long.SEVR").get() == 0  # [2] the alarm of one record is not the alarm of another


def test_unprocessed_record_has_no_time_stamp(raw: Any) -> None:
    client = raw()
    channel = client.channel("m299")
    client.send(channel.read(data_type=caproto.ChannelType.TIME_DOUBLE))
    reply = client.receive(lambda c: isinstance(c, caproto.ReadNotifyResponse))
    assert (reply.metadata.secondsSinceEpoch, reply.metadata.nanoSeconds) == (0, 0)


def test_a_monitor_gets_its_first_value_once(pv: Any, ioc: Any, wait: Wait) -> None:
    ioc.set(("m0", 3.0))
    seen = Seen(pv, "m0")
    wait(lambda: seen.values, "the first value")
    ioc.set(("m0", 4.0))
    wait(lambda: 4.0 in seen.values, "the next value")
    assert seen.values == [3.0, 4.0]


def test_every_value_is_delivered_in_order(pv: Any, ioc: Any, wait: Wait) -> None:
    seen = Seen(pv, "m1")
    wait(lambda: seen.values, "the first value")
    for start in range(1, 2001, 100):
        ioc.set(*(("m1", float(n)) for n in range(start, start + 100)))
    wait(lambda: 2000.0 in seen.values, "the last value")
    assert seen.values == [float(n) for n in range(2001)]  # one event a value, the first once


def test_mark_goes_out_only_when_it_changes(pv: Any, wait: Wait) -> None:
    mark, a = Seen(pv, "cad.MARK"), Seen(pv, "cad.A")
    wait(lambda: mark.values and a.values, "the first values")
    directive, argument = pv("cad.DIR"), pv("cad.A")
    directive.put("CLEAR", wait=True)
    del mark.values[:]
    for text in ("one", "two", "three"):  # [16]
        argument.put(text, wait=True)
    directive.put("START", wait=True)
    wait(lambda: mark.values and mark.values[-1] == 0, "MARK 0")
    assert mark.values[0] == 1
    assert mark.values[-2:] == [2, 0]


def test_monitor_masks(pv: Any, ioc: Any, wait: Wait) -> None:
    import epics

    masks = {"value": 1, "log": 2, "alarm": 4}  # [7]
    seen: dict[str, list[Any]] = {name: [] for name in masks}
    kept = []
    for name, mask in masks.items():
        channel = pv("slow")
        kept.append(
            epics.ca.create_subscription(
                channel.chid, mask=mask, callback=lambda value, name=name, **rest: seen[name].append(value)
            )
        )
    wait(lambda: all(seen.values()), "the first values")
    for value in (2.0, 3.0, 9.0):  # MDEL 5, ADEL 1
        ioc.set(("slow", value))
    wait(lambda: seen["log"] and seen["log"][-1] == 9.0, "the archive event")
    pv("slow").get()
    assert seen["log"][1:] == [2.0, 3.0, 9.0] or seen["log"][1:] == [2.0, 9.0]
    assert 3.0 not in seen["value"]
    assert seen["value"][-1] == 9.0
    assert 9.0 not in seen["alarm"]
    for subscription in kept:
        epics.ca.clear_subscription(subscription[2])


def test_writes_act_in_the_order_they_were_sent(raw: Any) -> None:
    client = raw()  # [5] all in one packet: A..D, then START, fifty times
    arguments = [client.channel(f"cad.{letter}") for letter in "ABCD"]
    directive, output = client.channel("cad.DIR"), client.channel("cad.VALD")
    wrong = []
    for turn in range(50):
        packet = b""
        for channel in arguments:
            request = channel.write((b"turn %d" % turn,), data_type=caproto.ChannelType.STRING)
            packet += b"".join(bytes(part) for part in client.circuit.send(request))
        start = directive.write((3,), notify=True)
        read = output.read(data_type=caproto.ChannelType.STRING)
        packet += b"".join(bytes(part) for part in client.circuit.send(start, read))
        client.socket.sendall(packet)
        client.received.clear()
        reply = client.receive(lambda c: isinstance(c, caproto.ReadNotifyResponse))
        if reply.data[0] != b"turn %d" % turn:
            wrong.append((turn, reply.data[0]))
    assert not wrong  # the read after the put sees what the put did [6]


def test_put_with_completion_of_a_slow_command_delays_nobody(pv: Any, ioc: Any) -> None:
    timeout = pv("apply.TOUT")
    assert timeout.get() == 3.0
    other = pv("m2")
    assert pv("apply.DIR").put("START", wait=True, timeout=60) == 1
    assert pv("apply.VAL").get() > 0
    assert other.put(1.0, wait=True) == 1


def test_a_client_leaves_nothing_behind(raw: Any, ioc: Any, wait: Wait) -> None:
    before = ioc.statistics
    clients = [raw() for _ in range(5)]
    for client in clients:
        for name in ("m3", "m4", "cad.MARK", "text$"):
            channel = client.channel(name)
            client.send(channel.subscribe())
            client.receive(lambda c: isinstance(c, caproto.EventAddResponse))
            client.received.clear()
    during = ioc.statistics
    assert during["clients"] == before["clients"] + 5
    assert during["monitors"] == before["monitors"] + 20
    for client in clients:
        client.close()
    keys = ("clients", "channels", "monitors", "waiting_bytes")
    wait(lambda: all(ioc.statistics[k] == before[k] for k in keys), "the server to forget its clients")


def test_cancelled_monitor_and_cleared_channel(raw: Any, ioc: Any) -> None:
    before = ioc.statistics["monitors"]
    client = raw()
    channel = client.channel("m5")
    request = channel.subscribe()
    client.send(request)
    client.receive(lambda c: isinstance(c, caproto.EventAddResponse))
    client.send(channel.unsubscribe(request.subscriptionid))
    ioc.set(("m5", 1.0))
    client.send(channel.read())
    client.receive(lambda c: isinstance(c, caproto.ReadNotifyResponse))
    assert ioc.statistics["monitors"] == before
    client.send(channel.clear())
    client.receive(lambda c: isinstance(c, caproto.ClearChannelResponse))


def test_names_are_answered_on_the_circuit_too(raw: Any, ioc: Any) -> None:
    client = raw()
    client.socket.sendall(bytes(caproto.SearchRequest(ioc.prefix + "ao", 5, 13, reply=caproto.DO_REPLY)))
    deadline = time.monotonic() + 60
    data = b""
    while len(data) < 32 and time.monotonic() < deadline:
        data += client.socket.recv(4096)
    commands = [data[n : n + 2] for n in range(0, len(data), 16)]
    assert (6).to_bytes(2, "big") in commands


def test_searches_for_unknown_names_leave_nothing(ioc: Any) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:  # [15]
        udp.settimeout(60.0)
        address = ("127.0.0.1", int(os.environ["EPICS_CAS_SERVER_PORT"]))

        def ask(first: int, many: int) -> None:
            for n in range(first, first + many):
                packet = bytes(caproto.VersionRequest(0, 13))
                packet += b"".join(bytes(caproto.SearchRequest(f"none{n}:{k}.VAL", k, 13)) for k in range(20))
                udp.sendto(packet, address)
            known = bytes(caproto.SearchRequest(ioc.prefix + "ao", 1, 13))
            udp.sendto(bytes(caproto.VersionRequest(0, 13)) + known, address)
            assert len(udp.recv(1024)) >= 32

        # A few at a time: what does not fit into the server's socket is lost, and the answer with it.
        for n in range(40):
            ask(50 * n, 50)
        before = ioc.kilobytes
        for n in range(40, 120):
            ask(50 * n, 50)
        assert ioc.kilobytes - before < 500  # 80,000 names


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        bytes([0, 99]) + bytes(14),
        bytes(caproto.ReadNotifyRequest(6, 1, 99, 1)),
        bytes(caproto.EventCancelRequest(6, 99, 1)),
        b"\xff" * 4096,
    ],
)
def test_rubbish_ends_that_client_only(raw: Any, pv: Any, rubbish: bytes) -> None:
    client = raw()
    client.socket.sendall(rubbish)
    while client.socket.recv(4096):
        pass
    assert pv("ao").get() is not None
