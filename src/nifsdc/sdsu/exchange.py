"""Commands and their answers, with what the host keeps in mind of a controller meanwhile.

It remembers where the noticeboards are, how many pixels a read has, which stamps the downloads left and which
readout was started, and forgets each when a command makes it untrue.
"""

from __future__ import annotations

from collections.abc import Sequence

from nifsdc.sdsu.commands import COMMANDS, Command, Reply
from nifsdc.sdsu.download import Stamp
from nifsdc.sdsu.errors import Busy, ControllerError, ErrorReply, UnexpectedReset
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.memory import X_POINTER, Y_POINTER, Noticeboard, TimingBoard, UtilityBoard
from nifsdc.sdsu.readout import Phase, Readout
from nifsdc.sdsu.sequences.steps import Place, Send
from nifsdc.sdsu.transactions import LOST_POWER, Transactor
from nifsdc.sdsu.words import DON, Address, Board, Space

UNBOUNDED = 1 << 31
FRAME_RUNS = frozenset({"FNC", "FCL", "FDR"})
"""commands that make one block of as many frames as they are told, or of any number until it is aborted"""
READ_BLOCKS = {"MRA": 2, "GRB": 2, "RDT": UNBOUNDED, "MRC": 1, **dict.fromkeys(sorted(FRAME_RUNS), 1)}
"""blocks of pixels that a command makes of one read; RDT goes on until it is aborted"""
STILL_ONLY = frozenset({*READ_BLOCKS, "RDC", "CLR", "IDL", "STP"})
"""commands that are not for a controller that integrates between two blocks"""
GENERATION_2 = 2
"""what a controller is that does not know GEN"""


def blocks_of(label: str, reads: int) -> tuple[int, int]:
    """Return how many blocks of pixels a command of so many reads makes, and the reads in each."""
    if label in FRAME_RUNS:
        return 1, reads or UNBOUNDED
    # MRC makes a block of each of its reads; those of the others have all of them.
    return (reads, 1) if label == "MRC" else (READ_BLOCKS[label], reads)


