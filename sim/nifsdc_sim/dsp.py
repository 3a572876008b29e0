"""A simulated processor: its memories, the boot programme's commands, and the application's as downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from nifsdc.sdsu.lod import LodFile
from nifsdc.sdsu.words import DON, ERR, Address, Board, Space
from nifsdc_sim.agenda import Agenda, Appointment
from nifsdc_sim.memory import WORDS, DspMemory, label_or_none
from nifsdc_sim.program import MOST_COMMANDS, TABLE_MAGIC, TABLE_POINTER, Routine

X_POINTER, Y_POINTER = 0x01FE, 0x01FF
LOAD_NS = 100_000_000
"""time in which a programme comes out of the boot PROM"""
HIGHEST_PROGRAMME = 10


class Errno(IntEnum):
    """What the noticeboard says of the last command. INS-DAS-18 leaves the codes open; these are ours."""

    NONE = 0
    UNKNOWN_COMMAND = 1
    BAD_ARGUMENT = 2
    BAD_ADDRESS = 3
    BUSY = 4
    """a readout, an integration or an exposure is under way"""
    NO_PROGRAMME = 5
    """the boot PROM has no programme of that number"""
    NOT_EXPOSING = 6
    """there is no exposure to be paused or resumed"""
    PAUSED = 7
    """the exposure is paused: it would never end"""
    SHUTTER = 8
    """the shutter did not get where it was sent"""
    POWER = 9
    """the analogue power did not come up"""


class Refused(Exception):
    """A command is answered with ERR."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno


class Later:
    """An answer that is not due yet."""

    def __init__(self) -> None:
        self._tell: Callable[[Errno], None] | None = None

    def then(self, tell: Callable[[Errno], None]) -> None:
        """Have a function called when it is settled."""
        self._tell = tell

    def settle(self, errno: Errno = Errno.NONE) -> None:
        """Answer DON, or ERR for an errno; only the first time."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(errno)


Answer = int | Later | None
"""the word of the answer, one that comes later, or none at all"""
Action = Callable[[tuple[int, ...]], Answer]
"""obeys a command's arguments; raises `Refused`"""


@dataclass(frozen=True)
class Rule:
    """How a command is obeyed."""

    action: Action
    arguments: tuple[int, ...] = (0,)
    """how many there may be"""


class Dsp:
    """One processor.

    Parameters
    ----------
    board
        which
    memory
        its memories
    routines
        what an application's table can make it do
    prom
        programmes in its boot PROM, by number
    """

    def __init__(
        self,
        board: Board,
        memory: DspMemory,
        agenda: Agenda,
        routines: Mapping[Routine, Rule],
        prom: Mapping[int, LodFile],
    ) -> None:
        self.board = board
        self.memory = memory
        self.errno = Errno.NONE
        self._agenda = agenda
        self._routines = routines
        self._prom = prom
        self._boot: dict[str, Rule] = {
            "TDL": Rule(lambda words: words[0], (1,)),
            "RDM": Rule(self._read, (1,)),
            "WRM": Rule(self._write, (2,)),
            "LDA": Rule(self._load, (1,)),
        }
        self._later: Later | None = None
        self._appointments: list[Appointment] = []
        self.before_read: Callable[[], None] = lambda: None
        """brings what the noticeboard tells up to date"""
        self.started: Callable[[], None] = lambda: None
        """called when an application begins to run"""
        self.written: Callable[[Address], None] = lambda _: None
        """called when the host has written a word"""

    def reset(self) -> None:
        """Lose the application, all data, and the command that is being obeyed."""
        self.memory.scramble()
        self.errno = Errno.NONE
        self._later = None
        for appointment in self._appointments:
            self._agenda.cancel(appointment)
        self._appointments.clear()

    @property
    def busy(self) -> bool:
        """Whether a command is being obeyed whose answer is not due yet."""
        return self._later is not None

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

    def setting(self, offset: int) -> int:
        """Return a word of the X noticeboard."""
        return self.memory.at(Space.X, self.nbax(offset))

    def post(self, values: Mapping[int, int]) -> None:
        """Put words, by their offset, on the Y noticeboard."""
        for offset, value in values.items():
            self.memory.put(Space.Y, self.nbay(offset), value)

    def add_boot_command(self, name: str, action: Action) -> None:
        """Let the boot programme know another command, without arguments."""
        self._boot[name] = Rule(action)

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

    def obey(self, words: tuple[int, ...], tell: Callable[[int | None], None]) -> None:
        """Obey a command (label and arguments); ``tell`` gets the word of the answer when it is due."""
        name = label_or_none(words[0])
        if name in ("DON", "ERR"):
            tell(None)
            return
        try:
            rule = self._find(name, words[0])
            if len(words) - 1 not in rule.arguments:
                raise Refused(Errno.BAD_ARGUMENT)
            answer = rule.action(words[1:])
        except Refused as refusal:
            self.errno = refusal.errno
            tell(ERR)
            return
        if isinstance(answer, Later):
            self._wait_for(answer, tell)
            return
        if name != "RDM":
            self.errno = Errno.NONE
        tell(answer)

    def after(self, duration_ns: int, action: Callable[[int], Errno] | None = None) -> Later:
        """Return an answer that is due after a time, when an action that is told the moment has been done."""
        later = Later()

        def end(moment: int) -> None:
            later.settle(Errno.NONE if action is None else action(moment))

        self._appointments = [self._agenda.at(self._agenda.clock.now_ns() + duration_ns, end)]
        return later

    def _wait_for(self, later: Later, tell: Callable[[int | None], None]) -> None:
        def settled(errno: Errno) -> None:
            if self._later is not later:  # lost in a reset
                return
            self._later = None
            self.errno = errno
            tell(DON if errno is Errno.NONE else ERR)

        self._later = later
        later.then(settled)

    def _find(self, name: str | None, command: int) -> Rule:
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
        self.written(address)
        return DON

    def _load(self, words: tuple[int, ...]) -> Later:
        lowest = 0 if self.board is Board.UTILITY else 1
        if not lowest <= words[0] <= HIGHEST_PROGRAMME:
            raise Refused(Errno.BAD_ARGUMENT)
        if words[0] not in self._prom:
            raise Refused(Errno.NO_PROGRAMME)
        programme = self._prom[words[0]]

        def load(_: int) -> Errno:
            for address, value in programme.words():
                self.memory[address] = value
            self.started()
            return Errno.NONE

        return self.after(LOAD_NS, load)
