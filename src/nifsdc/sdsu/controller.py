"""An SDSU controller as its host sees it: the commands of INS-DAS-18 and the two noticeboards.

`Controller` may be used from several threads: transactions queue up, and an abort goes past them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from nifsdc.sdsu.commands import COMMANDS, Command, Reply
from nifsdc.sdsu.download import DownloadProgress, Stamp, download
from nifsdc.sdsu.errors import (
    Busy,
    ControllerError,
    DownloadFailed,
    ErrorReply,
    LinkLost,
    NoReply,
    PixelTimeout,
    UnexpectedReply,
    UnexpectedReset,
    WrongEcho,
)
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.lod import LodFile
from nifsdc.sdsu.memory import ID_BITS, X_POINTER, Noticeboard, TimingBoard, UtilityBoard
from nifsdc.sdsu.readout import Phase, Readout
from nifsdc.sdsu.sequences.annexes import start_up
from nifsdc.sdsu.sequences.steps import Load, Place, ResetController, Send
from nifsdc.sdsu.transactions import LOST_POWER, Transactor
from nifsdc.sdsu.words import DON, Address, Board, Space

__all__ = [
    "Busy",
    "Controller",
    "ControllerError",
    "DownloadFailed",
    "ErrorReply",
    "LinkLost",
    "NoReply",
    "PixelTimeout",
    "StartupReport",
    "StartupSettings",
    "UnexpectedReply",
    "UnexpectedReset",
    "WrongEcho",
]

UNBOUNDED = 1 << 31
READ_BLOCKS = {"MRA": 2, "GRB": 2, "RDT": UNBOUNDED, "MRC": 1}
"""blocks of pixels that a command makes; RDT goes on until it is aborted"""
STILL_ONLY = frozenset({*READ_BLOCKS, "RDC", "CLR", "IDL", "STP"})
"""commands that are not for a controller that integrates between two blocks"""
GENERATION_2 = 2
"""what a controller is that does not know GEN"""


@dataclass(frozen=True)
class StartupSettings:
    """What a controller is started with."""

    timing: LodFile
    """programme of the timing board"""
    utility: LodFile
    """programme of the utility board"""
    temperature_mk: int
    """temperature to keep the cryostat at, millikelvin"""
    high_speed: bool = True
    verify: bool = True
    """whether every downloaded word is read back"""


@dataclass(frozen=True)
class StartupReport:
    """What a controller said of itself when it was started."""

    generation: int
    """2, 3 or whatever GEN returned"""
    id_code: int
    """the camera's identity, 8 bits"""


StartupProgress = Callable[[str, int, int], None]
"""told what is being done in a few words, and how much of it is done of how much (0, 0 for a single step)"""


