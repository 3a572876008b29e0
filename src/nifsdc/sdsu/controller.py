"""An SDSU controller as its host sees it: the commands of INS-DAS-18 and the two noticeboards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nifsdc.sdsu.commands import COMMANDS, LONGEST_SECONDS, MARGIN_SECONDS
from nifsdc.sdsu.download import DownloadProgress, download, write_words
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
from nifsdc.sdsu.exchange import GENERATION_2, Exchange
from nifsdc.sdsu.lod import LodFile
from nifsdc.sdsu.memory import ID_BITS, X_POINTER, ClockState, Shutter
from nifsdc.sdsu.sequences.annexes import start_up
from nifsdc.sdsu.sequences.steps import Load, ResetController, Send
from nifsdc.sdsu.windows.table import WindowTable
from nifsdc.sdsu.words import Board

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

MOST_BINNING = 10
"""greatest binning factor (INS-DAS-18, "Memory locations in the timing DSP's RAM")"""


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


BOARDS = COMMANDS["WRM"].boards
"""boards of the controller that take programmes"""


class Controller(Exchange):
    """All commands of one controller by name, and its start-up; errors are those of `Exchange`."""

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
        self.command(Board.TIMING, "MRA", reads)

    def read_before_and_after(self) -> None:
        """Reset the array, read it once, integrate as demanded, read it once more (GRB)."""
        self.command(Board.TIMING, "GRB")

    def read_at_time(self, reads: int) -> None:
        """Read the array ``reads`` times now, and again whenever a demanded time comes, until abort (RDT)."""
        self.command(Board.TIMING, "RDT", reads)

    def multiple_frames(self, reads: int) -> None:
        """Clear the detector, then integrate as demanded and read it, ``reads`` times (MRC)."""
        self.command(Board.TIMING, "MRC", reads)

    def clock_state(self) -> ClockState:
        """Return what the detector's clocks do; `UnexpectedReply` for a state that is none."""
        return _one_of(ClockState, self.timing_board.clock_state.read(), "clock state")

    # Format of the readout

    def set_binning(self, x: int, y: int) -> None:
        """Set how many pixels are added up in x and in y, 1 to 10 each."""
        for factor in (x, y):
            if not 1 <= factor <= MOST_BINNING:
                raise ValueError(f"binning {x} x {y}; expected factors of 1 to {MOST_BINNING}")
        self.timing_board.x_binning.write(x)
        self.timing_board.y_binning.write(y)

    def set_frame(self, columns: int, rows: int) -> None:
        """Set what a read has, for the interface card: only the product, its pixels, has to be right."""
        self.timing_board.columns.write(columns)
        self.timing_board.rows.write(rows)

    def write_window_table(self, table: WindowTable | None, *, verify: bool = True) -> None:
        """Have windows read from now on, or the full frame (None); the frame is set by `set_frame`.

        Raises
        ------
        ValueError
            when the table has more rows than the timing board's, or counts that are no words
        DownloadFailed
            when a word of the table reads back otherwise than it was written; full frames are read then
        """
        board = self.timing_board
        if table is not None:
            words = table.words(board.window_rows.read())
            # A table that is half written may not be clocked.
            board.windowing.write(0)
            write_words(self, board.board, board.window_table(words), "window table", verify=verify)
        board.windowing.write(0 if table is None else 1)

    # Commands of the utility board

    def power_on(self) -> None:
        """Switch the analogue circuits on (PON)."""
        self._ask(Board.UTILITY, "PON")

    def power_off(self) -> None:
        """Switch the analogue circuits off (POF)."""
        self._ask(Board.UTILITY, "POF")

    def begin_exposure(self) -> None:
        """Zero the exposure counter and open the shutter (BEX); it closes after the demanded exposure."""
        self._ask(Board.UTILITY, "BEX")

    def pause_exposure(self) -> None:
        """Close the shutter and halt the exposure counter (PEX)."""
        self._ask(Board.UTILITY, "PEX")

    def resume_exposure(self) -> None:
        """Open the shutter and let the exposure counter go on (REX)."""
        self._ask(Board.UTILITY, "REX")

    def wait_for_exposure(self, seconds: float = LONGEST_SECONDS) -> None:
        """Wait until the exposure has ended and the shutter is closed (DEX).

        ``seconds`` is how long that takes at most, by the computer's clock; with 1 s more it is 15 s at most.
        """
        self._ask(Board.UTILITY, "DEX", within=min(MARGIN_SECONDS + seconds, LONGEST_SECONDS))

    def set_exposure(self, milliseconds: int) -> None:
        """Set the time to expose or to integrate; one that runs is given this length (WRM)."""
        self.utility_board.demanded_exposure_ms.write(milliseconds)

    def open_shutter(self) -> None:
        """Open the shutter (OSH)."""
        self._ask(Board.UTILITY, "OSH")

    def close_shutter(self) -> None:
        """Close the shutter (CSH)."""
        self._ask(Board.UTILITY, "CSH")

    def shutter(self) -> Shutter:
        """Return where the shutter is; `UnexpectedReply` for a state that is none."""
        return _one_of(Shutter, self.utility_board.shutter.read(), "shutter state")

    def preflash(self, milliseconds: int) -> None:
        """Light the preflash lamps and wait until they are dark again (PFL); 14 s is the most."""
        most = round((LONGEST_SECONDS - MARGIN_SECONDS) * 1000)
        if not 0 <= milliseconds <= most:
            raise ValueError(f"a preflash of {milliseconds} ms; expected 0 to {most} ms")
        self._ask(Board.UTILITY, "PFL", (milliseconds,))

    def peltier(self) -> bool:
        """Return whether the Peltier cooler is on; INS-DAS-18 has no command to switch it."""
        return bool(self.utility_board.peltier.read())

    # Start-up

    def download(
        self, program: LodFile, *, verify: bool = True, progress: DownloadProgress | None = None
    ) -> None:
        """Load a programme into its board, read every word back and find its noticeboard anew.

        Raises
        ------
        ValueError
            for a programme of the interface card, which its driver loads
        DownloadFailed
            when a word reads back otherwise than it was written
        """
        board = program.board
        if board not in BOARDS:
            raise ValueError(
                f"a programme for the {board.name} board, expected one for the timing or the utility board: "
                "the interface card is loaded by its driver"
            )
        self._forget_programme(board)
        stamp = download(self, program, verify=verify, progress=progress)
        if stamp is not None:
            self._stamps[board] = stamp
        if X_POINTER in (address for address, _ in program.words()):
            self._noticeboard(board).find()

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


State = TypeVar("State", ClockState, Shutter)


def _one_of(states: type[State], value: int, what: str) -> State:
    try:
        return states(value)
    except ValueError as error:
        known = ", ".join(f"{each.value} {each.name.lower()}" for each in states)
        raise UnexpectedReply(f"the controller's {what} is {value}; expected {known}: init") from error
