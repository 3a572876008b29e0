"""Carries out a run sequence on a controller; another thread may pause, retime, finish or cancel it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nifsdc.sdsu.commands import COMMANDS, Reply
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.errors import ControllerError
from nifsdc.sdsu.integration import Integration
from nifsdc.sdsu.pixels import Cancelled, Chunk, PixelStream
from nifsdc.sdsu.sequences.annexes import CURRENT, SHORTEST_MS
from nifsdc.sdsu.sequences.steps import (
    Integrate,
    Send,
    Sequence,
    Step,
    TakePixels,
)
from nifsdc.sdsu.words import Board

LOOK_SECONDS = 0.25
"""detector seconds between two looks at what is asked of an integration"""
PAUSE_LOOK_SECONDS = 0.02
"""real seconds between two looks at one that is paused"""
START_SECONDS = 2.0
"""detector seconds until a read's first pixel is due"""


class NotNow(Exception):
    """What was asked of a running sequence cannot be done to it; the text says why."""


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
        self._integration = Integration(controller.link.clock.now)
        self._by_controller = False
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
        """
        self._cancel.clear()
        self._by_controller = False
        self._record = _Record()
        self._block = self._controller.link.progress().block
        try:
            for step in sequence.steps:
                if self._cancel.is_set():
                    raise Cancelled
                self._tell(step.does)
                self._carry_out(step)
        except (Cancelled, ControllerError):
            self._give_up()
            raise
        return self._record.outcome()

    # --- for other threads --------------------------------------------------------------------------------

    def pause(self) -> None:
        """Halt the integration, and with it the controller's timer and shutter (PEX). Raises NotNow."""
        with self._changing() as integration:
            if integration.paused:
                raise NotNow("the integration is paused already")
            if self._by_controller:
                self._controller.command(Board.UTILITY, "PEX")
            integration.pause()

    def resume(self) -> None:
        """Let a paused integration go on (REX). Raises NotNow."""
        with self._changing() as integration:
            if not integration.paused:
                raise NotNow("the integration is not paused")
            if self._by_controller:
                self._controller.command(Board.UTILITY, "REX")
            integration.resume()

    def retime(self, milliseconds: int) -> None:
        """Give the integration another length in all, through the noticeboard. Raises NotNow."""
        if milliseconds < SHORTEST_MS:
            raise ValueError(f"an integration of {milliseconds} ms; expected {SHORTEST_MS} ms or more")
        with self._changing() as integration:
            if self._by_controller:
                self._controller.utility_board.demanded_exposure_ms.write(milliseconds)
            integration.retime(milliseconds / 1000)

    def finish(self) -> None:
        """End the integration now and read out: what is left of it is cut off. Raises NotNow."""
        with self._changing() as integration:
            if integration.paused:
                self.resume()
            self.retime(SHORTEST_MS)

    def cancel(self) -> None:
        """Give the sequence up; `run` raises Cancelled."""
        self._cancel.set()

    @contextmanager
    def _changing(self) -> Iterator[Integration]:
        with self._integration.lock:
            if not self._integration.running:
                raise NotNow("no integration of this sequence can be changed now")
            yield self._integration

    # --- steps --------------------------------------------------------------------------------------------

    def _carry_out(self, step: Step) -> None:
        match step:
            case Send():
                self._send(step)
            case Integrate():
                self._integrate(step)
            case TakePixels():
                self._take_pixels(step)
            case _:
                raise ValueError(f"{step.does}: the start-up is carried out by Controller.startup")

    def _send(self, step: Send) -> None:
        answer = self._controller.send(step)
        if answer is not None and COMMANDS[step.label].reply is not Reply.DONE:
            self._record.answers.append((step.label, answer))
            if step.arguments == (CURRENT,):
                self._record.integrated.append(answer)

    def _integrate(self, step: Integrate) -> None:
        clock = self._controller.link.clock
        before = step.before / 1000
        with self._integration.lock:
            self._by_controller = step.by_controller
            self._integration.begin(step.milliseconds / 1000)
        while True:
            with self._integration.lock:
                left = self._integration.left
                if left <= before or self._cancel.is_set():
                    # From here on nobody else may change it.
                    self._integration.end()
                    break
            if self._integration.paused:
                self._cancel.wait(PAUSE_LOOK_SECONDS)
            else:
                clock.sleep(min(left - before, LOOK_SECONDS), self._cancel)
        if self._cancel.is_set():
            raise Cancelled

    def _take_pixels(self, step: TakePixels) -> None:
        self._block += 1
        number = len(self._record.pixels)
        self._record.pixels.append(0)
        wanted = step.reads * self._controller.pixels_per_read()
        stream = PixelStream(self._controller.link, self._block, wanted, self._cancel)
        stream.wait_for_start(START_SECONDS + step.milliseconds / 1000)
        for chunk in stream.chunks():
            self._take(number, chunk)
            self._record.pixels[number] = chunk.offset + len(chunk.pixels)

    def _give_up(self) -> None:
        """End whatever runs and let the detector idle, as far as the controller listens."""
        paused = self._integration.paused
        self._integration.end()
        try:
            self._controller.abort()
            if paused and self._by_controller:
                self._controller.command(Board.UTILITY, "REX")
            if self._by_controller:
                self._end_exposure()
            self._controller.idle()
        except ControllerError as error:
            self._tell(f"the detector could not be set idling: {error}")

    def _end_exposure(self) -> None:
        """Have the controller end its exposure, which closes the shutter."""
        utility = self._controller.utility_board
        utility.demanded_exposure_ms.write(SHORTEST_MS)
        self._controller.command(Board.UTILITY, "DEX")
