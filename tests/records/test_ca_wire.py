"""Messages and value structures, read by caproto, an independent implementation of the protocol."""

from __future__ import annotations

import math

import caproto
import pytest
from caproto._commands import read_from_bytestream
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.records.ca_channel import Channels
from nifsdc.records.ca_dbr import time_stamp
from nifsdc.records.ca_wire import (
    Command,
    Eca,
    Message,
    MessageReader,
    ProtocolError,
    datagram_messages,
    error,
    message,
)
from nifsdc.records.convert import ConversionError
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef


def parsed(data: bytes) -> caproto.Message:
    rest, command, missing = read_from_bytestream(bytearray(data), caproto.SERVER)
    assert not rest
    assert not missing
    return command


def test_status_codes_are_those_of_caerr_h() -> None:
    for status in Eca:
        assert caproto.CAStatus[f"ECA_{status.name}"].value.code_with_severity == status


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (message(Command.ECHO), caproto.EchoResponse()),
        (message(Command.CREATE_CH_FAIL, p1=7), caproto.CreateChFailResponse(7)),
        (message(Command.ACCESS_RIGHTS, p1=7, p2=3), caproto.AccessRightsResponse(7, 3)),
        (message(Command.CREATE_CHAN, dbr=6, count=5, p1=7, p2=9), caproto.CreateChanResponse(6, 5, 7, 9)),
        (message(Command.WRITE_NOTIFY, dbr=5, count=1, p1=1, p2=4), caproto.WriteNotifyResponse(5, 1, 1, 4)),
        (message(Command.CLEAR_CHANNEL, p1=9, p2=7), caproto.ClearChannelResponse(9, 7)),
    ],
)
def test_replies_are_those_caproto_writes(data: bytes, expected: caproto.Message) -> None:
    assert data == bytes(expected)


def test_long_payload_uses_the_extended_header() -> None:
    data = message(Command.READ_NOTIFY, dbr=6, count=20000, p1=1, p2=3, payload=bytes(160000))
    reply = parsed(data)
    assert (reply.data_count, reply.payload_size, reply.ioid) == (20000, 160000, 3)


def test_error_quotes_the_request() -> None:
    request = next(datagram_messages(message(Command.WRITE, dbr=5, count=1, p1=2, p2=3, payload=bytes(8))))
    reply = parsed(error(request, Eca.PUTFAIL, 17, "ao.VAL: not a number"))
    assert reply.cid == 17
    assert b"not a number" in bytes(reply.error_message)


