"""The timing of a frame-transfer run in FITS headers.

Names are those of the document's summary of symbols. The instrument's own software spells some of them
otherwise, and writes times in milliseconds: ours are written with the document's names, and both are read.
"""

from __future__ import annotations

from collections.abc import Mapping

from nifsdc.timing.frame_transfer import Clear, Drift, FrameMode, FrameTiming, NoClear

Card = tuple[str, float | int | str, str]
"""keyword, value, comment"""

DELAY = "ESO DET TDELAY"
READ = "ESO DET READ"
WIPE = "ESO DET TCLEAR"
TRANSFER = "ESO DET TFT"
LINE_DUMP = "ESO DRIFT TLINEDUMP"
LINE_SHIFT = "ESO DRIFT TLINESHIFT"
NDRIFT = "DET DRIFT NWINS"
NSKIP = "ESO DET NSKIP"
"""ours: the document gives none"""

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    READ: ("ESO DET TREAD",),
    LINE_DUMP: ("ESO DET DRIFT TLINEDUMP",),
    LINE_SHIFT: ("ESO DET DRIFT TLINESHIFT",),
    NDRIFT: ("ESO DET DRIFT NWINS",),
}
"""other names that the instrument's software gives these"""

_MS = 1e-3


def cards(timing: FrameTiming) -> tuple[Card, ...]:
    """Return the header cards of a set-up; times in milliseconds.

    READ is the sum of readout and frame transfer, but in drift mode, which has no transfer, the readout.
    """
    match timing:
        case NoClear():
            return (
                _time(DELAY, timing.delay, "E, exposure delay"),
                _time(READ, timing.read + timing.transfer, "R + F, readout and frame transfer"),
                _time(TRANSFER, timing.transfer, "F, frame transfer"),
                (NSKIP, timing.nskip, "dummy frames before each with data"),
            )
        case Clear():
            return (
                _time(DELAY, timing.delay, "E, exposure delay"),
                _time(READ, timing.read + timing.transfer, "R + F, readout and frame transfer"),
                _time(TRANSFER, timing.transfer, "F, frame transfer"),
                _time(WIPE, timing.wipe, "W, wipe"),
                (NSKIP, timing.nskip, "dummy frames before each with data"),
            )
        case Drift():
            return (
                _time(DELAY, timing.delay, "E, exposure delay"),
                _time(READ, timing.read, "R, readout"),
                _time(LINE_DUMP, timing.line_dump, "LD, line dump"),
                _time(LINE_SHIFT, timing.line_shift, "LS, line shift"),
                (NDRIFT, timing.ndrift, "windows in the masked area"),
            )
    raise TypeError(f"{type(timing).__name__} has no header cards")


def from_header(mode: FrameMode, header: Mapping[str, object]) -> FrameTiming:
    """Return the set-up that a header describes, in either spelling.

    Raises
    ------
    ValueError
        when a keyword of this mode is missing, is no number, or makes no sense
    """
    delay = _seconds(header, DELAY)
    read = _seconds(header, READ)
    if mode is FrameMode.DRIFT:
        return Drift(
            delay, read, _seconds(header, LINE_DUMP), _seconds(header, LINE_SHIFT), _count(header, NDRIFT)
        )
    # The summary of symbols names F for no-clear mode alone; clear mode needs no more than the sum R + F.
    unnamed = mode is FrameMode.CLEAR and TRANSFER not in header
    transfer = 0.0 if unnamed else _seconds(header, TRANSFER)
    if transfer > read:
        raise ValueError(
            f"{TRANSFER} ({transfer / _MS:g} ms) is more than {READ} ({read / _MS:g} ms), which contains it"
        )
    nskip = _count(header, NSKIP)
    if mode is FrameMode.NO_CLEAR:
        return NoClear(delay, read - transfer, transfer, nskip)
    return Clear(delay, read - transfer, transfer, _seconds(header, WIPE), nskip)


def _time(name: str, seconds: float, comment: str) -> Card:
    return name, round(seconds / _MS, 9), f"[ms] {comment}"


def _number(header: Mapping[str, object], name: str) -> float:
    names = (name, *SPELLINGS.get(name, ()))
    for each in names:
        value = header.get(each)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{each} is {value!r}; expected a number")
        return float(value)
    raise ValueError(f"the header has no {' or '.join(names)}")


def _seconds(header: Mapping[str, object], name: str) -> float:
    return _number(header, name) * _MS


def _count(header: Mapping[str, object], name: str) -> int:
    number = _number(header, name)
    if not number.is_integer():
        raise ValueError(f"{name} is {number:g}; expected a whole number")
    return int(number)
