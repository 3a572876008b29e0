"""A simulated processor: its memories, the boot programme's commands, and the application's as downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum

from nifsdc.sdsu.words import DON, ERR, Board
from nifsdc_sim.memory import WORDS, DspMemory, label_or_none
from nifsdc_sim.program import MOST_COMMANDS, TABLE_MAGIC, TABLE_POINTER, Routine

X_POINTER, Y_POINTER = 0x01FE, 0x01FF


class Errno(IntEnum):
    """What the noticeboard says of the last command. INS-DAS-18 leaves the codes open; these are ours."""

    NONE = 0
    UNKNOWN_COMMAND = 1
    BAD_ARGUMENT = 2
    BAD_ADDRESS = 3
    BUSY = 4
    """a readout or an integration is under way"""
    NO_PROGRAMME = 5
    """the boot PROM has no programme of that number"""


class Refused(Exception):
    """A command is answered with ERR."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno


Action = Callable[[tuple[int, ...]], int | None]
"""obeys a command's arguments; returns the word of the answer, None for no answer; raises `Refused`"""


class Dsp:
    """One processor.

    Parameters
    ----------
    board
        which
    memory
        its memories
    routines
        what an application's table can make it do, with the number of arguments
    """

    def __init__(
        self, board: Board, memory: DspMemory, routines: Mapping[Routine, tuple[int, Action]]
    ) -> None:
        self.board = board
        self.memory = memory
        self.errno = Errno.NONE
        self._routines = routines
        self._boot: dict[str, tuple[int, Action]] = {
            "TDL": (1, lambda words: words[0]),
            "RDM": (1, self._read),
            "WRM": (2, self._write),
            "LDA": (1, self._load),
        }
        self.before_read: Callable[[], None] = lambda: None
        """brings what the noticeboard tells up to date"""
        self.started: Callable[[], None] = lambda: None
        """called when an application begins to run"""

    def reset(self) -> None:
        """Lose the application and all data."""
        self.memory.scramble()
        self.errno = Errno.NONE

    @property
    def table(self) -> int | None:
        """Address of the application's table in P memory, None while none runs."""
        address = self.memory.p(TABLE_POINTER)
        if address + 3 >= WORDS or self.memory.p(address) != TABLE_MAGIC:
            return None
        return address

    def nbax(self, offset: int) -> int:
        """Address of a word of the X noticeboard."""
        return (self.memory.p(X_POINTER) + offset) % WORDS

    def nbay(self, offset: int) -> int:
        """Address of a word of the Y noticeboard."""
        return (self.memory.p(Y_POINTER) + offset) % WORDS

    def add_boot_command(self, name: str, arguments: int, action: Action) -> None:
        """Let the boot programme know another command."""
        self._boot[name] = (arguments, action)

    def routine(self, command: int) -> Routine | None:
        """Look a command up in the application's table; None where it is not in there."""
        table = self.table
        if table is None:
            return None
        for entry in range(min(self.memory.p(table + 2), MOST_COMMANDS)):
            if self.memory.p(table + 3 + 2 * entry) == command:
                number = self.memory.p(table + 4 + 2 * entry)
                return Routine(number) if number in Routine._value2member_map_ else None
        return None

    def obey(self, words: tuple[int, ...]) -> int | None:
        """Obey a command (label and arguments) and return the word of the answer, None for none."""
        name = label_or_none(words[0])
        if name in ("DON", "ERR"):
            return None
        try:
            count, action = self._find(name, words[0])
            if len(words) - 1 != count:
                raise Refused(Errno.BAD_ARGUMENT)
            answer = action(words[1:])
        except Refused as refusal:
            self.errno = refusal.errno
            return ERR
        if name != "RDM":
            self.errno = Errno.NONE
        return answer

    def _find(self, name: str | None, command: int) -> tuple[int, Action]:
        routine = self.routine(command)
        if routine is not None and routine in self._routines:
            return self._routines[routine]
        if name is not None and name in self._boot:
            return self._boot[name]
        raise Refused(Errno.UNKNOWN_COMMAND)

    def _read(self, words: tuple[int, ...]) -> int:
        address = self.memory.locate(words[0])
        if address is None:
            raise Refused(Errno.BAD_ADDRESS)
        self.before_read()
        return self.memory[address]

    def _write(self, words: tuple[int, ...]) -> int:
        address = self.memory.locate(words[0])
        if address is None:
            raise Refused(Errno.BAD_ADDRESS)
        running = self.table is not None
        self.memory[address] = words[1]
        if not running and self.table is not None:
            self.started()
        return DON

    def _load(self, words: tuple[int, ...]) -> int:
        raise Refused(Errno.NO_PROGRAMME)
