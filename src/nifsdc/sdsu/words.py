"""Words and packets on the fibre, as a pure codec (INS-DAS-18, "Data framing" and "Syntax").

A word is 24 bits. On the fibre it travels as 32 bits: a preamble byte and the word, most significant byte
first. A packet is a header word, a label or value, and arguments: two to seven words in all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

WORD_MASK = 0xFFFFFF
MIN_WORDS = 2
MAX_WORDS = 7
PREAMBLE = 0xAC
"""preamble of every ordinary word"""
RESET_PREAMBLE = 0x53
"""preamble that makes the timing board's communications hardware reset the controller"""
HEADER_ZEROS = 0xFCFCF8
"""bits that are zero in any header: source and destination up to 3, up to 7 words"""


class Board(IntEnum):
    """The processors a packet can come from or go to."""

    HOST = 0
    """the computer that controls the camera"""
    PCI = 1
    """the interface card in that computer"""
    TIMING = 2
    """the timing board of the controller"""
    UTILITY = 3
    """the utility board of the controller, reached through the timing board"""


class Space(Enum):
    """The memories of a DSP; the value is the bit that selects one in an address word."""

    P = 0x100000
    """programme"""
    X = 0x200000
    """data"""
    Y = 0x400000
    """data"""


class BadWords(ValueError):
    """Words that are no packet, no address or no fibre frame."""


def check(value: int) -> int:
    """Return ``value`` when it fits a word of 24 bits, else raise `BadWords`."""
    if not 0 <= value <= WORD_MASK:
        raise BadWords(f"{value:#x} does not fit a word of 24 bits (0..0xFFFFFF)")
    return value


def word(label: str) -> int:
    """Pack a label of three printable ASCII characters into a word, first character highest."""
    if len(label) != 3 or not label.isascii() or not label.isprintable():
        raise BadWords(f"{label!r} is no label: expected three printable ASCII characters")
    return int.from_bytes(label.encode("ascii"), "big")


def label(value: int) -> str:
    """Unpack a word into its label; raise `BadWords` where it holds no three printable characters."""
    raw = check(value).to_bytes(3, "big")
    if not all(0x20 <= byte < 0x7F for byte in raw):
        raise BadWords(f"{value:#08x} is no label")
    return raw.decode("ascii")


def show(value: int) -> str:
    """Describe a word for a message: its label where it is one, always its value."""
    try:
        return f"{label(value)} (0x{value:06X})"
    except BadWords:
        return f"0x{value:06X}"


DON = word("DON")
ERR = word("ERR")
SYR = word("SYR")


def is_header(value: int) -> bool:
    """Tell whether a word is a valid header.

    The mask test is the DSPs' own; the lower bound of two words is INS-DAS-18's, "Syntax".
    """
    if value & ~WORD_MASK or value & HEADER_ZEROS:
        return False
    return bool(value & 0x030300) and value & 0xFF >= MIN_WORDS


def header(source: Board, destination: Board, nwords: int) -> int:
    """Build a header word; ``nwords`` counts the header itself."""
    if not MIN_WORDS <= nwords <= MAX_WORDS:
        raise BadWords(f"a packet has {MIN_WORDS} to {MAX_WORDS} words, not {nwords}")
    value = source << 16 | destination << 8 | nwords
    if not is_header(value):
        raise BadWords(f"a packet cannot go from {source.name} to {destination.name}")
    return value


@dataclass(frozen=True)
class Packet:
    """A message between two processors."""

    source: Board
    destination: Board
    words: tuple[int, ...]
    """the words after the header: label or value first, then arguments; 1 to 6 of them"""

    @property
    def header(self) -> int:
        """The header word."""
        return header(self.source, self.destination, len(self.words) + 1)

    def __str__(self) -> str:
        return f"{self.source.name}->{self.destination.name} " + " ".join(show(value) for value in self.words)


def encode(packet: Packet) -> tuple[int, ...]:
    """Return a packet's words, header first."""
    return (packet.header, *(check(value) for value in packet.words))


def decode(words: Sequence[int]) -> Packet:
    """Read a packet from exactly its words, header first; raise `BadWords` otherwise."""
    if not words or not is_header(words[0]):
        raise BadWords(f"{show(words[0] & WORD_MASK) if words else 'nothing'} is no header")
    nwords = words[0] & 0xFF
    if len(words) != nwords:
        raise BadWords(f"the header announces {nwords} words, but there are {len(words)}")
    return Packet(
        Board(words[0] >> 16), Board(words[0] >> 8 & 0xFF), tuple(check(value) for value in words[1:])
    )


@dataclass(frozen=True)
class Address:
    """A place in a DSP's memory."""

    space: Space
    offset: int
    """0..0xFFFFF"""

    def __post_init__(self) -> None:
        if not 0 <= self.offset <= 0x0FFFFF:
            raise BadWords(f"{self.offset:#x} is no address (0..0xFFFFF)")

    @property
    def word(self) -> int:
        """The address as an argument of RDM and WRM."""
        return self.space.value | self.offset

    @classmethod
    def from_word(cls, value: int) -> Address:
        """Read an address word; exactly one of bits 20 to 22 is set and bit 23 never is."""
        for space in Space:
            if check(value) & 0xF00000 == space.value:
                return cls(space, value & 0x0FFFFF)
        raise BadWords(f"{value:#08x} is no address: exactly one of bits 20, 21 and 22 must be set")

    def __str__(self) -> str:
        return f"{self.space.name}:${self.offset:04X}"


def frame(words: Iterable[int], preamble: int = PREAMBLE) -> bytes:
    """Put words on the fibre: each as its preamble byte and three data bytes, highest first."""
    return b"".join((preamble << 24 | check(value)).to_bytes(4, "big") for value in words)


@dataclass(frozen=True)
class Reset:
    """A word with the reset preamble was seen; what followed of its packet is ignored."""


class Reassembler:
    """Finds packets in the bytes of one direction of a fibre.

    A word with an unknown preamble is dropped, as the timing board does. Where a header is expected and none
    comes, words are dropped until one does. A reset preamble discards what has been collected, and the rest
    of its own packet.
    """

    def __init__(self) -> None:
        self.dropped = 0
        """words dropped so far"""
        self._bytes = bytearray()
        self._words: list[int] = []
        self._ignored = 0
        """words still to come of a packet that carried a reset"""

    @property
    def partial(self) -> bool:
        """Whether a packet has begun and not ended."""
        return bool(self._bytes or self._words)

    def feed(self, data: bytes) -> list[Packet | Reset]:
        """Take bytes as they arrive and return what they completed, in order."""
        self._bytes += data
        found: list[Packet | Reset] = []
        whole = len(self._bytes) // 4 * 4
        for start in range(0, whole, 4):
            value = int.from_bytes(self._bytes[start : start + 4], "big")
            item = self._take(value >> 24, value & WORD_MASK)
            if item is not None:
                found.append(item)
        del self._bytes[:whole]
        return found

    def _take(self, preamble: int, value: int) -> Packet | Reset | None:
        if self._ignored:
            self._ignored -= 1
            return None
        if preamble == RESET_PREAMBLE:
            self._words.clear()
            self._ignored = (value & 0xFF) - 1 if is_header(value) else 0
            return Reset()
        if preamble != PREAMBLE or (not self._words and not is_header(value)):
            self.dropped += 1
            return None
        self._words.append(value)
        if len(self._words) < self._words[0] & 0xFF:
            return None
        packet = decode(self._words)
        self._words.clear()
        return packet
