"""Carries out a run sequence on a controller; another thread may pause, retime, finish or cancel it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from nifsdc.sdsu.commands import COMMANDS, Reply
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.errors import ControllerError
from nifsdc.sdsu.pixels import Cancelled, Chunk, PixelStream
from nifsdc.sdsu.sequences.annexes import CURRENT, SHORTEST_MS
from nifsdc.sdsu.sequences.integrating import Integrating
from nifsdc.sdsu.sequences.steps import (
    Integrate,
    Load,
    ResetController,
    Send,
    Sequence,
    Step,
    TakePixels,
    TimedBy,
)
from nifsdc.sdsu.words import Board

START_SECONDS = 2.0
"""detector seconds until a read's first pixel is due"""


@dataclass(frozen=True)
class Outcome:
    """What came of a sequence."""

    answers: tuple[tuple[str, int], ...]
    """label and answer of each command that has one"""
    pixels: tuple[int, ...]
    """pixels that arrived of each block"""
    integrated_ms: tuple[int, ...]
    """what the controller said that it had integrated, each time it was asked"""


@dataclass
class _Record:
    answers: list[tuple[str, int]] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    integrated: list[int] = field(default_factory=list)

    def outcome(self) -> Outcome:
        return Outcome(tuple(self.answers), tuple(self.pixels), tuple(self.integrated))


class Runner:
    """Carries out one sequence at a time.

    Parameters
    ----------
    controller
        started up; the start-up sequence is carried out by `Controller.startup`
    take
        is given the pixels of each block (counted from 0) as they arrive; the view is valid during the call
    tell
        is told what is being done
    """

    def __init__(
        self,
        controller: Controller,
        take: Callable[[int, Chunk], None] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._controller = controller
        self._take = take or (lambda block, chunk: None)
        self._tell = tell or (lambda text: None)
        self._cancel = threading.Event()
        self._integrating = Integrating(controller)
        self._timer = 0.0
        """detector time from which the host's timer counts"""
        self._exposing = False
        """whether the controller may have a shutter open"""
        self._block = 0
        self._record = _Record()

    @property
    def arrived(self) -> Outcome:
        """What has come of the present sequence, or of the last one, even if it failed."""
        return self._record.outcome()

    def run(self, sequence: Sequence) -> Outcome:
        """Carry out a sequence.

        The detector idles afterwards, whatever happens, if the controller still listens.

        Raises
        ------
        Cancelled
            when `cancel` was called
        ControllerError
            when a command or the pixels do not come as they should; `arrived` has what did
        ValueError
            for the start-up
        """
        if any(isinstance(step, ResetController | Load) for step in sequence.steps):
            raise ValueError(f"{sequence.name} is carried out by Controller.startup")
        self._cancel.clear()
        self._exposing = False
        self._timer = self._controller.link.clock.now()
        self._record = _Record()
        self._block = self._controller.link.progress().block
        try:
            for step in sequence.steps:
                if self._cancel.is_set():
                    raise Cancelled
                self._tell(step.does)
                self._carry_out(step)
        except BaseException:
            # Whatever it was, the shutter may not stay open.
            self._give_up()
            raise
        return self._record.outcome()

    # --- for other threads --------------------------------------------------------------------------------

    def pause(self) -> None:
        """Halt the integration, and with it the controller's timer and shutter (PEX). Raises NotNow."""
        self._integrating.pause()

    def resume(self) -> None:
        """Let a paused integration go on (REX). Raises NotNow."""
        self._integrating.resume()

    def retime(self, milliseconds: int) -> None:
        """Give the integration another length in all, through the noticeboard. Raises NotNow."""
        if milliseconds < SHORTEST_MS:
            raise ValueError(f"an integration of {milliseconds} ms; expected {SHORTEST_MS} ms or more")
        self._integrating.retime(milliseconds / 1000)

    def finish(self) -> None:
        """End the integration now and read out: what is left of it is cut off. Raises NotNow."""
        self._integrating.finish()

    def cancel(self) -> None:
        """Give the sequence up; `run` raises Cancelled."""
        self._cancel.set()

    # --- steps --------------------------------------------------------------------------------------------

    def _carry_out(self, step: Step) -> None:
        match step:
            case Send():
                self._send(step)
            case Integrate():
                self._integrate(step)
            case TakePixels():
                self._take_pixels(step)

    def _send(self, step: Send) -> None:
        self._exposing |= step.label == "BEX"
        sent = self._controller.link.clock.now()
        answer = self._controller.send(step)
        self._exposing &= step.label != "DEX"
        if step.starts_timer:
            # Pixels may be here before RDT is answered: reads would be asked for too late.
            self._timer = sent if step.label == "RDT" else self._controller.link.clock.now()
        if answer is not None and COMMANDS[step.label].reply is not Reply.DONE:
            self._record.answers.append((step.label, answer))
            if step.arguments == (CURRENT,):
                self._record.integrated.append(answer)

    def _integrate(self, step: Integrate) -> None:
        elapsed = self._controller.link.clock.now() - self._timer
        self._integrating.begin(step.timed_by, step.milliseconds / 1000, elapsed)
        self._wait(before=step.before / 1000)

    def _wait(self, over: Callable[[], bool] = lambda: False, before: float = 0.0) -> None:
        """Wait until some seconds before the end of the integration, or until it is over."""
        self._integrating.wait(self._cancel, over, before)
        if self._cancel.is_set():
            raise Cancelled

    def _take_pixels(self, step: TakePixels) -> None:
        self._block += 1
        if step.milliseconds:
            self._integrating.begin(TimedBy.TIMING, step.milliseconds / 1000)
            self._wait(lambda: self._controller.link.progress().block >= self._block)
        number = len(self._record.pixels)
        self._record.pixels.append(0)
        wanted = step.reads * self._controller.pixels_per_read()
        stream = PixelStream(self._controller.link, self._block, wanted, self._cancel)
        stream.wait_for_start(START_SECONDS)
        for chunk in stream.chunks():
            self._take(number, chunk)
            self._record.pixels[number] = chunk.offset + len(chunk.pixels)

    def _give_up(self) -> None:
        """End whatever runs and let the detector idle, as far as the controller listens."""
        for end in (self._controller.abort, self._end_exposure, self._controller.idle):
            try:
                end()
            except ControllerError as error:
                self._tell(f"while the sequence was given up: {error}")

    def _end_exposure(self) -> None:
        """Have the controller end the exposure that it may have begun, which closes the shutter."""
        if self._exposing:
            self._integrating.cut_short()
            self._controller.command(Board.UTILITY, "DEX")
