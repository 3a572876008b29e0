from __future__ import annotations

from collections.abc import Callable

from nifsdc.control.pending import Pending


class Late:
    """A cancelled call may still come when the loop had already taken it up."""

    def cancel(self) -> None:
        pass


class Clock:
    """Holds scheduled calls until the test says that their time has come."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, call: Callable[[], None]) -> Late:
        self.calls.append((seconds, call))
        return Late()

    def run(self) -> None:
        calls, self.calls = self.calls, []
        for _, call in calls:
            call()


def test_a_command_that_is_not_answered_expires_once() -> None:
    clock, expired = Clock(), list[tuple[str, float]]()
    pending = Pending(clock, lambda command, seconds: expired.append((command, seconds)))
    pending.expect("init", 120.0)
    clock.run()
    clock.run()
    assert expired == [("init", 120.0)]


def test_an_answered_command_does_not_expire() -> None:
    clock, expired = Clock(), list[str]()
    pending = Pending(clock, lambda command, seconds: expired.append(command))
    pending.expect("init", 120.0)
    assert "init" in pending
    assert pending.settle("init")
    assert not pending.settle("init")
    clock.run()
    assert expired == []


def test_a_new_deadline_replaces_the_old_one() -> None:
    clock, expired = Clock(), list[float]()
    pending = Pending(clock, lambda command, seconds: expired.append(seconds))
    pending.expect("observe", 10.0)
    pending.expect("observe", 20.0)
    clock.run()
    assert expired == [20.0]
