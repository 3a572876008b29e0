"""What a run sequence is made of: steps of the host, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from nifsdc.sdsu.words import Address, Board, Packet, encode, word


@dataclass(frozen=True)
class Place:
    """A place in a noticeboard, whose address is known when the programme is loaded."""

    board: Board
    name: str
    """as in `nifsdc.sdsu.memory`"""


Argument = int | Place
Resolve = Callable[[Place], Address]
"""gives the address of a place"""


@dataclass(frozen=True)
class Send:
    """Send a command; the controller answers DON or a value unless the command has no answer."""

    board: Board
    label: str
    arguments: tuple[Argument, ...] = ()
    does: str = ""
    """in a few words, for whoever watches"""
    starts_timer: bool = False
    """whether the host's timer counts from here, for the steps `Integrate` that follow"""

    def words(self, resolve: Resolve) -> tuple[int, ...]:
        """Return the words of its packet, header first."""
        arguments = (each if isinstance(each, int) else resolve(each).word for each in self.arguments)
        return tuple(encode(Packet(_HOST, self.board, (word(self.label), *arguments))))


@dataclass(frozen=True)
class ResetController:
    """Have the interface card reset the controller; it answers SYR."""

    does: str = "reset the controller"


@dataclass(frozen=True)
class Load:
    """Write a board's application programme into its memory, a WRM for each word."""

    board: Board

    @property
    def does(self) -> str:
        """In a few words."""
        return f"load the {self.board.name.lower()} board"


class TimedBy(Enum):
    """Who ends an integration, and so what can be changed while it lasts."""

    HOST = "the host"
    """with the shutter closed: paused and given another length by the host alone"""
    UTILITY = "the utility board"
    """with the shutter open (BEX): paused by PEX and REX, given another length through the noticeboard"""
    TIMING = "the timing board"
    """between the reads of MRA: given another length through the noticeboard, never paused"""
    SCHEDULE = "the times that were given"
    """of reads at time: it cannot be changed"""


@dataclass(frozen=True)
class Integrate:
    """Wait by the host's timer until some time before the end of an integration."""

    milliseconds: int
    """its end, by that timer"""
    before: int = 0
    """milliseconds before its end at which the host goes on"""
    timed_by: TimedBy = TimedBy.HOST

    @property
    def does(self) -> str:
        """In a few words."""
        return "integrate"


@dataclass(frozen=True)
class TakePixels:
    """Wait for the controller to send all pixels of a block, and take them."""

    reads: int = 1
    """reads in the block"""
    milliseconds: int = 0
    """that the timing board integrates first, from the end of the block before"""
    does: str = "read the detector"


Step = Send | ResetController | Load | Integrate | TakePixels
_HOST = Board.HOST


@dataclass(frozen=True)
class Sequence:
    """A run sequence of INS-DAS-18."""

    name: str
    source: str
    """annex and table"""
    steps: tuple[Step, ...]

    def words(self, resolve: Resolve) -> tuple[tuple[int, ...], ...]:
        """Return the words of every command that is sent, in order; not those of programmes loaded."""
        return tuple(step.words(resolve) for step in self.steps if isinstance(step, Send))

    @property
    def reads(self) -> int:
        """Reads of the detector, all blocks together."""
        return sum(step.reads for step in self.steps if isinstance(step, TakePixels))