class Controller:
    """The commands of one controller.

    Every method that expects an answer raises `NoReply`, `ErrorReply`, `UnexpectedReply`, `UnexpectedReset`,
    `LinkLost` or `Busy` when it does not come as it should.
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
            return self._ask(board, label, *arguments)
        self._start_reads(board, label, arguments)
        return DON

    def send(self, step: Send) -> int | None:
        """Send a command of a run sequence; return the word it is answered with, None if it has no answer."""
        arguments = [each if isinstance(each, int) else self._address(each).word for each in step.arguments]
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
        self._forget_programmes()
        self._readout = None
        self._transactor.reset(COMMANDS["RST"])

    def test_data_link(self, board: Board, value: int) -> None:
        """Send a word to a board and back (TDL); `WrongEcho` when another comes."""
        self._ask(board, "TDL", value)

    def read_memory(self, board: Board, address: Address) -> int:
        """Return a word of a board's memory (RDM)."""
        return self._ask(board, "RDM", address.word)

    def verify_memory(self, board: Board, address: Address, expected: int) -> int:
        """Return a word that ought to have a known value, even one that looks like a label (RDM)."""
        return self._transactor.ask(board, COMMANDS["RDM"], (address.word,), expected)

    def write_memory(self, board: Board, address: Address, value: int) -> None:
        """Set a word of a board's memory (WRM)."""
        if board is Board.TIMING and address.space is Space.X:
            self._pixels_per_read = None
        self._ask(board, "WRM", address.word, value)

    def load_application(self, board: Board, number: int) -> None:
        """Start a programme from a board's boot PROM (LDA)."""
        self._ask(board, "LDA", number)

    # Commands of the timing board

    def clear(self) -> None:
        """Clear (reset) the detector (CLR)."""
        self._ask(Board.TIMING, "CLR")

    def stop_idle(self) -> None:
        """Turn idle mode off: the clocks integrate between commands (STP)."""
        self._ask(Board.TIMING, "STP")

    def idle(self) -> None:
        """Turn idle mode on: the clocks clear the detector between commands (IDL)."""
        self._ask(Board.TIMING, "IDL")

    def low_speed(self) -> None:
        """Select low readout speed and the gain that goes with it (LSP)."""
        self._ask(Board.TIMING, "LSP")

    def high_speed(self) -> None:
        """Select high readout speed and the gain that goes with it (HSP)."""
        self._ask(Board.TIMING, "HSP")

    def multiple_read(self, reads: int) -> None:
        """Reset the array, read it ``reads`` times, integrate as demanded, read it ``reads`` times (MRA).

        Returns as soon as the controller has taken the command; two blocks of pixels follow.
        """
        self._start_reads(Board.TIMING, "MRA", (reads,))

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

    # Commands of the utility board

    def power_on(self) -> None:
        """Switch the analogue circuits on (PON)."""
        self._ask(Board.UTILITY, "PON")

    def power_off(self) -> None:
        """Switch the analogue circuits off (POF)."""
        self._ask(Board.UTILITY, "POF")

    def generation(self) -> int:
        """Return the controller's generation (GEN); one that refuses the command is of generation 2."""
        try:
            return self._ask(Board.UTILITY, "GEN")
        except ErrorReply:
            return GENERATION_2

    # Sequences

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

    def download(
        self, program: LodFile, *, verify: bool = True, progress: DownloadProgress | None = None
    ) -> None:
        """Load a programme into its board, read every word back and find its noticeboard anew.

        Raises
        ------
        DownloadFailed
            when a word reads back otherwise than it was written
        """
        board = program.board
        self._stamps.pop(board, None)
        self._noticeboard(board).forget()
        self._pixels_per_read = None
        stamp = download(self, program, verify=verify, progress=progress)
        if stamp is not None:
            self._stamps[board] = stamp
        if X_POINTER in (address for address, _ in program.words()):
            self._noticeboard(board).find()

    def check_configuration(self) -> None:
        """Make sure that the programmes loaded are still there.

        Raises
        ------
        UnexpectedReset
            when a board has lost the stamp that the download left in its memory
        """
        for stamp in self._stamps.values():
            found = self.verify_memory(stamp.board, stamp.address, stamp.value)
            if found != stamp.value:
                raise UnexpectedReset(
                    f"the {stamp.board.name.lower()} board has 0x{found:06X} at {stamp.address}, expected "
                    f"the configuration stamp 0x{stamp.value:06X}: {LOST_POWER}"
                )

    def startup(self, settings: StartupSettings, progress: StartupProgress | None = None) -> StartupReport:
        """Bring the controller from any state to idling at speed, in the order of INS-DAS-18 Annex E.

        Raises
        ------
        DownloadFailed
            when a word reads back otherwise than it was written
        """

        def tell(step: str, done: int = 0, total: int = 0) -> None:
            if progress is not None:
                progress(step, done, total)

        def loading(board: Board, done: int, total: int) -> None:
            tell(f"load the {board.name.lower()} board", done, total)

        answers: dict[str, int | None] = {}
        programmes = {Board.TIMING: settings.timing, Board.UTILITY: settings.utility}
        for step in start_up(settings.temperature_mk, high_speed=settings.high_speed).steps:
            tell(step.does)
            match step:
                case ResetController():
                    self.reset()
                case Load():
                    self.download(programmes[step.board], verify=settings.verify, progress=loading)
                case Send():
                    answers[step.label] = self.send(step)
        return StartupReport(answers["GEN"] or GENERATION_2, (answers["RDM"] or 0) & ID_BITS)

    # Details

    def _ask(self, board: Board, label: str, *arguments: int) -> int:
        command = _command(board, label, arguments)
        try:
            return self._transactor.ask(board, command, arguments)
        except ErrorReply as error:
            if not command.boot:
                error.errno = self._errno(board)
            if error.errno is None:
                raise
            raise ErrorReply(f"{error}; errno {error.errno}", error.errno) from error

    def _errno(self, board: Board) -> int | None:
        """Read why a board refused its last command, where that can be found out."""
        noticeboard = self._noticeboard(board)
        if noticeboard.found:
            with contextlib.suppress(ControllerError):
                return noticeboard.cell("errno").read()
        return None

    def _noticeboard(self, board: Board) -> Noticeboard:
        return self.timing_board if board is Board.TIMING else self.utility_board

    def _address(self, place: Place) -> Address:
        return self._noticeboard(place.board).cell(place.name).address

    def _start_reads(self, board: Board, label: str, arguments: tuple[int, ...]) -> None:
        with self._transactor.exclusive():
            reads = arguments[0] if arguments else 1
            # MRC makes a block of each of its reads; those of the others have all of them.
            of_each = label == "MRC"
            readout = self._planned(
                label, blocks=reads if of_each else READ_BLOCKS[label], reads=1 if of_each else reads
            )
            self._ask(board, label, *arguments)
            self._readout = readout

    def _planned(self, label: str, blocks: int, reads: int) -> Readout:
        pixels = reads * self.pixels_per_read()
        return Readout(label, self.link.progress().block + 1, blocks, pixels)

    def _guard(self, command: Command) -> None:
        """Refuse what could not be answered because pixels flow."""
        readout = self._readout
        if readout is None or command.during_readout:
            return
        phase = readout.phase(self.link.progress())
        if phase is Phase.DONE:
            self._readout = None
        elif phase is not Phase.INTEGRATING or command.label in STILL_ONLY:
            raise Busy(
                f"{command.label} cannot be sent during {readout.command}: {phase.value}, and the controller "
                "takes nothing but abort and reset; wait for the last pixel or abort"
            )

    def _forget_programmes(self) -> None:
        self._stamps.clear()
        self._pixels_per_read = None
        self.timing_board.forget()
        self.utility_board.forget()


def _command(board: Board, label: str, arguments: tuple[int, ...]) -> Command:
    command = COMMANDS[label]
    if board not in command.boards or len(arguments) != len(command.arguments):
        raise ValueError(
            f"{label} is for {' or '.join(each.name for each in command.boards)} with "
            f"{len(command.arguments)} arguments, not for {board.name} with {len(arguments)}"
        )
    if command.reply is Reply.NONE:
        raise ValueError(f"{label} has no answer")
    return command
