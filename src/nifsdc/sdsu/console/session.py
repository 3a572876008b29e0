"""What a console knows from one line to the next: the controller, names, the pixels, the trace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from nifsdc.sdsu.commands import COMMANDS, Detectors, Reply
from nifsdc.sdsu.console.frames import Collector, Expected, Pixels
from nifsdc.sdsu.console.language import SHORT, Mistake, Place, number, shown, take_address, take_board
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.exchange import READ_BLOCKS, UNBOUNDED, blocks_of
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.lod import LodError, LodFile, parse
from nifsdc.sdsu.memory import Noticeboard
from nifsdc.sdsu.programs import synthetic
from nifsdc.sdsu.trace_link import TracedLink
from nifsdc.sdsu.words import DON, Board

READERS = ("RDC", *READ_BLOCKS)
"""commands that bring pixels"""
WAIT_SECONDS = 60.0
KINDS = {"ir": Detectors.IR, "ccd": Detectors.CCD}
Say = Callable[[str], None]
"""takes each line of output"""


class Session:
    """One engineer at one controller.

    Parameters
    ----------
    link
        the way there
    say
        takes each line of output
    """

    def __init__(self, link: Link, say: Say) -> None:
        self.link = TracedLink(link)
        self.controller = Controller(self.link)
        self.say = say
        self.collector: Pixels | None = None
        self.ended = False
        self._symbols: dict[Board, LodFile] = {}
        self._trace: TextIO | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the trace and the collecting of pixels, and close the link."""
        if self.collector is not None:
            self.collector.stop()
        self.trace(None)
        self.link.close()

    # Names

    def noticeboard(self, board: Board) -> Noticeboard:
        """Return a board's noticeboard."""
        return self.controller.timing_board if board is Board.TIMING else self.controller.utility_board

    def learn(self, program: LodFile) -> None:
        """Know the symbols of a board's programme from now on."""
        self._symbols[program.board] = program

    def programs(self, name: str) -> tuple[LodFile, ...]:
        """Return the programmes that a word names: ``ir`` and ``ccd`` are the simulator's, else a file."""
        if name.lower() in KINDS:
            return tuple(synthetic(board, KINDS[name.lower()]) for board in SHORT)
        try:
            program = parse(Path(name).read_text(encoding="ascii"))
        except OSError as error:
            raise Mistake(
                f"{name}: {error.strerror}: expected a load file, or {' or '.join(KINDS)} for those of the "
                "simulator"
            ) from None
        except (LodError, UnicodeDecodeError) as error:
            raise Mistake(f"{name} is no load file: {error}") from None
        if program.board not in SHORT:
            raise Mistake(f"{name} is for the {program.board.name} board: only TIM and UTIL are loaded here")
        return (program,)

    def symbols(self) -> list[Place]:
        """Return all names known from load files."""
        return [
            Place(board, address, symbol.name)
            for board, program in self._symbols.items()
            for symbol in program.symbols
            if (address := program.address(symbol.name)) is not None
        ]

    def names(self) -> list[str]:
        """Return every name of a place."""
        entries = (entry.name for board in SHORT for entry in self.noticeboard(board).entries)
        return sorted({*entries, *(place.name for place in self.symbols())})

    def place(self, arguments: Sequence[str]) -> tuple[Place, list[str]]:
        """Find the place that the first words name, and return what stands behind them.

        An address without a board is the timing board's. A name is looked for in the noticeboards, then
        among the symbols; one that both boards have needs a board.
        """
        board, rest = take_board(arguments)
        address, behind = take_address(rest)
        if address is not None:
            return Place(board or Board.TIMING, address), behind
        name = rest[0]
        found = [place for place in self._named(name) if board in (None, place.board)]
        if not found:
            raise Mistake(
                f"there is no {name!r}"
                + ("" if board is None else f" on the {board.name.lower()} board")
                + ": expected a name of the noticeboards (boards lists them), a symbol (symbols lists them), "
                "or an address such as X 0x10"
            )
        if len({place.board for place in found}) > 1:
            raise Mistake(f"both boards have {name!r}: say which, tim {name} or util {name}")
        return found[0], rest[1:]

    def _named(self, name: str) -> list[Place]:
        found: list[Place] = []
        for board in SHORT:
            noticeboard = self.noticeboard(board)
            entries = [entry for entry in noticeboard.entries if entry.name == name.lower()]
            found += [Place(board, noticeboard.address(entry), entry.name) for entry in entries]
        return found or [place for place in self.symbols() if place.name == name.upper()]

    # Commands

    def command(self, name: str, arguments: Sequence[str]) -> None:
        """Carry out a command of the controller by its mnemonic."""
        command = COMMANDS[name]
        board, words = take_board(arguments)
        if board is None and len(command.boards) > 1:
            raise Mistake(f"{name} is for either board: {name} tim ... or {name} util ...")
        board = board or command.boards[0]
        if board not in command.boards:
            raise Mistake(f"{name} is not for the {board.name.lower()} board")
        if len(words) != len(command.arguments):
            wanted = " ".join(each.upper() for each in command.arguments) or "nothing"
            raise Mistake(f"{name} takes {wanted}, found {' '.join(words) or 'nothing'}")
        values = [number(each, "word") for each in words]
        if name in READERS:
            self._start_reading(name, values)
        else:
            self._obey(name, board, values)

    def _obey(self, name: str, board: Board, values: Sequence[int]) -> None:
        match COMMANDS[name].reply:
            case Reply.SYSTEM_RESET:
                self.controller.reset()
                self.say("SYR: the boot programmes run")
            case Reply.NONE:
                self.controller.abort()
                if self.collector is not None:
                    self.collector.stop()
                self.say(f"{name} sent")
            case _:
                answer = self.controller.command(board, name, *values)
                self.say("DON" if answer == DON else shown(answer))

    def _start_reading(self, name: str, values: Sequence[int]) -> None:
        board = self.controller.timing_board
        columns, rows = board.columns.read(), board.rows.read()
        reads = values[0] if values else 1
        blocks, reads_each = (1, reads) if name == "RDC" else blocks_of(name, reads)
        known = None if blocks == UNBOUNDED else blocks
        self.drop_readout()
        expected = Expected(name, known, reads_each, columns, rows)
        collector = Collector(self.link, expected)
        if name == "RDC":
            self.controller.read_out()
        else:
            self.controller.command(Board.TIMING, name, *values)
        self.collector = collector
        collector.start()
        self.say(f"{'sent' if name == 'RDC' else 'DON'}: {known or 'any'} x {expected.pixels} pixels come")

    def drop_readout(self) -> None:
        """Collect no more pixels of the last readout, and forget it."""
        if self.collector is not None:
            self.collector.stop()
            self.collector = None

    def readout(self) -> Pixels:
        """Return the pixels of the last readout."""
        if self.collector is None:
            raise Mistake(f"nothing has been read out yet: {', '.join(READERS)} bring pixels")
        return self.collector

    def wait(self, seconds: float = WAIT_SECONDS) -> Pixels:
        """Wait for the last pixel of the readout; `Mistake` when it takes longer."""
        collector = self.readout()
        if not collector.wait(seconds):
            counts = ", ".join(map(str, collector.counts)) or "none"
            raise Mistake(
                f"{collector.expected.label} is not over after {seconds:g} s; pixels of its blocks so far: "
                f"{counts}: wait longer (wait SECONDS) or end it (ABR)"
            )
        if collector.problem is not None:
            raise collector.problem
        return collector

    # Time and traces

    def begin_anew(self) -> None:
        """Know nothing of the controller any more: somebody else may have changed it."""
        self.controller = Controller(self.link)
        self.drop_readout()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds of the detector."""
        self.link.clock.sleep(seconds, threading.Event())

    def trace(self, path: Path | None) -> None:
        """Write every word to a new file from now on, None to end it."""
        if self._trace is not None:
            self.link.stop()
            self._trace.close()
            self._trace = None
        if path is not None:
            try:
                self._trace = path.open("x", encoding="ascii")
            except FileExistsError:
                raise Mistake(f"{path} exists: nothing is ever overwritten, give another name") from None
            self.link.start(self._trace)
