"""The worker tasks as one thing that can be started, supervised and ended (SDN 11.03 section 5.1.1)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from nifsdc.tasks.data import DataTask
from nifsdc.tasks.messages import Report, Reporter, Shutdown
from nifsdc.tasks.observing import ObservingTask
from nifsdc.tasks.slave import SlaveTask
from nifsdc.tasks.task import TaskBusy

END_SECONDS = 15.0
"""real seconds that all tasks together have to end"""

_log = logging.getLogger("nifsdc.control")


class TaskSet:
    """One generation of Slave, Readout and Data."""

    def __init__(self, slave: SlaveTask, readout: ObservingTask, data: DataTask) -> None:
        self.slave, self.readout, self.data = slave, readout, data

    def start(self) -> None:
        """Start the three threads."""
        for task in (self.data, self.readout, self.slave):
            task.start()

    def dead(self) -> list[str]:
        """Return the names of tasks that are no longer running."""
        return [task.name for task in (self.slave, self.readout, self.data) if not task.is_alive()]

    def end(self) -> None:
        """Ask all of them to end; an exposure under way is given up."""
        try:
            self.slave.post(Shutdown())
        except TaskBusy:
            self.slave.end()
        self.readout.end()
        self.data.end()

    def join(self, seconds: float) -> list[str]:
        """Wait for them to end and return the names of those that did not."""
        deadline = time.monotonic() + seconds
        for task in (self.slave, self.readout, self.data):
            if task.ident is not None:
                task.join(max(0.0, deadline - time.monotonic()))
        return [task.name for task in (self.slave, self.readout, self.data) if task.is_alive()]


class Workers:
    """The present generation of tasks, and the way to a next one.

    Parameters
    ----------
    build
        makes a new, unstarted generation that reports to the given reporter
    report
        where the tasks report to; reports of an ended generation are dropped
    """

    def __init__(self, build: Callable[[Reporter], TaskSet], report: Reporter) -> None:
        self._build = build
        self._report = report
        self._generation = 0
        self._restarting = threading.Lock()
        self.tasks = self._next()

    def _next(self) -> TaskSet:
        self._generation += 1
        generation = self._generation

        def report(message: Report) -> None:
            if generation == self._generation:
                self._report(message)

        return self._build(report)

    def start(self) -> None:
        """Start the first generation."""
        self.tasks.start()

    def restart(self, done: Callable[[str | None], None]) -> None:
        """End the tasks, start new ones, and tell ``done`` what went wrong, if anything.

        Returns at once; ``done`` is called from a thread of its own.
        """
        old = self.tasks
        self._generation += 1
        old.end()

        def replace() -> None:
            problem: str | None = None
            with self._restarting:
                late = old.join(END_SECONDS)
                if late:
                    problem = f"{', '.join(late)} did not end"
                    _log.error("%s in %g s and is left behind", problem, END_SECONDS)
                try:
                    self.tasks = self._next()
                    self.tasks.start()
                except Exception as error:
                    # Whoever waits must hear of it, whatever it was.
                    _log.exception("the tasks cannot be started again")
                    problem = f"tasks do not start: {error}"
            done(problem)

        threading.Thread(target=replace, name="restart", daemon=True).start()

    def stop(self) -> list[str]:
        """End the tasks for good; return the names of those that did not end in time."""
        self._generation += 1
        self.tasks.end()
        return self.tasks.join(END_SECONDS)
