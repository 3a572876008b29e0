"""The commands of INS-DAS-18 as a table.

The source names the section of INS-DAS-18 issue 8.5 that defines the command. Two things there do not agree
and are taken so: PFL is said to have two words, but Annex C sends the duration with it as a third; GEN is
listed with the application's commands, but Annex E sends it before any application is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from nifsdc.sdsu.words import Board

MARGIN_SECONDS = 1.0
"""how long an answer may take beyond the commanded operation ("Transactions")"""
LONGEST_SECONDS = 15.0
"""how long any transaction may take ("Transactions")"""


class Reply(Enum):
    """What a command is answered with."""

    DONE = "DON"
    """DON, or ERR with an errno in the noticeboard"""
    ECHO = "the value sent"
    """the command's own argument and no label"""
    VALUE = "a value"
    """a value and no label"""
    NONE = "nothing"
    """no answer at all"""
    SYSTEM_RESET = "SYR"
    """SYR once the boot programmes run"""


class Detectors(Enum):
    """The detectors a command is for."""

    ANY = "any"
    IR = "infrared"
    CCD = "CCD"
    QUCAM = "QUCAM"
    FRAME_TRANSFER = "frame transfer"


_ALL = (Board.TIMING, Board.UTILITY)
_TIMING = (Board.TIMING,)
_UTILITY = (Board.UTILITY,)


@dataclass(frozen=True)
class Command:
    """One command of the controller."""

    label: str
    boards: tuple[Board, ...]
    """which boards obey it"""
    arguments: tuple[str, ...]
    """what the words after the label are"""
    reply: Reply
    source: str
    """section of INS-DAS-18"""
    seconds: float = 0.0
    """length of the operation that the answer waits for, at most"""
    during_readout: bool = False
    """whether it is taken while pixels flow"""
    boot: bool = False
    """whether it is taken before an application programme is loaded"""
    detectors: Detectors = Detectors.ANY
    says_its_length: bool = False
    """whether the first argument is the length of the operation, in milliseconds"""

    @property
    def deadline_s(self) -> float:
        """Real seconds within which the answer must come, whatever the arguments."""
        return min(MARGIN_SECONDS + self.seconds, LONGEST_SECONDS)

    def deadline_for(self, arguments: Sequence[int]) -> float:
        """Return the real seconds within which the answer to these arguments must come."""
        if not self.says_its_length:
            return self.deadline_s
        return min(MARGIN_SECONDS + arguments[0] / 1000, LONGEST_SECONDS)


_BOOT = "Commands provided in all DSP programmes"
_TIM = "Commands provided by the timing DSP"
_UTIL = "Commands provided by the utility DSP"
_FRAMES = "none: an extension of ours (docs/decisions/0016-runs-of-frames.md)"

COMMANDS: dict[str, Command] = {
    command.label: command
    for command in (
        Command("RST", _TIMING, (), Reply.SYSTEM_RESET, _BOOT, 1.0, during_readout=True, boot=True),
        Command("TDL", _ALL, ("value",), Reply.ECHO, _BOOT, boot=True),
        Command("RDM", _ALL, ("address",), Reply.VALUE, _BOOT, boot=True),
        Command("WRM", _ALL, ("address", "value"), Reply.DONE, _BOOT, boot=True),
        Command("LDA", _ALL, ("programme",), Reply.DONE, _BOOT, 2.0, boot=True),
        Command("CLR", _TIMING, (), Reply.DONE, _TIM, 5.0),
        Command("RDC", _TIMING, (), Reply.NONE, _TIM),
        Command("ABR", _TIMING, (), Reply.NONE, _TIM, during_readout=True),
        Command("LSP", _TIMING, (), Reply.DONE, _TIM),
        Command("HSP", _TIMING, (), Reply.DONE, _TIM),
        Command("IDL", _TIMING, (), Reply.DONE, _TIM),
        Command("STP", _TIMING, (), Reply.DONE, _TIM),
        Command("MRA", _TIMING, ("reads",), Reply.DONE, _TIM, detectors=Detectors.IR),
        Command("GRB", _TIMING, (), Reply.DONE, _TIM, detectors=Detectors.IR),
        Command("RDT", _TIMING, ("reads",), Reply.DONE, "Annex B", detectors=Detectors.IR),
        Command("MRC", _TIMING, ("reads",), Reply.DONE, _TIM, detectors=Detectors.QUCAM),
        Command("FNC", _TIMING, ("frames",), Reply.DONE, _FRAMES, detectors=Detectors.FRAME_TRANSFER),
        Command("FCL", _TIMING, ("frames",), Reply.DONE, _FRAMES, detectors=Detectors.FRAME_TRANSFER),
        Command("FDR", _TIMING, ("frames",), Reply.DONE, _FRAMES, detectors=Detectors.FRAME_TRANSFER),
        Command("PON", _UTILITY, (), Reply.DONE, _UTIL, 3.0),
        Command("POF", _UTILITY, (), Reply.DONE, _UTIL, 3.0),
        Command("BEX", _UTILITY, (), Reply.DONE, _UTIL, detectors=Detectors.CCD),
        Command("PEX", _UTILITY, (), Reply.DONE, _UTIL, detectors=Detectors.CCD),
        Command("REX", _UTILITY, (), Reply.DONE, _UTIL, detectors=Detectors.CCD),
        Command("DEX", _UTILITY, (), Reply.DONE, _UTIL, LONGEST_SECONDS, detectors=Detectors.CCD),
        Command("OSH", _UTILITY, (), Reply.DONE, _UTIL, detectors=Detectors.CCD),
        Command("CSH", _UTILITY, (), Reply.DONE, _UTIL, detectors=Detectors.CCD),
        Command(
            "PFL", _UTILITY, ("milliseconds",), Reply.DONE, "Annex C", LONGEST_SECONDS, says_its_length=True
        ),
        Command("GEN", _UTILITY, (), Reply.VALUE, _UTIL, boot=True),
    )
}
"""every command by its label"""
