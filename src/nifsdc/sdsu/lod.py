"""DSP load files (`.lod`), as the Motorola tool chain writes them: parser and writer.

A file names its board in the first line, then lists blocks of words to be put in memory, then symbols for
the debugger, from which addresses can be found by name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nifsdc.sdsu.words import WORD_MASK, Address, BadWords, Board, Space

END_OF_LOADABLE = 0x4000
"""a block that starts here or above is not for downloading (overlays kept in the boot PROM)"""
WORDS_PER_LINE = 8
_TAGS = {"TIM": Board.TIMING, "UTIL": Board.UTILITY, "PCI": Board.PCI}
_NAMES = {board: tag for tag, board in _TAGS.items()}
_SYMBOL_SPACES = ("P", "X", "Y", "N")


class LodError(ValueError):
    """A load file that cannot be used; the text names the line."""


@dataclass(frozen=True)
class Block:
    """Words for consecutive addresses."""

    space: Space
    start: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class Symbol:
    """A name the programmer gave to an address or a number."""

    name: str
    space: str
    """P, X or Y for an address, N for a plain number"""
    value: int | float


@dataclass(frozen=True)
class LodFile:
    """A programme for one board."""

    board: Board
    blocks: tuple[Block, ...]
    symbols: tuple[Symbol, ...] = ()
    title: str = "0000 0000 0000"
    """what follows the board's name in the first line"""

    def words(self) -> Iterator[tuple[Address, int]]:
        """Yield each word to be downloaded with its address, in the file's order."""
        for block in self.blocks:
            if block.start < END_OF_LOADABLE:
                for number, value in enumerate(block.words):
                    yield Address(block.space, block.start + number), value

    def address(self, name: str) -> Address | None:
        """Return the address a symbol stands for, None where there is no such symbol or it is no address."""
        for symbol in self.symbols:
            if symbol.name == name and symbol.space != "N" and isinstance(symbol.value, int):
                with contextlib.suppress(BadWords):
                    return Address(Space[symbol.space], symbol.value)
        return None


class _Reader:
    """Takes a load file line by line."""

    def __init__(self) -> None:
        self.board: Board | None = None
        self.title = ""
        self.blocks: list[Block] = []
        self.symbols: list[Symbol] = []
        self.ended = False
        self._space: Space | None = None
        self._start = 0
        self._words: list[int] = []
        self._symbol_space: str | None = None

    def take(self, tokens: list[str]) -> None:
        if self.board is None:
            self._start_line(tokens)
        elif self.ended:
            raise LodError("there is text after _END")
        elif tokens[0] == "_DATA":
            self._data_line(tokens)
        elif tokens[0] == "_SYMBOL":
            self._symbol_line(tokens)
        elif tokens[0] == "_END":
            self.close_block()
            self.ended = True
        elif tokens[0].startswith("_"):
            raise LodError(f"unknown section {tokens[0]}")
        elif self._symbol_space is not None:
            self._add_symbol(tokens)
        elif self._space is not None:
            self._words += [_hexadecimal(token) for token in tokens]
        else:
            raise LodError("there are words before the first _DATA")

    def _start_line(self, tokens: list[str]) -> None:
        if tokens[0] != "_START" or len(tokens) < 2 or tokens[1] not in _TAGS:
            raise LodError(f"expected _START and one of {', '.join(_TAGS)}, found {' '.join(tokens[:2])!r}")
        self.board = _TAGS[tokens[1]]
        self.title = " ".join(tokens[2:])

    def _data_line(self, tokens: list[str]) -> None:
        self.close_block()
        if len(tokens) != 3 or tokens[1] not in Space.__members__:
            raise LodError(f"expected _DATA, one of P X Y and an address, found {' '.join(tokens)!r}")
        self._space, self._start = Space[tokens[1]], _hexadecimal(tokens[2])
        self._symbol_space = None

    def _symbol_line(self, tokens: list[str]) -> None:
        self.close_block()
        if len(tokens) != 2 or tokens[1] not in _SYMBOL_SPACES:
            raise LodError(
                f"expected _SYMBOL and one of {' '.join(_SYMBOL_SPACES)}, found {' '.join(tokens)!r}"
            )
        self._symbol_space = tokens[1]

    def _add_symbol(self, tokens: list[str]) -> None:
        assert self._symbol_space is not None
        try:
            name, kind, text = tokens
            value = _KINDS[kind](text)
        except (ValueError, KeyError) as error:
            raise LodError(
                f"expected a symbol as NAME I hexadecimal or NAME F number, found {' '.join(tokens)!r}"
            ) from error
        self.symbols.append(Symbol(name, self._symbol_space, value))

    def close_block(self) -> None:
        if self._space is not None and self._words:
            if self._start + len(self._words) > 0x100000:
                raise LodError(f"the block at {self._start:06X} goes beyond the end of memory")
            self.blocks.append(Block(self._space, self._start, tuple(self._words)))
        self._space, self._words = None, []


def _hexadecimal(token: str) -> int:
    if not all(character in "0123456789abcdefABCDEF" for character in token) or int(token, 16) > WORD_MASK:
        raise LodError(f"{token!r} is no hexadecimal number of up to 24 bits")
    return int(token, 16)


_KINDS: dict[str, Callable[[str], int | float]] = {"I": _hexadecimal, "F": float}


def parse(text: str) -> LodFile:
    """Read a load file.

    Line ends of any kind, lower-case digits, short lines and empty blocks are taken. Blocks may overlap: the
    later one wins, as in the controller.

    Raises
    ------
    LodError
        for a wrong board, words outside a block, anything that is no number, or a file without its end
    """
    reader = _Reader()
    number = 0
    for number, line in enumerate(text.splitlines(), 1):
        tokens = line.split()
        if not tokens:
            continue
        try:
            reader.take(tokens)
        except LodError as error:
            raise LodError(f"line {number}: {error}") from error
    if reader.board is None or not reader.ended:
        raise LodError(f"line {number}: the file ends without _END: it is not complete")
    return LodFile(reader.board, tuple(reader.blocks), tuple(reader.symbols), reader.title)


def write(program: LodFile) -> str:
    """Return the text of a load file; `parse` reads the same programme from it."""
    lines = [f"_START {_NAMES[program.board]} {program.title}".rstrip(), ""]
    for block in program.blocks:
        lines.append(f"_DATA {block.space.name} {block.start:06X}")
        for first in range(0, len(block.words), WORDS_PER_LINE):
            lines.append(" ".join(f"{value:06X}" for value in block.words[first : first + WORDS_PER_LINE]))
    for space in _SYMBOL_SPACES:
        symbols = [symbol for symbol in program.symbols if symbol.space == space]
        if symbols:
            lines.append(f"_SYMBOL {space}")
            lines += [_symbol_text(symbol) for symbol in symbols]
    return "\n".join([*lines, "_END 000000", ""])


def _symbol_text(symbol: Symbol) -> str:
    kind, text = ("I", f"{symbol.value:06X}") if isinstance(symbol.value, int) else ("F", repr(symbol.value))
    return f"{symbol.name:<20s} {kind} {text}"
