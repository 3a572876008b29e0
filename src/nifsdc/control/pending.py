"""Commands whose answer is still to come, each with its deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from nifsdc.tasks import messages as m


class Timer(Protocol):
    """A call that was scheduled."""

    def cancel(self) -> None:
        """Forget the call."""


Later = Callable[[float, Callable[[], None]], Timer]
"""schedules a call on the loop after some real seconds"""


class Pending:
    """Keeps a deadline for each command under way.

    Parameters
    ----------
    later
        the loop's timer
    expired
        called with a command and its seconds when its answer has not come in time
    """

    def __init__(self, later: Later, expired: Callable[[str, float], None]) -> None:
        self._later = later
        self._expired = expired
        self._timers: dict[str, Timer] = {}

    def expect(self, command: str, seconds: float) -> None:
        """Expect an answer to a command within real seconds; a former deadline of it is forgotten."""

        def expire() -> None:
            if self._timers.get(command) is timer:
                self._expired(command, seconds)

        self.settle(command)
        timer = self._later(seconds, expire)
        self._timers[command] = timer

    def settle(self, command: str) -> bool:
        """Forget a command's deadline; tell whether its answer was still to come."""
        timer = self._timers.pop(command, None)
        if timer is None:
            return False
        timer.cancel()
        return True

    def __contains__(self, command: object) -> bool:
        return command in self._timers

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._timers))


def commands_of(request: m.Request | m.Promote) -> tuple[str, ...]:
    """Return the commands that a request to a worker task may have been made for."""
    match request:
        case m.Initialise():
            return ("init", "initSDSU", "reboot")
        case m.Park():
            return ("park",)
        case m.Observe(settings):
            return (settings.command,)
        case m.PauseExposure():
            return ("pause",)
        case m.ResumeExposure():
            return ("continue",)
        case m.RetimeExposure():
            return ("retime",)
        case m.ControllerCommand(name):
            return (name,)
        case m.Promote(command=command) | m.Look(command=command):
            return (command,)
        case _:
            return ()
