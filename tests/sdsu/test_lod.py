"""Load files: what is read, what is refused, and that a written file reads back."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.sdsu.lod import Block, LodError, LodFile, Symbol, parse, write
from nifsdc.sdsu.programs import path, synthetic
from nifsdc.sdsu.words import Address, Board, Space

EXAMPLE = """_START TIM 0000 0000 0000 DSP56300 6.3.4

_DATA P 000000
0C0000 000054 ABCDEF 000001 000002 000003 000004 000005 \n\
000006
_DATA X 00000F
123456
_DATA Y 004000
FFFFFF
_SYMBOL P
START                I 000054
_SYMBOL N
VOLTS                F 1.5E+001
_END 000000
"""


def test_the_parts_of_a_file() -> None:
    program = parse(EXAMPLE)
    assert program.board is Board.TIMING
    assert program.title == "0000 0000 0000 DSP56300 6.3.4"
    assert program.blocks == (
        Block(Space.P, 0, (0x0C0000, 0x54, 0xABCDEF, 1, 2, 3, 4, 5, 6)),
        Block(Space.X, 0xF, (0x123456,)),
        Block(Space.Y, 0x4000, (0xFFFFFF,)),
    )
    assert program.symbols == (Symbol("START", "P", 0x54), Symbol("VOLTS", "N", 15.0))
    assert program.address("START") == Address(Space.P, 0x54)
    assert program.address("VOLTS") is None
    assert program.address("NOTHING") is None


def test_blocks_from_4000_hex_on_are_not_loaded() -> None:
    words = list(parse(EXAMPLE).words())
    assert len(words) == 10
    assert words[8] == (Address(Space.P, 8), 6)
    assert words[9] == (Address(Space.X, 0xF), 0x123456)


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE.replace("\n", "\r\n"),
        EXAMPLE.replace("ABCDEF", "abcdef"),
        EXAMPLE.rstrip("\n"),
        EXAMPLE.replace("_DATA X", "_DATA P 000100\n_DATA X"),
    ],
    ids=["CRLF", "lower case", "no last line end", "empty block"],
)
def test_harmless_variants(text: str) -> None:
    assert parse(text) == parse(EXAMPLE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "without _END"),
        (EXAMPLE.replace("TIM", "CRT"), "line 1: expected _START and one of TIM, UTIL, PCI"),
        (EXAMPLE.replace("_DATA P 000000\n", ""), "line 3: there are words before the first _DATA"),
        (EXAMPLE.replace("ABCDEF", "ABCDEG"), "line 4: 'ABCDEG' is no hexadecimal"),
        (EXAMPLE.replace("ABCDEF", "1ABCDEF"), "line 4: '1ABCDEF' is no hexadecimal"),
        (EXAMPLE.replace("_END 000000\n", ""), "without _END"),
        (EXAMPLE.replace("_DATA X", "_DATA Q"), "line 6: expected _DATA, one of P X Y"),
        (EXAMPLE.replace("_DATA X 00000F", "_DATA X"), "line 6: expected _DATA"),
        (EXAMPLE.replace("_DATA X 00000F", "_DATA X FFFFFF"), "beyond the end of memory"),
        (EXAMPLE.replace("_SYMBOL P", "_SYMBOL Z"), "line 10: expected _SYMBOL"),
        (EXAMPLE.replace("I 000054", "J 000054"), "line 11: expected a symbol"),
        (EXAMPLE.replace("_SYMBOL P", "_OTHER P"), "line 10: unknown section _OTHER"),
        (EXAMPLE + "000000\n", "after _END"),
    ],
)
def test_what_is_refused_and_why(text: str, message: str) -> None:
    with pytest.raises(LodError, match=message):
        parse(text)


WORDS = st.lists(st.integers(0, 0xFFFFFF), min_size=1, max_size=40).map(tuple)
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,19}", fullmatch=True)
SYMBOLS = st.one_of(
    st.builds(Symbol, NAMES, st.sampled_from("PXYN"), st.integers(0, 0xFFFFFF)),
    st.builds(Symbol, NAMES, st.just("N"), st.floats(allow_nan=False, allow_infinity=False)),
)


@given(
    st.sampled_from([Board.TIMING, Board.UTILITY, Board.PCI]),
    st.lists(st.builds(Block, st.sampled_from(Space), st.integers(0, 0xFF000), WORDS), max_size=5),
    st.lists(SYMBOLS, max_size=5),
)
def test_a_written_file_reads_back(board: Board, blocks: list[Block], symbols: list[Symbol]) -> None:
    in_order = tuple(sorted(symbols, key=lambda symbol: "PXYN".index(symbol.space)))
    program = LodFile(board, tuple(blocks), in_order)
    assert parse(write(program)) == program


@given(st.text(max_size=300))
def test_no_text_upsets_the_parser(text: str) -> None:
    with contextlib.suppress(LodError):
        parse(text)


def test_a_symbol_that_is_no_address_stands_for_none() -> None:
    """An address has 20 bits."""
    program = parse(EXAMPLE.replace("I 000054", "I 100000"))
    assert program.address("START") is None
    assert parse(EXAMPLE.replace("I 000054", "I 0FFFFF")).address("START") == Address(Space.P, 0xFFFFF)


@pytest.mark.parametrize("board", [Board.TIMING, Board.UTILITY])
def test_the_synthetic_programmes_are_those_of_their_boards(board: Board) -> None:
    assert path(board).is_file()
    program = synthetic(board)
    assert program.board is board
    assert program.address("STAMP") in dict(program.words())
