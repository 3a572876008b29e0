"""Making pixels ahead of the moment at which they are sent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Prefetch(Generic[Item]):
    """Runs an iterable in a thread of its own, a few items ahead of who takes them.

    A context manager; leaving it ends the thread after the item it is at.
    """

    def __init__(self, items: Iterable[Item], ahead: int) -> None:
        self._queue: queue.Queue[Item | None] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(items,), name="pixels", daemon=True)

    def _run(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                if not self._offer(item):
                    return
        except BaseException as error:  # handed to whoever takes the items
            self._error = error
        self._offer(None)

    def _offer(self, item: Item | None) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def __enter__(self) -> Prefetch[Item]:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        while (item := self._queue.get()) is not None:
            yield item
        if self._error is not None:
            raise self._error
