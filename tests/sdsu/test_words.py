"""The codec of words and packets, against INS-DAS-18 "Syntax" and the header values on record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.sdsu.words import (
    HEADER_ZEROS,
    PREAMBLE,
    RESET_PREAMBLE,
    Address,
    BadWords,
    Board,
    Packet,
    Reassembler,
    Reset,
    Space,
    decode,
    encode,
    frame,
    header,
    is_header,
    label,
    show,
    word,
)

WORDS = st.integers(0, 0xFFFFFF)
PACKETS = st.builds(
    Packet,
    st.sampled_from(Board),
    st.sampled_from(Board),
    st.lists(WORDS, min_size=1, max_size=6).map(tuple),
).filter(lambda packet: packet.source or packet.destination)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DON", 0x444F4E), ("ERR", 0x455252), ("SYR", 0x535952), ("TDL", 0x54444C), ("RDM", 0x52444D),
        ("WRM", 0x57524D), ("LDA", 0x4C4441), ("STP", 0x535450), ("IDL", 0x49444C), ("CLR", 0x434C52),
        ("PON", 0x504F4E), ("POF", 0x504F46),
    ],
)  # fmt: skip
def test_labels_are_three_ascii_characters(name: str, value: int) -> None:
    assert word(name) == value
    assert label(value) == name


@pytest.mark.parametrize("text", ["", "DO", "DONE", "DÖN", "D\nN"])
def test_other_texts_are_no_labels(text: str) -> None:
    with pytest.raises(BadWords, match="three printable ASCII"):
        word(text)


@pytest.mark.parametrize(
    ("source", "destination", "nwords", "value"),
    [
        (Board.HOST, Board.TIMING, 3, 0x000203),
        (Board.TIMING, Board.HOST, 2, 0x020002),
        (Board.TIMING, Board.PCI, 2, 0x020102),
        (Board.TIMING, Board.PCI, 4, 0x020104),
        (Board.HOST, Board.UTILITY, 4, 0x000304),
        (Board.UTILITY, Board.HOST, 2, 0x030002),
    ],
)
def test_headers_on_record(source: Board, destination: Board, nwords: int, value: int) -> None:
    assert header(source, destination, nwords) == value
    assert is_header(value)


@given(WORDS)
def test_header_validity_is_the_rule_of_the_boot_code(value: int) -> None:
    source, destination, nwords = value >> 16, value >> 8 & 0xFF, value & 0xFF
    valid = source <= 3 and destination <= 3 and 2 <= nwords <= 7 and (source, destination) != (0, 0)
    assert is_header(value) == valid
    if valid:
        assert value & HEADER_ZEROS == 0


@pytest.mark.parametrize("nwords", [0, 1, 8])
def test_a_packet_has_two_to_seven_words(nwords: int) -> None:
    with pytest.raises(BadWords, match="2 to 7 words"):
        header(Board.HOST, Board.TIMING, nwords)


@given(PACKETS)
def test_packets_survive_encoding(packet: Packet) -> None:
    assert decode(encode(packet)) == packet


@given(st.lists(WORDS, max_size=9))
def test_any_words_are_a_packet_or_refused(words: list[int]) -> None:
    try:
        packet = decode(words)
    except BadWords:
        return
    assert list(encode(packet)) == words


@pytest.mark.parametrize(
    ("text", "space", "offset"),
    [(0x2000F8, Space.X, 0xF8), (0x4000F8, Space.Y, 0xF8), (0x2000F0, Space.X, 0xF0),
     (0x4000F0, Space.Y, 0xF0), (0x400000, Space.Y, 0), (0x1001FE, Space.P, 0x1FE)],
)  # fmt: skip
def test_addresses_as_the_annexes_write_them(text: int, space: Space, offset: int) -> None:
    assert Address(space, offset).word == text
    assert Address.from_word(text) == Address(space, offset)


@given(WORDS)
def test_an_address_has_exactly_one_bank_bit_and_never_bit_23(value: int) -> None:
    banks = value >> 20
    if banks in (1, 2, 4):
        assert Address.from_word(value).word == value
    else:
        with pytest.raises(BadWords, match="exactly one of bits 20, 21 and 22"):
            Address.from_word(value)


@given(st.lists(PACKETS, max_size=5), st.integers(1, 9))
def test_packets_are_found_however_the_bytes_arrive(packets: list[Packet], size: int) -> None:
    data = b"".join(frame(encode(packet)) for packet in packets)
    reassembler = Reassembler()
    found = [item for at in range(0, len(data), size) for item in reassembler.feed(data[at : at + size])]
    assert found == packets
    assert not reassembler.partial
    assert reassembler.dropped == 0


@given(st.binary(max_size=400))
def test_no_bytes_upset_the_reassembler(data: bytes) -> None:
    for item in Reassembler().feed(data):
        assert isinstance(item, (Packet, Reset))


def test_words_that_are_no_header_are_skipped_until_one_comes() -> None:
    packet = Packet(Board.HOST, Board.TIMING, (word("TDL"), 0x123456))
    reassembler = Reassembler()
    assert reassembler.feed(frame([0xFFFFFF, 0x000000, *encode(packet)])) == [packet]
    assert reassembler.dropped == 2


def test_a_word_with_an_unknown_preamble_is_dropped() -> None:
    reassembler = Reassembler()
    packet = Packet(Board.HOST, Board.TIMING, (word("STP"),))
    assert reassembler.feed(frame(encode(packet), 0x55)) == []
    assert reassembler.dropped == 2


def test_a_reset_preamble_discards_the_packet_before_and_its_own_rest() -> None:
    packet = Packet(Board.HOST, Board.TIMING, (word("TDL"), 1))
    reset = frame([header(Board.HOST, Board.TIMING, 2), word("RST")], RESET_PREAMBLE)
    data = frame(encode(packet)[:2]) + reset + frame(encode(packet))
    assert Reassembler().feed(data) == [Reset(), packet]
    assert (RESET_PREAMBLE, PREAMBLE) == (0x53, 0xAC)


def test_words_are_shown_with_their_label_where_they_have_one() -> None:
    assert show(0x444F4E) == "DON (0x444F4E)"
    assert show(0x000001) == "0x000001"
