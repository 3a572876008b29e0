"""What a command is answered in the end: behind everything that was shown before, and only once."""

from __future__ import annotations

from collections.abc import Callable

from nifsdc.control.pending import Pending
from nifsdc.control.responses import Responses


class Answers:
    """Answers commands through their CARs.

    Parameters
    ----------
    responses
        the CARs
    pending
        the commands whose answer is still to come
    on_loop
        hands a call to the loop, behind the status changes that are on their way to it
    """

    def __init__(
        self, responses: Responses, pending: Pending, on_loop: Callable[[Callable[[], None]], None]
    ) -> None:
        self._responses = responses
        self._pending = pending
        self._on_loop = on_loop

    def car_is_awaited(self, command: str) -> bool:
        """Tell whether the CAR of a command belongs to another one that is still under way."""
        car = self._responses.car(command)
        return any(other != command and self._responses.car(other) == car for other in self._pending)

    def idle(self, command: str) -> None:
        """Answer IDLE, unless another command under way has the CAR too."""
        self._on_loop(lambda: None if self.car_is_awaited(command) else self._responses.idle(command))

    def error(self, command: str, reason: str) -> None:
        """Answer ERROR."""
        self._on_loop(lambda: self._responses.error(command, reason))

    def paused(self, command: str) -> None:
        """Show that a command stands still."""
        self._on_loop(lambda: self._responses.paused(command))

    def resumed(self, command: str) -> None:
        """Show that a command which stood still is carried out again."""
        self._on_loop(lambda: self._responses.busy(command))

    def settle(self, command: str, reason: str | None = None) -> None:
        """Answer a command that still waits: IDLE, or ERROR for a reason."""
        if not self._pending.settle(command):
            return
        if reason is None:
            self.idle(command)
        else:
            self.error(command, reason)
