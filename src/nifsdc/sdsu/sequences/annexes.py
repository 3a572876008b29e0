"""The run sequences of INS-DAS-18, Annexes B to E, row by row of their tables."""

from __future__ import annotations

from collections.abc import Sequence as Series
from dataclasses import replace
from itertools import pairwise

from nifsdc.sdsu.memory import ID_CODE
from nifsdc.sdsu.sequences.steps import (
    Integrate,
    Load,
    Place,
    ResetController,
    Send,
    Sequence,
    Step,
    TakePixels,
    TimedBy,
)
from nifsdc.sdsu.words import WORD_MASK, Board

DETECT_MS = 2000
"""before the end of an exposure, when the host waits for it with DEX (Annex C)"""
DEMAND_MS = 1000
"""before a read at time, when the host demands it (Annex B)"""
SHORTEST_MS = 1
"""least time that can be set (Annex D, bias)"""
LONGEST_FLASH_MS = 14_000
"""longest preflash that is answered within the 15 s that a transaction may last ("Transactions")"""

DEMANDED = Place(Board.UTILITY, "demanded_exposure_ms")
CURRENT = Place(Board.UTILITY, "current_exposure_ms")
TEMPERATURE = Place(Board.UTILITY, "demanded_temperature_mk")

_STOP = Send(Board.TIMING, "STP", (), "stop the clocks")
_CLEAR = Send(Board.TIMING, "CLR", (), "clear the detector")
_IDLE = Send(Board.TIMING, "IDL", (), "set the clocks idling")
_READ = Send(Board.TIMING, "RDC", (), "read out")
_ACTUAL = Send(Board.UTILITY, "RDM", (CURRENT,), "get the time that was integrated")


def _demand(milliseconds: int) -> Send:
    return Send(Board.UTILITY, "WRM", (DEMANDED, milliseconds), "set the time to integrate")


def _time(milliseconds: int, what: str, least: int = 0, most: int = WORD_MASK) -> int:
    if not least <= milliseconds <= most:
        raise ValueError(f"{what} of {milliseconds} ms; expected {least} to {most} ms")
    return milliseconds


def _count(number: int, what: str, least: int) -> int:
    if number < least:
        raise ValueError(f"{number} {what}; expected {least} or more")
    return number


# --- Annex C: CCDs ----------------------------------------------------------------------------------------

_CLEARED = (_STOP, _CLEAR)
_READ_OUT = (_READ, TakePixels(), _IDLE)


def ccd_run(milliseconds: int) -> Sequence:
    """Expose a CCD with the shutter open, in milliseconds."""
    _time(milliseconds, "an exposure", SHORTEST_MS)
    return Sequence(
        f"run {milliseconds / 1000:g}",
        "Annex C, run",
        (
            *_CLEARED,
            _demand(milliseconds),
            _STOP,
            Send(Board.UTILITY, "BEX", (), "begin the exposure", starts_timer=True),
            Integrate(milliseconds, DETECT_MS, TimedBy.UTILITY),
            Send(Board.UTILITY, "DEX", (), "wait for the end of the exposure"),
            _ACTUAL,
            *_READ_OUT,
        ),
    )


def ccd_bias() -> Sequence:
    """Clear a CCD and read it at once."""
    return Sequence("bias", "Annex C, bias", (*_CLEARED, _STOP, *_READ_OUT))


def ccd_dark(milliseconds: int) -> Sequence:
    """Let a CCD integrate with the shutter closed; the host times it."""
    _time(milliseconds, "a dark", SHORTEST_MS)
    return Sequence(
        f"dark {milliseconds / 1000:g}",
        "Annex C, dark",
        (*_CLEARED, replace(_STOP, starts_timer=True), Integrate(milliseconds), *_READ_OUT),
    )


def ccd_flash(milliseconds: int) -> Sequence:
    """Light the preflash lamps and read a CCD."""
    _time(milliseconds, "a preflash", SHORTEST_MS, LONGEST_FLASH_MS)
    flash = Send(Board.UTILITY, "PFL", (milliseconds,), "light the preflash lamps")
    return Sequence(f"flash {milliseconds / 1000:g}", "Annex C, flash", (*_CLEARED, _STOP, flash, *_READ_OUT))


# --- Annex D: infrared arrays -----------------------------------------------------------------------------


def ir_run(milliseconds: int, reads: int = 1, clearing_reads: int = 0) -> Sequence:
    """Read an array ``reads`` times, integrate, read it as often again; clearing reads come first."""
    _time(milliseconds, "an integration", SHORTEST_MS)
    return Sequence(
        f"run {milliseconds / 1000:g}",
        f"Annex D, run with {clearing_reads} clearing reads and {reads} pre- and post-integration reads",
        _multiple_read(milliseconds, _count(reads, "reads", 1), _count(clearing_reads, "clearing reads", 0)),
    )


def ir_bias() -> Sequence:
    """Read an array before and after the shortest integration."""
    return Sequence("bias", "Annex D, bias", _multiple_read(SHORTEST_MS, 1, 0))


def _multiple_read(milliseconds: int, reads: int, clearing_reads: int) -> tuple[Step, ...]:
    return (
        *(step for _ in range(clearing_reads) for step in (_READ, TakePixels(does="clear by reading"))),
        _STOP,
        _CLEAR,
        _demand(milliseconds),
        Send(Board.TIMING, "MRA", (reads,), f"set for {reads} reads before and after"),
        TakePixels(reads, does="read before the integration"),
        TakePixels(reads, milliseconds, "read after the integration"),
        _ACTUAL,
        _IDLE,
    )


# --- Annex B: reads at time -------------------------------------------------------------------------------


def reads_at_time(milliseconds: Series[int], reads: int = 1) -> Sequence:
    """Read up a ramp: once at time 0, then at each of these times after the first read's command.

    Parameters
    ----------
    milliseconds
        rising times, of the controller's integration timer
    reads
        reads at each time
    """
    times = [_time(each, "a read at time", SHORTEST_MS) for each in milliseconds]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError(f"reads at {', '.join(map(str, times))} ms; expected rising times")
    read = Send(
        Board.TIMING,
        "RDT",
        (_count(reads, "reads", 1),),
        "reset the integration timer and read",
        starts_timer=True,
    )
    steps: list[Step] = [_CLEAR, read, TakePixels(reads), _ACTUAL]
    for each in times:
        wait = Integrate(each, DEMAND_MS, TimedBy.SCHEDULE)
        steps += [wait, _demand(each), TakePixels(reads, does="read at the time"), _ACTUAL]
    steps.append(Send(Board.TIMING, "ABR", (), "end non-destructive reading"))
    return Sequence(f"reads at {len(times) + 1} times", "Annex B", tuple(steps))


# --- Annex E: start-up ------------------------------------------------------------------------------------


def start_up(temperature_mk: int, *, high_speed: bool = True) -> Sequence:
    """Bring a controller from any state to idling; temperature in millikelvin."""
    return Sequence(
        "start-up",
        "Annex E",
        (
            ResetController(),
            Send(Board.UTILITY, "GEN", (), "ask for the controller's generation"),
            Send(Board.UTILITY, "RDM", (ID_CODE.word,), "ask for the camera's identity"),
            Load(Board.TIMING),
            Load(Board.UTILITY),
            Send(Board.UTILITY, "PON", (), "switch the analogue power on"),
            Send(Board.UTILITY, "WRM", (TEMPERATURE, temperature_mk), "set the temperature"),
            _IDLE,
            Send(Board.TIMING, "HSP" if high_speed else "LSP", (), "select the readout speed"),
        ),
    )