class Exchange:
    """The commands that every programme has, and any other by its label.

    May be used from several threads: transactions queue up, and an abort goes past them. Where an answer does
    not come as it should, a method raises `NoReply`, `ErrorReply`, `UnexpectedReply`, `UnexpectedReset`,
    `LinkLost` or `Busy`.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.timing_board = TimingBoard(self)
        self.utility_board = UtilityBoard(self)
        self._transactor = Transactor(link, self._guard)
        self._readout: Readout | None = None
        self._pixels_per_read: int | None = None
        self._stamps: dict[Board, Stamp] = {}

    def command(self, board: Board, label: str, *arguments: int) -> int:
        """Carry out any command that has an answer and return its word (DON, or the value asked for).

        Raises
        ------
        ValueError
            when the command is not for that board, has other arguments, or has no answer
        """
        if COMMANDS[label].reply is Reply.SYSTEM_RESET:
            raise ValueError(f"{label} is not sent as an ordinary command: use reset")
        if label not in READ_BLOCKS:
            return self._ask(board, label, arguments)
        self._start_reads(board, label, arguments)
        return DON

    def send(self, step: Send) -> int | None:
        """Send a command of a run sequence; return the word it is answered with, None if it has no answer."""
        arguments = tuple(
            each if isinstance(each, int) else self._address(each).word for each in step.arguments
        )
        match step.label:
            case "RDC":
                self.read_out()
                return None
            case "ABR":
                self.abort()
                return None
            case "GEN":
                return self.generation()
            case _:
                return self.command(step.board, step.label, *arguments)

    # Commands of all programmes

    def reset(self) -> None:
        """Reset the controller (RST): its programmes are gone, its clocks inactive, any readout ended."""
        for board in (Board.TIMING, Board.UTILITY):
            self._forget_programme(board)
        self._readout = None
        self._transactor.reset(COMMANDS["RST"])

    def test_data_link(self, board: Board, value: int) -> None:
        """Send a word to a board and back (TDL); `WrongEcho` when another comes."""
        self._ask(board, "TDL", (value,))

    def read_memory(self, board: Board, address: Address) -> int:
        """Return a word of a board's memory (RDM)."""
        return self._ask(board, "RDM", (address.word,))

    def verify_memory(self, board: Board, address: Address, expected: int) -> int:
        """Return a word that ought to have a known value, even one that looks like a label (RDM)."""
        return self._transactor.ask(board, COMMANDS["RDM"], (address.word,), expected)

    def write_memory(self, board: Board, address: Address, value: int) -> None:
        """Set a word of a board's memory (WRM)."""
        self._ask(board, "WRM", (address.word, value))

    def load_application(self, board: Board, number: int) -> None:
        """Start a programme from a board's boot PROM (LDA)."""
        self._ask(board, "LDA", (number,))

    def generation(self) -> int:
        """Return the controller's generation (GEN); one that refuses the command is of generation 2."""
        try:
            return self._ask(Board.UTILITY, "GEN")
        except ErrorReply:
            return GENERATION_2

    # Readouts

    @property
    def phase(self) -> Phase:
        """Where the last readout is, from the interface's counts, without traffic to the controller."""
        return Phase.DONE if self._readout is None else self._readout.phase(self.link.progress())

    def pixels_per_read(self) -> int:
        """Return the pixels of one read as the timing board's noticeboard has it (columns times rows)."""
        if self._pixels_per_read is None:
            columns = self.timing_board.columns.read()
            self._pixels_per_read = columns * self.timing_board.rows.read()
        return self._pixels_per_read

    def read_out(self) -> None:
        """Read the detector once (RDC); one block of pixels follows and no answer."""
        with self._transactor.exclusive():
            readout = self._planned("RDC", blocks=1, reads=1)
            self._transactor.tell(Board.TIMING, COMMANDS["RDC"])
            self._readout = readout

    def abort(self) -> None:
        """Give up a readout at the end of its row (ABR); there is no answer. May be called at any time."""
        self._transactor.tell(Board.TIMING, COMMANDS["ABR"])
        self._readout = None

    def check_configuration(self) -> None:
        """Make sure that the programmes loaded are still there.

        Raises
        ------
        UnexpectedReset
            when a board has lost the stamp that the download left in its memory
        """
        for stamp in self._stamps.values():
            self._check(stamp)

    # Details

    def _ask(
        self, board: Board, label: str, arguments: Sequence[int] = (), *, within: float | None = None
    ) -> int:
        command = _command(board, label, arguments)
        self._forget_what_changes(board, label, arguments)
        try:
            return self._transactor.ask(board, command, arguments, within=within)
        except ErrorReply as error:
            if command.boot:
                raise
            raise self._explained(board, error) from error

    def _explained(self, board: Board, error: ErrorReply) -> ControllerError:
        """Return why a board refused a command of its programme, as far as that can be found out."""
        errno: int | None = None
        try:
            # First of all: the next command that succeeds sets it to 0.
            if self._noticeboard(board).found:
                errno = self._noticeboard(board).cell("errno").read()
            if board in self._stamps:
                self._check(self._stamps[board])
        except UnexpectedReset as lost:
            return UnexpectedReset(f"{error}; {lost}")
        except ControllerError:
            pass
        return ErrorReply(str(error) if errno is None else f"{error}; errno {errno}", errno)

    def _check(self, stamp: Stamp) -> None:
        found = self.verify_memory(stamp.board, stamp.address, stamp.value)
        if found != stamp.value:
            raise UnexpectedReset(
                f"the {stamp.board.name.lower()} board has 0x{found:06X} at {stamp.address}, expected "
                f"the configuration stamp 0x{stamp.value:06X}: {LOST_POWER}"
            )

    def _forget_what_changes(self, board: Board, label: str, arguments: Sequence[int]) -> None:
        """Forget what a command makes untrue, even one that will get no answer."""
        if label == "LDA":
            self._forget_programme(board)
        elif label == "WRM":
            if arguments[0] in (X_POINTER.word, Y_POINTER.word):
                self._noticeboard(board).forget()
            if board is Board.TIMING and not arguments[0] & Space.Y.value:
                self._pixels_per_read = None

    def _forget_programme(self, board: Board) -> None:
        self._stamps.pop(board, None)
        self._noticeboard(board).forget()
        self._pixels_per_read = None

    def _noticeboard(self, board: Board) -> Noticeboard:
        return self.timing_board if board is Board.TIMING else self.utility_board

    def _address(self, place: Place) -> Address:
        return self._noticeboard(place.board).cell(place.name).address

    def _start_reads(self, board: Board, label: str, arguments: tuple[int, ...]) -> None:
        with self._transactor.exclusive():
            reads = arguments[0] if arguments else 1
            readout = self._planned(label, *blocks_of(label, reads))
            self._ask(board, label, arguments)
            self._readout = readout

    def _planned(self, label: str, blocks: int, reads: int) -> Readout:
        pixels = reads * self.pixels_per_read()
        return Readout(label, self.link.progress().block + 1, blocks, pixels)

    def _guard(self, command: Command) -> bool:
        """Refuse what could not be answered because pixels flow; tell whether they may begin to."""
        readout = self._readout
        if readout is None or command.during_readout:
            return False
        phase = readout.phase(self.link.progress())
        if phase is Phase.DONE:
            self._readout = None
            return False
        if phase is not Phase.INTEGRATING or command.label in STILL_ONLY:
            raise Busy(
                f"{command.label} cannot be sent during {readout.command}: {phase.value}, and the controller "
                "takes nothing but abort and reset; wait for the last pixel or abort"
            )
        return True


def _command(board: Board, label: str, arguments: Sequence[int]) -> Command:
    command = COMMANDS[label]
    if board not in command.boards or len(arguments) != len(command.arguments):
        raise ValueError(
            f"{label} is for {' or '.join(each.name for each in command.boards)} with "
            f"{len(command.arguments)} arguments, not for {board.name} with {len(arguments)}"
        )
    if command.reply is Reply.NONE:
        raise ValueError(f"{label} has no answer")
    return command
