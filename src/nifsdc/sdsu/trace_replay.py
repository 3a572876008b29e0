"""Sending a trace again, and what comes otherwise than it did then."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nifsdc.sdsu.commands import COMMANDS, LONGEST_SECONDS
from nifsdc.sdsu.errors import LinkLost, PixelTimeout
from nifsdc.sdsu.links.base import Link, Progress
from nifsdc.sdsu.trace_file import SENT, Event, What, meaning
from nifsdc.sdsu.words import Space, label, word

POLL_SECONDS = 0.002
OUTCOMES = frozenset({What.ANSWER, What.SILENCE, What.LOST})
RDM = word("RDM")
LOST = "a broken connection"


@dataclass(frozen=True)
class Difference:
    """Something that did not happen as in the trace."""

    event: Event
    """what was sent, or the pixels that were waited for"""
    expected: str
    came: str
    telemetry: bool = False
    """whether it is a word that changes by itself: one read from Y memory, where boards put what they tell"""

    def __str__(self) -> str:
        sent = meaning(self.event.numbers) if self.event.what is not What.PIXELS else "pixels"
        name = sent if self.event.numbers else self.event.what.value
        return f"{self.event.seconds:.6f} {name}: expected {self.expected}, came {self.came}"


@dataclass(frozen=True)
class Replayed:
    """What a replay did."""

    sent: int
    """packets and resets sent again"""
    compared: int
    """answers and counts of pixels compared"""
    differences: tuple[Difference, ...]


def replay(link: Link, events: Sequence[Event]) -> Replayed:
    """Send what a trace says was sent, in its order, and compare what comes.

    Nothing is sent before as many pixels have come as had then. Times are not compared: each answer has its
    command's own deadline. What came unasked then is not waited for.

    Parameters
    ----------
    link
        a link freshly opened, so that blocks count from 0 as in the trace
    events
        the trace

    Raises
    ------
    PixelTimeout
        when no pixel comes for 15 s of those that had come then; more must not be sent after that
    LinkLost
        when the connection breaks where it did not then
    """
    sent = compared = 0
    differences: list[Difference] = []
    start = link.progress().block
    for event, outcome in _exchanges(events):
        if event.what is What.PIXELS:
            compared += 1
            _wait_for(link, Progress(start + event.numbers[0], event.numbers[1]))
            continue
        sent += 1
        if event.what is What.REOPEN:
            start = 0
        try:
            came = _again(link, event)
        except LinkLost:
            if outcome is None or outcome.what is not What.LOST:
                raise
            came = LOST
        if outcome is not None:
            compared += 1
            expected = _outcome_text(outcome)
            if came != expected:
                differences.append(Difference(event, expected, came, _is_telemetry(event)))
    return Replayed(sent, compared, tuple(differences))


def _exchanges(events: Sequence[Event]) -> Iterator[tuple[Event, Event | None]]:
    """Yield each thing to do, with its outcome then where it has one."""
    waiting: Event | None = None
    for event in events:
        if event.what in OUTCOMES and waiting is not None:
            yield waiting, event
            waiting = None
        elif event.what in SENT or event.what is What.PIXELS:
            if waiting is not None:
                yield waiting, None
            waiting = event if event.what in SENT else None
            if waiting is None:
                yield event, None
    if waiting is not None:
        yield waiting, None


def _again(link: Link, event: Event) -> str:
    """Send it and say what came."""
    try:
        if event.what is What.REOPEN:
            link.reopen()
            return "nothing"
        if event.what is What.TELL:
            link.send(event.numbers)
            return "nothing"
        if event.what is What.RESET:
            answer = link.reset(COMMANDS["RST"].deadline_s)
        else:
            answer = link.transact(event.numbers, _deadline_s(event.numbers))
    except TimeoutError:
        return "nothing"
    return meaning(answer)


def _outcome_text(outcome: Event) -> str:
    if outcome.what is What.LOST:
        return LOST
    return "nothing" if outcome.what is What.SILENCE else meaning(outcome.numbers)


def _deadline_s(words: Sequence[int]) -> float:
    command = COMMANDS.get(_label(words[1])) if len(words) > 1 else None
    return LONGEST_SECONDS if command is None else command.deadline_s


def _label(value: int) -> str:
    try:
        return label(value)
    except ValueError:
        return ""


def _is_telemetry(event: Event) -> bool:
    return (
        event.what is What.ASK
        and len(event.numbers) == 3
        and event.numbers[1] == RDM
        and bool(event.numbers[2] & Space.Y.value)
    )


def _wait_for(link: Link, wanted: Progress) -> None:
    last, moment = link.progress(), time.monotonic()
    while last < wanted:
        link.consumed(*last)
        time.sleep(POLL_SECONDS)
        now = link.progress()
        if now != last:
            last, moment = now, time.monotonic()
        elif time.monotonic() - moment > LONGEST_SECONDS:
            raise PixelTimeout(
                f"replay: block {last.block} stopped at {last.pixels} pixels, expected {wanted.pixels} of "
                f"block {wanted.block} as in the trace: abort, then reset the controller"
            )
    link.consumed(*last)
