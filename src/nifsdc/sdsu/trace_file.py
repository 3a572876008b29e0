"""Traces: every word between host and controller with its time, as lines of text.

A trace is made to be read by people, compared with other traces and sent again (`nifsdc.sdsu.trace_replay`):

.. code-block:: text

   # nifsdc trace 1
   # sim:127.0.0.1:4000, 2026-03-01T08:30:00Z
       0.000184 ask      000203 54444C 000001  ; HOST->TIMING TDL (0x54444C) 0x000001
       0.000412 answer   020002 000001  ; TIMING->HOST 0x000001

A line has the seconds of real time since the trace began, what happened, and words of six hexadecimal
digits, the header first; ``pixels`` has two decimal numbers instead, and ``silence`` has none. What follows
``;`` says the same in words and is not read; nor are empty lines and lines that begin with ``#``, except that
the first line must be the one above.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from nifsdc.sdsu.words import WORD_MASK, BadWords, decode

FIRST_LINE = "# nifsdc trace 1"


class BadTrace(ValueError):
    """A text that is no trace; the message names the line."""


class What(Enum):
    """What happened; the value is its name in a trace."""

    ASK = "ask"
    """the host sent a packet that is answered"""
    TELL = "tell"
    """the host sent a packet that has no answer"""
    RESET = "reset"
    """the host sent the reset preamble"""
    ANSWER = "answer"
    """the answer to what was asked, or to the reset"""
    SILENCE = "silence"
    """no answer came in time"""
    UNASKED = "unasked"
    """a packet came that had not been asked for"""
    PIXELS = "pixels"
    """blocks begun since the link was opened and pixels of the present one, before something was sent"""
    LOST = "lost"
    """the connection broke"""
    REOPEN = "reopen"
    """the host opened the link anew; blocks count from 0 again"""


PACKETS = frozenset({What.ASK, What.TELL, What.ANSWER, What.UNASKED})
SENT = frozenset({What.ASK, What.TELL, What.RESET, What.REOPEN})
"""what the host does, and a replay does again"""


@dataclass(frozen=True)
class Event:
    """One line of a trace."""

    seconds: float
    """real time since the trace began"""
    what: What
    numbers: tuple[int, ...] = ()
    """words of a packet, or block and pixels"""

    def __str__(self) -> str:
        start = f"{self.seconds:12.6f} {self.what.value:<8}"
        if self.what is What.PIXELS:
            return f"{start} " + " ".join(map(str, self.numbers))
        if not self.numbers:
            return start.rstrip()
        return f"{start} {words_text(self.numbers)}  ; {meaning(self.numbers)}"


def words_text(words: Iterable[int]) -> str:
    """Return words as a trace has them."""
    return " ".join(f"{value:06X}" for value in words)


def meaning(words: tuple[int, ...]) -> str:
    """Say what packet the words are."""
    try:
        return str(decode(words))
    except BadWords as error:
        return f"no packet: {error}"


def parse(text: str) -> tuple[Event, ...]:
    """Read a trace.

    Raises
    ------
    BadTrace
        names the line and says what was expected
    """
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != FIRST_LINE:
        raise BadTrace(f"line 1: expected {FIRST_LINE!r}")
    return tuple(_events(lines))


def _events(lines: Iterable[str]) -> Iterator[Event]:
    for number, line in enumerate(lines, 1):
        tokens = line.partition(";")[0].split()
        if not tokens or tokens[0].startswith("#"):
            continue
        try:
            yield _event(tokens)
        except ValueError as error:
            raise BadTrace(f"line {number}: {error}, found {line.strip()!r}") from None


def _event(tokens: list[str]) -> Event:
    names = {what.value: what for what in What}
    if len(tokens) < 2 or tokens[1] not in names:
        raise ValueError(f"expected seconds and one of {', '.join(names)}")
    try:
        seconds = float(tokens[0])
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"expected seconds since the start, not {tokens[0]!r}")
    what, rest = names[tokens[1]], tokens[2:]
    if what is What.PIXELS:
        if len(rest) != 2 or not all(each.isascii() and each.isdecimal() for each in rest):
            raise ValueError("expected two numbers, the block and its pixels")
        return Event(seconds, what, (int(rest[0]), int(rest[1])))
    if (what in PACKETS) != bool(rest):
        raise ValueError(f"{what.value} has {'words' if what in PACKETS else 'nothing'} behind it")
    return Event(seconds, what, tuple(_word(each) for each in rest))


def _word(text: str) -> int:
    if not (len(text) == 6 and all(each in "0123456789abcdefABCDEF" for each in text)):
        raise ValueError(f"{text!r} is no word of six hexadecimal digits (up to {WORD_MASK:06X})")
    return int(text, 16)
