from __future__ import annotations

import threading
from collections.abc import Callable

from nifsdc.control.bridge import Bridge


class Loop:
    """Holds what it is handed until it is run, as a busy loop does."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, function: Callable[[], None]) -> None:
        self.waiting.append(function)

    def turn(self) -> None:
        waiting, self.waiting = self.waiting, []
        for function in waiting:
            function()


def test_values_of_one_name_merge_to_the_newest_and_names_keep_their_order() -> None:
    loop, seen = Loop(), list[tuple[str, object]]()
    bridge = Bridge(loop, lambda name, value: seen.append((name, value)))
    for number in range(1000):
        bridge.publish("timeLeft", number)
        bridge.publish("irProgress", number)
    loop.turn()
    assert seen == [("timeLeft", 999), ("irProgress", 999)]


def test_names_that_promise_every_value_deliver_every_value() -> None:
    loop, seen = Loop(), list[object]()
    bridge = Bridge(loop, lambda name, value: seen.append(value), frozenset({"acq"}))
    for value in (0, 1, 0, 1):
        bridge.publish("acq", value)
    loop.turn()
    assert seen == [0, 1, 0, 1]


def test_a_call_comes_after_every_value_before_it_and_before_every_value_after_it() -> None:
    loop, seen = Loop(), list[object]()
    bridge = Bridge(loop, lambda name, value: seen.append(value))
    bridge.publish("exposed", 1)
    bridge.call(lambda: seen.append("IDLE"))
    bridge.publish("exposed", 2)
    loop.turn()
    assert seen == [1, "IDLE", 2]


def test_a_failing_item_loses_nothing_but_itself() -> None:
    loop, seen = Loop(), list[object]()

    def write(name: str, value: object) -> None:
        if name == "bad":
            raise KeyError(name)
        seen.append(value)

    bridge = Bridge(loop, write)
    bridge.publish("good", 1)
    bridge.publish("bad", 2)
    bridge.call(lambda: seen.append("call"))
    loop.turn()
    assert seen == [1, "call"]


def test_nothing_is_lost_between_threads() -> None:
    loop, seen = Loop(), list[tuple[str, object]]()
    names = [f"name{number}" for number in range(8)]
    bridge = Bridge(loop, lambda name, value: seen.append((name, value)), frozenset(names))

    def work(name: str) -> None:
        for number in range(200):
            bridge.publish(name, number)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        loop.turn()
    for thread in threads:
        thread.join()
    loop.turn()
    for name in names:
        assert [value for channel, value in seen if channel == name] == list(range(200))
