"""A worker task: one thread, one bounded queue, one message at a time."""

from __future__ import annotations

import abc
import logging
import queue
import threading
from typing import Generic, TypeVar

from nifsdc.tasks.messages import Reporter, TaskDied

M = TypeVar("M")

QUEUE_LENGTH = 8
IDLE_SECONDS = 0.25
"""how often an idle task looks after its own affairs"""


class TaskBusy(RuntimeError):
    """The task's queue is full: it does not keep up with what it is asked."""


class Task(threading.Thread, abc.ABC, Generic[M]):
    """Runs `handle` for each message and `idle` in between; an error that escapes is reported, then ends it.

    Parameters
    ----------
    name
        name of the thread and of its log
    report
        where its reports go
    """

    def __init__(self, name: str, report: Reporter) -> None:
        super().__init__(name=name, daemon=True)
        self.log = logging.getLogger(f"nifsdc.{name.lower()}")
        self._report = report
        self._messages: queue.Queue[M] = queue.Queue(QUEUE_LENGTH)
        self._ending = threading.Event()

    def post(self, message: M) -> None:
        """Put a message into the queue without waiting.

        Raises
        ------
        TaskBusy
            when the queue is full
        """
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            raise TaskBusy(
                f"{self.name} has {QUEUE_LENGTH} messages waiting; {message!r} was refused"
            ) from None

    def end(self) -> None:
        """Ask the task to end after the message it is at."""
        self._ending.set()

    def run(self) -> None:
        """Handle messages until `end`."""
        try:
            self.begin()
            while not self._ending.is_set():
                message = self.next_message(IDLE_SECONDS)
                if message is None:
                    self.idle()
                else:
                    self.handle(message)
        except Exception as error:
            self.log.exception("%s ends by an error", self.name)
            self._report(TaskDied(self.name, f"{type(error).__name__}: {error}"))
        finally:
            self.finish()

    def next_message(self, seconds: float) -> M | None:
        """Take the next message, or None when none came in time."""
        try:
            return self._messages.get(timeout=seconds)
        except queue.Empty:
            return None

    def begin(self) -> None:
        """Do what must be done in the thread before the first message."""

    @abc.abstractmethod
    def handle(self, message: M) -> None:
        """Carry out one message."""

    def idle(self) -> None:
        """Look after one's own affairs; called about four times a second while nothing is asked."""

    def finish(self) -> None:
        """Give back what the task holds; called once, whatever ended it."""