@given(
    st.lists(st.binary(max_size=200), min_size=1, max_size=20),
    st.lists(st.integers(1, 64), min_size=1, max_size=10),
)
def test_stream_may_be_cut_anywhere(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(message(n, p1=n, payload=p) for n, p in enumerate(payloads))
    reader, got, at, turn = MessageReader(), list[Message](), 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
        while (each := reader.next()) is not None:
            got.append(each)
    assert len(reader) == 0
    assert [m.command for m in got] == list(range(len(payloads)))
    assert all(
        m.payload.startswith(p) and len(m.payload) % 8 == 0 for m, p in zip(got, payloads, strict=True)
    )


def test_announced_payload_beyond_the_limit_is_refused() -> None:
    reader = MessageReader(1 << 14)
    reader.feed(message(Command.WRITE, dbr=0, count=1, payload=bytes(1 << 17))[:24])
    with pytest.raises(ProtocolError, match="announces 131072 bytes"):
        reader.next()


@given(st.binary(max_size=300))
def test_any_datagram_is_taken_apart_without_harm(data: bytes) -> None:
    assert sum(16 + len(m.payload) for m in datagram_messages(data)) <= len(data)


def test_time_stamp_counts_from_1990() -> None:
    assert time_stamp(631152000.0 + 12.25) == (12, 250_000_000)
    assert time_stamp(0.0) == (0, 0)


@pytest.fixture(scope="module")
def channels() -> Channels:
    fields = {"PREC": "3", "EGU": "K", "HOPR": "10", "LOPR": "-10", "DRVH": "9"}
    fields |= {"HIHI": "8", "HHSV": "MAJOR", "LOLO": "-8", "LLSV": "MAJOR", "HIGH": "7"}
    database = Database(
        [
            RecordDef("ao", "d", {**fields, "VAL": "2.5"}),
            RecordDef("longout", "l", {"VAL": "-3", "EGU": "counts of light"}),
            RecordDef("mbbo", "e", {"ZRST": "zero", "ONST": "one", "TWST": "two", "VAL": "1"}),
            RecordDef("stringout", "s", {"VAL": "12.5", "DESC": "x" * 40}),
            RecordDef("sir", "a", {"FTVL": "SHORT", "NELM": "5"}),
            RecordDef("sir", "c", {"FTVL": "CHAR"}),
            RecordDef("sir", "f", {"FTVL": "FLOAT"}),
        ]
    )
    database.init()
    return Channels(database)


@pytest.mark.parametrize("dbr", [*range(28), *range(29, 35)])  # caproto has no CTRL_STRING as db_access.h
@pytest.mark.parametrize("name", ["d", "l", "e", "s", "a", "c", "f"])
def test_every_structure_has_the_size_that_caproto_expects(channels: Channels, name: str, dbr: int) -> None:
    count, payload = channels[name].read(dbr, 0)
    size = caproto.DBR_TYPES[caproto.native_type(dbr)]
    head = 0 if dbr < 7 else memoryview(caproto.DBR_TYPES[dbr]()).nbytes
    expected = head + count * memoryview(size()).nbytes
    assert len(payload) == -(-expected // 8) * 8


def metadata(channels: Channels, name: str, dbr: int) -> caproto.DbrTypeBase:
    _, payload = channels[name].read(dbr, 0)
    return caproto.DBR_TYPES[dbr].from_buffer(bytearray(payload))


def test_control_limits_and_units(channels: Channels) -> None:
    double = metadata(channels, "d", caproto.ChannelType.CTRL_DOUBLE)
    assert (double.precision, double.units) == (3, b"K")
    assert (double.upper_disp_limit, double.lower_disp_limit, double.upper_ctrl_limit) == (10.0, -10.0, 9.0)
    assert (double.upper_alarm_limit, double.lower_alarm_limit) == (8.0, -8.0)
    assert math.isnan(double.upper_warning_limit)
    as_long = metadata(channels, "d", caproto.ChannelType.CTRL_LONG)
    assert (as_long.upper_alarm_limit, as_long.upper_warning_limit) == (8, 0)
    long = metadata(channels, "l", caproto.ChannelType.GR_LONG)
    assert long.units == b"counts "  # seven bytes and a NUL


def test_enum_labels_are_sixteen_of_26_bytes(channels: Channels) -> None:
    stat = metadata(channels, "d.STAT", caproto.ChannelType.CTRL_ENUM)
    assert len(stat.enum_strings) == 16
    assert stat.enum_strings[3] == b"HIHI"
    assert metadata(channels, "e", caproto.ChannelType.GR_ENUM).enum_strings == (b"zero", b"one", b"two")


@pytest.mark.parametrize(
    ("name", "dbr", "expected"),
    [
        ("d", 0, b"2.500"),
        ("l", 0, b"-3"),
        ("e", 0, b"one"),
        ("e", 5, (1).to_bytes(4, "big")),
        ("d", 5, (2).to_bytes(4, "big")),
        ("l", 4, b"\xfd"),
        ("l", 1, b"\xff\xfd"),
        ("s", 5, (12).to_bytes(4, "big")),
        ("s", 6, b"\x40\x29" + bytes(6)),
        ("d.EGU", 0, b"K"),
        ("d.SCAN", 0, b"Passive"),
        ("d", 38, b"ao"),
    ],
)
def test_reads_convert_as_a_c_server_does(channels: Channels, name: str, dbr: int, expected: bytes) -> None:
    _, payload = channels[name].read(dbr, 1)
    assert payload.startswith(expected)
    assert not payload[len(expected) :].strip(b"\0")


def test_text_that_is_no_number_has_no_numeric_form(channels: Channels) -> None:
    with pytest.raises(ConversionError, match="does not begin with a number"):
        channels["s.DESC"].read(6, 1)


def test_names(channels: Channels) -> None:
    assert channels["d"] is channels["d.VAL"] is channels["d."]
    assert "d.NOTHING" not in channels
    assert "nothing" not in channels
    assert "d$" not in channels  # a number has no long-string form
    assert channels.get("d.VAL$") is None
    assert "s$" in channels
    assert "s.VAL$" in channels
    assert "d.SCAN$" in channels
    assert list(channels) == ["d", "l", "e", "s", "a", "c", "f"]


def test_long_strings(channels: Channels) -> None:
    desc = channels["s.DESC$"]
    assert (desc.native, desc.count) == (4, 41)
    assert desc.read(4, 0) == (41, b"x" * 40 + bytes(8))
    assert channels["e.DESC$"].read(4, 0)[0] == 1  # an empty text is one NUL
    assert desc.decode(4, 3, b"abc" + bytes(5)) == "abc"
    assert desc.decode(0, 1, b"text\0junk") == "text"


@pytest.mark.parametrize(
    ("dbr", "count", "payload"), [(6, 0, b""), (6, 1, b"123"), (13, 1, bytes(8)), (99, 1, b"")]
)
def test_senseless_writes_are_refused(channels: Channels, dbr: int, count: int, payload: bytes) -> None:
    with pytest.raises(ConversionError):
        channels["d"].decode(dbr, count, payload)


def test_array_writes_may_be_shorter_but_not_longer(channels: Channels) -> None:
    array = channels["a"]
    assert array.count == 5
    assert array.decode(1, 2, b"\0\1\0\2" + bytes(4)) == (1, 2)
    assert array.decode(1, 7, bytes(14)) == (0,) * 5


def test_a_text_that_is_cut_is_said_once(channels: Channels, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert channels["s.DESC"].read(0, 1) == (1, b"x" * 39 + b"\0")
    assert caplog.text.count("text cut to 39 bytes") == 1
    long = channels["s.DESC$"]
    assert long.decode(4, 45, b"y" * 45) == "y" * 40
    assert "a written text of 45 characters was cut to 40" in caplog.text
