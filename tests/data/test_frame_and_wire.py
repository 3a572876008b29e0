"""Frames, cards and messages: what goes in comes out, and what is damaged is noticed."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nifsdc.data.errors import WireError
from nifsdc.data.frame import Card, Frame, FrameError, FrameHeader, FrameKind
from nifsdc.data.header import HEADER_KEYWORDS, HeaderError, card, cards
from nifsdc.data.wire import PRELUDE, Message, pack, unpack

many = settings(deadline=None, max_examples=60)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31),
    st.floats(allow_nan=False, allow_infinity=False),
    printable,
)
keywords = st.text("ABCXYZ0189_-", min_size=1, max_size=8).filter(lambda word: word not in {"END"})


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    dtype = draw(st.sampled_from(["uint8", "uint16", "int16", "int32", "float32", "float64"]))
    shape = tuple(draw(st.lists(st.integers(0, 5), min_size=1, max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    arrays = {"science": (rng.random(shape) * 200).astype(dtype), "quality": np.zeros((2, 3), np.uint8)}
    return Frame.build(
        draw(printable),
        draw(st.sampled_from(list(FrameKind))),
        arrays,
        night="20260301",
        number=draw(st.integers(0, 10**6)),
        label=draw(printable),
        cards=[Card(word, draw(values), draw(printable)) for word in draw(st.lists(keywords, max_size=5))],
    )


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def __call__(self, buffer: memoryview) -> None:
        if len(self.data) < len(buffer):
            raise ConnectionError("the end")
        buffer[:] = self.data[: len(buffer)]
        self.data = self.data[len(buffer) :]


def joined(message: Message) -> bytes:
    return b"".join(bytes(buffer) for buffer in pack(message))


@many
@given(frames())
def test_headers_survive_json(frame: Frame) -> None:
    assert FrameHeader.from_json(frame.header.to_json()) == frame.header


@many
@given(frames(), st.dictionaries(st.sampled_from("abc"), values))
def test_messages_survive_the_wire(frame: Frame, fields: dict[str, object]) -> None:
    message = unpack(Bytes(joined(Message({"type": "store", **fields}, frame))))
    assert message.fields == {"type": "store", **fields}
    assert message.frame is not None
    assert message.frame.header == frame.header
    for name, array in frame.arrays.items():
        assert message.frame.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(message.frame.arrays[name], array)


@many
@given(frames(), st.data())
def test_one_wrong_byte_is_noticed_wherever_it_is(frame: Frame, data: st.DataObject) -> None:
    whole = bytearray(joined(Message({"type": "store"}, frame)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WireError):
        unpack(Bytes(bytes(whole)))


@many
@given(frames(), st.data())
def test_a_message_cut_anywhere_is_not_taken(frame: Frame, data: st.DataObject) -> None:
    whole = joined(Message({"type": "store"}, frame))
    with pytest.raises(ConnectionError):
        unpack(Bytes(whole[: data.draw(st.integers(0, len(whole) - 1))]))


def test_a_wrong_array_is_named(make_frame: Callable[..., Frame]) -> None:
    whole = bytearray(joined(Message({"type": "store"}, make_frame(1))))
    whole[-1] ^= 1
    with pytest.raises(WireError, match="wrong checksum of reference"):
        unpack(Bytes(bytes(whole)))


def prelude(text: bytes, arrays: int) -> bytes:
    head = PRELUDE.pack(b"NIFSDC\x00\x01", len(text), zlib.crc32(text), arrays, 0)[:-4]
    return head + zlib.crc32(head).to_bytes(4, "big") + text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"GET / HTTP/1.1\r\nHost: nifs\r\n\r\n", "both sides must be nifsdc"),
        (prelude(b"[]", 0), "no type"),
        (prelude(b"{", 0), "not JSON"),
        (prelude(b'{"type":"x"}', 7), "without a frame"),
        (prelude(b'{"type":"x","frame":{}}', 0), "not a frame header"),
        (prelude(b'{"type":"x"}', 1 << 40), "longer than any frame"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(WireError, match=text):
        unpack(Bytes(data))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("EXPTIME", float("nan")),
        ("OBJECT", "Müller"),
        ("OBJECT", "a\nb"),
        ("NAXIS2", 3),
        ("lower", 1),
        ("TOOLONGKEY", 1),
    ],
)
def test_cards_that_no_header_can_hold_are_refused(keyword: str, value: object) -> None:
    with pytest.raises(FrameError):
        Card(keyword, value)  # type: ignore[arg-type]


def test_arrays_are_brought_into_one_form() -> None:
    science = np.arange(12, dtype=">f4").reshape(3, 4)[:, ::2]
    frame = Frame.build("e", FrameKind.SCIENCE, {"science": science}, night="20260301")
    assert frame.image.dtype.isnative
    assert frame.image.flags.c_contiguous
    assert frame.image.tolist() == science.tolist()
    with pytest.raises(FrameError, match="complex64"):
        Frame.build("e", FrameKind.SCIENCE, {"science": np.zeros(2, np.complex64)}, night="20260301")


# --- the table of keywords ------------------------------------------------------------------------------

CLIENT_KEYWORDS = (
    *("EXPRQ", "DCNAME", "PERIOD", "NPERIODS", "EXPMODE", "RDTIME", "COADDS", "BIASPWR", "LNRS", "OBSMODE"),
    *("DATE-OBS", "GRATING", "FILTER", "APERTURE", "GRATWAVE", "FLIP", "EXPTIME", "DATALAB"),
)
"""what the observatory's client sends, and the data label"""


def test_the_table_has_what_the_client_sends_and_nothing_twice() -> None:
    names = [keyword.name for keyword in HEADER_KEYWORDS]
    assert set(CLIENT_KEYWORDS) <= set(names)
    assert len(set(names)) == len(names)
    for keyword in HEADER_KEYWORDS:
        Card(keyword.name, None, keyword.comment)
        assert len(keyword.comment) <= 47, "a comment fits beside a number on its line"


def test_cards_come_in_the_order_of_the_table_with_its_comments() -> None:
    made = cards({"EXPTIME": 5, "DATALAB": "A", "INSTRUME": "NIFS", "BUNIT": "adu", "GRATING": None})
    assert [one.keyword for one in made] == ["INSTRUME", "DATALAB", "EXPTIME", "GRATING", "BUNIT"]
    assert made[2].value == 5.0
    assert isinstance(made[2].value, float)
    assert made[3].value == "UNKNOWN"
    assert made[4].extension == "SCI"


@pytest.mark.parametrize(
    ("name", "value"),
    [("EXPTIME", "long"), ("COADDS", 1.5), ("COADDS", True), ("SIMULATE", 1), ("NOSUCH", 1)],
)
def test_values_of_the_wrong_kind_are_refused(name: str, value: object) -> None:
    with pytest.raises(HeaderError, match=name):
        card(name, value)  # type: ignore[arg-type]
