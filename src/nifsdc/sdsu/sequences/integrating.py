"""Waiting for the end of an integration that other threads may pause, resume, retime or finish meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.errors import Busy, ErrorReply, NotNow
from nifsdc.sdsu.integration import Integration
from nifsdc.sdsu.sequences.annexes import SHORTEST_MS
from nifsdc.sdsu.sequences.steps import TimedBy
from nifsdc.sdsu.words import Board

LOOK_SECONDS = 0.25
"""detector seconds between two looks at what is asked of an integration"""
PAUSE_LOOK_SECONDS = 0.02
"""real seconds between two looks at one that is paused"""


@dataclass(frozen=True)
class Waited:
    """How an integration came to its end."""

    seconds: float
    """that it lasted, as the host reckons it"""
    early: bool
    """whether something else than its length ended it"""


class Integrating:
    """One integration at a time, by the host's clock and the controller's timer together.

    One thread begins it and one waits for it; any thread may change it in between.

    Parameters
    ----------
    controller
        that integrates
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        # The clock is known once the link is open.
        self._integration = Integration(lambda: controller.link.clock.now())
        self._timed_by = TimedBy.HOST
        self._halted = False
        """whether the controller's timer stands still, the shutter closed"""

    def begin(self, timed_by: TimedBy, seconds: float, elapsed: float = 0.0) -> None:
        """Begin an integration of so many detector seconds in all, of which some have elapsed."""
        with self._integration.lock:
            self._timed_by = timed_by
            self._halted = False
            self._integration.begin(seconds, elapsed)

    def wait(self, cancel: threading.Event, over: Callable[[], bool], before: float = 0.0) -> Waited:
        """Wait until some seconds before its end; earlier when it is cancelled or otherwise over."""
        link = self._controller.link
        integration = self._integration
        try:
            while True:
                with integration.lock:
                    early = cancel.is_set() or over()
                    left = integration.left - before
                    if early or left <= 0:
                        # From here on nobody else may change it.
                        return Waited(integration.end(), early)
                if integration.paused:
                    cancel.wait(PAUSE_LOOK_SECONDS)
                else:
                    link.clock.sleep(min(left, LOOK_SECONDS), cancel)
        finally:
            integration.end()

    # --- for other threads --------------------------------------------------------------------------------

    def pause(self) -> None:
        """Halt it, and with it the controller's timer and shutter (PEX). Raises NotNow."""
        with self._changing() as integration:
            if self._timed_by is TimedBy.TIMING:
                raise NotNow("an array that integrates between its reads cannot be paused: retime or finish")
            if integration.paused:
                raise NotNow("the integration is paused already")
            if self._timed_by is TimedBy.UTILITY:
                self._controller.command(Board.UTILITY, "PEX")
                self._halted = True
            integration.pause()

    def resume(self) -> None:
        """Let it go on when it is paused (REX). Raises NotNow."""
        with self._changing() as integration:
            if not integration.paused:
                raise NotNow("the integration is not paused")
            if self._timed_by is TimedBy.UTILITY:
                self._controller.command(Board.UTILITY, "REX")
                self._halted = False
            integration.resume()

    def retime(self, seconds: float) -> None:
        """Give it another length in all, through the noticeboard, which a timer looks at. Raises NotNow."""
        with self._changing() as integration:
            if self._timed_by is not TimedBy.HOST:
                self._controller.utility_board.demanded_exposure_ms.write(round(seconds * 1000))
            integration.retime(seconds)

    def finish(self) -> None:
        """End it now: what is left of it is cut off. Raises NotNow."""
        with self._changing() as integration:
            if self._timed_by is not TimedBy.HOST:
                self.cut_short()
            if integration.paused:
                integration.resume()
            integration.retime(SHORTEST_MS / 1000)

    @contextmanager
    def _changing(self) -> Iterator[Integration]:
        with self._integration.lock:
            if not self._integration.running:
                raise NotNow("no integration can be changed now")
            if self._timed_by is TimedBy.SCHEDULE:
                raise NotNow("reads at given times cannot be changed: cancel")
            try:
                yield self._integration
            except Busy as error:
                raise NotNow(f"the integration has just ended ({error})") from error

    # --- for whoever waits --------------------------------------------------------------------------------

    def cut_short(self) -> None:
        """Have the controller end its integration now, which closes a shutter."""
        halted, self._halted = self._halted, False
        self._controller.utility_board.demanded_exposure_ms.write(SHORTEST_MS)
        if halted:
            # A timer that looks at the demand while it is paused has ended by now, and refuses.
            with suppress(ErrorReply):
                self._controller.command(Board.UTILITY, "REX")
