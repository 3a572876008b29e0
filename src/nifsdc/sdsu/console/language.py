"""What people write in a line: numbers, boards, places in memory by address and by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nifsdc.sdsu.words import WORD_MASK, Address, Board, Space, label

BOARDS = {
    "tim": Board.TIMING, "timing": Board.TIMING, "util": Board.UTILITY, "utility": Board.UTILITY,
}  # fmt: skip
SHORT = {Board.TIMING: "tim", Board.UTILITY: "util"}
_HEXADECIMAL = ("0x", "0X", "$")


class Mistake(ValueError):
    """A line that means nothing; the text says what was expected."""


@dataclass(frozen=True)
class Place:
    """A word of a board's memory."""

    board: Board
    address: Address
    name: str = ""

    def __str__(self) -> str:
        return f"{SHORT[self.board]} {self.address}" + (f" {self.name}" if self.name else "")


def number(text: str, what: str = "number", most: int = WORD_MASK) -> int:
    """Read a whole number: decimal, or hexadecimal as ``0x1F`` or ``$1F``."""
    prefix = next((each for each in _HEXADECIMAL if text.startswith(each)), "")
    digits = text.removeprefix(prefix)
    try:
        if not (digits.isascii() and digits.isalnum()):
            raise ValueError
        value = int(digits, 16 if prefix else 10)
    except ValueError:
        raise Mistake(f"{text!r} is no {what}: expected 16, 0x10 or $10") from None
    if value > most:
        raise Mistake(f"{what} {text} is too large: expected 0 to {most} (0x{most:X})")
    return value


def seconds(text: str) -> float:
    """Read a positive time."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1e6:
        raise Mistake(f"{text!r} is no time: expected seconds, such as 2.5")
    return value


def take_board(arguments: Sequence[str]) -> tuple[Board | None, list[str]]:
    """Split a board that stands first from the rest."""
    if arguments and arguments[0].lower() in BOARDS:
        return BOARDS[arguments[0].lower()], list(arguments[1:])
    return None, list(arguments)


def take_address(arguments: Sequence[str]) -> tuple[Address | None, list[str]]:
    """Split an address (``X 0x10`` or ``X:$10``) from the rest; None where a name stands first."""
    if not arguments:
        raise Mistake("expected an address such as X 0x10 or X:$10, or a name")
    space, colon, place = arguments[0].partition(":")
    rest = list(arguments[1:])
    if space.upper() not in Space.__members__:
        if colon:
            raise Mistake(f"there is no memory {space!r}: expected P, X or Y")
        return None, list(arguments)
    if not colon:
        if not rest:
            raise Mistake(f"expected an address behind {space.upper()}, such as {space.upper()} 0x10")
        place = rest.pop(0)
    return Address(Space[space.upper()], number(place, "address", 0x0FFFFF)), rest


def shown(value: int) -> str:
    """Return a word as people read it: hexadecimal, decimal, and as a label where it is one."""
    try:
        text = f" '{label(value)}'" if label(value).isalnum() else ""
    except ValueError:
        text = ""
    return f"0x{value:06X} ({value}){text}"
